//! Answers of the drivers of network devices (`linux/ethtool.h`): who the driver is, the settings of the link, statistics.

use std::borrow::Cow;

use super::{MalformedFile, netlink};

/// A name of a statistic, filled up with zeroes.
pub(crate) const NAME_BYTES: usize = 32;
/// Of the answer about the driver.
pub(crate) const DRIVER_BYTES: usize = 196;
/// Of an answer about the link before its sets of modes.
pub(crate) const LINK_HEADER_BYTES: usize = 48;
/// There are three sets of modes, and a signed byte says how long each is.
pub(crate) const LINK_BYTES_MAX: usize = LINK_HEADER_BYTES + 3 * 127 * MASK_WORD_BYTES;
/// The command and the number of values, before the values. Names have a third word, the second, which says of what they are.
pub(crate) const VALUES_HEADER_BYTES: usize = 8;

const MASK_WORD_BYTES: usize = 4;
const MASK_WORDS_OFFSET: usize = 15;
const AUTONEGOTIATE_OFFSET: usize = 11;

/// Who drives a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Driver<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) firmware_version: Cow<'a, str>,
    pub(crate) bus: Cow<'a, str>,
    pub(crate) expansion_rom_version: Cow<'a, str>,
}

/// What a link can do and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    pub(crate) is_negotiating: bool,
    pub(crate) supported: Modes<'a>,
    pub(crate) advertised: Modes<'a>,
}

/// A set of abilities of a link; the kernel numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Modes<'a>(&'a [u8]);

/// A speed of a link in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speed {
    /// As the kernel calls it: `1000baseT`.
    pub(crate) mode: &'static str,
    pub(crate) duplex: &'static str,
    pub(crate) megabits_per_second: u32,
}

pub(crate) const NEGOTIATION: usize = 6;
pub(crate) const PAUSE: usize = 13;
pub(crate) const ASYMMETRIC_PAUSE: usize = 14;

/// Kinds of connector: the ability's number and its name.
const PORTS: [(usize, &str); 6] = [
    (7, "TP"),
    (8, "AUI"),
    (9, "MII"),
    (10, "FIBRE"),
    (11, "BNC"),
    (16, "Backplane"),
];

/// Speeds that are there in half and full duplex: the number of the former; the latter is the next.
const SPEEDS_OF_BOTH: [(usize, &str); 4] = [
    (0, "10baseT"),
    (2, "100baseT"),
    (4, "1000baseT"),
    (90, "100baseFX"),
];

/// Speeds in full duplex: runs of numbers one after another, each with the number of its first.
const SPEEDS: [(usize, &[&str]); 10] = [
    (12, &["10000baseT"]),
    (15, &["2500baseX"]),
    (
        17,
        &[
            "1000baseKX",
            "10000baseKX4",
            "10000baseKR",
            "10000baseR_FEC",
            "20000baseMLD2",
            "20000baseKR2",
            "40000baseKR4",
            "40000baseCR4",
            "40000baseSR4",
            "40000baseLR4",
            "56000baseKR4",
            "56000baseCR4",
            "56000baseSR4",
            "56000baseLR4",
            "25000baseCR",
        ],
    ),
    (
        32,
        &[
            "25000baseKR",
            "25000baseSR",
            "50000baseCR2",
            "50000baseKR2",
            "100000baseKR4",
            "100000baseSR4",
            "100000baseCR4",
            "100000baseLR4_ER4",
            "50000baseSR2",
            "1000baseX",
            "10000baseCR",
            "10000baseSR",
            "10000baseLR",
            "10000baseLRM",
            "10000baseER",
            "2500baseT",
            "5000baseT",
        ],
    ),
    (
        52,
        &[
            "50000baseKR",
            "50000baseSR",
            "50000baseCR",
            "50000baseLR_ER_FR",
            "50000baseDR",
        ],
    ),
    (
        57,
        &[
            "100000baseKR2",
            "100000baseSR2",
            "100000baseCR2",
            "100000baseLR2_ER2_FR2",
            "100000baseDR2",
            "200000baseKR4",
            "200000baseSR4",
            "200000baseLR4_ER4_FR4",
            "200000baseDR4",
            "200000baseCR4",
        ],
    ),
    (
        67,
        &[
            "100baseT1",
            "1000baseT1",
            "400000baseKR8",
            "400000baseSR8",
            "400000baseLR8_ER8_FR8",
            "400000baseDR8",
            "400000baseCR8",
        ],
    ),
    (
        75,
        &[
            "100000baseKR",
            "100000baseSR",
            "100000baseLR_ER_FR",
            "100000baseCR",
            "100000baseDR",
        ],
    ),
    (
        80,
        &[
            "200000baseKR2",
            "200000baseSR2",
            "200000baseLR2_ER2_FR2",
            "200000baseDR2",
            "200000baseCR2",
            "400000baseKR4",
            "400000baseSR4",
            "400000baseLR4_ER4_FR4",
            "400000baseDR4",
            "400000baseCR4",
        ],
    ),
    (92, &["10baseT1L"]),
];

