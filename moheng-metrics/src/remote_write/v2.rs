//! Series as version 2.0 carries them: names and values are numbers of symbols.

use super::series::{MAX_SERIES_LABELS, ReceivedMetadata, ReceivedSeries, WriteSample, kind_of_number};
use crate::protobuf::{ProtobufError, ProtobufErrorKind, Reader, delimited, fixed64_key, known, varint};

/// The most symbols that are accepted in one request.
pub const MAX_SYMBOLS: usize = 1 << 22;

pub(super) const SYMBOLS: u32 = 4;
pub(super) const TIMESERIES: u32 = 5;

pub(super) const SERIES_LABELS: u32 = 1;
pub(super) const SERIES_SAMPLES: u32 = 2;
pub(super) const SERIES_HISTOGRAMS: u32 = 3;
pub(super) const SERIES_EXEMPLARS: u32 = 4;
pub(super) const SERIES_METADATA: u32 = 5;
/// One start for all samples, before version 2.0-rc.4.
const SERIES_CREATED: u32 = 6;

pub(super) const SAMPLE_VALUE: u32 = 1;
pub(super) const SAMPLE_TIMESTAMP: u32 = 2;
pub(super) const SAMPLE_START: u32 = 3;

pub(super) const EXEMPLAR_LABELS: u32 = 1;
pub(super) const EXEMPLAR_VALUE: u32 = 2;
pub(super) const EXEMPLAR_TIMESTAMP: u32 = 3;

pub(super) const METADATA_TYPE: u32 = 1;
pub(super) const METADATA_HELP: u32 = 3;
pub(super) const METADATA_UNIT: u32 = 4;

/// The texts of a request.
pub(super) type Symbols<'a> = [&'a str];

/// Collects the symbols of a request, which may be anywhere in it.
pub(super) fn decode_symbols(mut request: Reader<'_>) -> Result<Vec<&str>, ProtobufError> {
    const SYMBOLS_KEY: u32 = delimited(SYMBOLS);
    const TIMESERIES_KEY: u32 = delimited(TIMESERIES);
    let mut symbols = Vec::new();
    while let Some(key) = request.key("request")? {
        match key {
            SYMBOLS_KEY => {
                request.check_length(symbols.len(), MAX_SYMBOLS, "symbols")?;
                let start = request;
                let symbol = request.text("symbols")?;
                if symbols.is_empty() && !symbol.is_empty() {
                    return Err(start.error("symbols", ProtobufErrorKind::FirstSymbol));
                }
                symbols.push(symbol);
            }
            TIMESERIES_KEY => drop(request.bytes("timeseries")?),
            key => request.skip(key, 0, "request")?,
        }
    }
    Ok(symbols)
}

/// Reads a series, replacing the one before.
pub(super) fn decode_series<'a>(
    mut reader: Reader<'a>,
    symbols: &Symbols<'a>,
    series: &mut ReceivedSeries<'a>,
) -> Result<(), ProtobufError> {
    const PACKED_LABELS_KEY: u32 = delimited(SERIES_LABELS);
    const LABELS_KEY: u32 = varint(SERIES_LABELS);
    const SAMPLES_KEY: u32 = delimited(SERIES_SAMPLES);
    const HISTOGRAMS_KEY: u32 = delimited(SERIES_HISTOGRAMS);
    const EXEMPLARS_KEY: u32 = delimited(SERIES_EXEMPLARS);
    const METADATA_KEY: u32 = delimited(SERIES_METADATA);
    const CREATED_KEY: u32 = varint(SERIES_CREATED);
    const FIELDS: u64 = known(&[1, 2, 3, 4, 5, 6]);
    series.clear();
    let mut created_ms = 0;
    let mut references = References::new(symbols, "timeseries.labels_refs");
    while let Some(key) = reader.key("timeseries")? {
        match key {
            PACKED_LABELS_KEY => references.decode_packed(&mut reader, &mut series.labels)?,
            LABELS_KEY => references.decode(&mut reader, &mut series.labels)?,
            SAMPLES_KEY => {
                let sample = decode_sample(reader.message("timeseries.samples")?)?;
                series.push_sample(sample, &reader, "timeseries.samples")?;
            }
            HISTOGRAMS_KEY => series.decode_histogram(&mut reader)?,
            EXEMPLARS_KEY => series.decode_exemplar(&mut reader, |message, labels| {
                decode_exemplar(message, symbols, labels)
            })?,
            METADATA_KEY => {
                let message = reader.message("timeseries.metadata")?;
                series.metadata = Some(decode_metadata(message, symbols)?);
            }
            CREATED_KEY => created_ms = reader.varint("timeseries.created_timestamp")? as i64,
            key => reader.skip(key, FIELDS, "timeseries")?,
        }
    }
    references.finish(&reader)?;
    if created_ms != 0 {
        series.set_starts(created_ms);
    }
    Ok(())
}

/// Turns references into labels, two by two.
struct References<'s, 'a> {
    symbols: &'s Symbols<'a>,
    field: &'static str,
    name: Option<&'a str>,
}

impl<'s, 'a> References<'s, 'a> {
    fn new(symbols: &'s Symbols<'a>, field: &'static str) -> Self {
        let name = None;
        Self { symbols, field, name }
    }

