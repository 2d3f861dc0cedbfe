//! [`Ulid`]: the name of a block.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The digits of Crockford's base 32.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const TEXT_BYTES: usize = 26;

/// The name of a block: 48 bits of time, then 80 random ones, written in 26 digits of Crockford's base 32 (the ULID
/// specification). Names made later sort later.
///
/// ```
/// use moheng_tsdb::block::Ulid;
///
/// let ulid = Ulid::new(1_700_000_000_000, 1);
/// assert_eq!(ulid.to_string(), "01HF7YAT000000000000000001");
/// assert_eq!("01HF7YAT000000000000000001".parse::<Ulid>()?, ulid);
/// # Ok::<(), moheng_tsdb::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(u128);

impl Ulid {
    /// A name made of a time in milliseconds since the Unix epoch and a random number, of which the low 80 bits count.
    pub fn new(time_ms: i64, random: u128) -> Self {
        let time = (time_ms.max(0) as u128) & ((1 << 48) - 1);
        Self(time << 80 | (random & ((1 << 80) - 1)))
    }

    /// When the name was made, in milliseconds since the Unix epoch.
    pub fn time_ms(self) -> i64 {
        (self.0 >> 80) as i64
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(TEXT_BYTES);
        for place in (0..TEXT_BYTES).rev() {
            let digit = (self.0 >> (5 * place)) as usize & 0x1f;
            text.push(char::from(DIGITS.get(digit).copied().unwrap_or_default()));
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Ulid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digit = |byte: u8| {
            DIGITS
                .iter()
                .position(|&digit| digit == byte.to_ascii_uppercase())
        };
        let number = text.bytes().try_fold(0_u128, |number, byte| {
            // The first digit holds three bits.
            (number >> 123 == 0).then_some(number << 5 | digit(byte)? as u128)
        });
        match number {
            Some(number) if text.len() == TEXT_BYTES => Ok(Self(number)),
            _ => Err(Error::Invalid(format!("{text:?} is not a ULID"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_round_trip_and_sort_by_time() {
        for number in [0, 1, u128::MAX, 1 << 80, 0x0123_4567_89ab_cdef << 40] {
            let ulid = Ulid(number);
            assert_eq!(ulid.to_string().parse::<Ulid>().unwrap(), ulid);
        }
        assert_eq!(Ulid(u128::MAX).to_string(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert!(Ulid::new(5, u128::MAX).to_string() < Ulid::new(6, 0).to_string());
        assert_eq!(Ulid::new(1234, 99).time_ms(), 1234);
        for text in [
            "",
            "0",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "01HF7YAT00000000000000000U",
        ] {
            assert!(text.parse::<Ulid>().is_err(), "{text}");
        }
    }
}
