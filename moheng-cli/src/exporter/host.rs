//! The exporter of this host's metrics.

use std::sync::{Arc, Once};
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use moheng_collect::HostCollectors;
use moheng_metrics::instrument::RegisterError;
use moheng_metrics::{Clock, MetricFamily};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::node_build_info;
use super::pages::landing_page;
use super::statistics::ExporterStatistics;
use crate::app::process_families;
use crate::footprint::forget_unused_code;
use crate::http::metrics_page;

const TITLE: &str = "moheng host exporter";

/// How long a scraper waits for the answer, as it says itself.
const TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";
/// What is left of that for collecting; the rest is for the way.
const TIMEOUT_SHARE: f64 = 0.9;
/// Longer than any scraper waits.
const TIMEOUT_MAX: Duration = Duration::from_hours(1);

/// Collects this host at every request for its page.
pub(crate) struct HostExporter {
    collectors: HostCollectors,
    statistics: ExporterStatistics,
    shows_itself: bool,
    first_page: Once,
    /// Nothing without a limit.
    slots: Option<Semaphore>,
    max_requests: usize,
}

impl HostExporter {
    /// # Errors
    ///
    /// See [`ExporterStatistics::new`].
    pub(crate) fn new(
        collectors: HostCollectors,
        shows_itself: bool,
        max_requests: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RegisterError> {
        Ok(Self {
            collectors,
            statistics: ExporterStatistics::new(clock)?,
            shows_itself,
            first_page: Once::new(),
            slots: (max_requests > 0).then(|| Semaphore::new(max_requests)),
            max_requests,
        })
    }

    /// The page at `metrics_path`, and a start page at `/`.
    pub(crate) fn routes(self, metrics_path: &str) -> Router {
        let router = Router::new().route(metrics_path, get(metrics));
        let router = if metrics_path == "/" {
            router
        } else {
            let path = metrics_path.to_owned();
            router.route("/", get(move || async move { landing_page(TITLE, &path) }))
        };
        router.with_state(Arc::new(self))
    }

    /// Blocks for as long as collecting takes.
    fn collect(&self, selection: &Selection, time_limit: Duration) -> Vec<MetricFamily> {
        let collection = self
            .collectors
            .collect_within(time_limit, |name| selection.wants(name));
        let mut families = collection.families;
        families.push(node_build_info());
        if self.shows_itself {
            families.extend(process_families());
            families.extend(self.statistics.registry.gather().families);
        }
        families.sort_by(|a, b| a.name.cmp(&b.name));
        self.first_page.call_once(forget_unused_code);
        families
    }
}

async fn metrics(
    State(exporter): State<Arc<HostExporter>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let _running = exporter.statistics.requests_running.track();
    let response = answer(&exporter, query.as_deref().unwrap_or_default(), &headers).await;
    exporter.statistics.count_request(response.status().as_u16());
    response
}

async fn answer(exporter: &Arc<HostExporter>, query: &str, headers: &HeaderMap) -> Response {
    let selection = match Selection::parse(query, &exporter.collectors) {
        Ok(selection) => selection,
        Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
    let slot = exporter.slots.as_ref().map(Semaphore::try_acquire).transpose();
    let Ok(_slot) = slot else {
        let message = format!(
            "Limit of concurrent requests reached ({}), try again later.\n",
            exporter.max_requests
        );
        return (StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    };
    let time_limit = time_limit(headers);
    let collecting = Arc::clone(exporter);
    match spawn_blocking(move || collecting.collect(&selection, time_limit)).await {
        Ok(families) => metrics_page(headers, &families),
        Err(error) => {
            tracing::error!(%error, "collecting failed");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "collecting failed; the log says why\n",
            )
                .into_response()
        }
    }
}

/// What a scraper waits for at most, less what the way takes.
fn time_limit(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get(TIMEOUT_HEADER)
        .and_then(|value| value.to_str().ok()?.parse::<f64>().ok())
        .filter(|seconds| *seconds > 0.0 && *seconds < TIMEOUT_MAX.as_secs_f64());
    seconds.map_or(TIMEOUT_MAX, |seconds| {
        Duration::from_secs_f64(seconds * TIMEOUT_SHARE)
    })
}

/// Which collectors a request asks for.
#[derive(Debug, PartialEq)]
enum Selection {
    All,
    Only(Vec<String>),
    Without(Vec<String>),
}

impl Selection {
    /// Reads `collect[]=NAME` and `exclude[]=NAME`.
    fn parse(query: &str, collectors: &HostCollectors) -> Result<Self, String> {
        let all = |key: &str| -> Vec<String> {
            form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| name == key)
                .map(|(_, value)| value.into_owned())
                .collect()
        };
        let (collected, excluded) = (all("collect[]"), all("exclude[]"));
        if collected.is_empty() {
            return Ok(if excluded.is_empty() {
                Self::All
            } else {
                Self::Without(excluded)
            });
        }
        if !excluded.is_empty() {
            return Err("Combined collect and exclude queries are not allowed.\n".to_owned());
        }
        for name in &collected {
            if !HostCollectors::known().any(|(known, _)| known == name) {
                return Err(format!(
                    "Couldn't create filtered metrics handler: missing collector: {name}\n"
                ));
            }
            if !collectors.names().any(|known| known == name) {
                return Err(format!(
                    "Couldn't create filtered metrics handler: disabled collector: {name}\n"
                ));
            }
        }
        Ok(Self::Only(collected))
    }

    fn wants(&self, collector: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == collector),
            Self::Without(names) => names.iter().all(|name| name != collector),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use moheng_collect::HostOptions;
    use moheng_metrics::SystemClock;

    use super::*;

    #[test]
    fn selections() {
        let mut options = HostOptions::default();
        options.switch_all_off().switch("loadavg", true).unwrap();
        let collectors = HostCollectors::new(&options, Arc::new(SystemClock::new())).unwrap();
        let names = || vec!["loadavg".to_owned()];
        for (query, expected) in [
            ("", Ok(Selection::All)),
            ("x=1", Ok(Selection::All)),
            ("collect[]=loadavg", Ok(Selection::Only(names()))),
            ("collect%5B%5D=loadavg", Ok(Selection::Only(names()))),
            ("exclude[]=loadavg", Ok(Selection::Without(names()))),
            ("collect[]=nothing", Err("missing collector: nothing")),
            ("collect[]=cpu", Err("disabled collector: cpu")),
            (
                "collect[]=loadavg&exclude[]=cpu",
                Err("Combined collect and exclude"),
            ),
        ] {
            match (Selection::parse(query, &collectors), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{query}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{query}: {found}"),
                (found, _) => panic!("{query}: {found:?}"),
            }
        }
        assert!(!Selection::Without(names()).wants("loadavg"));
        assert!(!Selection::Only(names()).wants("cpu"));
    }

    #[test]
    fn time_limits() {
        for (value, seconds) in [
            ("10", 9.0),
            ("0.5", 0.45),
            ("0", 3600.0),
            ("x", 3600.0),
            ("-1", 3600.0),
            ("1e9", 3600.0),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT_HEADER, HeaderValue::from_static(value));
            assert_eq!(time_limit(&headers), Duration::from_secs_f64(seconds), "{value}");
        }
    }
}
