//! [`Content`]: the bytes of a file, and what of them a power cut leaves.

/// The unit in which a disk writes: a write that was not synced arrives in any of its sectors, or not.
const SECTOR_BYTES: usize = 512;

/// The bytes of a file as they are read, and as they are known to be on the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) live: Vec<u8>,
    durable: Vec<u8>,
    /// Cut since the last sync, so that `durable` need not be a prefix of `live`.
    is_cut: bool,
}

impl Content {
    /// Bytes that are on the disk.
    pub(super) fn new_durable(bytes: Vec<u8>) -> Self {
        Self {
            live: bytes.clone(),
            durable: bytes,
            is_cut: false,
        }
    }

    pub(super) fn truncate(&mut self, size: usize) {
        self.live.truncate(size);
        self.is_cut |= size < self.durable.len();
    }

    pub(super) fn sync(&mut self) {
        if self.is_cut {
            self.durable.clone_from(&self.live);
            self.is_cut = false;
        } else {
            let unsynced = self.live.get(self.durable.len()..).unwrap_or_default();
            self.durable.extend_from_slice(unsynced);
        }
    }

    /// What was synced, and of the unsynced bytes at the end as many as `kept_bytes(their count)` says.
    pub(super) fn after_power_cut(&self, kept_bytes: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
        let mut left = self.durable.clone();
        if !self.is_cut {
            let unsynced = self.live.get(left.len()..).unwrap_or_default();
            let kept = kept_bytes(unsynced.len()).min(unsynced.len());
            left.extend_from_slice(unsynced.get(..kept).unwrap_or_default());
        }
        left
    }

    /// Any size between what was synced and what was written last, and any of the unsynced sectors up to there; zeros, or what
    /// was there before, in place of the others.
    pub(super) fn after_torn_power_cut(&self, choose: &mut dyn FnMut(u64) -> u64) -> Vec<u8> {
        if self.live == self.durable {
            return self.durable.clone();
        }
        let (least, most) = if self.is_cut || self.live.len() < self.durable.len() {
            (
                self.live.len().min(self.durable.len()),
                self.live.len().max(self.durable.len()),
            )
        } else {
            (self.durable.len(), self.live.len())
        };
        let any_size = least + choose((most - least) as u64 + 1) as usize;
        let size = match choose(4) {
            0 => least,
            1 => any_size,
            2 => any_size.next_multiple_of(SECTOR_BYTES).min(most),
            _ => most,
        };
        // Mostly everything up to there arrives, in order; now and then only some sectors do.
        let is_torn = choose(2) == 0;
        let mut left = vec![0; size];
        for (number, sector) in left.chunks_mut(SECTOR_BYTES).enumerate() {
            let start = number * SECTOR_BYTES;
            let source = if is_torn && choose(2) == 0 {
                &self.durable
            } else {
                &self.live
            };
            // Where the chosen one ends early, the other may still have what is below both sizes.
            for bytes in [&self.durable, source] {
                let from = bytes.get(start..).unwrap_or_default();
                let length = from.len().min(sector.len());
                if let (Some(to), Some(from)) = (sector.get_mut(..length), from.get(..length)) {
                    to.copy_from_slice(from);
                }
            }
        }
        left
    }

    /// Turns one bit over, on the disk and for readers; beyond the end nothing happens.
    pub(super) fn flip_bit(&mut self, bit: u64) {
        let Ok(byte) = usize::try_from(bit / 8) else {
            return;
        };
        let mask = 1 << (bit % 8);
        for bytes in [&mut self.live, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(byte) {
                *byte ^= mask;
            }
        }
    }
}
