//! A study on disk: one line an event, so that a kill at any instant loses at most the event being written.

use super::constraint::Constraint;
use super::problem::Direction;
use super::space::Space;
use super::trial::Observation;
use super::value::Setting;
use crate::error::{Error, Result};
use crate::units::Seed;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the first line of a journal says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// `dosewise study 1`: the kind and version of the file.
    pub format: String,
    pub space: Space,
    pub direction: Direction,
    pub seed: Seed,
    /// Left out where there is none, as before there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effort: Vec<String>,
}

pub(super) const FORMAT: &str = "dosewise study 1";

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    Asked {
        trial: u64,
        setting: Setting,
    },
    Told {
        trial: u64,
        observation: Observation,
    },
    Failed {
        trial: u64,
        reason: String,
        cost: f64,
    },
}

/// How a journal is opened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Opening {
    /// How long to wait for another process that has it.
    pub wait: Duration,
    /// Whether a journal that holds something already is refused.
    pub only_new: bool,
}

/// Time between two looks at a lock that another process holds.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// An open journal, locked against every other process as long as it lives.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens a journal, or begins one with `header` where there is none, and returns what it holds.
    ///
    /// A last line without its end is an event whose writing was cut off: it never happened, and is removed. Anything
    /// else that is no event is an error, and the file stays as it is.
    pub fn open(path: &Path, header: &Header, opening: Opening) -> Result<(Self, Vec<Event>)> {
        let failed = |source| Error::io(path, source);
        let options = || {
            let mut options = OpenOptions::new();
            options.read(true).append(true);
            options
        };
        let file = options().create(true).open(path).map_err(failed)?;
        let begun = Instant::now();
        while let Err(refusal) = file.try_lock() {
            match refusal {
                TryLockError::Error(source) => return Err(failed(source)),
                TryLockError::WouldBlock if begun.elapsed() < opening.wait => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                TryLockError::WouldBlock => {
                    let found = "a journal that another process has open";
                    return Err(Error::argument(
                        "journal",
                        format!("{}: {found}", path.display()),
                        "a journal of one's own",
                    ));
                }
            }
        }
        let mut journal = Self {
            path: path.to_path_buf(),
            file,
        };
        let mut text = String::new();
        journal.file.read_to_string(&mut text).map_err(failed)?;
        if opening.only_new && !text.is_empty() {
            return Err(Error::argument(
                "journal",
                format!("{}, which exists already", path.display()),
                "a new file",
            ));
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            journal.file.set_len(whole as u64).map_err(failed)?;
            journal.file.seek(SeekFrom::End(0)).map_err(failed)?;
            text.truncate(whole);
        }
        let mut lines = text.lines().enumerate();
        match lines.next() {
            None => journal.write(header)?,
            Some((_, line)) => {
                let found: Header = journal.parse(0, line)?;
                journal.agree(&found, header)?;
            }
        }
        let events: Result<Vec<Event>> = lines.map(|(i, line)| journal.parse(i, line)).collect();
        Ok((journal, events?))
    }

    /// The header of a journal, without locking it.
    pub fn header(path: &Path) -> Result<Header> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
        let line = text.lines().next().unwrap_or_default();
        let header: Header = parse(path, 0, line)?;
        if header.format != FORMAT {
            return Err(Error::config(
                path,
                "format",
                header.format,
                format!("`{FORMAT}`"),
            ));
        }
        Ok(header)
    }

    /// Adds an event; it is on the disk when this returns.
    pub fn append(&mut self, event: &Event) -> Result<()> {
        self.write(event)
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let failed = |source| Error::io(&self.path, source);
        let mut text = serde_json::to_string(line).map_err(|error| {
            Error::argument("event", error, "numbers and names that JSON can hold")
        })?;
        text.push('\n');
        // One write of a whole line: a kill leaves it whole, cut off or absent, and the latter two read alike.
        self.file.write_all(text.as_bytes()).map_err(failed)?;
        self.file.sync_data().map_err(failed)
    }

    fn agree(&self, found: &Header, wanted: &Header) -> Result<()> {
        let config = |key: &str, found: String, allowed: String| {
            Err(Error::config(&self.path, key, found, allowed))
        };
        if found.format != FORMAT {
            return config("format", found.format.clone(), format!("`{FORMAT}`"));
        }
        if found.space != wanted.space {
            let allowed = format!("the space it is opened with, {:?}", wanted.space);
            return config("space", format!("{:?}", found.space), allowed);
        }
        if found.direction != wanted.direction {
            return config(
                "direction",
                format!("{:?}", found.direction),
                format!("{:?}", wanted.direction),
            );
        }
        if found.constraints != wanted.constraints {
            return config(
                "constraints",
                format!("{:?}", found.constraints),
                format!("{:?}", wanted.constraints),
            );
        }
        if found.effort != wanted.effort {
            return config(
                "effort",
                format!("{:?}", found.effort),
                format!("{:?}", wanted.effort),
            );
        }
        if found.seed != wanted.seed {
            return config("seed", found.seed.0.to_string(), wanted.seed.0.to_string());
        }
        Ok(())
    }

    fn parse<T: for<'de> Deserialize<'de>>(&self, line: usize, text: &str) -> Result<T> {
        parse(&self.path, line, text)
    }
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, line: usize, text: &str) -> Result<T> {
    let allowed = if line == 0 {
        "the header of a study"
    } else {
        "an event of a study"
    };
    serde_json::from_str(text).map_err(|error| Error::parse(path, line + 1, error, allowed))
}
