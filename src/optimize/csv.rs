//! Comma-separated values, RFC 4180.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// `text` as one field.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.trim() == text && !text.contains([',', '"', '\n', '\r']);
    if plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "\"\""))
    }
}

/// A table with a line of names.
pub(super) struct Table {
    path: PathBuf,
    pub header: Vec<String>,
    pub rows: Vec<Row>,
}

/// One line of a table, with as many fields as there are names.
pub(super) struct Row {
    /// Line of the file, from 1.
    line: usize,
    fields: Vec<String>,
}

impl Table {
    /// Reads a table; blank lines are passed over, and so are spaces around fields that are not quoted.
    pub fn read(path: &Path, text: &str) -> Result<Self> {
        let mut lines = records(path, text.trim_start_matches('\u{feff}'))?.into_iter();
        let header = lines.next().map(|row| row.fields).unwrap_or_default();
        let rows: Vec<Row> = lines.collect();
        if let Some(row) = rows.iter().find(|row| row.fields.len() != header.len()) {
            let found = format!("{} fields", row.fields.len());
            let allowed = format!("{}, one a column", header.len());
            return Err(Error::parse(path, row.line, found, allowed));
        }
        Ok(Self {
            path: path.to_path_buf(),
            header,
            rows,
        })
    }

    /// An error in the line of names.
    pub fn refused(&self, found: impl std::fmt::Display, allowed: &str) -> Error {
        Error::parse(&self.path, 1, found, allowed)
    }

    /// An error in a row.
    pub fn refused_at(&self, row: &Row, found: impl std::fmt::Display, allowed: &str) -> Error {
        Error::parse(&self.path, row.line, found, allowed)
    }

    /// The field of a row in a column, read as a `T`.
    pub fn parsed<T: std::str::FromStr>(
        &self,
        row: &Row,
        column: usize,
        allowed: &str,
    ) -> Result<T> {
        let field = row.field(column);
        field.parse().map_err(|_| {
            let found = format!("`{field}` as {}", self.header[column]);
            self.refused_at(row, found, allowed)
        })
    }

    /// The number of a row in a column; none if there is no such column or nothing in it.
    pub fn number(&self, row: &Row, column: Option<usize>) -> Result<Option<f64>> {
        match column.filter(|&column| !row.field(column).is_empty()) {
            Some(column) => self.parsed(row, column, "a number").map(Some),
            None => Ok(None),
        }
    }
}

impl Row {
    pub fn field(&self, column: usize) -> &str {
        &self.fields[column]
    }
}

/// Lines of fields, without blank lines.
fn records(path: &Path, text: &str) -> Result<Vec<Row>> {
    let mut records = Vec::new();
    let (mut line, mut begun) = (1, 1);
    let (mut fields, mut field): (Vec<String>, String) = (Vec::new(), String::new());
    // Whether a quoted part is open, and whether the present field has had one.
    let (mut open, mut quoted) = (false, false);
    let mut characters = text.chars().peekable();
    loop {
        let next = characters.next();
        match next {
            Some('"') if open && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            Some('"') if open => open = false,
            Some(c) if open => field.push(c),
            None if open => {
                let allowed = "a quotation mark at its end";
                return Err(Error::parse(
                    path,
                    begun,
                    "a quoted field without end",
                    allowed,
                ));
            }
            Some('"') if field.trim().is_empty() && !quoted => {
                field.clear();
                (open, quoted) = (true, true);
            }
            Some(',' | '\n') | None => {
                let whole = if quoted { field.as_str() } else { field.trim() };
                fields.push(whole.to_owned());
                let blank = !quoted && fields.len() == 1 && fields[0].is_empty();
                (field, quoted) = (String::new(), false);
                if next != Some(',') {
                    let fields = std::mem::take(&mut fields);
                    if !blank {
                        records.push(Row {
                            line: begun,
                            fields,
                        });
                    }
                    begun = line + 1;
                }
            }
            // Outside quotation marks: the end of a line as others write it, or a space after the closing mark.
            Some(c) if quoted && c.is_whitespace() => {}
            Some(c) => field.push(c),
        }
        match next {
            Some('\n') => line += 1,
            Some(_) => {}
            None => return Ok(records),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a-c ,\"\n\r;]{0,6}", 3), 1..5), end in "(\n|\r\n)",
        ) {
            let lines: Vec<String> = rows
                .iter()
                .map(|row| row.iter().map(|f| quoted(f)).collect::<Vec<_>>().join(","))
                .collect();
            let text = format!("x,y,z{end}{}", lines.join(&end));
            let table = Table::read(Path::new("t.csv"), &text).unwrap();
            let found: Vec<Vec<String>> = table.rows.into_iter().map(|row| row.fields).collect();
            prop_assert_eq!(found, rows);
        }
    }

    #[test]
    fn faults_are_named_by_line() {
        let error = |text: &str| match Table::read(Path::new("t.csv"), text) {
            Err(error) => error.to_string(),
            Ok(_) => String::new(),
        };
        assert!(error("a,b\n\n1,2\n\"x\ny\",2\n1\n").contains("line 6: found 1 fields"));
        assert!(error("a\n1\n\"never closed\n\n").contains("line 3"));
        assert!(error("a,b\r\n1 , 2\r\n").is_empty());
    }
}
