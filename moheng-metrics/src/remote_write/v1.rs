//! Series as version 1.0 and remote read carry them: with all names and values written out.

use super::decoder::FamilyMetadata;
use super::series::{MAX_SERIES_LABELS, ReceivedMetadata, ReceivedSeries, WriteSample, kind_of_number};
use crate::protobuf::{ProtobufError, Reader, delimited, fixed64_key, known, varint};

pub(super) const TIMESERIES: u32 = 1;
pub(super) const METADATA: u32 = 3;

pub(super) const SERIES_LABELS: u32 = 1;
pub(super) const SERIES_SAMPLES: u32 = 2;
pub(super) const SERIES_EXEMPLARS: u32 = 3;
pub(super) const SERIES_HISTOGRAMS: u32 = 4;

pub(super) const SAMPLE_VALUE: u32 = 1;
pub(super) const SAMPLE_TIMESTAMP: u32 = 2;

pub(super) const EXEMPLAR_LABELS: u32 = 1;
pub(super) const EXEMPLAR_VALUE: u32 = 2;
pub(super) const EXEMPLAR_TIMESTAMP: u32 = 3;

pub(super) const METADATA_TYPE: u32 = 1;
pub(super) const METADATA_FAMILY: u32 = 2;
pub(super) const METADATA_HELP: u32 = 4;
pub(super) const METADATA_UNIT: u32 = 5;

const VALUE_KEY: u32 = fixed64_key(SAMPLE_VALUE);
const TIMESTAMP_KEY: u32 = varint(SAMPLE_TIMESTAMP);

/// Reads a series, replacing the one before.
pub(crate) fn decode_series<'a>(
    mut reader: Reader<'a>,
    series: &mut ReceivedSeries<'a>,
) -> Result<(), ProtobufError> {
    const LABELS_KEY: u32 = delimited(SERIES_LABELS);
    const SAMPLES_KEY: u32 = delimited(SERIES_SAMPLES);
    const EXEMPLARS_KEY: u32 = delimited(SERIES_EXEMPLARS);
    const HISTOGRAMS_KEY: u32 = delimited(SERIES_HISTOGRAMS);
    const FIELDS: u64 = known(&[SERIES_LABELS, SERIES_SAMPLES, SERIES_EXEMPLARS, SERIES_HISTOGRAMS]);
    series.clear();
    while let Some(key) = reader.key("timeseries")? {
        match key {
            LABELS_KEY => decode_label(&mut reader, &mut series.labels, "timeseries.labels")?,
            SAMPLES_KEY => {
                let sample = decode_sample(reader.message("timeseries.samples")?)?;
                series.push_sample(sample, &reader, "timeseries.samples")?;
            }
            EXEMPLARS_KEY => series.decode_exemplar(&mut reader, decode_exemplar)?,
            HISTOGRAMS_KEY => series.decode_histogram(&mut reader)?,
            key => reader.skip(key, FIELDS, "timeseries")?,
        }
    }
    Ok(())
}

/// Reads a label and adds it to the list.
#[inline]
pub(crate) fn decode_label<'a>(
    reader: &mut Reader<'a>,
    labels: &mut Vec<(&'a str, &'a str)>,
    field: &'static str,
) -> Result<(), ProtobufError> {
    reader.check_length(labels.len(), MAX_SERIES_LABELS, field)?;
    let message = reader.message(field)?;
    let label = match whole_label(message.rest()) {
        Some(label) => label,
        None => decode_pair(message, field)?,
    };
    labels.push(label);
    Ok(())
}

/// A label as everyone writes it: name, then value, each shorter than 128 bytes. Then all of the message is UTF-8
/// if both texts are, so that checking it once will do.
#[inline]
fn whole_label(message: &[u8]) -> Option<(&str, &str)> {
    const NAME: u8 = delimited(1) as u8;
    const VALUE: u8 = delimited(2) as u8;
    let [NAME, name_length @ 0..0x80, rest @ ..] = message else {
        return None;
    };
    let name_length = usize::from(*name_length);
    let [VALUE, value_length @ 0..0x80, value @ ..] = rest.get(name_length..)? else {
        return None;
    };
    if value.len() != usize::from(*value_length) {
        return None;
    }
    let text = std::str::from_utf8(message).ok()?;
    Some((text.get(2..2 + name_length)?, text.get(4 + name_length..)?))
}

