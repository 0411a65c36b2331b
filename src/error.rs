//! The one error type of the crate.

use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, always saying what was found and what is allowed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument of a library function is outside what the function accepts.
    #[error("{argument}: found {found}, allowed is {allowed}")]
    Argument {
        /// Name of the argument, as in the function's signature.
        argument: String,
        /// The offending value.
        found: String,
        /// The rule it breaks.
        allowed: String,
    },
    /// A key of a configuration file is unknown, missing or out of range.
    #[error("{}: key `{key}`: found {found}, allowed is {allowed}", file.display())]
    Config {
        /// The file that holds the key.
        file: PathBuf,
        /// Dotted path of the key, e.g. `detector.inner_mrad`.
        key: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: String,
    },
    /// A text file does not follow its format.
    #[error("{}, line {line}: found {found}, allowed is {allowed}", file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What the format allows there.
        allowed: String,
    },
    /// The operating system refused a read or a write.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// The system's own reason.
        #[source]
        source: std::io::Error,
    },
    /// A covariance matrix has no Cholesky factor, even with the largest jitter that is tried.
    #[error(
        "covariance of {size} points is not positive definite, found a bad pivot at row {pivot} with jitter {jitter:.1e}; remove duplicated points or raise the noise"
    )]
    NotPositiveDefinite {
        /// Number of points.
        size: usize,
        /// Row at which the factorisation broke down.
        pivot: usize,
        /// Largest value that was added to the diagonal.
        jitter: f64,
    },
    /// A probe position lies outside the field of view.
    #[error(
        "scan position ({y:.3}, {x:.3}) Å lies outside the field, allowed is 0..{height:.3} × 0..{width:.3} Å"
    )]
    OutsideField {
        /// Slow-scan coordinate asked for, Å.
        y: f64,
        /// Fast-scan coordinate asked for, Å.
        x: f64,
        /// Field height, Å.
        height: f64,
        /// Field width, Å.
        width: f64,
    },
    /// The dose budget of the episode is used up: no further electron is given.
    #[error("the dose budget of {budget} e⁻/Å² is spent; stop and hand in the finding")]
    BudgetSpent {
        /// The budget, e⁻/Å² averaged over the field.
        budget: f64,
    },
    /// A scan asks for more electrons than are left; none was given.
    #[error(
        "the scan asks for {asked} e⁻/Å² averaged over the field, allowed is what the budget has left, {remaining} e⁻/Å²"
    )]
    BudgetExceeded {
        /// What the scan would cost, e⁻/Å² averaged over the field.
        asked: f64,
        /// What is left, e⁻/Å² averaged over the field.
        remaining: f64,
    },
    /// A figure could not be drawn.
    #[error("{}: cannot draw the figure: {reason}", file.display())]
    Figure {
        /// The file the figure was meant for.
        file: PathBuf,
        /// What the drawing library said.
        reason: String,
    },
    /// The user asked to stop.
    #[error("interrupted: {done} of {total} finished; nothing half-written was left behind")]
    Interrupted {
        /// Pieces of work finished.
        done: usize,
        /// Pieces of work asked for.
        total: usize,
    },
}

impl Error {
    /// An [`Error::Argument`] from anything printable.
    pub fn argument(
        argument: impl Into<String>,
        found: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Argument {
            argument: argument.into(),
            found: found.to_string(),
            allowed: allowed.into(),
        }
    }

    /// An [`Error::Config`] from anything printable.
    pub fn config(
        file: impl AsRef<Path>,
        key: impl Into<String>,
        found: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Config {
            file: file.as_ref().to_path_buf(),
            key: key.into(),
            found: found.to_string(),
            allowed: allowed.into(),
        }
    }

    /// An [`Error::Parse`] from anything printable; `line` counts from 1.
    pub fn parse(
        file: impl AsRef<Path>,
        line: usize,
        found: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Parse {
            file: file.as_ref().to_path_buf(),
            line,
            found: found.to_string(),
            allowed: allowed.into(),
        }
    }

    /// An [`Error::Io`] that names its file.
    pub fn io(file: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io {
            file: file.as_ref().to_path_buf(),
            source,
        }
    }
}
