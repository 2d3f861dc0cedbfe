//! Something to scrape: the same text for every request.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

/// A target that lives as long as the test process.
#[derive(Debug)]
pub(crate) struct Target {
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

impl Target {
    /// Starts to serve `text`.
    pub(crate) fn start(text: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("the port is known").to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut request = [0; 4096];
                // The request fits one packet, and what it says does not matter.
                if stream.read(&mut request).is_ok() {
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
                    let length = text.len();
                    let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{text}");
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        Self { address }
    }
}