fn decode_pair<'a>(
    mut message: Reader<'a>,
    field: &'static str,
) -> Result<(&'a str, &'a str), ProtobufError> {
    const NAME_KEY: u32 = delimited(1);
    const VALUE_KEY: u32 = delimited(2);
    let mut pair = ("", "");
    while let Some(key) = message.key(field)? {
        match key {
            NAME_KEY => pair.0 = message.text(field)?,
            VALUE_KEY => pair.1 = message.text(field)?,
            key => message.skip(key, known(&[1, 2]), field)?,
        }
    }
    Ok(pair)
}

#[inline]
fn decode_sample(mut message: Reader<'_>) -> Result<WriteSample, ProtobufError> {
    let mut sample = WriteSample::default();
    while let Some(key) = message.key("timeseries.samples")? {
        match key {
            VALUE_KEY => sample.value = message.double("timeseries.samples.value")?,
            TIMESTAMP_KEY => sample.timestamp_ms = message.varint("timeseries.samples.timestamp")? as i64,
            key => message.skip(
                key,
                known(&[SAMPLE_VALUE, SAMPLE_TIMESTAMP]),
                "timeseries.samples",
            )?,
        }
    }
    Ok(sample)
}

fn decode_exemplar<'a>(
    mut message: Reader<'a>,
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<(f64, i64), ProtobufError> {
    const LABELS_KEY: u32 = delimited(EXEMPLAR_LABELS);
    const VALUE_KEY: u32 = fixed64_key(EXEMPLAR_VALUE);
    const TIMESTAMP_KEY: u32 = varint(EXEMPLAR_TIMESTAMP);
    const FIELDS: u64 = known(&[EXEMPLAR_LABELS, EXEMPLAR_VALUE, EXEMPLAR_TIMESTAMP]);
    const NAME: &str = "timeseries.exemplars";
    let (mut value, mut timestamp_ms) = (0.0, 0);
    while let Some(key) = message.key(NAME)? {
        match key {
            LABELS_KEY => decode_label(&mut message, labels, "timeseries.exemplars.labels")?,
            VALUE_KEY => value = message.double("timeseries.exemplars.value")?,
            TIMESTAMP_KEY => timestamp_ms = message.varint("timeseries.exemplars.timestamp")? as i64,
            key => message.skip(key, FIELDS, NAME)?,
        }
    }
    Ok((value, timestamp_ms))
}

/// Reads what version 1.0 says about a metric.
pub(super) fn decode_metadata(mut message: Reader<'_>) -> Result<FamilyMetadata<'_>, ProtobufError> {
    const TYPE_KEY: u32 = varint(METADATA_TYPE);
    const FAMILY_KEY: u32 = delimited(METADATA_FAMILY);
    const HELP_KEY: u32 = delimited(METADATA_HELP);
    const UNIT_KEY: u32 = delimited(METADATA_UNIT);
    const FIELDS: u64 = known(&[METADATA_TYPE, METADATA_FAMILY, METADATA_HELP, METADATA_UNIT]);
    let mut family = "";
    let mut metadata = ReceivedMetadata::default();
    while let Some(key) = message.key("metadata")? {
        match key {
            TYPE_KEY => metadata.kind = kind_of_number(message.choice("metadata.type")?),
            FAMILY_KEY => family = message.text("metadata.metric_family_name")?,
            HELP_KEY => metadata.help = message.text("metadata.help")?,
            UNIT_KEY => metadata.unit = message.text("metadata.unit")?,
            key => message.skip(key, FIELDS, "metadata")?,
        }
    }
    Ok(FamilyMetadata { family, metadata })
}
