//! Pages of registries: in every format, what is read is what was gathered, but for what that format has no word for.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::sync::Arc;

use moheng_metrics::exposition::{Format, Negotiated, parse};
use moheng_metrics::instrument::{Histogram, HistogramOptions, Info, NativeOptions, Registry, StateSet};
use moheng_metrics::testing::ManualClock;
use moheng_metrics::{
    Bucket, EscapingScheme, Exemplar, HistogramMetric, Labels, MetricFamily, MetricKind, MetricValue,
    NameKind, Quantile, SummaryMetric, escape_name,
};
use proptest::prelude::*;

/// What a part of a program measures.
#[derive(Clone, Copy, Debug)]
enum Part {
    Counters,
    Gauges,
    Histograms {
        has_bounds: bool,
        native: Option<NativeOptions>,
    },
    Descriptions,
    Readings,
    Collected,
}

/// A part, the values it saw by a label's value, and whether it kept examples.
type Measured = (Part, Vec<(String, Vec<f64>)>, bool);

fn any_part() -> impl Strategy<Value = Part> {
    let native = (
        2..30_usize,
        prop_oneof![Just(0.0), Just(0.5), Just(2.0_f64.powi(-128))],
    );
    let native = native.prop_map(|(max_buckets, zero_threshold)| NativeOptions {
        max_buckets,
        zero_threshold,
        ..NativeOptions::default()
    });
    let histograms = (any::<bool>(), prop::option::of(native))
        .prop_map(|(has_bounds, native)| Part::Histograms { has_bounds, native });
    prop_oneof![
        Just(Part::Counters),
        Just(Part::Gauges),
        histograms,
        Just(Part::Descriptions),
        Just(Part::Readings),
        Just(Part::Collected),
    ]
}

fn any_measured() -> impl Strategy<Value = Measured> {
    let value = prop_oneof![any::<f64>(), -9.0..9.0, Just(f64::NAN), Just(-0.0)];
    let members = prop::collection::vec(
        ("[a-z\"\\\\\n é]{0,4}", prop::collection::vec(value, 0..12)),
        0..4,
    );
    (any_part(), members, any::<bool>())
}

/// Registers a part, whose names nobody else has, and lets it measure.
fn measure(registry: &Registry, (part, members, has_exemplars): &Measured) {
    // One name that needs quotes or an escape.
    let label = "wo.her";
    let trace = Labels::from_pairs([("trace_id", "4bf9 \"2f35\"")]);
    match part {
        Part::Counters => {
            let counters = registry
                .counter_family("bytes_total", "Größe\n\\.", [label])
                .unwrap();
            for (name, values) in members {
                let counter = counters.with([name]);
                for value in values {
                    counter.add_float(*value);
                }
                if *has_exemplars {
                    let exemplar = Exemplar {
                        labels: trace.clone(),
                        value: 0.5,
                        timestamp_ms: Some(1_500),
                    };
                    counter.add_with_exemplar(2, exemplar);
                }
            }
        }
        Part::Gauges => {
            let gauges = registry.gauge_family("deep.celsius", "", [label]).unwrap();
            for (name, values) in members {
                for value in values {
                    gauges.with([name]).set(*value);
                }
            }
        }
        Part::Histograms { has_bounds, native } => {
            let bounds = if *has_bounds {
                vec![-1.0, 0.5, 1e9]
            } else {
                Vec::new()
            };
            let options = HistogramOptions {
                bounds,
                native: *native,
            };
            let histograms = registry
                .histogram_family("took_seconds", "Time.", [label], &options)
                .unwrap();
            for (name, values) in members {
                observe(&histograms.with([name]), values, has_exemplars.then_some(&trace));
            }
        }
        Part::Descriptions => describe(registry, label, members),
        Part::Readings => {
            let value = members
                .first()
                .and_then(|(_, values)| values.first())
                .copied()
                .unwrap_or_default();
            registry.gauge_from("reading", "Read.", move || value).unwrap();
            registry
                .counter_from("read_total", "Read.", move || value.abs())
                .unwrap();
        }
        Part::Collected => {
            let members = members.clone();
            registry.register_collector(move |families: &mut Vec<MetricFamily>| {
                families.push(summaries(&members));
            });
        }
    }
}

