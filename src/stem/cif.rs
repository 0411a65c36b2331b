//! Reader of the Crystallographic Information File format: blocks, loops and values, without their meaning.

use super::cif_token::{Token, excerpt, tokens};
use crate::{Error, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A parsed CIF file: one or more data blocks.
///
/// Follows CIF 1.1 (S. R. Hall, F. H. Allen, I. D. Brown, Acta Cryst. A47 (1991) 655, doi 10.1107/S010876739101067X;
/// syntax as published by the IUCr) as far as data files go; save frames of dictionaries are refused. Data names are
/// case-insensitive, and the dots of newer dictionaries (`_cell.length_a`) read as underscores. Bytes that are not
/// UTF-8 become replacement characters: they stand in author names, never in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Cif {
    blocks: Vec<Block>,
}

/// One data block, `data_NAME` to the next one.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    file: PathBuf,
    name: String,
    line: usize,
    tables: Vec<Table>,
}

/// One value and the line it starts on.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    text: String,
    line: usize,
    quoted: bool,
}

/// A loop, or a single item as a table of one row and one column.
#[derive(Debug, Clone, PartialEq)]
struct Table {
    names: Vec<String>,
    values: Vec<Value>,
}

impl Cif {
    /// Reads and parses the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, else as [`Cif::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let bytes = std::fs::read(&path).map_err(|source| Error::io(&path, source))?;
        Self::parse(&bytes, path)
    }

    /// Parses the content of a file; `file` only names it in errors.
    ///
    /// # Errors
    /// [`Error::Parse`] with the line, for every departure from the format: an unclosed quote or text field, a loop
    /// that stops within a row, a data name without a value or given twice, a value without a data name, no block.
    pub fn parse(bytes: &[u8], file: impl AsRef<Path>) -> Result<Self> {
        let text = String::from_utf8_lossy(bytes)
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        let file = file.as_ref();
        let tokens = tokens(text.trim_start_matches('\u{feff}'), file)?;
        let blocks = blocks(tokens, file)?;
        if blocks.is_empty() {
            let last_line = text.lines().count().max(1);
            return Err(Error::parse(
                file,
                last_line,
                "the end of a file without a data block",
                "a line `data_NAME` before the first item",
            ));
        }
        Ok(Self { blocks })
    }

    /// The data blocks, in the order of the file; never empty.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

impl Block {
    /// The name after `data_`; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Line of `data_NAME`, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// All values of a data name given in lower case with underscores: its loop column, or one value for a single
    /// item, or `None` if the block does not have it.
    pub fn column(&self, name: &str) -> Option<Vec<&Value>> {
        self.tables.iter().find_map(|table| {
            let position = table.names.iter().position(|n| n == name)?;
            let column = table.values[position..].iter().step_by(table.names.len());
            Some(column.collect())
        })
    }

    /// The first value of a data name, if the block has it.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.column(name).and_then(|column| column.first().copied())
    }

    /// An [`Error::Parse`] at a line of this block's file.
    pub fn error(&self, line: usize, found: impl std::fmt::Display, allowed: &str) -> Error {
        Error::parse(&self.file, line, found, allowed)
    }

    /// The number in `value`, which belongs to the data name `name`.
    ///
    /// # Errors
    /// [`Error::Parse`] if the value is not a finite decimal number.
    pub fn number(&self, name: &str, value: &Value) -> Result<f64> {
        value.number().ok_or_else(|| {
            self.error(
                value.line,
                format!("{name} = {}", excerpt(&value.text)),
                "a decimal number, such as 3.160(2)",
            )
        })
    }
}

impl Value {
    /// The text without its quotes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line on which the value starts, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Whether the value is the unquoted `?` (unknown) or `.` (not applicable).
    pub fn is_missing(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "?" | ".")
    }

    /// The value as a number, its standard uncertainty in parentheses dropped; `None` if it is no finite decimal
    /// number.
    pub fn number(&self) -> Option<f64> {
        let text = self.text.trim();
        let digits = match text.split_once('(') {
            Some((digits, uncertainty)) => {
                let inner = uncertainty.strip_suffix(')')?;
                let plain = !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_digit());
                plain.then_some(digits)?
            }
            None => text,
        };
        // the standard parser would also take `nan` and `inf`
        let decimal = digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        let number: f64 = decimal.then(|| digits.parse().ok())??;
        number.is_finite().then_some(number)
    }
}

/// Sorts tokens into blocks and tables.
fn blocks(tokens: Vec<(usize, Token)>, file: &Path) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut seen = HashSet::new(); // data names of the current block
    let mut tokens = tokens.into_iter().peekable();
    while let Some((line, token)) = tokens.next() {
        let table = match token {
            Token::Block(name) => {
                seen.clear();
                blocks.push(Block {
                    file: file.to_path_buf(),
                    name,
                    line,
                    tables: Vec::new(),
                });
                continue;
            }
            Token::Value { text, .. } => {
                return Err(Error::parse(
                    file,
                    line,
                    format!("the value {} without a data name", excerpt(&text)),
                    "a data name, `loop_` or `data_` (a value with blanks needs quotes)",
                ));
            }
            Token::Name(name) => {
                let value = next_value(&mut tokens).ok_or_else(|| {
                    Error::parse(file, line, format!("{name} without a value"), "one value")
                })?;
                Table {
                    names: vec![name],
                    values: vec![value],
                }
            }
            Token::Loop => {
                let mut names = Vec::new();
                while let Some((_, Token::Name(name))) =
                    tokens.next_if(|(_, token)| matches!(token, Token::Name(_)))
                {
                    names.push(name);
                }
                let values: Vec<Value> = std::iter::from_fn(|| next_value(&mut tokens)).collect();
                check_loop(&names, &values, line, file)?;
                Table { names, values }
            }
        };
        let Some(block) = blocks.last_mut() else {
            return Err(Error::parse(
                file,
                line,
                format!("{} before any data block", table.names[0]),
                "a line `data_NAME` first",
            ));
        };
        let twice = table
            .names
            .iter()
            .find(|name| !seen.insert((*name).clone()));
        if let Some(name) = twice {
            return Err(Error::parse(
                file,
                line,
                format!("{name} a second time"),
                "each data name once in a block",
            ));
        }
        block.tables.push(table);
    }
    Ok(blocks)
}

