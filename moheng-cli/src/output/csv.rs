//! Comma-separated values, quoted as RFC 4180 says.

use super::rows::Rows;

pub(super) fn write(rows: &Rows) -> String {
    let mut text = String::new();
    for row in std::iter::once(&rows.header).chain(&rows.fields) {
        for (index, field) in row.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            if field.contains([',', '"', '\n', '\r']) {
                text.push('"');
                text.push_str(&field.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(field);
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_needed() {
        let rows = Rows {
            header: vec!["a".to_owned(), "value".to_owned()],
            fields: vec![vec!["x,\"y\"\n".to_owned(), "1".to_owned()]],
            is_range: false,
        };
        assert_eq!(write(&rows), "a,value\n\"x,\"\"y\"\"\n\",1\n");
    }
}