/// The answer to `ETHTOOL_GDRVINFO`.
pub(crate) fn driver(answer: &[u8]) -> Result<Driver<'_>, MalformedFile> {
    let mut rest = answer
        .get(4..DRIVER_BYTES)
        .ok_or_else(|| MalformedFile::whole("the answer about the driver ends early"))?;
    let mut next = || {
        let (field, others) = rest.split_at(NAME_BYTES);
        rest = others;
        netlink::text(field)
    };
    Ok(Driver {
        name: next(),
        version: next(),
        firmware_version: next(),
        bus: next(),
        expansion_rom_version: next(),
    })
}

/// How many words a set of modes has, which the kernel says, negated, to whoever does not know it.
pub(crate) fn mask_words(answer: &[u8]) -> u8 {
    let words = answer.get(MASK_WORDS_OFFSET).copied().unwrap_or_default();
    words.cast_signed().unsigned_abs()
}

/// The answer to `ETHTOOL_GLINKSETTINGS` of one who knows how many words a set has.
pub(crate) fn link(answer: &[u8]) -> Result<Link<'_>, MalformedFile> {
    let words = answer.get(MASK_WORDS_OFFSET).map(|words| words.cast_signed());
    let mask_bytes = match words.map(usize::try_from) {
        Some(Ok(words)) if words > 0 => words * MASK_WORD_BYTES,
        _ => return Err(MalformedFile::whole("the settings of a link lack their modes")),
    };
    let masks = answer.get(LINK_HEADER_BYTES..LINK_HEADER_BYTES + 2 * mask_bytes);
    let Some(masks) = masks else {
        return Err(MalformedFile::whole("the settings of a link end early"));
    };
    let (supported, advertised) = masks.split_at(mask_bytes);
    Ok(Link {
        is_negotiating: answer[AUTONEGOTIATE_OFFSET] != 0,
        supported: Modes(supported),
        advertised: Modes(advertised),
    })
}

impl Modes<'_> {
    pub(crate) fn has(&self, ability: usize) -> bool {
        let start = ability / 32 * MASK_WORD_BYTES;
        let word = self.0.get(start..start + MASK_WORD_BYTES);
        let word = word.and_then(|word| word.try_into().ok()).map(u32::from_ne_bytes);
        word.is_some_and(|word| word >> (ability % 32) & 1 == 1)
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = &'static str> {
        PORTS
            .into_iter()
            .filter(|&(ability, _)| self.has(ability))
            .map(|(_, name)| name)
    }

    pub(crate) fn speeds(&self) -> impl Iterator<Item = Speed> {
        all_speeds()
            .filter(|&(ability, _)| self.has(ability))
            .map(|(_, speed)| speed)
    }
}

fn all_speeds() -> impl Iterator<Item = (usize, Speed)> {
    let both = SPEEDS_OF_BOTH
        .into_iter()
        .flat_map(|(half, mode)| [(half, speed(mode, "half")), (half + 1, speed(mode, "full"))]);
    let full = SPEEDS.into_iter().flat_map(|(first, modes)| {
        modes
            .iter()
            .enumerate()
            .map(move |(index, mode)| (first + index, speed(mode, "full")))
    });
    both.chain(full)
}

