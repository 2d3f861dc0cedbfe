//! [`ReadRequest`]: which series and times are asked for.

use crate::protobuf::{ProtobufError, ProtobufErrorKind, Reader, Writer, delimited, known, varint};
use crate::{MatchOp, Matcher, PatternError};

/// The most queries that are accepted in one request.
pub const MAX_QUERIES: usize = 1000;

/// The most matchers that are accepted in one query.
pub const MAX_QUERY_MATCHERS: usize = 1000;

const QUERIES: u32 = 1;
const ACCEPTED_TYPES: u32 = 2;

const QUERY_START: u32 = 1;
const QUERY_END: u32 = 2;
const QUERY_MATCHERS: u32 = 3;
const QUERY_HINTS: u32 = 4;

const MATCHER_TYPE: u32 = 1;
const MATCHER_NAME: u32 = 2;
const MATCHER_VALUE: u32 = 3;

const HINT_STEP: u32 = 1;
const HINT_FUNCTION: u32 = 2;
const HINT_START: u32 = 3;
const HINT_END: u32 = 4;
const HINT_GROUPING: u32 = 5;
const HINT_BY: u32 = 6;
const HINT_RANGE: u32 = 7;

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReadRequest {
    /// The queries, which are answered one after the other.
    pub queries: Vec<ReadQuery>,
    /// The kinds of answers that the client understands, the best first; none means [`ReadResponseType::Samples`].
    pub accepted_types: Vec<ReadResponseType>,
}

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadResponseType {
    /// With all samples in one message.
    Samples,
    /// With chunks in a stream of frames.
    StreamedChunks,
}

impl ReadResponseType {
    /// The header `Content-Type` of such an answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Samples => "application/x-protobuf",
            Self::StreamedChunks => "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse",
        }
    }

    /// The header `Content-Encoding` of such an answer; frames are not compressed.
    pub const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Samples => Some("snappy"),
            Self::StreamedChunks => None,
        }
    }

    const fn number(self) -> u64 {
        match self {
            Self::Samples => 0,
            Self::StreamedChunks => 1,
        }
    }
}

/// Series and a range of time.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReadQuery {
    /// The first time of interest, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// The last time of interest, in milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// Conditions that all must hold.
    pub matchers: Vec<ReadMatcher>,
    /// What the client is going to do with the samples.
    pub hints: Option<ReadHints>,
}

/// A condition on a label, of which a pattern is not compiled yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadMatcher {
    /// How it compares.
    pub op: MatchOp,
    /// The label.
    pub name: String,
    /// What it compares with.
    pub value: String,
}

/// What a client says about its intentions. A server may ignore all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadHints {
    /// Time between the points of the result, in milliseconds; 0 when there is one point only.
    pub step_ms: i64,
    /// The function or aggregation around the selector; may be empty.
    pub function: String,
    /// The first time that the selector needs, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// The last time that the selector needs, in milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// The labels of the aggregation.
    pub grouping: Vec<String>,
    /// Whether `grouping` are the labels that are kept.
    pub by: bool,
    /// The range of the selector, in milliseconds; 0 when it has none.
    pub range_ms: i64,
}

