//! Messages of the kernel's netlink sockets: a header, a body that depends on the kind, and attributes.

use std::borrow::Cow;

use super::MalformedFile;

const HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// Asks for everything there is: `NLM_F_REQUEST | NLM_F_DUMP`.
pub(crate) const REQUEST_DUMP: u16 = 0x301;
/// Asks for one thing and a word when it has been said: `NLM_F_REQUEST | NLM_F_ACK`.
pub(crate) const REQUEST_ONE: u16 = 0x5;

const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;
/// The bits of an attribute's type that are not flags.
const ATTRIBUTE_TYPE_MASK: u16 = 0x3fff;

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Unfinished,
    Finished,
    /// The kernel refuses, with this error number.
    Refused(i32),
}

/// Takes kind and body of a message.
pub(crate) type TakeMessage<'a> = &'a mut dyn FnMut(u16, &[u8]) -> Result<(), MalformedFile>;

/// Gives kind and body of each message of a datagram to `take`.
pub(crate) fn read_messages(datagram: &[u8], take: TakeMessage<'_>) -> Result<Progress, MalformedFile> {
    let mut rest = datagram;
    while rest.len() >= HEADER_BYTES {
        let length = u32_at(rest, 0) as usize;
        let Some(body) = rest.get(HEADER_BYTES..length) else {
            return Err(MalformedFile::whole("a message of the kernel ends early"));
        };
        match u16_at(rest, 4) {
            MESSAGE_DONE => return Ok(Progress::Finished),
            MESSAGE_ERROR => {
                return Ok(match u32_at(body, 0).cast_signed().wrapping_neg() {
                    0 => Progress::Finished,
                    number => Progress::Refused(number),
                });
            }
            kind => take(kind, body)?,
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Progress::Unfinished)
}

/// Type and value of each attribute, up to the first that is cut short.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), MalformedFile>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.len() < ATTRIBUTE_HEADER_BYTES {
            return None;
        }
        let length = usize::from(u16_at(rest, 0));
        let kind = u16_at(rest, 2) & ATTRIBUTE_TYPE_MASK;
        let Some(value) = rest.get(ATTRIBUTE_HEADER_BYTES..length) else {
            rest = &[];
            return Some(Err(MalformedFile::whole(
                "an attribute of a message of the kernel ends early",
            )));
        };
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok((kind, value)))
    })
}

/// A text that ends at a zero byte.
pub(crate) fn text(value: &[u8]) -> Cow<'_, str> {
    super::text(value.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// 0 where the bytes end, as for fields that an older kernel does not send; so are the others.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    chunk_at(bytes, at).map_or(0, u16::from_ne_bytes)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    chunk_at(bytes, at).map_or(0, u32::from_ne_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    chunk_at(bytes, at).map_or(0, u64::from_ne_bytes)
}

fn chunk_at<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A message to the kernel. It is small, whatever the caller gives.
pub(crate) fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(
        u32::try_from(HEADER_BYTES + body.len())
            .unwrap_or_default()
            .to_ne_bytes(),
    );
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.resize(HEADER_BYTES, 0);
    bytes.extend(body);
    bytes
}

/// An attribute of a message to the kernel.
pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ATTRIBUTE_HEADER_BYTES + value.len());
    bytes.extend(
        u16::try_from(ATTRIBUTE_HEADER_BYTES + value.len())
            .unwrap_or_default()
            .to_ne_bytes(),
    );
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Vec<(u16, Vec<u8>)>;

    fn read(datagram: &[u8]) -> (Result<Progress, MalformedFile>, Found) {
        let mut found = Vec::new();
        let progress = read_messages(datagram, &mut |kind, body| {
            found.push((kind, body.to_vec()));
            Ok(())
        });
        (progress, found)
    }

    #[test]
    fn messages_until_done() {
        let datagram = [
            message(16, 0, b"abcde"),
            vec![0; 3],
            message(17, 0, b""),
            message(MESSAGE_DONE, 0, &[0; 4]),
        ]
        .concat();
        let (progress, found) = read(&datagram);
        assert_eq!(progress, Ok(Progress::Finished));
        assert_eq!(found, [(16, b"abcde".to_vec()), (17, Vec::new())]);
        assert_eq!(read(&message(16, 0, b"x")).0, Ok(Progress::Unfinished));
        for length in HEADER_BYTES..HEADER_BYTES + 5 {
            assert!(read(&datagram[..length]).0.is_err(), "{length}");
        }
        assert!(read(&[0; 32]).0.is_err(), "a length of 0 must not loop for ever");
    }

    #[test]
    fn refusals_and_acknowledgements() {
        let refusal = message(MESSAGE_ERROR, 0, &(-13_i32).to_ne_bytes());
        assert_eq!(read(&refusal).0, Ok(Progress::Refused(13)));
        assert_eq!(
            read(&message(MESSAGE_ERROR, 0, &[0; 4])).0,
            Ok(Progress::Finished)
        );
    }

    #[test]
    fn attributes_until_one_is_cut_short() {
        let bytes = [attribute(1, b"ab\0"), attribute(0x8002, &7_u64.to_ne_bytes())].concat();
        let found: Vec<_> = attributes(&bytes).map(Result::unwrap).collect();
        assert_eq!((found[0].0, &*text(found[0].1)), (1, "ab"));
        assert_eq!(
            (found[1].0, u64_at(found[1].1, 0), u64_at(found[1].1, 1)),
            (2, 7, 0)
        );
        assert!(attributes(&bytes[..bytes.len() - 1]).last().unwrap().is_err());
        assert!(attributes(&[0; 8]).next().unwrap().is_err());
    }
}
