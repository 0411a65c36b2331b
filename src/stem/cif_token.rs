//! The words of a CIF file: data names, values, quotes, text fields, comments.

use crate::{Error, Result};
use std::path::Path;

/// A word of the format.
pub(super) enum Token {
    /// `data_NAME`
    Block(String),
    /// `loop_`
    Loop,
    /// A data name, in lower case and with underscores for dots.
    Name(String),
    /// A value; text fields count as quoted.
    Value { text: String, quoted: bool },
}

/// Splits the text into tokens, each with its line.
pub(super) fn tokens(text: &str, file: &Path) -> Result<Vec<(usize, Token)>> {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut tokens = Vec::new();
    let mut number = 0;
    while number < lines.len() {
        let mut rest = lines[number];
        let start = number + 1;
        if let Some(first) = rest.strip_prefix(';') {
            let end = (start..lines.len()).find(|&i| lines[i].starts_with(';'));
            let Some(end) = end else {
                return Err(Error::parse(
                    file,
                    start,
                    "a text field that is never closed",
                    "a later line that begins with `;`",
                ));
            };
            let mut content = vec![first];
            content.extend(&lines[start..end]);
            let text = content.join("\n").trim().to_owned();
            tokens.push((start, Token::Value { text, quoted: true }));
            number = end;
            rest = &lines[end][1..];
        }
        line_tokens(rest, number + 1, file, &mut tokens)?;
        number += 1;
    }
    Ok(tokens)
}

/// Tokens of one line outside text fields.
fn line_tokens(
    line: &str,
    number: usize,
    file: &Path,
    tokens: &mut Vec<(usize, Token)>,
) -> Result<()> {
    let mut rest = line.trim_ascii_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '#' => break,
            '\'' | '"' => {
                let length = closing_quote(rest, first).ok_or_else(|| {
                    Error::parse(
                        file,
                        number,
                        format!("the unclosed quote {}", excerpt(rest)),
                        format!("{first} before the end of the line"),
                    )
                })?;
                let text = rest[1..length - 1].to_owned();
                (Token::Value { text, quoted: true }, length)
            }
            _ => {
                let length = rest
                    .find(|c: char| c.is_ascii_whitespace())
                    .unwrap_or(rest.len());
                (bare_token(&rest[..length], number, file)?, length)
            }
        };
        tokens.push((number, token));
        rest = rest[length..].trim_ascii_start();
    }
    Ok(())
}

/// Length of the quoted string at the start of `rest`, quotes included: the closing quote precedes a blank.
fn closing_quote(rest: &str, quote: char) -> Option<usize> {
    let bytes = rest.as_bytes();
    (1..bytes.len())
        .find(|&i| bytes[i] == quote as u8 && bytes.get(i + 1).is_none_or(u8::is_ascii_whitespace))
        .map(|i| i + 1)
}

fn bare_token(word: &str, line: usize, file: &Path) -> Result<Token> {
    let lower = word.to_ascii_lowercase();
    if lower == "loop_" {
        Ok(Token::Loop)
    } else if lower.starts_with("data_") {
        Ok(Token::Block(word["data_".len()..].to_owned()))
    } else if lower == "global_" || lower == "stop_" || lower.starts_with("save_") {
        Err(Error::parse(
            file,
            line,
            format!("the reserved word {}", excerpt(word)),
            "data blocks of items and loops (a dictionary is not a crystal structure)",
        ))
    } else if lower.starts_with('_') {
        Ok(Token::Name(lower.replace('.', "_")))
    } else {
        Ok(Token::Value {
            text: word.to_owned(),
            quoted: false,
        })
    }
}

/// The text in backticks, shortened so that an error message stays readable.
pub(super) fn excerpt(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let shown: String = text.chars().take(40).map(visible).collect();
    let more = if text.chars().nth(40).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{shown}{more}`")
}
