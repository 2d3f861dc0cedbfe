//! Integration tests of the crate.

#[cfg(test)]
mod host;
#[cfg(test)]
mod host_conformance;
#[cfg(test)]
mod host_fixture;
