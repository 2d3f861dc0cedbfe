//! Any text: the parser ends, and what it reads prints as text that it reads as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_promql::{ParserOptions, parse_with};

fuzz_target!(|query: &str| {
    let options = ParserOptions::everything();
    match parse_with(query, options) {
        Ok(expr) => {
            for text in [expr.to_string(), expr.pretty()] {
                let again = parse_with(&text, options);
                assert_eq!(again.as_ref(), Ok(&expr), "{query:?} prints as {text:?}");
            }
        }
        Err(errors) => {
            assert!(!errors.errors().is_empty(), "{query:?}");
            assert!(!errors.render().is_empty(), "{query:?}");
        }
    }
});
