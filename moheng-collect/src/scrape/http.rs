//! [`HttpTransport`]: targets over HTTP/1.1, one kept connection each.

use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    LOCATION, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::{
    BodyEncoding, BoxFuture, FetchError, FetchRequest, FetchedBody, Fetcher, ScrapeProtocol, ScrapeUrl,
    Transport,
};

const MAX_REDIRECTS: usize = 10;
/// How much of the body of a redirect is read to keep the connection.
const REDIRECT_BODY_BYTES: u64 = 64 << 10;
const TIMEOUT_HEADER: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// What [`HttpTransport`] sends and follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Whether gzip is accepted; yes by default.
    pub enable_compression: bool,
    /// Whether redirects are followed, ten at most; yes by default.
    pub follow_redirects: bool,
    /// The formats asked for, best first.
    pub protocols: Vec<ScrapeProtocol>,
    /// The `User-Agent` header.
    pub user_agent: String,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            enable_compression: true,
            follow_redirects: true,
            protocols: vec![
                ScrapeProtocol::PrometheusText1_0_0,
                ScrapeProtocol::PrometheusText0_0_4,
            ],
            user_agent: concat!("moheng/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Reaches targets over plain HTTP. `https` is not supported yet and refused.
#[derive(Clone, Debug, Default)]
pub struct HttpTransport {
    settings: Arc<HttpSettings>,
}

impl HttpTransport {
    /// A transport with these settings.
    pub fn new(settings: HttpSettings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl Transport for HttpTransport {
    fn check_scheme(&self, scheme: &str) -> Result<(), String> {
        match scheme {
            "http" => Ok(()),
            "https" => Err("scheme \"https\" is not supported yet, only \"http\" is".to_owned()),
            _ => Err(format!("unknown scheme {scheme:?}, expected \"http\"")),
        }
    }

    fn fetcher(&self, url: &ScrapeUrl) -> Box<dyn Fetcher> {
        Box::new(HttpFetcher {
            transport: self.clone(),
            url: url.clone(),
            connection: None,
        })
    }
}

struct HttpFetcher {
    transport: HttpTransport,
    url: ScrapeUrl,
    /// The idle connection to the target. Taken out during a fetch, so that one that is given up is closed.
    connection: Option<Connection>,
}

/// A connection and the task that moves its bytes.
struct Connection {
    authority: String,
    sender: SendRequest<Empty<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Fetcher for HttpFetcher {
    fn fetch<'a>(&'a mut self, request: &'a FetchRequest) -> BoxFuture<'a, Result<FetchedBody, FetchError>> {
        Box::pin(self.follow(request))
    }
}

impl HttpFetcher {
    async fn follow(&mut self, request: &FetchRequest) -> Result<FetchedBody, FetchError> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (response, connection) = self.send(&url, request).await?;
            let location = response.headers().get(LOCATION);
            let is_redirect = self.transport.settings.follow_redirects && is_redirect(response.status());
            if let Some(location) = location.filter(|_| is_redirect) {
                url = self.redirected(&url, location)?;
                if read_body(response.into_body(), REDIRECT_BODY_BYTES, 0)
                    .await
                    .is_ok()
                {
                    self.keep(connection);
                }
                continue;
            }
            if response.status() != StatusCode::OK {
                let status = response.status();
                if read_body(response.into_body(), REDIRECT_BODY_BYTES, 0)
                    .await
                    .is_ok()
                {
                    self.keep(connection);
                }
                return Err(FetchError::Status(status.to_string()));
            }
            let encoding = encoding(response.headers())?;
            let content_type = response.headers().get(CONTENT_TYPE);
            let content_type =
                content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let body = response.into_body();
            let bytes = read_body(body, request.body_limit_bytes, request.size_hint_bytes).await?;
            self.keep(connection);
            return Ok(FetchedBody {
                content_type,
                encoding,
                bytes,
            });
        }
        Err(FetchError::Protocol {
            context: "redirect",
            message: format!("stopped after {MAX_REDIRECTS} redirects"),
        })
    }

    /// Sends a request over the kept connection, or over a new one when there is none or it turns out to be closed.
    async fn send(
        &mut self,
        url: &ScrapeUrl,
        request: &FetchRequest,
    ) -> Result<(Response<Incoming>, Connection), FetchError> {
        let kept = self.connection.take();
        if let Some(mut connection) = kept.filter(|connection| connection.authority == url.authority()) {
            let message = self.transport.settings.request(url, request)?;
            if connection.sender.ready().await.is_ok()
                && let Ok(response) = connection.sender.send_request(message).await
            {
                return Ok((response, connection));
            }
        }
        let mut connection = connect(url.authority()).await?;
        let message = self.transport.settings.request(url, request)?;
        let response = connection.sender.send_request(message).await;
        let response = response.map_err(|error| protocol_error("request", &error))?;
        Ok((response, connection))
    }

    fn redirected(&self, url: &ScrapeUrl, location: &HeaderValue) -> Result<ScrapeUrl, FetchError> {
        let error = |message: String| FetchError::Protocol {
            context: "redirect",
            message,
        };
        let next = location.to_str().ok().and_then(|location| url.join(location));
        let next = next.ok_or_else(|| error(format!("{location:?} is not a valid location")))?;
        self.transport.check_scheme(next.scheme()).map_err(error)?;
        Ok(next)
    }

    /// Keeps a connection whose response was read to the end. Only the target's own is worth it.
    fn keep(&mut self, connection: Connection) {
        if connection.authority == self.url.authority() && !connection.sender.is_closed() {
            self.connection = Some(connection);
        }
    }
}

impl HttpSettings {
    fn request(&self, url: &ScrapeUrl, request: &FetchRequest) -> Result<Request<Empty<Bytes>>, FetchError> {
        let encoding = if self.enable_compression {
            "gzip"
        } else {
            "identity"
        };
        Request::get(url.path_and_query())
            .header(HOST, url.authority())
            .header(USER_AGENT, &self.user_agent)
            .header(ACCEPT, self.accept())
            .header(ACCEPT_ENCODING, encoding)
            .header(TIMEOUT_HEADER, request.timeout_seconds.to_string())
            .body(Empty::new())
            .map_err(|error| protocol_error("request", &error))
    }

    fn accept(&self) -> String {
        let mut accept = String::new();
        for (index, protocol) in self.protocols.iter().enumerate() {
            accept.push_str(protocol.media_type());
            let quality = 9_usize.saturating_sub(index).max(2);
            accept.push_str(";q=0.");
            accept.push_str(&quality.to_string());
            accept.push(',');
        }
        accept + "*/*;q=0.1"
    }
}

async fn connect(authority: &str) -> Result<Connection, FetchError> {
    let connect_error = |source| FetchError::Connect {
        address: authority.to_owned(),
        source,
    };
    let (host, port) = split_authority(authority).map_err(connect_error)?;
    let stream = TcpStream::connect((host, port)).await.map_err(connect_error)?;
    stream.set_nodelay(true).map_err(connect_error)?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|error| protocol_error("connection", &error))?;
    // What goes wrong with the connection is reported to who waits for the response.
    let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
    Ok(Connection {
        authority: authority.to_owned(),
        sender,
        driver,
    })
}

/// Host and port; the brackets of an IPv6 address belong to neither. Without a port it is that of HTTP.
fn split_authority(authority: &str) -> io::Result<(&str, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let port = port.map_or(Ok(80), str::parse);
    match (bare.unwrap_or(host), port) {
        (host, Ok(port)) if !host.is_empty() => Ok((host, port)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "expected host:port")),
    }
}

