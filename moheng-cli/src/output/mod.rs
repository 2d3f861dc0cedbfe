//! Results for terminals and other programs.

mod csv;
mod rows;
mod table;

use moheng_promql::QueryValue;

use crate::args::OutputFormat;
use crate::http::query_data_json;

use rows::Rows;
pub(crate) use table::align;

/// The text that shows `value`, with a line break at the end.
pub(crate) fn render(format: OutputFormat, value: QueryValue) -> String {
    match format {
        OutputFormat::Json => query_data_json(value) + "\n",
        OutputFormat::Csv => csv::write(&Rows::new(value)),
        OutputFormat::Table => table::write(&Rows::new(value)),
    }
}
