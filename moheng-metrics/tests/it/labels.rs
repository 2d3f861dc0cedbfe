//! Label sets, symbols and escaped names against obvious implementations.

use std::collections::{BTreeMap, HashMap};

use moheng_metrics::{
    EscapingScheme, Labels, NameKind, SymbolTable, ValidationScheme, escape_name, unescape_name,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Pairs in any order, with names that repeat and lengths on both sides of where the packed form changes.
fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    let text = prop_oneof![
        4 => "[ab\u{e9}]{0,3}",
        1 => (prop_oneof![Just(127usize), Just(128), Just(254), Just(255), Just(300)]).prop_map(|length| "x".repeat(length)),
    ];
    vec((text.clone(), text), 0..6)
}

fn map_of(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    let all: BTreeMap<_, _> = pairs.iter().cloned().collect();
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn labels_of(map: &BTreeMap<String, String>) -> Labels {
    Labels::from_sorted_pairs(map.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

proptest! {
    #[test]
    fn sets_are_maps(pairs in pairs(), name in "[ab\u{e9}]{0,3}") {
        let map = map_of(&pairs);
        let labels = Labels::from_pairs(pairs.iter().map(|(name, value)| (name, value)));
        prop_assert!(labels.iter().eq(map.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
        prop_assert_eq!(labels.get(&name), map.get(&name).map(String::as_str));
        prop_assert_eq!((labels.len(), labels.is_empty()), (map.len(), map.is_empty()));
        prop_assert_eq!(&labels, &labels_of(&map));
        prop_assert_eq!(&labels, &labels.to_builder().finish());
        prop_assert_eq!(labels.stable_hash(), labels.stable_hash_where(|_| true));
    }

    #[test]
    fn order_and_equality_are_those_of_lists(left in pairs(), right in pairs()) {
        let (left, right) = (map_of(&left), map_of(&right));
        let lists = left.iter().collect::<Vec<_>>().cmp(&right.iter().collect());
        prop_assert_eq!(labels_of(&left).cmp(&labels_of(&right)), lists);
        prop_assert_eq!(labels_of(&left) == labels_of(&right), lists.is_eq());
    }

    #[test]
    fn some_labels_hash_as_their_own_set(pairs in pairs(), kept in "[ab\u{e9}]{0,3}") {
        let labels = Labels::from_pairs(pairs);
        let of = |keep: &dyn Fn(&str) -> bool| {
            Labels::from_sorted_pairs(labels.iter().filter(|(name, _)| keep(name))).stable_hash()
        };
        prop_assert_eq!(labels.stable_hash_where(|name| name == kept), of(&|name| name == kept));
        prop_assert_eq!(labels.stable_hash_where(|name| name != kept), of(&|name| name != kept));
    }

    #[test]
    fn builders_are_maps(pairs in pairs(), edits in vec((0..4u8, "[ab]{0,2}", "[ab]{0,2}"), 0..8)) {
        let mut map = map_of(&pairs);
        let mut builder = Labels::from_pairs(pairs).to_builder();
        for (edit, name, value) in edits {
            match edit {
                0 => {
                    builder.set(&name, &value);
                    map.insert(name, value);
                }
                1 => {
                    builder.remove(&name);
                    map.remove(&name);
                }
                2 => {
                    builder.rename(&name, &value);
                    if let Some(kept) = map.remove(&name) {
                        map.insert(value, kept);
                    }
                }
                _ => {
                    builder.retain(|candidate, _| candidate != name);
                    map.retain(|candidate, _| *candidate != name);
                }
            }
            map.retain(|_, value| !value.is_empty());
            prop_assert!(builder.iter().eq(map.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
        }
        prop_assert_eq!(builder.finish(), labels_of(&map));
    }

    #[test]
    fn symbols_are_numbered_as_they_come(texts in vec("[ab\u{e9}]{0,3}", 0..40)) {
        let mut symbols = SymbolTable::new();
        let mut numbers = HashMap::from([(String::new(), 0)]);
        for text in &texts {
            let next = numbers.len() as u32;
            let number = *numbers.entry(text.clone()).or_insert(next);
            prop_assert_eq!(symbols.intern(text), number);
        }
        prop_assert_eq!(symbols.len(), numbers.len());
        for (text, number) in &numbers {
            prop_assert_eq!(symbols.get(*number), Some(text.as_str()));
            prop_assert_eq!(symbols.find(text), Some(*number));
        }
        let (sorted, new_numbers) = symbols.sorted();
        prop_assert!(sorted.iter().is_sorted());
        for (number, text) in symbols.iter().enumerate() {
            prop_assert_eq!(sorted.get(new_numbers[number]), Some(text));
        }
    }

    #[test]
    fn escaped_names_are_legacy_names(name in "[a0_:. \u{e9}\u{1f60a}-]{1,8}") {
        for kind in [NameKind::Metric, NameKind::Label] {
            for scheme in [EscapingScheme::Underscores, EscapingScheme::Dots, EscapingScheme::Values] {
                let escaped = escape_name(&name, scheme, kind);
                prop_assert!(kind.is_legacy(&escaped), "{escaped} by {scheme}");
            }
            let values = escape_name(&name, EscapingScheme::Values, kind);
            prop_assert_eq!(unescape_name(&values, EscapingScheme::Values), name.as_str());
        }
        prop_assert!(ValidationScheme::Utf8.is_valid_metric_name(&name));
    }

    #[test]
    fn dots_come_back_among_legacy_characters(name in "[a0_:.]{1,8}", first in "[a-z_]") {
        let name = format!("{first}{name}");
        let escaped = escape_name(&name, EscapingScheme::Dots, NameKind::Metric);
        prop_assert_eq!(unescape_name(&escaped, EscapingScheme::Dots), name.as_str());
    }

    #[test]
    fn any_text_can_be_read_back(text in "U?_{0,2}[a0-9_x]{0,12}") {
        for scheme in [EscapingScheme::Dots, EscapingScheme::Values] {
            prop_assert!(unescape_name(&text, scheme).len() <= text.len());
        }
    }
}
