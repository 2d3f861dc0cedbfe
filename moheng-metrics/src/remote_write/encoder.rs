//! [`WriteEncoder`]: a request, written series by series.

use super::series::{WriteSample, number_of_kind};
use super::{WriteMessage, histogram, v1, v2};
use crate::protobuf::Writer;
use crate::{Exemplar, HistogramValue, Labels, Metadata, SymbolTable};

/// A series to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingSeries<'a> {
    /// What identifies it.
    pub labels: &'a Labels,
    /// Float samples, ascending by time. Version 1.0 does not carry when they started to count.
    pub samples: &'a [WriteSample],
    /// Native histograms, ascending by time. In version 2.0 a series has either samples or histograms: one that has
    /// both is pushed twice.
    pub histograms: &'a [OutgoingHistogram<'a>],
    /// Exemplars of the samples.
    pub exemplars: &'a [Exemplar],
    /// What is known about the metric, which only version 2.0 carries with the series.
    pub metadata: Option<&'a Metadata>,
}

impl<'a> OutgoingSeries<'a> {
    /// A series with nothing but labels so far.
    pub fn new(labels: &'a Labels) -> Self {
        Self {
            labels,
            samples: &[],
            histograms: &[],
            exemplars: &[],
            metadata: None,
        }
    }
}

/// A native histogram to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingHistogram<'a> {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When it started to count, in milliseconds since the Unix epoch; 0 when not known, and not carried by version 1.0.
    pub start_timestamp_ms: i64,
    /// The histogram.
    pub value: HistogramValue<'a>,
}

/// Writes requests, one after the other, into memory that it keeps.
#[derive(Debug)]
pub struct WriteEncoder {
    message: WriteMessage,
    /// The series, and in version 1.0 all of the request.
    body: Vec<u8>,
    symbols: SymbolTable,
    references: Vec<u32>,
    /// Symbols and series of a finished request of version 2.0.
    request: Vec<u8>,
}

impl WriteEncoder {
    /// An encoder with an empty request.
    pub fn new(message: WriteMessage) -> Self {
        Self {
            message,
            body: Vec::new(),
            symbols: SymbolTable::new(),
            references: Vec::new(),
            request: Vec::new(),
        }
    }

    /// Adds a series to the request.
    pub fn push(&mut self, series: &OutgoingSeries<'_>) {
        let mut writer = Writer::new(&mut self.body);
        match self.message {
            WriteMessage::V1 => writer.message(v1::TIMESERIES, |writer| write_v1_series(writer, series)),
            WriteMessage::V2 => {
                let mut encoder = SymbolEncoder {
                    symbols: &mut self.symbols,
                    references: &mut self.references,
                };
                writer.message(v2::TIMESERIES, |writer| encoder.write_series(writer, series));
            }
        }
    }

    /// Adds what is known about a metric, by its name without the suffixes of histograms and summaries, to a request of
    /// version 1.0. In version 2.0 it goes with each series, and nothing is added here.
    pub fn push_metadata(&mut self, family: &str, metadata: &Metadata) {
        if self.message == WriteMessage::V1 {
            Writer::new(&mut self.body).message(v1::METADATA, |writer| {
                writer.nonzero(v1::METADATA_TYPE, number_of_kind(metadata.kind));
                writer.nonempty_text(v1::METADATA_FAMILY, family);
                writer.nonempty_text(v1::METADATA_HELP, &metadata.help);
                writer.nonempty_text(v1::METADATA_UNIT, &metadata.unit);
            });
        }
    }

    /// About how long the request is so far, in bytes.
    pub fn size_bytes(&self) -> usize {
        // Key and length of a symbol take two bytes mostly.
        self.body.len() + self.symbols.text_bytes() + 2 * self.symbols.len()
    }

    /// The request, to be compressed and sent.
    pub fn finish(&mut self) -> &[u8] {
        match self.message {
            WriteMessage::V1 => &self.body,
            WriteMessage::V2 => {
                self.request.clear();
                let mut writer = Writer::new(&mut self.request);
                for symbol in self.symbols.iter() {
                    writer.text(v2::SYMBOLS, symbol);
                }
                self.request.extend_from_slice(&self.body);
                &self.request
            }
        }
    }

