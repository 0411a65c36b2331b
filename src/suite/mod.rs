//! Suites: configurations × worlds × seeds, run in parallel, compared pairwise, drawn.

mod comparison;
mod figures;
mod policy;
mod sweep;
mod tuning;

pub use comparison::{Comparison, Row, WorldTable};
pub use figures::{episode_panel, pareto_fronts, quality_curves};
pub use policy::{Policy, SuiteFile, WorldPolicies};
pub use sweep::{Configuration, Results, Setting, Stage, Sweep};
pub use tuning::{Trial, tune};
