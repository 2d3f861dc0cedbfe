//! Messages of the kernel's routing socket (rtnetlink) about queueing disciplines.

use super::MalformedFile;
use super::netlink::{attributes, text, u32_at, u64_at};

const HEADER_BYTES: usize = 20;
const KIND: u16 = 1;
/// `struct tc_stats`, which kernels send beside the newer one.
const OLD_STATISTICS: u16 = 3;
const STATISTICS: u16 = 7;
const STATISTICS_BASIC: u16 = 1;
const STATISTICS_QUEUE: u16 = 3;
const STATISTICS_PACKETS_64: u16 = 8;

/// Not below another queueing discipline.
const ROOT: u32 = u32::MAX;

/// How packets of a device wait to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueingDiscipline {
    pub(crate) link_index: i32,
    pub(crate) is_root: bool,
    pub(crate) kind: String,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) drops: u32,
    pub(crate) requeues: u32,
    pub(crate) over_limits: u32,
    /// Packets that wait.
    pub(crate) queue_length: u32,
    /// Bytes that wait.
    pub(crate) backlog: u32,
}

pub(crate) fn parse(body: &[u8]) -> Result<QueueingDiscipline, MalformedFile> {
    let mut found = QueueingDiscipline {
        link_index: u32_at(body, 4).cast_signed(),
        is_root: u32_at(body, 12) == ROOT,
        ..QueueingDiscipline::default()
    };
    let mut has_statistics = false;
    for attribute in attributes(body.get(HEADER_BYTES..).unwrap_or_default()) {
        match attribute? {
            (KIND, value) => found.kind = text(value).into_owned(),
            (OLD_STATISTICS, value) if !has_statistics => found.take_old(value),
            (STATISTICS, value) => {
                has_statistics = true;
                found.take(value)?;
            }
            _ => {}
        }
    }
    Ok(found)
}

impl QueueingDiscipline {
    fn take(&mut self, statistics: &[u8]) -> Result<(), MalformedFile> {
        for attribute in attributes(statistics) {
            match attribute? {
                (STATISTICS_BASIC, value) => {
                    self.bytes = u64_at(value, 0);
                    self.packets = u32_at(value, 8).into();
                }
                (STATISTICS_QUEUE, value) => {
                    self.queue_length = u32_at(value, 0);
                    self.backlog = u32_at(value, 4);
                    self.drops = u32_at(value, 8);
                    self.requeues = u32_at(value, 12);
                    self.over_limits = u32_at(value, 16);
                }
                (STATISTICS_PACKETS_64, value) => self.packets = u64_at(value, 0),
                _ => {}
            }
        }
        Ok(())
    }

    fn take_old(&mut self, value: &[u8]) {
        self.bytes = u64_at(value, 0);
        self.packets = u32_at(value, 8).into();
        self.drops = u32_at(value, 12);
        self.over_limits = u32_at(value, 16);
        self.queue_length = u32_at(value, 28);
        self.backlog = u32_at(value, 32);
    }
}

#[cfg(test)]
mod tests {
    use super::super::netlink::attribute;
    use super::*;

    #[test]
    fn both_kinds_of_statistics() {
        let mut header = [0; HEADER_BYTES];
        header[4] = 2;
        header[12..16].fill(0xff);
        let words = |words: &[u32]| {
            words
                .iter()
                .flat_map(|word| word.to_ne_bytes())
                .collect::<Vec<u8>>()
        };
        let old = [7_u64.to_ne_bytes().to_vec(), words(&[8, 9, 10, 0, 0, 11, 12])].concat();
        let basic = [70_u64.to_ne_bytes().to_vec(), words(&[80, 0])].concat();
        let new = [
            attribute(STATISTICS_BASIC, &basic),
            attribute(STATISTICS_QUEUE, &words(&[1, 2, 3, 4, 5])),
        ]
        .concat();
        let name = attribute(KIND, b"fq\0");
        let found = parse(&[&header[..], &name, &attribute(OLD_STATISTICS, &old)].concat()).unwrap();
        assert_eq!(
            (found.bytes, found.packets, found.drops, found.over_limits),
            (7, 8, 9, 10)
        );
        assert_eq!((found.queue_length, found.backlog, found.requeues), (11, 12, 0));
        for order in [[&new, &old], [&old, &new]] {
            let kinds = order.map(|value| if *value == new { STATISTICS } else { OLD_STATISTICS });
            let body = [
                &header[..],
                &name,
                &attribute(kinds[0], order[0]),
                &attribute(kinds[1], order[1]),
            ]
            .concat();
            let found = parse(&body).unwrap();
            let expected = QueueingDiscipline {
                link_index: 2,
                is_root: true,
                kind: "fq".to_owned(),
                bytes: 70,
                packets: 80,
                queue_length: 1,
                backlog: 2,
                drops: 3,
                requeues: 4,
                over_limits: 5,
            };
            assert_eq!(found, expected);
        }
        assert!(!parse(&[]).unwrap().is_root);
        assert!(parse(&[&header[..], &name[..5]].concat()).is_err());
    }
}