async fn read_body(mut body: Incoming, limit_bytes: u64, size_hint: usize) -> Result<Vec<u8>, FetchError> {
    let too_large = || FetchError::BodyTooLarge { limit_bytes };
    if body.size_hint().lower() > limit_bytes {
        return Err(too_large());
    }
    // A stated length is only believed for as much as was seen before.
    let capacity = (body.size_hint().lower() as usize).min(64 << 10).max(size_hint);
    let mut bytes = Vec::with_capacity(capacity.min(limit_bytes as usize));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| protocol_error("read", &error))?;
        if let Ok(data) = frame.into_data() {
            if (bytes.len() + data.len()) as u64 > limit_bytes {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn encoding(headers: &HeaderMap) -> Result<BodyEncoding, FetchError> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else {
        return Ok(BodyEncoding::Identity);
    };
    match encoding.as_bytes() {
        b"gzip" => Ok(BodyEncoding::Gzip),
        b"identity" | b"" => Ok(BodyEncoding::Identity),
        _ => Err(FetchError::Format(format!(
            "the target answers with the Content-Encoding {encoding:?}, which was not asked for"
        ))),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The message of an error with that of its causes.
fn protocol_error(context: &'static str, error: &dyn Error) -> FetchError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    FetchError::Protocol { context, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (authority, expected) in [
            ("localhost:9100", Some(("localhost", 9100))),
            ("localhost", Some(("localhost", 80))),
            ("[::1]:9100", Some(("::1", 9100))),
            ("[::1]", Some(("::1", 80))),
            (":9100", None),
            ("localhost:", None),
            ("localhost:65536", None),
        ] {
            assert_eq!(split_authority(authority).ok(), expected, "{authority}");
        }
    }

    #[test]
    fn better_formats_are_asked_for_first() {
        assert_eq!(
            HttpSettings::default().accept(),
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.9,text/plain;version=0.0.4;q=0.8,*/*;q=0.1"
        );
    }

    #[test]
    fn https_is_refused() {
        let transport = HttpTransport::default();
        assert_eq!(transport.check_scheme("http"), Ok(()));
        assert!(
            transport
                .check_scheme("https")
                .unwrap_err()
                .contains("not supported yet")
        );
        assert!(
            transport
                .check_scheme("ftp")
                .unwrap_err()
                .contains("unknown scheme")
        );
    }
}