/// The name of a mode begins with its speed.
fn speed(mode: &'static str, duplex: &'static str) -> Speed {
    let digits = mode.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(0);
    Speed {
        mode,
        duplex,
        megabits_per_second: mode[..digits].parse().unwrap_or(0),
    }
}

/// How many statistics there are, by the answer to `ETHTOOL_GSSET_INFO` about them alone.
pub(crate) fn statistics_count(answer: &[u8]) -> u32 {
    let is_known = answer.get(8..16).is_some_and(|mask| mask != [0; 8]);
    if is_known { netlink::u32_at(answer, 16) } else { 0 }
}

/// Names and values of the statistics, by the answers to `ETHTOOL_GSTRINGS` and `ETHTOOL_GSTATS`.
pub(crate) fn statistics<'a>(
    names: &'a [u8],
    values: &'a [u8],
) -> Result<impl Iterator<Item = (Cow<'a, str>, u64)>, MalformedFile> {
    let count = netlink::u32_at(names, VALUES_HEADER_BYTES);
    if count != netlink::u32_at(values, 4) {
        return Err(MalformedFile::whole(
            "statistics came or went while they were read",
        ));
    }
    let entries = |answer: &'a [u8], header_bytes: usize, entry_bytes: usize| {
        let length = (count as usize).checked_mul(entry_bytes)?;
        answer.get(header_bytes..header_bytes.checked_add(length)?)
    };
    let names = entries(names, VALUES_HEADER_BYTES + 4, NAME_BYTES);
    let values = entries(values, VALUES_HEADER_BYTES, size_of::<u64>());
    let (Some(names), Some(values)) = (names, values) else {
        return Err(MalformedFile::whole("statistics end early"));
    };
    let names = names.chunks_exact(NAME_BYTES).map(netlink::text);
    let values = values.chunks_exact(size_of::<u64>());
    Ok(names.zip(values.map(|value| netlink::u64_at(value, 0))))
}

/// The name of the metric, without its prefix, for a statistic that the driver calls so; nothing where nothing is left.
pub(crate) fn metric_name(statistic: &str) -> Option<String> {
    let name = with_valid_characters(statistic).to_ascii_lowercase();
    let name = replace_word(name.trim_start_matches('_'), "rx", "received");
    let name = replace_word(&name, "tx", "transmitted");
    (!name.is_empty()).then_some(name)
}