    /// Starts the next request.
    pub fn clear(&mut self) {
        self.body.clear();
        self.symbols.clear();
        self.request.clear();
    }
}

/// Writes the fields of a series of version 1.0, which remote read shares.
pub(crate) fn write_v1_series(writer: &mut Writer<'_>, series: &OutgoingSeries<'_>) {
    for (name, value) in series.labels {
        writer.pair(v1::SERIES_LABELS, name, value);
    }
    for sample in series.samples {
        writer.message(v1::SERIES_SAMPLES, |writer| {
            writer.nonzero_double(v1::SAMPLE_VALUE, sample.value);
            writer.nonzero(v1::SAMPLE_TIMESTAMP, sample.timestamp_ms as u64);
        });
    }
    for exemplar in series.exemplars {
        writer.message(v1::SERIES_EXEMPLARS, |writer| {
            for (name, value) in &exemplar.labels {
                writer.pair(v1::EXEMPLAR_LABELS, name, value);
            }
            writer.nonzero_double(v1::EXEMPLAR_VALUE, exemplar.value);
            writer.nonzero(
                v1::EXEMPLAR_TIMESTAMP,
                exemplar.timestamp_ms.unwrap_or_default() as u64,
            );
        });
    }
    for sample in series.histograms {
        writer.message(v1::SERIES_HISTOGRAMS, |writer| {
            histogram::encode(writer, sample.timestamp_ms, 0, sample.value);
        });
    }
}

/// Writes series of version 2.0.
struct SymbolEncoder<'e> {
    symbols: &'e mut SymbolTable,
    references: &'e mut Vec<u32>,
}

impl SymbolEncoder<'_> {
    fn write_series(&mut self, writer: &mut Writer<'_>, series: &OutgoingSeries<'_>) {
        self.write_labels(writer, v2::SERIES_LABELS, series.labels);
        for sample in series.samples {
            writer.message(v2::SERIES_SAMPLES, |writer| {
                writer.nonzero_double(v2::SAMPLE_VALUE, sample.value);
                writer.nonzero(v2::SAMPLE_TIMESTAMP, sample.timestamp_ms as u64);
                writer.nonzero(v2::SAMPLE_START, sample.start_timestamp_ms as u64);
            });
        }
        for sample in series.histograms {
            writer.message(v2::SERIES_HISTOGRAMS, |writer| {
                histogram::encode(
                    writer,
                    sample.timestamp_ms,
                    sample.start_timestamp_ms,
                    sample.value,
                );
            });
        }
        for exemplar in series.exemplars {
            writer.message(v2::SERIES_EXEMPLARS, |writer| {
                self.write_labels(writer, v2::EXEMPLAR_LABELS, &exemplar.labels);
                writer.nonzero_double(v2::EXEMPLAR_VALUE, exemplar.value);
                writer.nonzero(
                    v2::EXEMPLAR_TIMESTAMP,
                    exemplar.timestamp_ms.unwrap_or_default() as u64,
                );
            });
        }
        if let Some(metadata) = series.metadata {
            writer.message(v2::SERIES_METADATA, |writer| {
                writer.nonzero(v2::METADATA_TYPE, number_of_kind(metadata.kind));
                writer.nonzero(v2::METADATA_HELP, u64::from(self.symbols.intern(&metadata.help)));
                writer.nonzero(v2::METADATA_UNIT, u64::from(self.symbols.intern(&metadata.unit)));
            });
        }
    }

    fn write_labels(&mut self, writer: &mut Writer<'_>, field: u32, labels: &Labels) {
        self.references.clear();
        for (name, value) in labels {
            self.references.push(self.symbols.intern(name));
            self.references.push(self.symbols.intern(value));
        }
        writer.packed(
            field,
            self.references.iter().map(|reference| u64::from(*reference)),
        );
    }
}
