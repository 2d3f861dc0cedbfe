//! Reads JSON text piece by piece (RFC 8259).

use super::super::OtlpError;

#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    /// Where the next byte is.
    offset: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, offset: 0 }
    }

    pub(super) fn error(&self, message: &'static str) -> OtlpError {
        OtlpError::malformed(self.offset, message)
    }

    /// Counts a level of nesting.
    pub(super) fn deeper(&self, depth: u32) -> Result<u32, OtlpError> {
        depth.checked_sub(1).ok_or_else(|| self.error("nested too deep"))
    }

    pub(super) fn expect(&mut self, byte: u8, message: &'static str) -> Result<(), OtlpError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.error(message))
        }
    }

    /// Whether another member of an object or a list follows; takes the comma before it, or the end.
    pub(super) fn has_member(&mut self, end: u8, is_first: &mut bool) -> Result<bool, OtlpError> {
        if self.take(end) {
            return Ok(false);
        }
        if !std::mem::take(is_first) {
            self.expect(b',', "expected a comma or the end")?;
        }
        Ok(true)
    }

    pub(super) fn take_null(&mut self) -> bool {
        self.take_word("null")
    }

    pub(super) fn end(&mut self) -> Result<(), OtlpError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("expected the end of the text")),
        }
    }

    /// A string.
    pub(super) fn text(&mut self) -> Result<String, OtlpError> {
        self.expect(b'"', "expected a string")?;
        let mut out = Vec::new();
        loop {
            let rest = self.text.get(self.offset..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
                .ok_or_else(|| self.error("unterminated string"))?;
            out.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.offset += plain;
            if self.take_exactly(b'"') {
                return String::from_utf8(out).map_err(|_| self.error("invalid UTF-8 in a string"));
            }
            self.escape(&mut out)?;
        }
    }

    /// A string of hexadecimal digits.
    pub(super) fn hex(&mut self) -> Result<Vec<u8>, OtlpError> {
        let text = self.text()?;
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let bytes = pairs
            .iter()
            .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
        match bytes.collect() {
            Some(bytes) if rest.is_empty() => Ok(bytes),
            _ => Err(self.error("expected hexadecimal digits")),
        }
    }

    /// A string in base64, of either alphabet, with or without padding.
    pub(super) fn base64(&mut self) -> Result<Vec<u8>, OtlpError> {
        let text = self.text()?;
        let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
        for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
            let mut group = 0u32;
            for (index, byte) in chunk.iter().enumerate() {
                let value = base64_value(*byte).ok_or_else(|| self.error("expected base64"))?;
                group |= u32::from(value) << (18 - 6 * index);
            }
            let [_, bytes @ ..] = group.to_be_bytes();
            match chunk.len() {
                1 => return Err(self.error("expected base64")),
                length => out.extend_from_slice(bytes.get(..length - 1).unwrap_or_default()),
            }
        }
        Ok(out)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, OtlpError> {
        if self.take_word("true") {
            Ok(true)
        } else if self.take_word("false") {
            Ok(false)
        } else {
            Err(self.error("expected true or false"))
        }
    }

    /// A whole number, as a number or as a string.
    pub(super) fn signed(&mut self) -> Result<i64, OtlpError> {
        self.whole(
            |text| text.parse().ok(),
            |value| (value >= i64::MIN as f64 && value < i64::MAX as f64).then_some(value as i64),
        )
    }

    /// A whole number that is not negative, as a number or as a string.
    pub(super) fn unsigned(&mut self) -> Result<u64, OtlpError> {
        self.whole(
            |text| text.parse().ok(),
            |value| (value >= 0.0 && value < u64::MAX as f64).then_some(value as u64),
        )
    }

    /// A number; those that are not finite are strings.
    pub(super) fn double(&mut self) -> Result<f64, OtlpError> {
        let text = self.number_or_text()?;
        let value = match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text if is_number(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
            _ => None,
        };
        value.ok_or_else(|| self.error("expected a number"))
    }

    /// The number of one of these names, or a number.
    pub(super) fn enumeration(&mut self, names: &[&str]) -> Result<u64, OtlpError> {
        if self.peek() != Some(b'"') {
            return self.unsigned();
        }
        let text = self.text()?;
        let position = names.iter().position(|name| *name == text);
        let number = position
            .map(|position| position as u64)
            .or_else(|| text.parse().ok());
        number.ok_or_else(|| self.error("unknown name of an enumeration"))
    }

    /// Passes over any value.
    pub(super) fn skip(&mut self, depth: u32) -> Result<(), OtlpError> {
        let depth = self.deeper(depth)?;
        let mut is_first = true;
        match self.peek() {
            Some(b'{') => {
                self.offset += 1;
                while self.has_member(b'}', &mut is_first)? {
                    self.text()?;
                    self.expect(b':', "expected a colon")?;
                    self.skip(depth)?;
                }
            }
            Some(b'[') => {
                self.offset += 1;
                while self.has_member(b']', &mut is_first)? {
                    self.skip(depth)?;
                }
            }
            Some(b't' | b'f') => {
                self.boolean()?;
            }
            Some(b'n') if self.take_null() => {}
            Some(b'"') => {
                self.text()?;
            }
            _ => {
                let text = self.number_or_text()?;
                if !is_number(&text) {
                    return Err(self.error("expected a value"));
                }
            }
        }
        Ok(())
    }

    fn whole<T>(
        &mut self,
        parse: impl Fn(&str) -> Option<T>,
        from_float: impl Fn(f64) -> Option<T>,
    ) -> Result<T, OtlpError> {
        let text = self.number_or_text()?;
        // `1e3` and `5.0` are whole numbers too.
        let as_float = || {
            let value: f64 = text.parse().ok()?;
            from_float(value).filter(|_| value.fract() == 0.0)
        };
        is_number(&text)
            .then(|| parse(&text).or_else(as_float))
            .flatten()
            .ok_or_else(|| self.error("expected a whole number in range"))
    }

    fn number_or_text(&mut self) -> Result<String, OtlpError> {
        if self.peek() == Some(b'"') {
            return self.text();
        }
        let rest = self.text.get(self.offset..).unwrap_or_default();
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        if length == 0 {
            return Err(self.error("expected a number"));
        }
        self.offset += length;
        Ok(rest.iter().take(length).map(|byte| char::from(*byte)).collect())
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), OtlpError> {
        if !self.take_exactly(b'\\') {
            return Err(self.error("control character in a string"));
        }
        let escaped = match self.text.get(self.offset) {
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.offset += 1;
                let character = self.code_point()?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.error("unknown escape in a string")),
        };
        self.offset += 1;
        out.push(escaped);
        Ok(())
    }

    /// What follows `\u`: a code point or a pair of surrogates. Half a pair becomes U+FFFD.
    fn code_point(&mut self) -> Result<char, OtlpError> {
        let first = self.code_unit()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let is_pair = (0xd800..0xdc00).contains(&first)
            && self
                .text
                .get(self.offset..)
                .is_some_and(|rest| rest.starts_with(b"\\u"));
        if !is_pair {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let before = self.offset;
        self.offset += 2;
        let second = self.code_unit()?;
        if !(0xdc00..0xe000).contains(&second) {
            // Not the other half: it is read again, on its own.
            self.offset = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let code_point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        Ok(char::from_u32(code_point).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn code_unit(&mut self) -> Result<u32, OtlpError> {
        let digits = self
            .text
            .get(self.offset..)
            .and_then(|rest| rest.first_chunk::<4>());
        let digits = digits.ok_or_else(|| self.error("truncated escape in a string"))?;
        let mut unit = 0;
        for byte in digits {
            let digit = char::from(*byte).to_digit(16);
            unit = unit << 4 | digit.ok_or_else(|| self.error("expected four hexadecimal digits"))?;
        }
        self.offset += 4;
        Ok(unit)
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.offset) {
            self.offset += 1;
        }
        self.text.get(self.offset).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        self.peek();
        self.take_exactly(byte)
    }

    fn take_exactly(&mut self, byte: u8) -> bool {
        let is_next = self.text.get(self.offset) == Some(&byte);
        self.offset += usize::from(is_next);
        is_next
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.peek();
        let is_next = self
            .text
            .get(self.offset..)
            .is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if is_next {
            self.offset += word.len();
        }
        is_next
    }
}

/// Whether the text is a number as JSON writes it. Rust takes more, such as `+1` and `inf`.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    [whole, fraction, exponent]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn base64_value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Result<String, OtlpError> {
        Scanner::new(json.as_bytes()).text()
    }

    #[test]
    fn strings() {
        for (json, expected) in [
            (r#""""#, ""),
            (r#" "a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\ud83d\ude0a\u000a""#, "\u{e9}\u{1f60a}\n"),
            (r#""\ud83d!""#, "\u{fffd}!"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\udc00""#, "\u{fffd}"),
        ] {
            assert_eq!(text(json).as_deref(), Ok(expected), "{json}");
        }
        for json in [
            r#"""#,
            "\"a\nb\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\"#,
            "a",
            "",
        ] {
            assert!(text(json).is_err(), "{json}");
        }
    }

    #[test]
    fn numbers() {
        let signed = |json: &str| Scanner::new(json.as_bytes()).signed().ok();
        let unsigned = |json: &str| Scanner::new(json.as_bytes()).unsigned().ok();
        let double = |json: &str| Scanner::new(json.as_bytes()).double().ok();
        assert_eq!(signed("-7"), Some(-7));
        assert_eq!(signed("\"-9223372036854775808\""), Some(i64::MIN));
        assert_eq!(signed("9223372036854775808"), None);
        assert_eq!(signed("1e3"), Some(1000));
        assert_eq!(signed("1.5"), None);
        assert_eq!(signed("\"+1\""), None);
        assert_eq!(unsigned("18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned("18446744073709551616"), None);
        assert_eq!(unsigned("-1"), None);
        assert_eq!(double("\"-Infinity\""), Some(f64::NEG_INFINITY));
        assert_eq!(double("2.5E-1"), Some(0.25));
        assert_eq!(double("\"inf\""), None);
        assert_eq!(double("1e999"), None);
        assert_eq!(double("--1"), None);
    }

    #[test]
    fn bytes() {
        let base64 = |json: &str| Scanner::new(json.as_bytes()).base64().ok();
        assert_eq!(base64("\"Zm9v\"").as_deref(), Some(&b"foo"[..]));
        assert_eq!(base64("\"Zm8=\"").as_deref(), Some(&b"fo"[..]));
        assert_eq!(base64("\"-_-_\"").as_deref(), Some(&b"\xfb\xff\xbf"[..]));
        assert_eq!(base64("\"Z\""), None);
        let hex = |json: &str| Scanner::new(json.as_bytes()).hex().ok();
        assert_eq!(hex("\"00fF\"").as_deref(), Some(&b"\x00\xff"[..]));
        assert_eq!(hex("\"0\""), None);
        assert_eq!(hex("\"0g\""), None);
    }
}
