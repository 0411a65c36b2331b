//! Bayesian optimisation and active learning where every measurement costs dose.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod acquisition;
pub mod error;
pub mod gp;
pub mod linalg;
pub mod metric;
pub mod plot;
pub mod stem;
pub mod units;

pub use error::{Error, Result};
