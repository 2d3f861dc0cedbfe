//! Integration tests of the crate.

#[cfg(test)]
mod host;
#[cfg(test)]
mod host_conformance;
#[cfg(test)]
mod host_damage;
#[cfg(test)]
mod host_fixture;
#[cfg(test)]
mod host_tree;
#[cfg(test)]
mod scrape_http;
#[cfg(test)]
mod scrape_manager;
#[cfg(test)]
mod scrape_server;
#[cfg(test)]
mod textfile;
