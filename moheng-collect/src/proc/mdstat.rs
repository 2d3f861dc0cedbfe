//! `/proc/mdstat`: software RAID.

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, split_once};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Array<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) state: State,
    /// Disks in use; none of an array that is not active.
    pub(crate) active: u64,
    pub(crate) failed: u64,
    pub(crate) spare: u64,
    /// Disks the array should have; 0 for an array that is not active.
    pub(crate) required: u64,
    pub(crate) blocks: u64,
    /// Blocks that are in sync, while that is worked on.
    pub(crate) blocks_synced: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Inactive,
    Recovering,
    Resyncing,
    Checking,
    Reshaping,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Array<'_>>, MalformedFile> {
    let mut arrays: Vec<Array<'_>> = Vec::new();
    let (mut is_inside, mut is_complete) = (false, false);
    for (number, line) in lines(content) {
        is_complete |= line.starts_with(b"unused devices:");
        let is_indented = line.first().is_some_and(u8::is_ascii_whitespace);
        if !is_indented {
            is_inside = line.starts_with(b"md");
            if is_inside {
                arrays.push(parse_head(line, number)?);
            }
            continue;
        }
        let Some(array) = arrays.last_mut().filter(|_| is_inside) else {
            continue;
        };
        if fields(line).nth(1) == Some(b"blocks") {
            array.add_size(line, number)?;
        } else {
            array.add_progress(line, number)?;
        }
    }
    if is_complete {
        Ok(arrays)
    } else {
        Err(MalformedFile::whole("the last line, of unused devices, expected"))
    }
}

/// `md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]`.
fn parse_head(line: &[u8], number: usize) -> Result<Array<'_>, MalformedFile> {
    let (name, rest) = split_once(line, b':').ok_or_else(|| expected("a colon", Some(line), number))?;
    let state = match fields(rest).next() {
        Some(b"active") => State::Active,
        Some(b"inactive") => State::Inactive,
        other => return Err(expected("active or inactive", other, number)),
    };
    let disks = || fields(rest).filter(|word| word.contains(&b'['));
    let marked = |mark: &[u8]| disks().filter(|disk| disk.ends_with(mark)).count() as u64;
    let has_no_redundancy = fields(rest).any(|word| word.starts_with(b"raid0") || word == b"linear");
    let count = if has_no_redundancy {
        disks().count() as u64
    } else {
        0
    };
    Ok(Array {
        name: name.trim_ascii(),
        state,
        active: count,
        failed: marked(b"(F)"),
        spare: marked(b"(S)"),
        required: count,
        blocks: 0,
        blocks_synced: 0,
    })
}

impl Array<'_> {
    /// `195310144 blocks super 1.2 [2/1] [U_]`.
    fn add_size(&mut self, line: &[u8], number: usize) -> Result<(), MalformedFile> {
        let first = fields(line).next();
        let blocks = first.and_then(decimal);
        self.blocks = blocks.ok_or_else(|| expected("a number of blocks", first, number))?;
        self.blocks_synced = self.blocks;
        let disks = fields(line).find_map(|word| {
            let (required, active) = split_once(word.strip_prefix(b"[")?.strip_suffix(b"]")?, b'/')?;
            Some((decimal(required)?, decimal(active)?))
        });
        if let Some((required, active)) = disks.filter(|_| self.state != State::Inactive) {
            (self.required, self.active) = (required, active);
        }
        Ok(())
    }

    /// `[=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec` or `resync=DELAYED`.
    fn add_progress(&mut self, line: &[u8], number: usize) -> Result<(), MalformedFile> {
        let states = [
            (&b"recovery"[..], State::Recovering),
            (b"resync", State::Resyncing),
            (b"check", State::Checking),
            (b"reshape", State::Reshaping),
        ];
        let state = states
            .into_iter()
            .find(|(word, _)| memchr::memmem::find(line, word).is_some());
        let Some((_, state)) = state else {
            return Ok(());
        };
        self.state = state;
        let waits = [&b"DELAYED"[..], b"PENDING"];
        if waits
            .into_iter()
            .any(|word| memchr::memmem::find(line, word).is_some())
        {
            self.blocks_synced = 0;
            return Ok(());
        }
        let progress = fields(line).find_map(|word| {
            let (synced, _) = split_once(word.strip_prefix(b"(")?, b'/')?;
            decimal(synced)
        });
        self.blocks_synced = progress.ok_or_else(|| expected("(DONE/ALL)", Some(line), number))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, state: State, disks: [u64; 4], blocks: [u64; 2]) {
        assert!(parse(content.as_bytes()).is_err(), "it may be cut short");
        let content = format!("{content}unused devices: <none>\n");
        let arrays = parse(content.as_bytes()).unwrap();
        let array = &arrays[0];
        assert_eq!(array.state, state);
        assert_eq!([array.active, array.failed, array.spare, array.required], disks);
        assert_eq!([array.blocks, array.blocks_synced], blocks);
    }

    #[test]
    fn arrays() {
        let head = "Personalities : [raid1]\nmd6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]\n  100 blocks [2/1] [U_]\n";
        check(head, State::Active, [1, 1, 1, 2], [100, 100]);
        let progress = format!("{head}  [=>.]  recovery =  8.5% (16/100) finish=17.0min speed=2K/sec\n\n");
        check(&progress, State::Recovering, [1, 1, 1, 2], [100, 16]);
        check(
            &format!("{head}  bitmap: 0/1 pages\n  resync=DELAYED\n"),
            State::Resyncing,
            [1, 1, 1, 2],
            [100, 0],
        );
        check(
            "md1 : active raid0 a[0] b[1]\n  7 blocks 64k chunks\n",
            State::Active,
            [2, 0, 0, 2],
            [7, 7],
        );
        check(
            "md1 : inactive raid1 a[0](S)\n  7 blocks [2/2] [UU]\n",
            State::Inactive,
            [0, 0, 1, 0],
            [7, 7],
        );
        assert!(parse(b"md1 active\n").is_err());
        assert!(parse(b"md1 : broken\n").is_err());
        assert!(parse(b"md1 : active\n x blocks\n").is_err());
        assert!(parse(b"md1 : active\n check = 1%\n").is_err());
    }
}
