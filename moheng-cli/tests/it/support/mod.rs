//! Helpers: the binary as a server and as a command, an HTTP client, and something to scrape.

mod command;
mod http;
mod server;
mod target;

pub(crate) use command::{moheng, moheng_with};
pub(crate) use http::{Answer, connect, get, post_form, request, talk};
pub(crate) use server::{Server, directory};
pub(crate) use target::Target;

use std::thread::sleep;
use std::time::Duration;

/// Tries until `attempt` gives something; panics when that takes absurdly long.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(value) = attempt() {
            return value;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("waited too long for {what}");
}
