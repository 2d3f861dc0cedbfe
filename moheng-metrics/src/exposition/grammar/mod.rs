//! What the text formats share: characters, series, names of families, and what follows a series.
//!
//! `scanner` knows characters, `search` finds many at once, `series` the grammar of `name{label="value"}`, `packed` decodes the usual
//! one fast, `comment` reads names and texts of lines that begin with `#`, `value` numbers and times.

mod comment;
mod packed;
mod scanner;
mod search;
mod series;
mod value;

pub(crate) use comment::{escaped_text, family_name};
pub(crate) use packed::decode_plain_series;
pub(crate) use scanner::Scanner;
pub(crate) use series::{
    Part, bound_label, decode_exemplar_labels, decode_series, scan_exemplar_labels, scan_series, skip_series,
    with_float_bounds,
};
pub(crate) use value::{SecondsError, expected_sample, scan_value, seconds_as_ms};