fn describe(registry: &Registry, label: &str, members: &[(String, Vec<f64>)]) {
    let pairs = members.iter().map(|(value, _)| (label, value));
    registry
        .register("what_info", "What.", Info::new(pairs.take(1)))
        .unwrap();
    registry
        .register("phase", "Where.", StateSet::new(["a", "\"b\" c"]))
        .unwrap();
}

/// Observes values, those that are numbers with an exemplar where there is one.
fn observe(histogram: &Histogram, values: &[f64], trace: Option<&Labels>) {
    for value in values {
        match trace {
            Some(trace) if !value.is_nan() => histogram.observe_with_exemplar(*value, trace.clone()),
            _ => histogram.observe(*value),
        }
    }
}

fn summaries(members: &[(String, Vec<f64>)]) -> MetricFamily {
    let mut family = MetricFamily::new("pause", MetricKind::Summary, "Pauses.");
    for (index, (_, values)) in members.iter().enumerate() {
        let quantiles = values.iter().take(2).zip([0.5, 0.99]);
        let quantiles = quantiles.map(|(value, quantile)| Quantile {
            quantile,
            value: *value,
        });
        let summary = SummaryMetric {
            quantiles: quantiles.collect(),
            count: values.len() as f64,
            sum: values.iter().sum(),
        };
        family.push_summary(Labels::from_pairs([("index", index.to_string())]), summary);
    }
    family
}

/// What is left of families on a page.
fn exposed(mut families: Vec<MetricFamily>, format: Format) -> Vec<MetricFamily> {
    let is_openmetrics = matches!(format, Format::OpenMetrics0_0_1 | Format::OpenMetrics1_0_0);
    let is_text = matches!(format, Format::Text0_0_4 | Format::Text1_0_0);
    let scheme = format.escaping(EscapingScheme::AllowUtf8);
    for family in &mut families {
        family.name = escape_name(&family.name, scheme, NameKind::Metric).into_owned();
        let is_new_kind = matches!(family.kind, MetricKind::Info | MetricKind::StateSet);
        if is_new_kind && !is_openmetrics {
            family.kind = MetricKind::Gauge;
        }
        if is_text {
            family.unit.clear();
        }
        for metric in &mut family.metrics {
            let labels = metric.labels.iter();
            let escaped = labels.map(|(name, value)| (escape_name(name, scheme, NameKind::Label), value));
            metric.labels = Labels::from_pairs(escaped);
            if is_text {
                metric.start_timestamp_ms = None;
                metric.exemplar = None;
            }
            if let MetricValue::Histogram(histogram) = &mut metric.value
                && format != Format::Protobuf
            {
                make_classic(histogram, is_text);
            }
        }
    }
    families
}

/// Text has no native histograms, and classic ones have the infinite bucket at least.
fn make_classic(histogram: &mut HistogramMetric, is_text: bool) {
    histogram.native = None;
    histogram.exemplars.clear();
    if histogram.buckets.is_empty() {
        histogram.buckets.push(Bucket {
            upper_bound: f64::INFINITY,
            cumulative_count: histogram.count,
            exemplar: None,
        });
    }
    for bucket in &mut histogram.buckets {
        bucket.exemplar.take_if(|_| is_text);
    }
}

proptest! {
    #[test]
    fn pages_of_every_format_say_what_was_gathered(
        parts in prop::collection::vec(any_measured(), 0..5),
        prefix in prop_oneof![Just(""), Just("app_"), Just("größe.")],
    ) {
        let registry = Registry::new(Arc::new(ManualClock::new(1_700_000_000_123)));
        for (index, part) in parts.iter().enumerate() {
            let view = registry.with_prefix(&format!("{prefix}p{index}_"));
            measure(&view.with_labels([("region", "eu")]).unwrap(), part);
        }
        let gathered = registry.gather();
        prop_assert_eq!(&gathered.conflicts, &[]);
        for format in Format::ALL {
            let page = registry.render_as(Negotiated { format, escaping: EscapingScheme::AllowUtf8 });
            let families = match parse(format, &page.body) {
                Ok(families) => families,
                Err(error) => {
                    let page = String::from_utf8_lossy(&page.body);
                    return Err(TestCaseError::fail(format!("{format}: {error} in\n{page}")));
                }
            };
            // The debug output shows NaN as equal to itself.
            let expected = exposed(gathered.families.clone(), format);
            prop_assert_eq!(format!("{families:#?}"), format!("{expected:#?}"), "{}", format);
        }
    }
}
