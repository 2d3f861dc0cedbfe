//! The parameters of a request: query string and form, as Prometheus reads them.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Limited};

use super::body::accepts_gzip;
use super::error::ApiError;
use crate::time::{parse_seconds_or_duration_ms, parse_time_ms};

/// Forms of more bytes are refused.
const FORM_LIMIT_BYTES: usize = 10 << 20;

/// Names and values, those of the form before those of the query string.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// Whether the answer may be compressed.
    pub(crate) gzip: bool,
}

impl Params {
    /// The first value of a parameter, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs.iter().find(|(candidate, _)| candidate == name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    /// A time in milliseconds.
    pub(crate) fn time_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.parse(name, "timestamp", parse_time_ms)
    }

    /// A time in milliseconds that must be given.
    pub(crate) fn required_time_ms(&self, name: &str) -> Result<i64, ApiError> {
        let value = self.get(name).unwrap_or_default();
        parse_time_ms(value).ok_or_else(|| invalid(name, value, "timestamp"))
    }

    /// A duration in milliseconds.
    pub(crate) fn duration_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.parse(name, "duration", parse_seconds_or_duration_ms)
    }

    /// A number of results; `None` when unlimited.
    pub(crate) fn limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let limit = text.parse::<i64>().map_err(|_| {
            ApiError::bad_data(format!(
                "invalid parameter \"{name}\": cannot parse {text:?} to a number"
            ))
        })?;
        usize::try_from(limit)
            .map(|limit| (limit > 0).then_some(limit))
            .map_err(|_| {
                ApiError::bad_data(format!(
                    "invalid parameter \"{name}\": limit must be non-negative"
                ))
            })
    }

    fn parse<T>(
        &self,
        name: &str,
        kind: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        self.get(name)
            .map(|value| parse(value).ok_or_else(|| invalid(name, value, kind)))
            .transpose()
    }
}

fn invalid(name: &str, value: &str, kind: &str) -> ApiError {
    ApiError::bad_data(format!(
        "invalid parameter \"{name}\": cannot parse {value:?} to a valid {kind}"
    ))
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let is_form = head
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value
                    .trim_start()
                    .starts_with("application/x-www-form-urlencoded")
            });
        let mut pairs = Vec::new();
        if is_form {
            let form = read_form(body).await?;
            pairs.extend(form_urlencoded::parse(&form).into_owned());
        }
        if let Some(query) = head.uri.query() {
            pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        }
        Ok(Self {
            pairs,
            gzip: accepts_gzip(&head.headers),
        })
    }
}

async fn read_form(body: Body) -> Result<Vec<u8>, ApiError> {
    match Limited::new(body, FORM_LIMIT_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) => Err(ApiError::bad_data(format!("error parsing form values: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params {
            pairs: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            gzip: false,
        }
    }

    #[test]
    fn values() {
        let params = params("match[]=a&match[]=b%7B%7D&start=1.5&empty=&limit=0&bad=x&negative=-1&step=15s");
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["a", "b{}"]);
        assert_eq!(params.time_ms("start").unwrap(), Some(1_500));
        assert_eq!(params.time_ms("empty").unwrap(), None);
        assert_eq!(params.time_ms("missing").unwrap(), None);
        assert_eq!(params.duration_ms("step").unwrap(), Some(15_000));
        assert_eq!(params.limit("limit").unwrap(), None);
        let messages = [
            (
                params.time_ms("bad").unwrap_err(),
                "invalid parameter \"bad\": cannot parse \"x\" to a valid timestamp",
            ),
            (
                params.duration_ms("bad").unwrap_err(),
                "invalid parameter \"bad\": cannot parse \"x\" to a valid duration",
            ),
            (
                params.required_time_ms("missing").unwrap_err(),
                "invalid parameter \"missing\": cannot parse \"\" to a valid timestamp",
            ),
            (
                params.limit("negative").unwrap_err(),
                "invalid parameter \"negative\": limit must be non-negative",
            ),
        ];
        for (error, expected) in messages {
            assert_eq!(error.message(), expected);
        }
    }
}