impl ReadRequest {
    /// Reads a request that is no longer compressed.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when it does not follow its format, or has more than [`MAX_QUERIES`] or [`MAX_QUERY_MATCHERS`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ProtobufError> {
        const QUERIES_KEY: u32 = delimited(QUERIES);
        const TYPE_KEY: u32 = varint(ACCEPTED_TYPES);
        const TYPES_KEY: u32 = delimited(ACCEPTED_TYPES);
        let mut request = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key("request")? {
            match key {
                QUERIES_KEY => {
                    reader.check_length(request.queries.len(), MAX_QUERIES, "queries")?;
                    request.queries.push(decode_query(reader.message("queries")?)?);
                }
                TYPE_KEY | TYPES_KEY => {
                    let mut numbers = Vec::new();
                    reader.push_varints(key, "accepted_response_types", &mut numbers, |number| number)?;
                    request.accept(&numbers);
                }
                key => reader.skip(key, known(&[QUERIES, ACCEPTED_TYPES]), "request")?,
            }
        }
        Ok(request)
    }

    /// The message, to be compressed and sent.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        for query in &self.queries {
            writer.message(QUERIES, |writer| encode_query(writer, query));
        }
        let types = self.accepted_types.iter();
        writer.packed(ACCEPTED_TYPES, types.map(|accepted| accepted.number()));
        out
    }

    /// How a server answers that can give all of `supported`: by the first kind that the client accepts. `None` when it
    /// accepts none of them, which a server answers with status 400.
    pub fn response_type(&self, supported: &[ReadResponseType]) -> Option<ReadResponseType> {
        let default = [ReadResponseType::Samples];
        let accepted = if self.accepted_types.is_empty() {
            &default
        } else {
            self.accepted_types.as_slice()
        };
        accepted
            .iter()
            .copied()
            .find(|accepted| supported.contains(accepted))
    }

    /// Adds kinds of answers; unknown ones are of no use to anyone here, and those that are already there add nothing.
    fn accept(&mut self, numbers: &[u64]) {
        for number in numbers {
            let known = [ReadResponseType::Samples, ReadResponseType::StreamedChunks];
            for accepted in known.into_iter().filter(|known| known.number() == *number) {
                if !self.accepted_types.contains(&accepted) {
                    self.accepted_types.push(accepted);
                }
            }
        }
    }
}

impl ReadQuery {
    /// A query of all series in a range of time, both ends inclusive, in milliseconds since the Unix epoch.
    pub fn new(start_ms: i64, end_ms: i64) -> Self {
        Self {
            start_ms,
            end_ms,
            ..Self::default()
        }
    }

    /// The conditions with their patterns compiled.
    ///
    /// # Errors
    ///
    /// When one of the patterns is invalid, or compiles to something too large.
    pub fn to_matchers(&self) -> Result<Vec<Matcher>, PatternError> {
        self.matchers.iter().map(ReadMatcher::to_matcher).collect()
    }
}

impl ReadMatcher {
    /// The condition with its pattern compiled.
    ///
    /// # Errors
    ///
    /// As [`Matcher::new`].
    pub fn to_matcher(&self) -> Result<Matcher, PatternError> {
        Matcher::new(self.op, self.name.as_str(), self.value.as_str())
    }
}

impl From<&Matcher> for ReadMatcher {
    fn from(matcher: &Matcher) -> Self {
        Self {
            op: matcher.op(),
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
        }
    }
}

fn decode_query(mut message: Reader<'_>) -> Result<ReadQuery, ProtobufError> {
    const START_KEY: u32 = varint(QUERY_START);
    const END_KEY: u32 = varint(QUERY_END);
    const MATCHERS_KEY: u32 = delimited(QUERY_MATCHERS);
    const HINTS_KEY: u32 = delimited(QUERY_HINTS);
    const FIELDS: u64 = known(&[QUERY_START, QUERY_END, QUERY_MATCHERS, QUERY_HINTS]);
    let mut query = ReadQuery::default();
    while let Some(key) = message.key("queries")? {
        match key {
            START_KEY => query.start_ms = message.varint("queries.start_timestamp_ms")? as i64,
            END_KEY => query.end_ms = message.varint("queries.end_timestamp_ms")? as i64,
            MATCHERS_KEY => {
                message.check_length(query.matchers.len(), MAX_QUERY_MATCHERS, "queries.matchers")?;
                let matcher = message.message("queries.matchers")?;
                query.matchers.push(decode_matcher(matcher)?);
            }
            HINTS_KEY => query.hints = Some(decode_hints(message.message("queries.hints")?)?),
            key => message.skip(key, FIELDS, "queries")?,
        }
    }
    Ok(query)
}

