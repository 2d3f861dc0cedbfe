//! Parsing and writing the text formats: bytes and samples per second, and that a recognised sample allocates nothing.
//!
//! The page is a generated node's, with comments as long as Node Exporter's. `MOHENG_BENCH_PAGE` and `MOHENG_BENCH_NEXT_PAGE` name files
//! with two successive pages of a real exporter to measure as well.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::{CountingAllocator, allocations_of, fleet};
use moheng_metrics::exposition::{Format, LineParser, OpenMetricsParser, write};
use moheng_metrics::{EscapingScheme, MetricKind, TextEntry, TextParser};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

type Error = Box<dyn std::error::Error>;

/// What a scraper remembers of the page before: series, and the lines between them.
#[derive(Default)]
struct Known {
    series: Vec<Vec<u8>>,
    comments: Vec<(Vec<u8>, MetricKind)>,
}

impl Known {
    fn of(mut parser: LineParser<'_>) -> Result<Self, Error> {
        let mut known = Self::default();
        let (mut comment_start, mut left) = (parser.rest(), None);
        let mut last_kind = MetricKind::Untyped;
        while let Some(entry) = parser.next_entry(&[])? {
            match entry {
                TextEntry::Sample(sample) => {
                    if let Some(left) = left.take() {
                        let lines = comment_start[..comment_start.len() - left].to_vec();
                        known.comments.push((lines, last_kind));
                    }
                    known.series.push(sample.series.to_vec());
                    comment_start = parser.rest();
                }
                TextEntry::Type { kind, .. } => (last_kind, left) = (kind, Some(parser.rest().len())),
                _ => left = Some(parser.rest().len()),
            }
        }
        Ok(known)
    }
}

fn parse(criterion: &mut Criterion) {
    let fleet = fleet(1);
    let page = |format, step| {
        let mut page = Vec::new();
        write(
            format,
            EscapingScheme::AllowUtf8,
            &fleet.families(0, step),
            &mut page,
        );
        page
    };
    for (name, format) in [
        ("text", Format::Text0_0_4),
        ("openmetrics", Format::OpenMetrics1_0_0),
    ] {
        bench_page(criterion, name, format, &page(format, 99), &page(format, 100));
    }
    let file = |variable| std::env::var_os(variable).and_then(|path| std::fs::read(path).ok());
    if let (Some(before), Some(page)) = (file("MOHENG_BENCH_PAGE"), file("MOHENG_BENCH_NEXT_PAGE")) {
        bench_page(criterion, "file", Format::Text0_0_4, &before, &page);
    }
}

fn parser_of(format: Format, page: &[u8]) -> LineParser<'_> {
    match format {
        Format::OpenMetrics1_0_0 => LineParser::OpenMetrics(OpenMetricsParser::new(page)),
        _ => LineParser::Text(TextParser::new(page)),
    }
}

fn bench_page(criterion: &mut Criterion, name: &str, format: Format, before: &[u8], page: &[u8]) {
    let Ok(known) = Known::of(parser_of(format, before)) else {
        return;
    };
    let allocations = allocations_of(|| {
        assert_ne!(black_box(scrape(parser_of(format, page), &known)).1, 0);
    });
    assert_eq!(allocations, 0, "a recognised page allocates nothing");

    let mut group = criterion.benchmark_group(format!("{name}/parse"));
    for throughput in [
        Throughput::Bytes(page.len() as u64),
        Throughput::Elements(known.series.len() as u64),
    ] {
        bench_parsers(&mut group, &throughput, &known, &|| parser_of(format, page));
    }
    if format == Format::OpenMetrics1_0_0 {
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function(
            "series and comments as before, with start timestamps",
            |bencher| {
                bencher.iter(|| {
                    let parser = OpenMetricsParser::new(page).with_start_timestamps();
                    scrape(LineParser::OpenMetrics(parser), &known)
                });
            },
        );
    }
    group.finish();
}

fn bench_parsers<'a>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    throughput: &Throughput,
    known: &Known,
    parser: &dyn Fn() -> LineParser<'a>,
) {
    let unit = match throughput {
        Throughput::Elements(_) => "samples",
        _ => "bytes",
    };
    let no_comments = Known {
        series: known.series.clone(),
        comments: Vec::new(),
    };
    group.throughput(throughput.clone());
    group.bench_function(
        BenchmarkId::new("series and comments as before", unit),
        |bencher| {
            bencher.iter(|| scrape(parser(), known));
        },
    );
    group.bench_function(BenchmarkId::new("series as before", unit), |bencher| {
        bencher.iter(|| scrape(parser(), &no_comments));
    });
    group.bench_function(BenchmarkId::new("unknown series", unit), |bencher| {
        bencher.iter(|| scrape(parser(), &Known::default()));
    });
    group.bench_function(BenchmarkId::new("with labels decoded", unit), |bencher| {
        bencher.iter(|| {
            parser().for_each(|entry| {
                if let Ok(TextEntry::Sample(sample)) = entry {
                    black_box(sample.labels().ok());
                }
            });
        });
    });
}

/// The sum of all values, and how many there are, as a scraper that remembers `known` reads them.
fn scrape(mut parser: LineParser<'_>, known: &Known) -> (f64, usize) {
    let (mut sum, mut samples, mut blocks) = (0.0, 0, 0);
    loop {
        if let Some((lines, kind)) = known.comments.get(blocks)
            && parser.rest().first() == Some(&b'#')
            && parser.skip_lines(lines, *kind)
        {
            blocks += 1;
            continue;
        }
        match parser.next_entry(known.series.get(samples).map_or(b"", Vec::as_slice)) {
            Ok(Some(TextEntry::Sample(sample))) => {
                sum += sample.value;
                samples += 1;
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return (sum, samples),
        }
    }
}

fn write_families(criterion: &mut Criterion) {
    let families = fleet(1).families(0, 100);
    let samples: usize = families.iter().map(|family| family.metrics.len()).sum();
    let mut out = Vec::new();
    for (name, format) in [
        ("text", Format::Text0_0_4),
        ("openmetrics", Format::OpenMetrics1_0_0),
    ] {
        let mut group = criterion.benchmark_group(format!("{name}/write"));
        group.throughput(Throughput::Elements(samples as u64));
        group.bench_function("families", |bencher| {
            bencher.iter(|| {
                out.clear();
                write(
                    format,
                    EscapingScheme::Underscores,
                    black_box(&families),
                    &mut out,
                );
                out.len()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, parse, write_families);
criterion_main!(benches);
