//! No parser panics, whatever a file contains.

use proptest::prelude::*;

use super::parse_all;

/// Words that the kernel's files are made of, so that parsers get past their first line.
fn kernel_like() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "cpu",
        "cpu0",
        "intr",
        "softirq",
        "MemFree:",
        "kB",
        "1",
        "0",
        "-1",
        "18446744073709551616",
        "ffffffff",
        "8:1",
        "/",
        "-",
        "rw",
        "ro",
        "Tcp:",
        "total=9",
        "some",
        "processor",
        ":",
        "E:A=B",
        "\\040",
        "\\777",
        ",",
        "lo:",
        ")",
        "3-5",
        "\"",
        "'",
        "=",
        "\u{fffd}",
        "Ip6X",
    ]);
    let separators = prop::sample::select(vec!["", " ", "  ", "\t", "\n"]);
    prop::collection::vec((words, separators), 0..64)
        .prop_map(|parts| {
            parts
                .into_iter()
                .flat_map(|(word, separator)| [word, separator])
                .collect::<String>()
        })
        .prop_map(String::into_bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(content in prop::collection::vec(any::<u8>(), 0..256)) {
        parse_all(&content);
    }

    #[test]
    fn no_words_panic(content in kernel_like()) {
        parse_all(&content);
    }
}