fn decode_matcher(mut message: Reader<'_>) -> Result<ReadMatcher, ProtobufError> {
    const TYPE_KEY: u32 = varint(MATCHER_TYPE);
    const NAME_KEY: u32 = delimited(MATCHER_NAME);
    const VALUE_KEY: u32 = delimited(MATCHER_VALUE);
    const FIELDS: u64 = known(&[MATCHER_TYPE, MATCHER_NAME, MATCHER_VALUE]);
    let (mut op, mut name, mut value) = (MatchOp::Equal, "", "");
    while let Some(key) = message.key("queries.matchers")? {
        match key {
            TYPE_KEY => {
                let start = message;
                let number = message.choice("queries.matchers.type")?;
                op = match number {
                    0 => MatchOp::Equal,
                    1 => MatchOp::NotEqual,
                    2 => MatchOp::Regex,
                    3 => MatchOp::NotRegex,
                    _ => {
                        let kind = ProtobufErrorKind::UnknownValue(i64::from(number));
                        return Err(start.error("queries.matchers.type", kind));
                    }
                };
            }
            NAME_KEY => name = message.text("queries.matchers.name")?,
            VALUE_KEY => value = message.text("queries.matchers.value")?,
            key => message.skip(key, FIELDS, "queries.matchers")?,
        }
    }
    Ok(ReadMatcher {
        op,
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

fn decode_hints(mut message: Reader<'_>) -> Result<ReadHints, ProtobufError> {
    const STEP_KEY: u32 = varint(HINT_STEP);
    const FUNCTION_KEY: u32 = delimited(HINT_FUNCTION);
    const START_KEY: u32 = varint(HINT_START);
    const END_KEY: u32 = varint(HINT_END);
    const GROUPING_KEY: u32 = delimited(HINT_GROUPING);
    const BY_KEY: u32 = varint(HINT_BY);
    const RANGE_KEY: u32 = varint(HINT_RANGE);
    const FIELDS: u64 = known(&[1, 2, 3, 4, 5, 6, 7]);
    let mut hints = ReadHints::default();
    while let Some(key) = message.key("queries.hints")? {
        match key {
            STEP_KEY => hints.step_ms = message.varint("queries.hints.step_ms")? as i64,
            FUNCTION_KEY => message
                .text("queries.hints.func")?
                .clone_into(&mut hints.function),
            START_KEY => hints.start_ms = message.varint("queries.hints.start_ms")? as i64,
            END_KEY => hints.end_ms = message.varint("queries.hints.end_ms")? as i64,
            GROUPING_KEY => {
                const FIELD: &str = "queries.hints.grouping";
                message.check_length(hints.grouping.len(), MAX_QUERY_MATCHERS, FIELD)?;
                hints.grouping.push(message.text(FIELD)?.to_owned());
            }
            BY_KEY => hints.by = message.varint("queries.hints.by")? != 0,
            RANGE_KEY => hints.range_ms = message.varint("queries.hints.range_ms")? as i64,
            key => message.skip(key, FIELDS, "queries.hints")?,
        }
    }
    Ok(hints)
}

fn encode_query(writer: &mut Writer<'_>, query: &ReadQuery) {
    writer.nonzero(QUERY_START, query.start_ms as u64);
    writer.nonzero(QUERY_END, query.end_ms as u64);
    for matcher in &query.matchers {
        writer.message(QUERY_MATCHERS, |writer| {
            let number = match matcher.op {
                MatchOp::Equal => 0,
                MatchOp::NotEqual => 1,
                MatchOp::Regex => 2,
                MatchOp::NotRegex => 3,
            };
            writer.nonzero(MATCHER_TYPE, number);
            writer.nonempty_text(MATCHER_NAME, &matcher.name);
            writer.nonempty_text(MATCHER_VALUE, &matcher.value);
        });
    }
    if let Some(hints) = &query.hints {
        writer.message(QUERY_HINTS, |writer| {
            writer.nonzero(HINT_STEP, hints.step_ms as u64);
            writer.nonempty_text(HINT_FUNCTION, &hints.function);
            writer.nonzero(HINT_START, hints.start_ms as u64);
            writer.nonzero(HINT_END, hints.end_ms as u64);
            for label in &hints.grouping {
                writer.text(HINT_GROUPING, label);
            }
            writer.nonzero(HINT_BY, u64::from(hints.by));
            writer.nonzero(HINT_RANGE, hints.range_ms as u64);
        });
    }
}
