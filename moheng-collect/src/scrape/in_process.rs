//! [`InProcessTransport`]: targets that are a function of this process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use moheng_metrics::{MetricFamily, TEXT_CONTENT_TYPE, write_text};

use super::{BodyEncoding, BoxFuture, FetchError, FetchRequest, FetchedBody, Fetcher, ScrapeUrl, Transport};

type Source = dyn Fn() -> Vec<u8> + Send + Sync;

/// Scrapes what a function returns. The function may block: it runs on a thread of its own, and never twice at a time
/// for the same target.
///
/// Any scheme and address will do; they only show up in labels.
#[derive(Clone)]
pub struct InProcessTransport {
    source: Arc<Source>,
}

impl InProcessTransport {
    /// Scrapes a function that returns an exposition in the text format.
    pub fn new(source: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self {
            source: Arc::new(source),
        }
    }

    /// Scrapes a function that returns metric families.
    pub fn from_families(source: impl Fn() -> Vec<MetricFamily> + Send + Sync + 'static) -> Self {
        Self::new(move || {
            let mut text = String::new();
            write_text(&source(), &mut text);
            text.into_bytes()
        })
    }
}

impl fmt::Debug for InProcessTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessTransport").finish_non_exhaustive()
    }
}

impl Transport for InProcessTransport {
    fn check_scheme(&self, _scheme: &str) -> Result<(), String> {
        Ok(())
    }

    fn fetcher(&self, _url: &ScrapeUrl) -> Box<dyn Fetcher> {
        Box::new(InProcessFetcher {
            source: self.source.clone(),
            is_running: Arc::default(),
        })
    }
}

struct InProcessFetcher {
    source: Arc<Source>,
    is_running: Arc<AtomicBool>,
}

impl Fetcher for InProcessFetcher {
    fn fetch<'a>(&'a mut self, request: &'a FetchRequest) -> BoxFuture<'a, Result<FetchedBody, FetchError>> {
        Box::pin(async move {
            if self.is_running.swap(true, Ordering::AcqRel) {
                return Err(FetchError::Source(
                    "the collection of the last scrape still runs".to_owned(),
                ));
            }
            let running = Running(self.is_running.clone());
            let source = self.source.clone();
            let collected = tokio::task::spawn_blocking(move || {
                let _running = running;
                source()
            });
            let bytes = collected
                .await
                .map_err(|error| FetchError::Source(format!("the collection failed: {error}")))?;
            if bytes.len() as u64 > request.body_limit_bytes {
                let limit_bytes = request.body_limit_bytes;
                return Err(FetchError::BodyTooLarge { limit_bytes });
            }
            Ok(FetchedBody {
                content_type: Some(TEXT_CONTENT_TYPE.to_owned()),
                encoding: BodyEncoding::Identity,
                bytes,
            })
        })
    }
}

/// Says that the function runs, until dropped: a panic counts as the end, a timeout does not.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
