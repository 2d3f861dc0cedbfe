//! What all messages in protobuf have in common: how they are read in place, how they are written, and what can be
//! wrong with one ([`ProtobufError`], [`LabelsError`]).

mod error;
mod labels;
mod reader;
mod writer;

pub use error::{ProtobufError, ProtobufErrorKind};
pub use labels::LabelsError;
pub(crate) use labels::{labels_of_pairs, series_of_pairs};
pub(crate) use reader::{Reader, delimited, fixed64_key, known, signed, varint};
pub(crate) use writer::Writer;
