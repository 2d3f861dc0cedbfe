//! Random expositions, failures of target and sink, and changes of rules, compared with a naive model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{
    AppendEntry, Appended, MemorySource, Sample, SampleBuffer, SampleError, Select, SeriesKey, SeriesSource,
};
use proptest::prelude::*;

use super::*;

/// The texts of series; some are the same series, one is dropped when rules say so.
const TEXTS: [&str; 9] = [
    "a",
    "b",
    "c{x=\"1\"}",
    "c{x=\"2\",y=\"1\"}",
    "c{y=\"1\",x=\"2\"}",
    "c{y=\"1\", x=\"2\", z=\"\"}",
    "d{i=\"own\"}",
    "drop",
    "e{le=\"1\"}",
];

#[derive(Clone, Copy, Debug)]
enum Event {
    Scrape,
    /// The exposition ends in nonsense.
    Nonsense,
    Timeout,
    /// The sink does not take the batch.
    Full,
    /// The sink has forgotten all series before the scrape.
    Forget,
    /// Other rules apply from this scrape on.
    Rules,
    /// The same, and the sink does not take the batch.
    RulesWhileFull,
}

impl Event {
    fn changes_rules(self) -> bool {
        matches!(self, Self::Rules | Self::RulesWhileFull)
    }

    fn is_full(self) -> bool {
        matches!(self, Self::Full | Self::RulesWhileFull)
    }
}

#[derive(Clone, Debug)]
struct Step {
    event: Event,
    /// Index of the text, value, and timestamp relative to the scrape in seconds.
    lines: Vec<(usize, u8, Option<i64>)>,
    /// Bits that say in front of which lines there are comments.
    comments: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        6 => Just(Event::Scrape),
        1 => Just(Event::Nonsense),
        1 => Just(Event::Timeout),
        1 => Just(Event::Full),
        1 => Just(Event::Forget),
        1 => Just(Event::Rules),
        1 => Just(Event::RulesWhileFull),
    ];
    let timestamp = prop_oneof![4 => Just(None), 1 => (-15_i64..15).prop_map(Some), 1 => Just(Some(601))];
    let line = (0..TEXTS.len(), 0_u8..3, timestamp);
    let lines = proptest::collection::vec(line, 0..8);
    // Mostly the same comments as before, since those are predicted.
    let comments = prop_oneof![3 => Just(0b101_u8), 1 => any::<u8>()];
    let step = (event, lines, comments).prop_map(|(event, lines, comments)| Step {
        event,
        lines,
        comments,
    });
    proptest::collection::vec(step, 1..12)
}

/// A store that can be full and forget references.
#[derive(Default)]
struct MoodySink {
    store: MemorySource,
    is_full: bool,
    /// References of earlier epochs are forgotten.
    epoch: AtomicU64,
}

const EPOCH: u64 = 1 << 32;

