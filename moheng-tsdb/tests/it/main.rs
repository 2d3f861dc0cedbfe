//! Integration tests of the database, over real, in-memory and failing directories.

#[cfg(test)]
mod support;

#[cfg(test)]
mod backfill;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod block_damage;
#[cfg(test)]
mod block_histograms;
#[cfg(test)]
mod blocks;
#[cfg(test)]
mod chunk_snapshot;
#[cfg(test)]
mod compaction;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod deletions;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod found;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod histograms;
#[cfg(test)]
mod import;
#[cfg(test)]
mod late;
#[cfg(test)]
mod mapped;
#[cfg(test)]
mod model;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod quarantine;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod threads;
#[cfg(test)]
mod verify;
