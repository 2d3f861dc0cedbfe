//! Answers of samples: [`ReadResponseEncoder`] and [`ReadResponseDecoder`].

use crate::protobuf::{ProtobufError, Reader, Writer, delimited, known};
use crate::remote_write::{OutgoingSeries, ReceivedSeries, decode_series, write_v1_series};

const RESULTS: u32 = 1;
const TIMESERIES: u32 = 1;

/// Writes an answer query by query and series by series, into memory that it keeps.
///
/// ```
/// use moheng_metrics::remote_read::{ReadResponseDecoder, ReadResponseEncoder};
/// use moheng_metrics::remote_write::{OutgoingSeries, WriteSample};
/// use moheng_metrics::Labels;
///
/// let labels = Labels::from_pairs([("__name__", "up")]);
/// let samples = [WriteSample { timestamp_ms: 15_000, value: 1.0, start_timestamp_ms: 0 }];
/// let mut encoder = ReadResponseEncoder::new();
/// encoder.push(&OutgoingSeries { samples: &samples, ..OutgoingSeries::new(&labels) });
/// encoder.finish_query();
///
/// let mut decoder = ReadResponseDecoder::new(encoder.bytes());
/// let (query, series) = decoder.next_series()?.expect("one series");
/// assert_eq!((query, series.samples.as_slice()), (0, samples.as_slice()));
/// # Ok::<(), moheng_metrics::protobuf::ProtobufError>(())
/// ```
#[derive(Debug, Default)]
pub struct ReadResponseEncoder {
    response: Vec<u8>,
    /// The series of the query that is not finished.
    result: Vec<u8>,
}

impl ReadResponseEncoder {
    /// An encoder with an empty answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a series to the answer to the current query. Exemplars and metadata are not part of answers.
    pub fn push(&mut self, series: &OutgoingSeries<'_>) {
        let series = OutgoingSeries {
            exemplars: &[],
            ..*series
        };
        Writer::new(&mut self.result).message(TIMESERIES, |writer| write_v1_series(writer, &series));
    }

    /// Ends the answer to the current query, which may have no series.
    pub fn finish_query(&mut self) {
        Writer::new(&mut self.response).bytes(RESULTS, &self.result);
        self.result.clear();
    }

    /// How long the answer is so far, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.response.len() + self.result.len()
    }

    /// The answer to all queries that were finished, to be compressed and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.response
    }

    /// Starts the next answer.
    pub fn clear(&mut self) {
        self.response.clear();
        self.result.clear();
    }
}

/// Hands out an answer series by series, without copying it.
#[derive(Debug)]
pub struct ReadResponseDecoder<'a> {
    response: Reader<'a>,
    result: Reader<'a>,
    /// The number of results that were begun.
    results: usize,
    series: ReceivedSeries<'a>,
}

impl<'a> ReadResponseDecoder<'a> {
    /// A decoder of an answer that is no longer compressed.
    pub fn new(response: &'a [u8]) -> Self {
        Self {
            response: Reader::new(response),
            result: Reader::new(&[]),
            results: 0,
            series: ReceivedSeries::default(),
        }
    }

    /// The next series with the number of the query it answers, from 0, or `None` at the end of the answer.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when the answer does not follow its format; nothing comes after it.
    pub fn next_series(&mut self) -> Result<Option<(usize, &mut ReceivedSeries<'a>)>, ProtobufError> {
        let has_series = self.advance();
        if has_series.is_err() {
            (self.response, self.result) = (Reader::new(&[]), Reader::new(&[]));
        }
        Ok(has_series?.then(|| (self.results.saturating_sub(1), &mut self.series)))
    }

    /// Reads the next series, if there is one.
    fn advance(&mut self) -> Result<bool, ProtobufError> {
        const TIMESERIES_KEY: u32 = delimited(TIMESERIES);
        loop {
            while let Some(key) = self.result.key("results")? {
                if key == TIMESERIES_KEY {
                    let message = self.result.message("results.timeseries")?;
                    decode_series(message, &mut self.series)?;
                    return Ok(true);
                }
                self.result.skip(key, known(&[TIMESERIES]), "results")?;
            }
            if !self.next_result()? {
                return Ok(false);
            }
        }
    }

    fn next_result(&mut self) -> Result<bool, ProtobufError> {
        const RESULTS_KEY: u32 = delimited(RESULTS);
        while let Some(key) = self.response.key("response")? {
            if key == RESULTS_KEY {
                self.result = self.response.message("results")?;
                self.results += 1;
                return Ok(true);
            }
            self.response.skip(key, known(&[RESULTS]), "response")?;
        }
        Ok(false)
    }
}
