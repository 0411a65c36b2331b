//! Suites: configurations × worlds × seeds, run in parallel, compared pairwise, drawn.

mod comparison;
mod figures;
mod photon_limit;
mod policy;
mod sweep;
mod tuning;
mod validation;

pub use comparison::{Comparison, Row, WorldTable};
pub use figures::{episode_panel, pareto_fronts, quality_curves};
pub use photon_limit::{Regime, critical_dose, photon_limit, regime};
pub use policy::{Policy, SuiteFile, WorldPolicies};
pub use sweep::{Configuration, Results, Setting, Stage, Sweep};
pub use tuning::{Trial, tune};
pub use validation::{
    HIGHEST_EARLY, HIGHEST_FINAL, LOWEST_ORACLE, Validity, baselines, episodes, validate,
};
