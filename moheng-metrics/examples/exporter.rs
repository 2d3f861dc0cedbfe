//! A whole exporter: metrics of every kind on 127.0.0.1, in whatever format the scraper asks for.
//!
//!     cargo run -p moheng-metrics --example exporter                    # on port 9200
//!     cargo run -p moheng-metrics --example exporter -- 9464
//!     cargo run -p moheng-metrics --example exporter -- --print openmetrics

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::exposition::{Format, Negotiated};
use moheng_metrics::instrument::{Counter, Family, Histogram, HistogramOptions, Info, Registry, StateSet};
use moheng_metrics::{
    EscapingScheme, Exemplar, Labels, MetricFamily, MetricKind, Quantile, SummaryMetric, SystemClock,
};

const DEFAULT_PORT: u16 = 9200;

/// Requests are a line and some headers.
const MAX_REQUEST_BYTES: usize = 16 << 10;

/// How long a client may take to ask, or to read the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

const USAGE: &str = "usage: exporter [PORT | --print text|text-utf8|openmetrics|openmetrics-utf8|protobuf]";

/// What the exporter counts of itself, and the registry that everything is in.
struct Exporter {
    registry: Registry,
    requests: Family<Counter, 1>,
    seconds: Histogram,
}

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = Exporter::new()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => exporter.serve(DEFAULT_PORT),
        ["--print", format] => {
            let page = exporter.registry.render_as(format_of(format).ok_or(USAGE)?);
            Ok(io::stdout().write_all(&page.body)?)
        }
        [port] => exporter.serve(port.parse().map_err(|_| USAGE)?),
        _ => Err(USAGE.into()),
    }
}

impl Exporter {
    fn new() -> Result<Self, Box<dyn Error>> {
        let registry = Registry::new(Arc::new(SystemClock::new()));
        let own = registry.with_prefix("exporter_");
        let requests = own.counter_family("requests_total", "Requests by status.", ["code"])?;
        let seconds = own.histogram(
            "request_seconds",
            "Time to answer.",
            &HistogramOptions::durations(),
        )?;
        own.register(
            "build_info",
            "What runs.",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        )?;
        measure_something(&registry.with_prefix("demo_"))?;
        Ok(Self {
            registry,
            requests,
            seconds,
        })
    }

    fn serve(&self, port: u16) -> Result<(), Box<dyn Error>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        writeln!(io::stdout(), "http://{}/metrics", listener.local_addr()?)?;
        for connection in listener.incoming() {
            // A client that goes away is its own problem.
            if let Err(error) = connection.and_then(|connection| self.answer(connection)) {
                writeln!(io::stderr(), "{error}")?;
            }
        }
        Ok(())
    }

    fn answer(&self, mut connection: TcpStream) -> io::Result<()> {
        let _timer = self.seconds.start_timer();
        connection.set_read_timeout(Some(TIMEOUT))?;
        connection.set_write_timeout(Some(TIMEOUT))?;
        let request = read_request(&mut connection)?;
        let target = request
            .strip_prefix("GET ")
            .and_then(|rest| rest.split([' ', '?']).next());
        let (code, reason, content_type, body) = if target == Some("/metrics") {
            let page = self.registry.render(&accept_of(&request));
            for conflict in &page.conflicts {
                writeln!(io::stderr(), "{conflict}")?;
            }
            ("200", "OK", page.content_type, page.body)
        } else {
            let body = b"The metrics are at /metrics.\n".to_vec();
            ("404", "Not Found", "text/plain; charset=utf-8".to_owned(), body)
        };
        self.requests.with([code]).increment();
        let length = body.len();
        write!(
            connection,
            "HTTP/1.1 {code} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?;
        connection.write_all(&body)
    }
}

/// Something of every kind, with values that do not change: what a scraper stored can be compared with them.
fn measure_something(registry: &Registry) -> Result<(), Box<dyn Error>> {
    let trace = Labels::from_pairs([("trace_id", "0af7651916cd43dd8448eb211c80319c")]);

    registry.counter("bytes_total", "Bytes.")?.add_float(1234.5);
    let failure = Exemplar {
        labels: trace.clone(),
        value: 1.0,
        timestamp_ms: None,
    };
    registry
        .counter("failures_total", "Failures.")?
        .add_with_exemplar(3, failure);

    let warmth = registry.gauge_family("celsius", "Odd \"values\" and \\ labels.\n", ["name"])?;
    for (name, value) in [
        ("zero", 0.0),
        ("minus", -40.25),
        ("tiny", 5e-324),
        ("huge", f64::MAX),
        ("infinite", f64::INFINITY),
        ("quo\"te, back\\slash,\nline feed, größe", 1.0),
    ] {
        warmth.with([name]).set(value);
    }
    // Scrapers that know no such names get underscores for the dots.
    let open = registry.gauge_family("http.server.open", "Named as in OpenTelemetry.", ["url.scheme"])?;
    open.with(["https"]).set(17.0);

    // Classic buckets for who knows no others, and native ones, which need no bounds.
    let both = HistogramOptions {
        bounds: vec![1.0, 10.0],
        ..HistogramOptions::native()
    };
    let sizes = registry.histogram_family("sizes_bytes", "Of both signs.", ["side"], &both)?;
    for step in 0..100_u8 {
        sizes.with(["positive"]).observe(f64::from(step) / 4.0);
        sizes.with(["negative"]).observe(-f64::from(step));
    }
    sizes.with(["positive"]).observe_with_exemplar(7.0, trace);

    registry.register("phase", "Where it is.", StateSet::new(["running", "stopped"]))?;
    registry.register_collector(collect_elsewhere);
    Ok(())
}

/// What something else counts, asked for at every scrape.
fn collect_elsewhere(families: &mut Vec<MetricFamily>) {
    families.push(MetricFamily::single(
        "answer",
        MetricKind::Untyped,
        "From a collector.",
        42.0,
    ));
    let mut pauses = MetricFamily::new("pause_seconds", MetricKind::Summary, "Pauses of a runtime.");
    pauses.unit.push_str("seconds");
    let quantiles = [(0.5, 0.002), (0.99, 0.125)].map(|(quantile, value)| Quantile { quantile, value });
    let summary = SummaryMetric {
        quantiles: quantiles.to_vec(),
        count: 1000.0,
        sum: 3.5,
    };
    pauses.push_summary(Labels::empty(), summary);
    families.push(pauses);
}

/// The format that `--print` names.
fn format_of(word: &str) -> Option<Negotiated> {
    let (format, escaping) = match word {
        "text" => (Format::Text0_0_4, EscapingScheme::Underscores),
        "text-utf8" => (Format::Text1_0_0, EscapingScheme::AllowUtf8),
        "openmetrics" => (Format::OpenMetrics1_0_0, EscapingScheme::Underscores),
        "openmetrics-utf8" => (Format::OpenMetrics1_0_0, EscapingScheme::AllowUtf8),
        "protobuf" => (Format::Protobuf, EscapingScheme::AllowUtf8),
        _ => return None,
    };
    Some(Negotiated { format, escaping })
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
