//! Pages for people.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

/// The start page of an exporter: what it is and where its metrics are.
pub(super) fn landing_page(title: &str, metrics_path: &str) -> Response {
    let path = escape(metrics_path);
    let version = env!("CARGO_PKG_VERSION");
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n\
         <h1>{title}</h1>\n<p>moheng {version}</p>\n<p><a href=\"{path}\">Metrics</a></p>\n</body>\n</html>\n"
    );
    let mut response = Response::new(Body::from(page));
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_break_out() {
        assert_eq!(escape("/m\"><b>&"), "/m&quot;>&lt;b>&amp;");
    }
}
