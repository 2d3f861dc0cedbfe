//! An HTTP server on the loopback that answers exactly the bytes a test wants, and a clock that follows tokio's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use moheng_metrics::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// What the server does after it has read a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends these bytes and waits for the next request.
    Keep(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Close(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Sends these bytes and never anything more.
    Hang(Vec<u8>),
}

/// What the server has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Request heads.
    pub(crate) requests: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Server {
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// Answers requests by path and by how many requests came before.
    pub(crate) async fn start(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let answer = Arc::new(answer);
        let for_task = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                for_task.lock().expect("no panic").connections += 1;
                tokio::spawn(serve(stream, answer.clone(), for_task.clone()));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().expect("no panic").connections
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").requests.clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<impl Fn(&str, usize) -> Reply>,
    seen: Arc<Mutex<Seen>>,
) -> std::io::Result<()> {
    while let Some(head) = read_head(&mut stream).await? {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let earlier = {
            let mut seen = seen.lock().expect("no panic");
            seen.requests.push(head);
            seen.requests.len() - 1
        };
        match answer(&path, earlier) {
            Reply::Keep(bytes) => stream.write_all(&bytes).await?,
            Reply::Close(bytes) => return stream.write_all(&bytes).await,
            Reply::Reset(bytes) => {
                stream.write_all(&bytes).await?;
                // The peer reads what was sent before the reset throws it away.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return stream.set_zero_linger();
            }
            Reply::Hang(bytes) => {
                stream.write_all(&bytes).await?;
                std::future::pending::<()>().await;
            }
        }
    }
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// A response with these header lines and this body.
pub(crate) fn response(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// A good exposition.
pub(crate) fn text(body: &str) -> Vec<u8> {
    response(
        "200 OK",
        &["Content-Type: text/plain; version=0.0.4"],
        body.as_bytes(),
    )
}

/// Time as tokio has it, which a test can pause.
#[derive(Debug)]
pub(crate) struct TokioClock {
    origin: Instant,
}

impl TokioClock {
    pub(crate) const START_MS: i64 = 1_700_000_000_000;

    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        Self::START_MS + self.origin.elapsed().as_millis() as i64
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}
