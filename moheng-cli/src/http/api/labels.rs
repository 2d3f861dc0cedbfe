//! `labels` and `label/NAME/values`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use moheng_metrics::{Select, SeriesSource, SourceError};
use moheng_tsdb::Db;

use super::selectors::{Selection, read, selection};
use super::{answer, truncate, wire};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::push_json_string;
use crate::http::server::Server;

/// `/api/v1/labels`
pub(crate) async fn label_names(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    let selection = selection(&params)?;
    list(&server, params.gzip, selection, SeriesSource::label_names).await
}

/// `/api/v1/label/NAME/values`
pub(crate) async fn label_values(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let name = unescape_name(&name);
    if name.is_empty() {
        return Err(ApiError::bad_data("invalid label name: \"\""));
    }
    let selection = selection(&params)?;
    let values = move |db: &Db, select: &Select| db.label_values(&name, select);
    list(&server, params.gzip, selection, values).await
}

/// Answers the union of what `texts` finds for each selection.
async fn list(
    server: &Server,
    gzip: bool,
    selection: Selection,
    texts: impl Fn(&Db, &Select) -> Result<Vec<String>, SourceError> + Send + 'static,
) -> Result<Response, ApiError> {
    let limit = selection.limit;
    let mut found = read(server, move |db| match selection.selects.as_slice() {
        [select] => texts(db, select),
        selects => {
            let mut found = BTreeSet::new();
            for select in selects {
                found.extend(texts(db, select)?);
            }
            Ok(found.into_iter().collect())
        }
    })
    .await?;
    let annotations = truncate(&mut found, limit);
    let data = wire::list(found, |text, out| push_json_string(text, out));
    Ok(answer(gzip, data, annotations))
}

/// Undoes the escaping of names that do not fit in a path: `U__http_2e_x` is `http.x`.
fn unescape_name(name: &str) -> String {
    name.strip_prefix("U__")
        .and_then(unescape)
        .unwrap_or_else(|| name.to_owned())
}

fn unescape(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once('_') {
        name.push_str(before);
        let (code, after) = after.split_once('_')?;
        if code.is_empty() {
            name.push('_');
        } else {
            name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        }
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::unescape_name;

    #[test]
    fn escaped_names() {
        for (name, expected) in [
            ("job", "job"),
            ("U__http_2e_x", "http.x"),
            ("U__a__b", "a_b"),
            ("U__a_20__1f600_", "a \u{1f600}"),
            ("U__broken_2e", "U__broken_2e"),
            ("U__broken_zz_", "U__broken_zz_"),
            ("U__", ""),
        ] {
            assert_eq!(unescape_name(name), expected, "{name}");
        }
    }
}
