//! Patterns agree with the regular expression they stand for.

use moheng_metrics::testing::{Random, check_pattern};

/// Patterns from pieces that people combine, on values from pieces that match them or nearly do.
#[test]
fn patterns_of_everyday_pieces() {
    let pieces = [
        ".*",
        ".+",
        "node",
        "_",
        "(cpu|disk|)",
        "|",
        "[0-9]",
        "(?i:Total)",
        "\\.",
        ":9100",
        "x?",
        "(a|b)*",
        "^",
        "$",
        "\u{6e29}",
        "[^/]+",
        "(?:eth|en)",
        "{2}",
        "\\d{1,3}",
        ".",
    ];
    let texts = [
        "node", "_", "cpu", "total", ".", ":9100", "x", "ab", "\u{6e29}", "\n", "/", "eth", "7", "",
    ];
    let mut random = Random::new(3);
    let mut combine = |pieces: &[&str], most: u64| -> String {
        let count = random.below(most);
        (0..count)
            .filter_map(|_| random.choose(pieces).copied())
            .collect()
    };
    for _ in 0..500 {
        let pattern = combine(&pieces, 6);
        for _ in 0..4 {
            check_pattern(&pattern, &combine(&texts, 6));
        }
    }
}
