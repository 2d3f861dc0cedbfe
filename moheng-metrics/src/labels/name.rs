//! What Prometheus accepts as a metric or label name without quotes.

/// Whether `name` can be written as a metric name without quotes: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
///
/// Any other non-empty UTF-8 text is a valid name too, but has to be quoted in text formats and PromQL.
pub fn is_valid_metric_name(name: &str) -> bool {
    is_name(name, |byte| {
        byte.is_ascii_alphabetic() || byte == b'_' || byte == b':'
    })
}

/// Whether `name` can be written as a label name without quotes: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_valid_label_name(name: &str) -> bool {
    is_name(name, |byte| byte.is_ascii_alphabetic() || byte == b'_')
}

fn is_name(name: &str, is_start: impl Fn(u8) -> bool) -> bool {
    match name.as_bytes() {
        [] => false,
        [first, rest @ ..] => {
            is_start(*first) && rest.iter().all(|&byte| is_start(byte) || byte.is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, metric, label) in [
            ("up", true, true),
            ("node:cpu:rate1m", true, false),
            ("_9", true, true),
            ("9a", false, false),
            ("", false, false),
            ("a.b", false, false),
            ("gr\u{f6}\u{df}e", false, false),
        ] {
            assert_eq!(is_valid_metric_name(name), metric, "{name}");
            assert_eq!(is_valid_label_name(name), label, "{name}");
        }
    }
}
