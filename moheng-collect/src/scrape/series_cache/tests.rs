//! Recognition, order and forgetting.

use super::*;

fn labels(text: &str) -> Labels {
    // "b,a" and "a,b" are the same series.
    let mut parts: Vec<&str> = text.split(',').collect();
    parts.sort_unstable();
    Labels::from_pairs([("__name__", parts.join(","))])
}

/// Runs a successful pass. Returns how many texts were expected, and the series.
fn pass(cache: &mut SeriesCache, texts: &[&str]) -> (usize, Vec<Known>) {
    cache.begin();
    let mut expected = 0;
    let mut known = Vec::new();
    for text in texts {
        expected += usize::from(cache.expected() == text.as_bytes());
        let decode = |text: &[u8], _: MetricKind| std::str::from_utf8(text).ok().map(labels);
        let series = cache.find(text.as_bytes()).unwrap_or_else(|| {
            let labels = (!text.starts_with("drop")).then(|| labels(text));
            cache.insert(text.as_bytes(), MetricKind::Untyped, labels.as_ref(), decode)
        });
        known.push(series);
    }
    cache.commit(texts.iter().map(|text| text.len()).sum());
    (expected, known)
}

#[test]
fn the_order_of_the_last_pass_is_expected() {
    let mut cache = SeriesCache::default();
    let check = |cache: &mut SeriesCache, texts: &[&str], expected: usize| {
        assert_eq!(pass(cache, texts).0, expected, "{texts:?}");
    };
    check(&mut cache, &["a", "b", "c", "d"], 0);
    check(&mut cache, &["a", "b", "c", "d"], 4);
    check(&mut cache, &["a", "x", "b", "c", "d"], 4);
    check(&mut cache, &["a", "x", "b", "c", "d"], 5);
    check(&mut cache, &["a", "c", "d"], 2);
    check(&mut cache, &["a", "c", "d"], 3);
    check(&mut cache, &["a"], 1);
    check(&mut cache, &[], 0);
    check(&mut cache, &["d", "c"], 0);
    check(&mut cache, &["d", "d", "c"], 2);
}

#[test]
fn texts_of_one_series_are_one_series() {
    let mut cache = SeriesCache::default();
    let (_, known) = pass(&mut cache, &["a,b", "b,a", "a", "drop"]);
    assert_eq!(known[0], known[1]);
    assert_ne!(known[0], known[2]);
    assert_eq!(known[3], Known::Dropped);
    assert_eq!(
        pass(&mut cache, &["b,a", "drop", "a"]).1,
        [known[0], known[3], known[2]]
    );
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut cache = SeriesCache::default();
    for round in 0..100 {
        let texts: Vec<String> = (0..50).map(|index| format!("s{}", round * 25 + index)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (_, known) = pass(&mut cache, &texts);
        assert!(cache.len() <= 50 + 12 + 64 + 1, "{} texts", cache.len());
        assert!(cache.series().len() <= cache.len());
        assert_eq!(pass(&mut cache, &texts), (50, pass(&mut cache, &texts).1));
        assert_eq!(known.len(), 50);
    }
}

#[test]
fn long_texts_are_forgotten_sooner() {
    let mut cache = SeriesCache::default();
    for round in 0..20 {
        let text = format!("{round}{}", "x".repeat(50_000));
        pass(&mut cache, &[&text]);
        assert!(
            cache.texts.len() < 2 * 50_002 + (64 << 10) + 1,
            "{}",
            cache.texts.len()
        );
    }
    assert!(!cache.is_too_large());
}
