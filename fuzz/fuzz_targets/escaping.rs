//! Names through every escaping scheme: what comes out is a legacy name, and values come back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::{EscapingScheme, NameKind, escape_name, unescape_name};

fuzz_target!(|name: &str| {
    for scheme in [
        EscapingScheme::AllowUtf8,
        EscapingScheme::Underscores,
        EscapingScheme::Dots,
        EscapingScheme::Values,
    ] {
        for kind in [NameKind::Metric, NameKind::Label] {
            let escaped = escape_name(name, scheme, kind);
            assert!(scheme == EscapingScheme::AllowUtf8 || name.is_empty() || kind.is_legacy(&escaped));
            let back = unescape_name(&escaped, scheme);
            if scheme == EscapingScheme::Values && !(name.starts_with("U__") && kind.is_legacy(name)) {
                assert_eq!(back, name);
            }
        }
        let _ = unescape_name(name, scheme);
    }
});
