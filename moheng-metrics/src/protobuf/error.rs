//! [`ProtobufError`]: what is wrong with a message, and where.

use thiserror::Error;

/// A message that came from outside does not follow its format.
///
/// ```
/// use moheng_metrics::remote_write::{WriteDecoder, WriteMessage};
///
/// // Field 1, a series, which claims to be 9 bytes long.
/// let mut decoder = WriteDecoder::new(WriteMessage::V1, b"\x0a\x09")?;
/// let error = decoder.next_item().unwrap_err();
/// assert_eq!(error.to_string(), "byte 1: timeseries: length of 9 bytes reaches beyond the end");
/// # Ok::<(), moheng_metrics::protobuf::ProtobufError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("byte {offset}: {field}: {kind}")]
#[non_exhaustive]
pub struct ProtobufError {
    /// Where in the message, in bytes from its start.
    pub offset: usize,
    /// The field, by the names of the format's definition.
    pub field: &'static str,
    /// What is wrong.
    pub kind: ProtobufErrorKind,
}

impl ProtobufError {
    #[cold]
    pub(crate) fn new(offset: usize, field: &'static str, kind: ProtobufErrorKind) -> Self {
        Self { offset, field, kind }
    }
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtobufErrorKind {
    /// The message ends within a number.
    #[error("truncated")]
    Truncated,
    /// A text or an inner message claims to be longer than what it is in.
    #[error("length of {0} bytes reaches beyond the end")]
    Length(
        /// The claimed length.
        u64,
    ),
    /// A number does not fit into the integer type of its field.
    #[error("integer overflow")]
    Overflow,
    /// A field has the number 0, or a number above 2^29 - 1.
    #[error("invalid field number")]
    FieldNumber,
    /// The field is not of the kind that its definition states, or of a kind that has no meaning.
    #[error("wrong wire type {0}")]
    WireType(
        /// The kind, 0 to 7.
        u8,
    ),
    /// A text is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A number stands for none of the choices.
    #[error("unknown value {0}")]
    UnknownValue(
        /// The number.
        i64,
    ),
    /// There is more of something than is accepted.
    #[error("more than {0}")]
    TooMany(
        /// The most that is accepted.
        usize,
    ),
    /// A reference to a symbol that the request does not have.
    #[error("symbol reference {reference} is out of range, there are {symbols} symbols")]
    SymbolReference {
        /// The reference.
        reference: u32,
        /// The number of symbols.
        symbols: usize,
    },
    /// A name without a value.
    #[error("odd number of label references")]
    OddReferences,
    /// The first symbol must be the empty text, since reference 0 means that there is none.
    #[error("first symbol is not empty")]
    FirstSymbol,
    /// Native histograms of this schema cannot be carried by the format.
    #[error("unsupported histogram schema {0}")]
    Schema(
        /// The schema.
        i64,
    ),
    /// A histogram counts both in whole numbers and in fractions.
    #[error("whole and fractional counts are mixed")]
    MixedCounts,
    /// Something that the format requires is missing.
    #[error("missing")]
    Missing,
    /// The labels of a metric are none.
    #[error(transparent)]
    Labels(#[from] super::LabelsError),
}