fn next_value(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = (usize, Token)>>,
) -> Option<Value> {
    let (line, token) = tokens.next_if(|(_, token)| matches!(token, Token::Value { .. }))?;
    match token {
        Token::Value { text, quoted } => Some(Value { text, line, quoted }),
        _ => None,
    }
}

fn check_loop(names: &[String], values: &[Value], line: usize, file: &Path) -> Result<()> {
    if names.is_empty() {
        return Err(Error::parse(
            file,
            line,
            "loop_ without data names",
            "at least one data name after loop_",
        ));
    }
    let Some(last) = values.last() else {
        return Err(Error::parse(
            file,
            line,
            format!("the loop of {} without values", names[0]),
            "at least one row of values",
        ));
    };
    let present = values.len() % names.len();
    if present == 0 {
        return Ok(());
    }
    let row = values.len() / names.len() + 1;
    Err(Error::parse(
        file,
        last.line,
        format!(
            "the loop of {} that stops in row {row} after {present} of {} values",
            names[0],
            names.len()
        ),
        format!("a value for {} next", names[present]),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Cif> {
        Cif::parse(text.as_bytes(), "test.cif")
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    const SAMPLE: &str = "#\\#CIF_1.1\r\n\
        data_sample # a comment\r\n\
        _Cell.length_a 3.160(2) _cell_length_b '3.2'\r\n\
        _name 'it's \"quoted\"'\r\n\
        _text\r\n;first\r\n second ' line\r\n;\r\n\
        loop_\r\n_x\r\n_y\r\n1 a#b\r\n'2 3' .\r\n? '?' # end\r\n";

    #[test]
    fn items_loops_quotes_and_text_fields() {
        let cif = parse(SAMPLE).unwrap();
        let block = &cif.blocks()[0];
        assert_eq!((block.name(), block.line()), ("sample", 2));
        let a = block.value("_cell_length_a").unwrap();
        assert_eq!((a.number(), a.line()), (Some(3.16), 3));
        assert_eq!(block.value("_cell_length_b").unwrap().number(), Some(3.2));
        assert_eq!(block.value("_name").unwrap().text(), "it's \"quoted\"");
        assert_eq!(
            block.value("_text").unwrap().text(),
            "first\n second ' line"
        );
        let x = block.column("_x").unwrap();
        let texts: Vec<&str> = x.iter().map(|v| v.text()).collect();
        assert_eq!(texts, ["1", "2 3", "?"]);
        let y = block.column("_y").unwrap();
        assert_eq!(y[0].text(), "a#b");
        assert!(y[1].is_missing() && !y[2].is_missing() && x[2].is_missing());
        assert!(block.column("_z").is_none());
    }

    #[test]
    fn numbers() {
        for (text, number) in [
            ("-.5", Some(-0.5)),
            ("+1.", Some(1.0)),
            ("1.5e-3(2)", Some(1.5e-3)),
            ("12(3)", Some(12.0)),
            ("12(3", None),
            ("12()", None),
            ("12(x)", None),
            ("nan", None),
            ("inf", None),
            ("1e999", None),
            ("1/3", None),
            ("e", None),
            ("", None),
        ] {
            let value = Value {
                text: text.into(),
                line: 1,
                quoted: false,
            };
            assert_eq!(value.number(), number, "{text}");
        }
    }

    #[test]
    fn broken_files_are_named_with_line_and_cause() {
        for (text, parts) in [
            ("", ["line 1", "without a data block"]),
            ("_a 1", ["line 1", "_a before any data block"]),
            ("data_a\n_b", ["line 2", "_b without a value"]),
            ("data_a\n_b _c 1", ["line 2", "_b without a value"]),
            ("data_a\n_b 1\n_B 2", ["line 3", "_b a second time"]),
            (
                "data_a\n_b P -6 m 2",
                ["line 2", "`-6` without a data name"],
            ),
            ("data_a\n_b 'open", ["line 2", "unclosed quote `'open`"]),
            ("data_a\n_b\n;open\nmore", ["line 3", "never closed"]),
            ("data_a\nloop_", ["line 2", "without data names"]),
            (
                "data_a\nloop_ _b\n",
                ["line 2", "loop of _b without values"],
            ),
            (
                "data_a\nloop_ _b _c _d\n1 2 3\n4 5\n",
                [
                    "line 4",
                    "stops in row 2 after 2 of 3 values, allowed is a value for _d next",
                ],
            ),
            ("data_a\nsave_b", ["line 2", "reserved word `save_b`"]),
        ] {
            let message = message(text);
            assert!(message.starts_with("test.cif"), "{message}");
            for part in parts {
                assert!(message.contains(part), "{message}");
            }
        }
    }
}
