//! Suites: configurations × worlds × seeds, run in parallel, compared pairwise, drawn.

mod comparison;
mod figures;
mod policy;
mod study;
mod tuning;

pub use comparison::{Comparison, Row, WorldTable};
pub use figures::{episode_panel, pareto_fronts, quality_curves};
pub use policy::{Policy, SuiteFile, WorldPolicies};
pub use study::{Configuration, Results, Setting, Stage, Study};
pub use tuning::{Trial, tune};
