//! Messages of the kernel's routing socket (rtnetlink): network devices with 64-bit counters, and IPv4 neighbours.

use super::MalformedFile;

const MESSAGE_HEADER_BYTES: usize = 16;
const LINK_HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const NEW_NEIGHBOUR: u16 = 28;
const LINK_NAME: u16 = 3;
const LINK_STATISTICS: u16 = 23;
/// The bits of an attribute's type that are flags.
const ATTRIBUTE_TYPE_MASK: u16 = 0x3fff;

/// The counts of `struct rtnl_link_stats64` up to `rx_nohandler` (since Linux 4.6); later ones are left out.
pub(crate) const LINK_COUNTS: usize = 24;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: i32,
    pub(crate) name: String,
    /// In the order of the kernel's structure; 0 for those an older kernel does not have.
    pub(crate) counts: [u64; LINK_COUNTS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) link_index: i32,
    /// `NUD_*` bits.
    pub(crate) state: u16,
}

/// What the messages of a dump said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(crate) links: Vec<Link>,
    pub(crate) neighbours: Vec<Neighbour>,
    /// The kernel has said all.
    pub(crate) is_done: bool,
    /// The kernel refused with this error number.
    pub(crate) error_number: Option<i32>,
}

/// Adds the messages of one datagram to `dump`.
pub(crate) fn parse(datagram: &[u8], dump: &mut Dump) -> Result<(), MalformedFile> {
    let mut rest = datagram;
    while rest.len() >= MESSAGE_HEADER_BYTES {
        let length = u32_at(rest, 0) as usize;
        let Some(body) = rest.get(MESSAGE_HEADER_BYTES..length) else {
            return Err(MalformedFile::whole("a routing message ends early"));
        };
        match u16_at(rest, 4) {
            MESSAGE_DONE => dump.is_done = true,
            MESSAGE_ERROR => dump.error_number = Some((u32_at(body, 0) as i32).wrapping_neg()),
            NEW_LINK => dump.links.extend(parse_link(body)?),
            NEW_NEIGHBOUR => dump.neighbours.push(Neighbour {
                link_index: u32_at(body, 4) as i32,
                state: u16_at(body, 8),
            }),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(())
}

/// Nothing for a device without a name.
fn parse_link(body: &[u8]) -> Result<Option<Link>, MalformedFile> {
    let mut link = Link {
        index: u32_at(body, 4) as i32,
        name: String::new(),
        counts: [0; LINK_COUNTS],
    };
    let mut rest = body.get(LINK_HEADER_BYTES..).unwrap_or_default();
    while rest.len() >= ATTRIBUTE_HEADER_BYTES {
        let length = usize::from(u16_at(rest, 0));
        let Some(value) = rest.get(ATTRIBUTE_HEADER_BYTES..length) else {
            return Err(MalformedFile::whole(
                "an attribute of a routing message ends early",
            ));
        };
        match u16_at(rest, 2) & ATTRIBUTE_TYPE_MASK {
            LINK_NAME => {
                let name = value.split(|&byte| byte == 0).next().unwrap_or_default();
                link.name = super::text(name).into_owned();
            }
            LINK_STATISTICS => {
                for (count, bytes) in link.counts.iter_mut().zip(value.chunks_exact(8)) {
                    *count = bytes.try_into().map_or(0, u64::from_ne_bytes);
                }
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Some(link).filter(|link| !link.name.is_empty()))
}

/// 0 where the bytes end, as for fields that an older kernel does not send.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |chunk| u16::from_ne_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |chunk| u32::from_ne_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = ((ATTRIBUTE_HEADER_BYTES + value.len()) as u16)
            .to_ne_bytes()
            .to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((MESSAGE_HEADER_BYTES + body.len()) as u32)
            .to_ne_bytes()
            .to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(MESSAGE_HEADER_BYTES, 0);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_dump_of_two_messages() {
        let mut body = vec![0; LINK_HEADER_BYTES];
        body[4] = 7;
        body.extend(attribute(LINK_NAME, b"lo\0"));
        let counts = [1_u64.to_ne_bytes(), 2_u64.to_ne_bytes()].concat();
        body.extend(attribute(LINK_STATISTICS, &counts));
        let mut datagram = message(NEW_LINK, &body);
        datagram.extend(message(MESSAGE_DONE, &[0; 4]));
        let mut dump = Dump::default();
        parse(&datagram, &mut dump).unwrap();
        assert!(dump.is_done);
        assert_eq!((dump.links[0].index, dump.links[0].name.as_str()), (7, "lo"));
        assert_eq!(dump.links[0].counts[..3], [1, 2, 0]);
        for length in MESSAGE_HEADER_BYTES..MESSAGE_HEADER_BYTES + body.len() {
            assert!(
                parse(&datagram[..length], &mut Dump::default()).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn refusals_are_kept() {
        let mut dump = Dump::default();
        parse(&message(MESSAGE_ERROR, &(-13_i32).to_ne_bytes()), &mut dump).unwrap();
        assert_eq!(dump.error_number, Some(13));
        assert!(
            parse(&[0; 32], &mut dump).is_err(),
            "a length of 0 must not loop for ever"
        );
    }
}
