//! A small HTTP client: one request per connection, to a moheng or Prometheus server.

mod reader;
mod url;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use thiserror::Error;
use tokio::net::TcpStream;

pub(crate) use reader::BodyReader;
use url::ServerUrl;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Answers of more bytes are refused, where they are read whole.
const ANSWER_LIMIT_BYTES: usize = 1 << 30;

/// Why a server did not answer as hoped.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// The address is not one.
    #[error("{0}")]
    Url(String),
    /// Nobody answers there.
    #[error("cannot reach {server}: {message}")]
    Connect { server: String, message: String },
    /// The connection broke, or what was said is not HTTP.
    #[error("{server}: {message}")]
    Protocol { server: String, message: String },
    /// The server answered with an error.
    #[error("{server} answered {status}: {message}")]
    Refused {
        server: String,
        status: StatusCode,
        message: String,
    },
}

/// A server to send requests to.
pub(crate) struct Client {
    url: ServerUrl,
}

impl Client {
    pub(crate) fn new(server: &str) -> Result<Self, ClientError> {
        let url = server.parse().map_err(ClientError::Url)?;
        Ok(Self { url })
    }

    /// Sends a form and reads the whole answer.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Bytes, ClientError> {
        let response = self.post(path, fields).await?;
        let body = Limited::new(response.into_body(), ANSWER_LIMIT_BYTES)
            .collect()
            .await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|error| self.protocol(error))
    }

    /// Sends a form; the body of a successful answer is left to read.
    pub(crate) async fn post(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response<Incoming>, ClientError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.url.path_prefix))
            .header(HOST, &self.url.authority)
            .header(USER_AGENT, concat!("moheng-cli/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| self.protocol(error))?;
        let response = self.send(request).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refused(response).await)
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        let connect = TcpStream::connect(&self.url.address);
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.connect(error.to_string())),
            Err(_) => return Err(self.connect("it takes too long".to_owned())),
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.protocol(error))?;
        // What goes wrong with the connection is reported by the request.
        tokio::spawn(connection);
        sender
            .send_request(request)
            .await
            .map_err(|error| self.protocol(error))
    }

    async fn refused(&self, response: Response<Incoming>) -> ClientError {
        let status = response.status();
        let body = Limited::new(response.into_body(), 1 << 20).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let message = match serde_json::from_slice::<ErrorEnvelope>(&body) {
            Ok(envelope) => format!("{}: {}", envelope.kind, envelope.error),
            Err(_) => String::from_utf8_lossy(&body).trim().chars().take(500).collect(),
        };
        ClientError::Refused {
            server: self.url.to_string(),
            status,
            message,
        }
    }

    fn connect(&self, message: String) -> ClientError {
        ClientError::Connect {
            server: self.url.to_string(),
            message,
        }
    }

    fn protocol(&self, error: impl std::fmt::Display) -> ClientError {
        ClientError::Protocol {
            server: self.url.to_string(),
            message: error.to_string(),
        }
    }
}

/// The part of an error answer that people read.
#[derive(Deserialize)]
struct ErrorEnvelope {
    #[serde(rename = "errorType")]
    kind: String,
    error: String,
}
