//! Messages of the kernel's routing socket (rtnetlink): network devices with 64-bit counters, and IPv4 neighbours.

use super::MalformedFile;
use super::netlink::{attributes, text, u16_at, u32_at};

const LINK_HEADER_BYTES: usize = 16;

const NEW_LINK: u16 = 16;
const NEW_NEIGHBOUR: u16 = 28;
const LINK_NAME: u16 = 3;
const LINK_STATISTICS: u16 = 23;

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
}

impl Dump {
    /// Adds what a message says.
    pub(crate) fn take(&mut self, kind: u16, body: &[u8]) -> Result<(), MalformedFile> {
        match kind {
            NEW_LINK => self.links.extend(parse_link(body)?),
            NEW_NEIGHBOUR => self.neighbours.push(Neighbour {
                link_index: u32_at(body, 4).cast_signed(),
                state: u16_at(body, 8),
            }),
            _ => {}
        }
        Ok(())
    }

    /// The name of a device.
    pub(crate) fn name_of(&self, link_index: i32) -> Option<&str> {
        let link = self.links.iter().find(|link| link.index == link_index)?;
        Some(&link.name)
    }
}

/// Nothing for a device without a name.
fn parse_link(body: &[u8]) -> Result<Option<Link>, MalformedFile> {
    let mut link = Link {
        index: u32_at(body, 4).cast_signed(),
        name: String::new(),
        counts: [0; LINK_COUNTS],
    };
    for attribute in attributes(body.get(LINK_HEADER_BYTES..).unwrap_or_default()) {
        match attribute? {
            (LINK_NAME, value) => link.name = text(value).into_owned(),
            (LINK_STATISTICS, value) => {
                for (count, bytes) in link.counts.iter_mut().zip(value.chunks_exact(8)) {
                    *count = bytes.try_into().map_or(0, u64::from_ne_bytes);
                }
            }
            _ => {}
        }
    }
    Ok(Some(link).filter(|link| !link.name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::netlink::attribute;
    use super::*;

    #[test]
    fn devices_and_neighbours() {
        let mut body = vec![0; LINK_HEADER_BYTES];
        body[4] = 7;
        body.extend(attribute(LINK_NAME, b"lo\0"));
        let counts = [1_u64.to_ne_bytes(), 2_u64.to_ne_bytes()].concat();
        body.extend(attribute(LINK_STATISTICS, &counts));
        let mut dump = Dump::default();
        dump.take(NEW_LINK, &body).unwrap();
        assert_eq!(dump.links[0].counts[..3], [1, 2, 0]);
        assert_eq!((dump.name_of(7), dump.name_of(8)), (Some("lo"), None));
        body.truncate(body.len() - 1);
        assert!(dump.take(NEW_LINK, &body).is_err());
        dump.take(NEW_LINK, &[]).unwrap();
        assert_eq!(dump.links.len(), 1, "a device without a name is none");
        let neighbour = [0, 0, 0, 0, 7, 0, 0, 0, 0x40, 0];
        dump.take(NEW_NEIGHBOUR, &neighbour).unwrap();
        assert_eq!(
            dump.neighbours,
            [Neighbour {
                link_index: 7,
                state: 0x40
            }]
        );
    }
}