    #[inline]
    fn decode_packed(
        &mut self,
        reader: &mut Reader<'a>,
        labels: &mut Vec<(&'a str, &'a str)>,
    ) -> Result<(), ProtobufError> {
        let mut packed = reader.message(self.field)?;
        while !packed.is_empty() {
            let name = match self.name.take() {
                Some(name) => name,
                None => decode_symbol(&mut packed, self.symbols, self.field)?,
            };
            if packed.is_empty() {
                self.name = Some(name);
                break;
            }
            let value = decode_symbol(&mut packed, self.symbols, self.field)?;
            packed.check_length(labels.len(), MAX_SERIES_LABELS, self.field)?;
            labels.push((name, value));
        }
        Ok(())
    }

    #[inline]
    fn decode(
        &mut self,
        reader: &mut Reader<'a>,
        labels: &mut Vec<(&'a str, &'a str)>,
    ) -> Result<(), ProtobufError> {
        let symbol = decode_symbol(reader, self.symbols, self.field)?;
        match self.name.take() {
            None => self.name = Some(symbol),
            Some(name) => {
                reader.check_length(labels.len(), MAX_SERIES_LABELS, self.field)?;
                labels.push((name, symbol));
            }
        }
        Ok(())
    }

    fn finish(&self, reader: &Reader<'_>) -> Result<(), ProtobufError> {
        match self.name {
            None => Ok(()),
            Some(_) => Err(reader.error(self.field, ProtobufErrorKind::OddReferences)),
        }
    }
}

#[inline]
fn decode_symbol<'a>(
    reader: &mut Reader<'_>,
    symbols: &Symbols<'a>,
    field: &'static str,
) -> Result<&'a str, ProtobufError> {
    let start = *reader;
    let reference = reader.varint32(field)?;
    symbols.get(reference as usize).copied().ok_or_else(|| {
        let symbols = symbols.len();
        start.error(field, ProtobufErrorKind::SymbolReference { reference, symbols })
    })
}

#[inline]
fn decode_sample(mut message: Reader<'_>) -> Result<WriteSample, ProtobufError> {
    const VALUE_KEY: u32 = fixed64_key(SAMPLE_VALUE);
    const TIMESTAMP_KEY: u32 = varint(SAMPLE_TIMESTAMP);
    const START_KEY: u32 = varint(SAMPLE_START);
    const NAME: &str = "timeseries.samples";
    let mut sample = WriteSample::default();
    while let Some(key) = message.key(NAME)? {
        match key {
            VALUE_KEY => sample.value = message.double("timeseries.samples.value")?,
            TIMESTAMP_KEY => sample.timestamp_ms = message.varint("timeseries.samples.timestamp")? as i64,
            START_KEY => {
                sample.start_timestamp_ms = message.varint("timeseries.samples.start_timestamp")? as i64;
            }
            key => message.skip(key, known(&[SAMPLE_VALUE, SAMPLE_TIMESTAMP, SAMPLE_START]), NAME)?,
        }
    }
    Ok(sample)
}

fn decode_exemplar<'a>(
    mut message: Reader<'a>,
    symbols: &Symbols<'a>,
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<(f64, i64), ProtobufError> {
    const PACKED_LABELS_KEY: u32 = delimited(EXEMPLAR_LABELS);
    const LABELS_KEY: u32 = varint(EXEMPLAR_LABELS);
    const VALUE_KEY: u32 = fixed64_key(EXEMPLAR_VALUE);
    const TIMESTAMP_KEY: u32 = varint(EXEMPLAR_TIMESTAMP);
    const FIELDS: u64 = known(&[EXEMPLAR_LABELS, EXEMPLAR_VALUE, EXEMPLAR_TIMESTAMP]);
    const NAME: &str = "timeseries.exemplars";
    let (mut value, mut timestamp_ms) = (0.0, 0);
    let mut references = References::new(symbols, "timeseries.exemplars.labels_refs");
    while let Some(key) = message.key(NAME)? {
        match key {
            PACKED_LABELS_KEY => references.decode_packed(&mut message, labels)?,
            LABELS_KEY => references.decode(&mut message, labels)?,
            VALUE_KEY => value = message.double("timeseries.exemplars.value")?,
            TIMESTAMP_KEY => timestamp_ms = message.varint("timeseries.exemplars.timestamp")? as i64,
            key => message.skip(key, FIELDS, NAME)?,
        }
    }
    references.finish(&message)?;
    Ok((value, timestamp_ms))
}

fn decode_metadata<'a>(
    mut message: Reader<'a>,
    symbols: &Symbols<'a>,
) -> Result<ReceivedMetadata<'a>, ProtobufError> {
    const TYPE_KEY: u32 = varint(METADATA_TYPE);
    const HELP_KEY: u32 = varint(METADATA_HELP);
    const UNIT_KEY: u32 = varint(METADATA_UNIT);
    const FIELDS: u64 = known(&[METADATA_TYPE, METADATA_HELP, METADATA_UNIT]);
    const NAME: &str = "timeseries.metadata";
    let mut metadata = ReceivedMetadata::default();
    while let Some(key) = message.key(NAME)? {
        match key {
            TYPE_KEY => metadata.kind = kind_of_number(message.choice("timeseries.metadata.type")?),
            HELP_KEY => {
                metadata.help = decode_symbol(&mut message, symbols, "timeseries.metadata.help_ref")?;
            }
            UNIT_KEY => {
                metadata.unit = decode_symbol(&mut message, symbols, "timeseries.metadata.unit_ref")?;
            }
            key => message.skip(key, FIELDS, NAME)?,
        }
    }
    Ok(metadata)
}