impl SampleSink for MoodySink {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        if self.is_full {
            return Err(SinkError::Full("no space".to_owned()));
        }
        let epoch = self.epoch.load(Ordering::Relaxed) * EPOCH;
        let append = |entry: &AppendEntry<'_>| {
            let mut inner = AppendBatch::new();
            inner.entries.push(*entry);
            if let SeriesKey::Reference(reference) = entry.series {
                let number = reference
                    .0
                    .checked_sub(epoch)
                    .ok_or(SampleError::UnknownReference)?;
                inner.entries[0].series = SeriesKey::Reference(SeriesRef(number));
            }
            let appended = self.store.append(&inner).expect("memory");
            appended.outcomes[0].map(|reference| SeriesRef(reference.0 + epoch))
        };
        let before = self.store.series_count();
        let outcomes = batch.entries.iter().map(append).collect();
        Ok(Appended::new(outcomes, self.store.series_count() - before))
    }

    fn sync(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[derive(Default)]
struct Model {
    store: BTreeMap<Labels, Vec<Sample>>,
    /// Series without a stale marker yet.
    tracked: BTreeSet<Labels>,
    /// The same, from before the rules changed.
    orphans: BTreeSet<Labels>,
    /// All series of the last stored scrape.
    last: BTreeSet<Labels>,
    /// Series the sink has given a reference that is still good.
    known: BTreeSet<Labels>,
    tracks_timestamps: bool,
    drops: bool,
}

impl Model {
    fn append(&mut self, labels: &Labels, timestamp_ms: i64, value: f64) -> bool {
        let samples = self.store.entry(labels.clone()).or_default();
        let is_accepted = match samples.last() {
            Some(last) if last.timestamp_ms == timestamp_ms => last.value.to_bits() == value.to_bits(),
            Some(last) if last.timestamp_ms > timestamp_ms => false,
            _ => {
                samples.push(Sample { timestamp_ms, value });
                true
            }
        };
        if is_accepted {
            self.known.insert(labels.clone());
        }
        is_accepted
    }

    /// What happens in front of a scrape.
    fn prepare(&mut self, event: Event) {
        if event.changes_rules() {
            self.drops = !self.drops;
            self.last.clear();
            let tracked = std::mem::take(&mut self.tracked).into_iter();
            self.orphans
                .extend(tracked.filter(|labels| self.known.contains(labels)));
            self.known.clear();
        }
        if matches!(event, Event::Forget) {
            // What is known by reference only can no longer be marked.
            self.known.clear();
            self.orphans.clear();
        }
    }

    fn scrape(&mut self, step: &Step, scrape_ms: i64) {
        self.prepare(step.event);
        let is_fetched = !matches!(step.event, Event::Timeout);
        let lines: Vec<(Labels, f64, Option<i64>)> = step
            .lines
            .iter()
            .filter(|(text, ..)| is_fetched && !(self.drops && TEXTS[*text] == "drop"))
            .map(|&(text, value, offset)| {
                let timestamp_ms = offset.map(|offset| (scrape_ms + offset * 1000).max(0));
                (stored_labels(TEXTS[text]), f64::from(value), timestamp_ms)
            })
            .collect();
        if step.event.is_full() {
            return;
        }
        let is_up = is_fetched && !matches!(step.event, Event::Nonsense);
        let mut seen = BTreeSet::new();
        let mut tracked = BTreeSet::new();
        let known_before = self.known.clone();
        for (labels, value, own_ms) in lines.iter().filter(|_| is_up) {
            if seen.contains(labels) && own_ms.is_none() {
                continue;
            }
            seen.insert(labels.clone());
            if own_ms.is_none() || self.tracks_timestamps {
                tracked.insert(labels.clone());
            }
            let timestamp_ms = own_ms.unwrap_or(scrape_ms);
            if timestamp_ms <= scrape_ms + 600_000 {
                self.append(labels, timestamp_ms, *value);
            }
        }
        let vanished = self
            .tracked
            .difference(&tracked)
            .filter(|labels| known_before.contains(*labels));
        // A series that is exposed again but was not taken is not recognised as the one from before.
        let orphans = self.orphans.difference(&self.known);
        let gone: Vec<Labels> = vanished.chain(orphans).cloned().collect();
        let known = self.known.clone();
        for labels in gone {
            self.append(&labels, scrape_ms, STALE_NAN);
        }
        self.known = known;
        self.orphans.clear();
        let added = seen.difference(&self.last).count();
        let reports = [
            ("up", f64::from(u8::from(is_up))),
            ("scrape_duration_seconds", 0.0),
            (
                "scrape_samples_scraped",
                if is_fetched { step.lines.len() as f64 } else { 0.0 },
            ),
            ("scrape_samples_post_metric_relabeling", lines.len() as f64),
            ("scrape_series_added", if is_up { added as f64 } else { 0.0 }),
        ];
        for (name, value) in reports {
            let labels = Labels::from_pairs([("__name__", name), ("i", "a")]);
            self.append(&labels, scrape_ms, value);
        }
        self.tracked = tracked;
        if is_up {
            self.last = seen;
        }
    }
}

fn stored_labels(text: &str) -> Labels {
    match text {
        "c{x=\"1\"}" => Labels::from_pairs([("__name__", "c"), ("x", "1"), ("i", "a")]),
        "d{i=\"own\"}" => Labels::from_pairs([("__name__", "d"), ("exported_i", "own"), ("i", "a")]),
        text if text.starts_with("c{") => {
            Labels::from_pairs([("__name__", "c"), ("x", "2"), ("y", "1"), ("i", "a")])
        }
        "e{le=\"1\"}" => Labels::from_pairs([("__name__", "e"), ("le", "1.0"), ("i", "a")]),
        name => Labels::from_pairs([("__name__", name), ("i", "a")]),
    }
}

fn contents(source: &MemorySource) -> BTreeMap<Labels, Vec<(i64, u64)>> {
    let mut contents = BTreeMap::new();
    let mut cursor = source
        .select(&Select::new(Vec::new(), i64::MIN, i64::MAX))
        .expect("memory");
    while let Some(mut series) = cursor.next_series().expect("memory") {
        let mut samples = SampleBuffer::new();
        while series.samples.read(&mut samples).expect("memory") {}
        let floats = samples.floats;
        let bits = floats.values.iter().map(|value| value.to_bits());
        contents.insert(
            series.labels,
            floats.timestamps_ms.iter().copied().zip(bits).collect(),
        );
    }
    contents
}

fn body(step: &Step, scrape_ms: i64) -> String {
    let mut body = String::new();
    for (index, (text, value, offset)) in step.lines.iter().enumerate() {
        if step.comments >> index & 1 == 1 {
            body.push_str(["# TYPE c gauge\n", "\n# HELP d D.\n# HELP d E.\n", "# c\n"][index % 3]);
        }
        if TEXTS[*text].starts_with("e{") {
            body.push_str("# TYPE e histogram\n");
        }
        body.push_str(TEXTS[*text]);
        body.push(' ');
        body.push_str(&value.to_string());
        if let Some(offset) = offset {
            body.push(' ');
            body.push_str(&(scrape_ms + offset * 1000).max(0).to_string());
        }
        body.push('\n');
    }
    if matches!(step.event, Event::Nonsense) {
        body.push_str("}\n");
    }
    body
}

fn rules(tracks_timestamps: bool, drops: bool) -> PassSettings {
    let mut settings = settings();
    settings.samples.track_timestamps_staleness = tracks_timestamps;
    settings.samples.relabel = if drops {
        vec![drop_rule("drop")]
    } else {
        Vec::new()
    };
    settings
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_model(tracks_timestamps: bool, steps in steps()) {
        let clock = ManualClock::new(0);
        let mut sink = MoodySink::default();
        let mut model = Model { tracks_timestamps, ..Model::default() };
        let mut pass = ScrapePass::new(rules(tracks_timestamps, false));
        for (index, step) in steps.iter().enumerate() {
            let scrape_ms = (index as i64 + 1) * 10_000;
            model.scrape(step, scrape_ms);
            match step.event {
                Event::Forget => *sink.epoch.get_mut() += 1,
                event if event.changes_rules() => pass.set_settings(rules(tracks_timestamps, model.drops)),
                _ => {}
            }
            sink.is_full = step.event.is_full();
            let body = body(step, scrape_ms);
            let mut scrape = Scrape::new(body.as_bytes(), scrape_ms);
            if matches!(step.event, Event::Timeout) {
                scrape.body = Err(FetchError::Timeout(Duration::from_secs(1)).into());
            }
            let report = pass.apply(scrape, &sink, &clock);
            let is_failure = step.event.is_full() || matches!(step.event, Event::Nonsense | Event::Timeout);
            prop_assert_eq!(report.error.is_some(), is_failure);
            let expected = model.store.iter().map(|(labels, samples)| {
                let bits = |sample: &Sample| (sample.timestamp_ms, sample.value.to_bits());
                (labels.clone(), samples.iter().map(bits).collect::<Vec<_>>())
            });
            let expected: BTreeMap<_, _> = expected.filter(|(_, samples)| !samples.is_empty()).collect();
            prop_assert_eq!(contents(&sink.store), expected, "after step {}", index);
        }
    }
}
