//! [`Transport`]: the seam between scraping and the network.

use std::fmt::Debug;
use std::pin::Pin;

use super::{FetchError, ScrapeUrl};

/// A future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to reach targets.
///
/// # Contract
///
/// * A transport is shared by all targets of a job and makes one [`Fetcher`] for each.
/// * [`Transport::check_scheme`] is asked before a target is scraped; a fetcher is only made for schemes that pass.
/// * [`Transport::fetcher`] does no I/O: it returns at once.
pub trait Transport: Debug + Send + Sync {
    /// Whether targets with this scheme can be reached.
    ///
    /// # Errors
    ///
    /// What to tell the user when not.
    fn check_scheme(&self, scheme: &str) -> Result<(), String>;

    /// Makes what fetches from one target.
    fn fetcher(&self, url: &ScrapeUrl) -> Box<dyn Fetcher>;
}

/// Fetches from one target, again and again.
///
/// # Contract
///
/// * A fetch never blocks the thread that polls it.
/// * The caller drops the future when the timeout is over or scraping stops. The fetcher must be usable afterwards.
/// * No more than [`FetchRequest::body_limit_bytes`] bytes are buffered.
pub trait Fetcher: Send {
    /// Fetches the exposition.
    ///
    /// # Errors
    ///
    /// See [`FetchError`]; the next fetch starts afresh.
    fn fetch<'a>(&'a mut self, request: &'a FetchRequest) -> BoxFuture<'a, Result<FetchedBody, FetchError>>;
}

/// What a fetch may cost.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchRequest {
    /// When the caller gives up, in seconds after the start. For telling the target.
    pub timeout_seconds: f64,
    /// The largest body to read, in bytes, compressed or not.
    pub body_limit_bytes: u64,
    /// How large the last body was, in bytes as transferred.
    pub size_hint_bytes: usize,
}

/// What a fetch returned.
#[derive(Clone, Debug, Default)]
pub struct FetchedBody {
    /// The content type the target stated.
    pub content_type: Option<String>,
    /// How `bytes` are compressed.
    pub encoding: BodyEncoding,
    /// The body as transferred.
    pub bytes: Vec<u8>,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyEncoding {
    /// Not at all.
    #[default]
    Identity,
    /// gzip.
    Gzip,
}
