//! Integration tests of the database, over real, in-memory and failing directories.

mod support;

mod backup;
mod contract;
mod directory;
mod durability;
mod golden;
mod model;
mod threads;