/// Each run of characters that no name of a metric has becomes one `_`, with the `_` around it.
fn with_valid_characters(statistic: &str) -> String {
    let is_invalid = |character: char| !character.is_ascii_alphanumeric() && character != '_';
    let mut name = String::with_capacity(statistic.len());
    let mut rest = statistic;
    while let Some(character) = rest.chars().next() {
        let from_invalid = rest.trim_start_matches('_');
        let after = from_invalid.trim_start_matches(is_invalid);
        if after.len() < from_invalid.len() {
            name.push('_');
            rest = after.trim_start_matches('_');
        } else if character == '_' {
            name.extend(std::iter::repeat_n('_', rest.len() - from_invalid.len()));
            rest = from_invalid;
        } else {
            name.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    name
}

/// Replaces a word between `_`. Node Exporter's names depend on that of two such words in a row it takes but the first.
fn replace_word(name: &str, word: &str, replacement: &str) -> String {
    let mut is_replaced = false;
    let words: Vec<&str> = name
        .split('_')
        .map(|part| {
            is_replaced = part == word && !is_replaced;
            if is_replaced { replacement } else { part }
        })
        .collect();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metrics() {
        for (statistic, expected) in [
            ("rx_bytes", "received_bytes"),
            ("tx0_kicks", "tx0_kicks"),
            ("tx_tx_timeouts", "transmitted_tx_timeouts"),
            ("tx_tx_tx", "transmitted_tx_transmitted"),
            ("rx_tx", "received_transmitted"),
            ("port.rx", "port_received"),
            ("[0]: RX-Drops (%)", "0_received_drops_"),
            ("a_ _ _b__c", "a__b__c"),
            ("__x_", "x_"),
            ("über", "ber"),
        ] {
            assert_eq!(metric_name(statistic).as_deref(), Some(expected), "{statistic}");
        }
        for nothing in ["", "_", " - "] {
            assert_eq!(metric_name(nothing), None);
        }
    }

    #[test]
    fn settings_of_a_link() {
        let mut answer = vec![0; LINK_HEADER_BYTES];
        assert!(link(&answer).is_err(), "no modes");
        answer[MASK_WORDS_OFFSET] = (-2_i8).cast_unsigned();
        assert_eq!(mask_words(&answer), 2);
        assert!(link(&answer).is_err(), "only how many");
        answer[MASK_WORDS_OFFSET] = 2;
        answer[AUTONEGOTIATE_OFFSET] = 1;
        for word in [1_u32 << 5 | 1 << 7 | 1 << 12, 1 << 5, 0, 1 << 31, 0, 0] {
            answer.extend(word.to_ne_bytes());
        }
        let found = link(&answer).unwrap();
        assert!(found.is_negotiating && !found.supported.has(PAUSE) && !found.supported.has(200));
        assert!(found.supported.ports().eq(["TP"]));
        let speeds = |modes: Modes<'_>| {
            let describe =
                |speed: Speed| format!("{} {} {}", speed.mode, speed.duplex, speed.megabits_per_second);
            modes.speeds().map(describe).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            speeds(found.supported),
            "1000baseT full 1000, 10000baseT full 10000, 100000baseSR4 full 100000"
        );
        assert_eq!(speeds(found.advertised), "200000baseSR4 full 200000");
        assert!(link(&answer[..LINK_HEADER_BYTES + 15]).is_err(), "cut short");
        let mut abilities: Vec<_> = all_speeds().map(|(ability, _)| ability).collect();
        abilities.sort_unstable();
        abilities.dedup();
        assert_eq!(abilities.len(), all_speeds().count());
        assert!(all_speeds().all(|(_, speed)| speed.megabits_per_second >= 10));
    }

    #[test]
    fn statistics_have_names() {
        let mut names = [27_u32, 1, 2].map(u32::to_ne_bytes).concat();
        let mut values = [29_u32, 2].map(u32::to_ne_bytes).concat();
        for (name, value) in [
            ("rx_bytes", 7_u64),
            ("an-overlong-name-of-32-characters", u64::MAX),
        ] {
            let mut entry = [0; NAME_BYTES];
            let length = name.len().min(NAME_BYTES);
            entry[..length].copy_from_slice(&name.as_bytes()[..length]);
            names.extend(entry);
            values.extend(value.to_ne_bytes());
        }
        let found: Vec<_> = statistics(&names, &values).unwrap().collect();
        assert_eq!(found[0], ("rx_bytes".into(), 7));
        assert_eq!(found[1], ("an-overlong-name-of-32-character".into(), u64::MAX));
        assert!(statistics(&names[..names.len() - 1], &values).is_err());
        assert!(statistics(&names, &values[..values.len() - 1]).is_err());
        values[4] = 1;
        assert!(statistics(&names, &values).is_err(), "different counts");
        let mut answer = [0; 20];
        answer[16] = 9;
        assert_eq!(statistics_count(&answer), 0, "the driver has none");
        answer[8..16].copy_from_slice(&2_u64.to_ne_bytes());
        assert_eq!(statistics_count(&answer), 9);
    }

    #[test]
    fn a_driver_says_who_it_is() {
        let mut answer = [0; DRIVER_BYTES];
        answer[4..8].copy_from_slice(b"veth");
        answer[36..39].copy_from_slice(b"1.0");
        answer[100..104].copy_from_slice(b"0000");
        let found = driver(&answer).unwrap();
        assert_eq!(
            (&*found.name, &*found.version, &*found.bus),
            ("veth", "1.0", "0000")
        );
        assert!(driver(&answer[1..]).is_err());
    }
}
