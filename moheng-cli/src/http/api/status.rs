//! `status/...`.

use axum::response::Response;
use moheng_promql::Annotations;

use super::{answer, wire};
use crate::http::params::Params;

/// The version of Prometheus whose API this is. Clients choose by it what they ask for.
pub(crate) const COMPATIBLE_VERSION: &str = "3.14.0";

/// `/api/v1/status/buildinfo`
pub(crate) async fn build_info(params: Params) -> Response {
    let json = format!(
        r#"{{"version":"{COMPATIBLE_VERSION}","revision":"moheng-{version}","branch":"","buildUser":"","buildDate":"","goVersion":"","moheng":"{version}"}}"#,
        version = env!("CARGO_PKG_VERSION"),
    );
    answer(params.gzip, wire::whole(json), Annotations::default())
}
