//! [`WriteDecoder`]: a request, read in place.

use super::series::{ReceivedMetadata, ReceivedSeries};
use super::{WriteMessage, v1, v2};
use crate::protobuf::{ProtobufError, Reader, delimited, known};

/// Hands out a request series by series, without copying it.
///
/// The lists of a series are reused for the next one, so that nothing is allocated per series or per sample once the lists
/// are as long as they need to be. Beside the request itself it takes memory for one series and, in version 2.0,
/// for a list of the symbols.
///
/// Whoever passes a request of unknown origin limits its size first: [`crate::decode_snappy`].
#[derive(Debug)]
pub struct WriteDecoder<'a> {
    message: WriteMessage,
    reader: Reader<'a>,
    symbols: Vec<&'a str>,
    series: ReceivedSeries<'a>,
}

/// Something that is in a request.
#[derive(Debug)]
pub enum WriteItem<'s, 'a> {
    /// A series with its samples.
    Series(&'s mut ReceivedSeries<'a>),
    /// What version 1.0 says about a metric, apart from the series. In version 2.0 it is with each of them.
    Metadata(FamilyMetadata<'a>),
}

/// What a request of version 1.0 says about a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyMetadata<'a> {
    /// The name of the metric, without the suffixes of histograms and summaries.
    pub family: &'a str,
    /// What is said.
    pub metadata: ReceivedMetadata<'a>,
}

impl<'a> WriteDecoder<'a> {
    /// A decoder of a request that is no longer compressed.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when the symbols of a request of version 2.0 cannot be read; with version 1.0 never.
    pub fn new(message: WriteMessage, request: &'a [u8]) -> Result<Self, ProtobufError> {
        let reader = Reader::new(request);
        let symbols = match message {
            WriteMessage::V1 => Vec::new(),
            WriteMessage::V2 => v2::decode_symbols(reader)?,
        };
        Ok(Self {
            message,
            reader,
            symbols,
            series: ReceivedSeries::default(),
        })
    }

    /// What comes next in the request, or `None` at its end.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when the request does not follow its format. What was handed out before was right; nothing
    /// comes after it.
    pub fn next_item(&mut self) -> Result<Option<WriteItem<'_, 'a>>, ProtobufError> {
        let next = match self.message {
            WriteMessage::V1 => self.next_v1(),
            WriteMessage::V2 => self.next_v2(),
        };
        if next.is_err() {
            self.reader = Reader::new(&[]);
        }
        Ok(next?.map(|next| match next {
            Next::Series => WriteItem::Series(&mut self.series),
            Next::Metadata(metadata) => WriteItem::Metadata(metadata),
        }))
    }

    fn next_v1(&mut self) -> Result<Option<Next<'a>>, ProtobufError> {
        const TIMESERIES_KEY: u32 = delimited(v1::TIMESERIES);
        const METADATA_KEY: u32 = delimited(v1::METADATA);
        const FIELDS: u64 = known(&[v1::TIMESERIES, v1::METADATA]);
        while let Some(key) = self.reader.key("request")? {
            match key {
                TIMESERIES_KEY => {
                    let message = self.reader.message("timeseries")?;
                    v1::decode_series(message, &mut self.series)?;
                    return Ok(Some(Next::Series));
                }
                METADATA_KEY => {
                    let message = self.reader.message("metadata")?;
                    return v1::decode_metadata(message).map(|metadata| Some(Next::Metadata(metadata)));
                }
                key => self.reader.skip(key, FIELDS, "request")?,
            }
        }
        Ok(None)
    }

    fn next_v2(&mut self) -> Result<Option<Next<'a>>, ProtobufError> {
        const SYMBOLS_KEY: u32 = delimited(v2::SYMBOLS);
        const TIMESERIES_KEY: u32 = delimited(v2::TIMESERIES);
        const FIELDS: u64 = known(&[v2::SYMBOLS, v2::TIMESERIES]);
        while let Some(key) = self.reader.key("request")? {
            match key {
                TIMESERIES_KEY => {
                    let message = self.reader.message("timeseries")?;
                    v2::decode_series(message, &self.symbols, &mut self.series)?;
                    return Ok(Some(Next::Series));
                }
                SYMBOLS_KEY => drop(self.reader.bytes("symbols")?),
                key => self.reader.skip(key, FIELDS, "request")?,
            }
        }
        Ok(None)
    }
}

/// What was found; a series lies in the decoder.
enum Next<'a> {
    Series,
    Metadata(FamilyMetadata<'a>),
}
