//! Bayesian optimisation and active learning where every measurement costs dose.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod acquisition;
pub mod agent;
pub mod analyst;
pub mod error;
pub mod gp;
pub mod linalg;
pub mod metric;
pub mod navigator;
pub mod plot;
pub mod prelude;
pub mod random;
pub mod stem;
pub mod suite;
pub mod units;
pub mod world;

pub use error::{Error, Result};
