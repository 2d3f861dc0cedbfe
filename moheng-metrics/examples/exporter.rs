//! Serves one page of metrics on 127.0.0.1, in whatever format the scraper asks for.
//!
//!     cargo run -p moheng-metrics --example exporter -- 127.0.0.1:9464

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::instrument::{
    Counter, Family, Histogram, HistogramOptions, Info, NativeOptions, Registry, StateSet,
};
use moheng_metrics::{Labels, MetricFamily, MetricKind, SystemClock};

/// Requests are a line and some headers.
const MAX_REQUEST_BYTES: usize = 16 << 10;

struct Exporter {
    registry: Registry,
    requests: Family<Counter, 1>,
    seconds: Histogram,
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address)?;
    let exporter = Exporter::new()?;
    writeln!(io::stdout(), "http://{}/metrics", listener.local_addr()?)?;
    for connection in listener.incoming() {
        // A client that goes away is its own problem.
        if let Err(error) = connection.and_then(|connection| exporter.answer(connection)) {
            writeln!(io::stderr(), "{error}")?;
        }
    }
    Ok(())
}

impl Exporter {
    fn new() -> Result<Self, Box<dyn Error>> {
        let registry = Registry::new(Arc::new(SystemClock::new()));
        let both = HistogramOptions {
            native: Some(NativeOptions::default()),
            ..HistogramOptions::classic([0.001, 0.01, 0.1, 1.0])
        };
        let exporter = Self {
            requests: registry.counter_family("exporter_requests_total", "Requests by status.", ["code"])?,
            seconds: registry.histogram("exporter_request_seconds", "Time to answer.", &both)?,
            registry,
        };
        exporter.measure_something()?;
        Ok(exporter)
    }

    /// Something of every kind, with values that do not change: what a scraper stored can be compared with them.
    fn measure_something(&self) -> Result<(), Box<dyn Error>> {
        let registry = self.registry.with_prefix("demo_");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build_info", "What runs here.", version)?;
        registry.register("phase", "Where it is.", StateSet::new(["running", "stopped"]))?;
        registry.counter("bytes_total", "Bytes.")?.add_float(1234.5);
        let colours = registry.gauge_family("celsius", "Odd \"values\" and \\ labels.\n", ["name"])?;
        for (name, value) in [
            ("zero", 0.0),
            ("minus", -40.25),
            ("tiny", 5e-324),
            ("huge", 1.797_693_134_862_315_7e308),
            ("infinite", f64::INFINITY),
            ("quo\"te, back\\slash,\nline feed, größe", 1.0),
        ] {
            colours.with([name]).set(value);
        }
        let native = HistogramOptions {
            native: Some(NativeOptions::default()),
            bounds: vec![1.0, 10.0],
        };
        let sizes = registry.histogram_family("sizes_bytes", "Of both signs.", ["side"], &native)?;
        for step in 0..100_u8 {
            sizes.with(["positive"]).observe(f64::from(step) / 4.0);
            sizes.with(["negative"]).observe(-f64::from(step));
        }
        let trace = Labels::from_pairs([("trace_id", "0af7651916cd43dd8448eb211c80319c")]);
        sizes.with(["positive"]).observe_with_exemplar(7.0, trace);
        registry.register_collector(|families: &mut Vec<MetricFamily>| {
            let help = "From a collector.";
            families.push(MetricFamily::single("answer", MetricKind::Untyped, help, 42.0));
        });
        Ok(())
    }

    fn answer(&self, mut connection: TcpStream) -> io::Result<()> {
        let timer = self.seconds.start_timer();
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request = read_request(&mut connection)?;
        let (code, content_type, body) = if request.starts_with("GET /metrics ") {
            let page = self.registry.render(&accept_of(&request));
            for conflict in &page.conflicts {
                writeln!(io::stderr(), "{conflict}")?;
            }
            ("200 OK", page.content_type, page.body)
        } else {
            let body = b"The metrics are at /metrics.\n".to_vec();
            ("404 Not Found", "text/plain; charset=utf-8".to_owned(), body)
        };
        let length = body.len();
        write!(
            connection,
            "HTTP/1.1 {code}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?;
        connection.write_all(&body)?;
        self.requests.with([&code[..3]]).increment();
        drop(timer);
        Ok(())
    }
}

/// The request up to the empty line after its headers.
fn read_request(connection: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let count = connection.read(&mut buffer)?;
        if count == 0 || request.len() > MAX_REQUEST_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "that is no request"));
        }
        request.extend(buffer.iter().take(count));
    }
    Ok(String::from_utf8_lossy(&request).into_owned())
}

/// The `Accept` headers of a request, as one.
fn accept_of(request: &str) -> String {
    let headers = request.lines().filter_map(|line| line.split_once(':'));
    let accepted = headers.filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let values: Vec<&str> = accepted.map(|(_, value)| value.trim()).collect();
    values.join(",")
}
