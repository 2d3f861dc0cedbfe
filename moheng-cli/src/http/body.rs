//! Response bodies that are written while they are sent, so that a large result never exists twice.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;

/// Writes the next piece of a body; `false` when nothing was left to write.
pub(crate) type Pages = Box<dyn FnMut(&mut String) -> bool + Send>;

/// How much is written before it is sent.
const PAGE_BYTES: usize = 64 << 10;
/// Smaller bodies are not worth compressing.
const SMALL_BODY_BYTES: usize = 512;

pub(crate) const JSON_CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// Whether a client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = matches!(parts.next(), Some("gzip" | "x-gzip" | "*"));
            let refused = parts
                .filter_map(|part| part.strip_prefix("q="))
                .any(|weight| weight.parse().is_ok_and(|weight: f32| weight <= 0.0));
            is_gzip && !refused
        })
}

/// A response with the body that `pages` writes.
///
/// What fits one page is sent with its length; the rest of anything longer is written when the client is ready for it.
pub(crate) fn respond(
    status: StatusCode,
    content_type: HeaderValue,
    gzip: bool,
    mut pages: Pages,
) -> Response<Body> {
    let mut first = String::new();
    let more = fill(&mut pages, &mut first);
    let gzip = gzip && first.len() > SMALL_BODY_BYTES;
    let encoder = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let mut writer = PagedBody {
        pages: more.then_some(pages),
        encoder,
        pending: None,
    };
    let body = match writer.encode(first.into_bytes()) {
        bytes if more => {
            writer.pending = Some(bytes);
            Body::new(writer)
        }
        bytes => Body::from(bytes),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Appends `text` as a JSON string.
pub(crate) fn push_json_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_start = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        // Only ASCII is escaped, so both cuts are at character boundaries.
        out.push_str(text.get(plain_start..index).unwrap_or_default());
        out.push_str(escape);
        if escape.is_empty() {
            // Writing to a String does not fail.
            let _ = write!(out, "\\u{byte:04x}");
        }
        plain_start = index + 1;
    }
    out.push_str(text.get(plain_start..).unwrap_or_default());
    out.push('"');
}

/// Fills a page; `false` when `pages` ended.
fn fill(pages: &mut Pages, out: &mut String) -> bool {
    while out.len() < PAGE_BYTES {
        if !pages(out) {
            return false;
        }
    }
    true
}

struct PagedBody {
    pages: Option<Pages>,
    encoder: Option<GzEncoder<Vec<u8>>>,
    pending: Option<Bytes>,
}

impl PagedBody {
    /// What goes over the wire for `page`; the end of the encoding as well when it is the last one.
    fn encode(&mut self, page: Vec<u8>) -> Bytes {
        let Some(encoder) = &mut self.encoder else {
            return page.into();
        };
        // Writing to a Vec does not fail.
        let _ = encoder.write_all(&page);
        if self.pages.is_some() {
            return std::mem::take(encoder.get_mut()).into();
        }
        self.encoder
            .take()
            .and_then(|encoder| encoder.finish().ok())
            .unwrap_or_default()
            .into()
    }

    fn next(&mut self) -> Option<Bytes> {
        if let Some(bytes) = self.pending.take().filter(|bytes| !bytes.is_empty()) {
            return Some(bytes);
        }
        while let Some(pages) = &mut self.pages {
            let mut page = String::new();
            if !fill(pages, &mut page) {
                self.pages = None;
            }
            let bytes = self.encode(page.into_bytes());
            if !bytes.is_empty() {
                return Some(bytes);
            }
        }
        None
    }
}

impl hyper::body::Body for PagedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.get_mut().next();
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn gzip_is_used_only_where_accepted() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        push_json_string("a\"\\\n\u{1}\u{fc}\u{7f}", &mut out);
        assert_eq!(out, "\"a\\\"\\\\\\n\\u0001\u{fc}\u{7f}\"");
    }

    fn lines(count: usize) -> Pages {
        let mut left = count;
        Box::new(move |out| {
            if left == 0 {
                return false;
            }
            left -= 1;
            out.push_str(&left.to_string());
            out.push('\n');
            true
        })
    }

    fn text(count: usize) -> String {
        (0..count)
            .rev()
            .fold(String::new(), |text, line| text + &format!("{line}\n"))
    }

    async fn read(gzip: bool, count: usize) -> String {
        let response = respond(StatusCode::OK, JSON_CONTENT_TYPE, gzip, lines(count));
        let is_gzip = response.headers().contains_key(CONTENT_ENCODING);
        assert_eq!(is_gzip, gzip && text(count).len() > SMALL_BODY_BYTES);
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        let mut plain = String::new();
        if is_gzip {
            flate2::read::GzDecoder::new(bytes.as_ref())
                .read_to_string(&mut plain)
                .unwrap();
        } else {
            plain.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        plain
    }

    #[test]
    fn pages_fit_together() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for count in [0, 1, 1_000, 100_000] {
            for gzip in [false, true] {
                assert_eq!(runtime.block_on(read(gzip, count)), text(count), "{count} {gzip}");
            }
        }
    }
}
