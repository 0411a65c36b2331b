//! Ask and tell: Bayesian optimisation of anything that costs dose, money or time.
//!
//! | you want | you take |
//! | --- | --- |
//! | to say what may be tried | [`Space`], of [`Dimension`]s |
//! | to ask what to try and tell what it showed | [`Study`] |
//! | a study that survives a kill | [`Study::open`], [`Study::resume`] |
//! | noise, costs, failures | [`Observation`], [`Study::fail`] |
//! | the best so far, by the numbers or by the model | [`Study::best`], [`Study::incumbent`], [`Study::recommend`] |
//! | parameters that buy precision, as a dwell does | [`Problem::effort`] |
//! | limits that only the experiment shows | [`Problem::subject_to`], [`Observation::constraint`] |
//! | to stop | [`Study::budget`], [`Study::patience`], [`Study::least_gain`] |
//! | everything in a table | [`Study::history`] |
//! | the numbers behind figures | [`Study::convergence`], [`Study::slice`], [`Study::map`], [`Study::beliefs`] |
//! | a space from a file | [`Space::load`] |
//! | results and trials from files | [`Study::tell_file`], [`Study::import`], [`History::save`] |
//!
//! ```
//! use dosewise::optimize::{Observation, Problem, Space, Study};
//! # let folder = tempfile::tempdir().unwrap();
//! # let journal = folder.path().join("tune.journal");
//! let space = Space::new().float("defocus", -200.0..=200.0)?.log_float("dwell", 0.5..=50.0)?;
//! let mut study = Study::open(&journal, Problem::minimise(space).effort("dwell")?)?.budget(20.0)?;
//! while let Some(trial) = study.ask()? {
//!     let (defocus, dwell) = (trial.float("defocus")?, trial.float("dwell")?);
//!     let (blur, variance) = ((defocus / 80.0 - 0.5).powi(2), 0.02 / dwell); // the instrument goes here
//!     study.tell(trial.id(), Observation::new(blur).noise(variance).cost(dwell))?;
//! }
//! assert!(study.spent() >= 20.0);
//! # Ok::<(), dosewise::Error>(())
//! ```
//!
//! # How good it is
//!
//! Median simple regret over the seeds 100 to 119, from the same initial designs, beside BoTorch 0.18 with its defaults
//! (`cargo run --example optimise_standard -- 100..119 --peer RUNS`, the peer's runs by `benches/peers/botorch_bo.py`; settings
//! were chosen on other seeds):
//!
//! | function, evaluations | study | BoTorch | study lower | p (Wilcoxon) |
//! | --- | --- | --- | --- | --- |
//! | Branin, 30 | 6.2·10⁻⁴ | 2.9·10⁻³ | 16 of 20 | 10⁻⁴ |
//! | Branin with noise, 30 | 0.22 | 0.15 | 12 of 20 | 0.8 |
//! | Hartmann 6, 60 | 3.3·10⁻⁶ | 0.041 | 20 of 20 | 2·10⁻⁶ |
//! | Hartmann 6 with noise, 60 | 0.082 | 0.15 | 15 of 20 | 0.13 |
//! | Ackley 5, 60 | 1.3 | 4.1 | 20 of 20 | 2·10⁻⁶ |
//! | Ackley 5 with noise, 60 | 2.7 | 3.8 | 15 of 20 | 0.008 |
//!
//! Where costs differ tenfold, a study that is told them against one that is not, at equal cost, on Branin's function
//! (`cargo run --example optimise_standard -- 400..479 --function branin`, 80 seeds):
//!
//! | costs | told | not told | told lower | p (Wilcoxon) |
//! | --- | --- | --- | --- | --- |
//! | rise across the box | 0.061 | 0.46 | 64 of 80 | 5·10⁻¹¹ |
//! | have nothing to do with the objective | 0.054 | 0.26 | 57 of 80 | 4·10⁻⁶ |
//! | least at the optimum, half of the budget spent | 0.20 | 0.85 | 62 of 80 | 10⁻⁶ |
//! | least at the optimum, all of it spent | 6·10⁻⁶ | 5·10⁻⁶ | 41 of 80 | 1 |
//! | highest at the optimum | 2.7 | 2.3 | 23 of 80 | 0.11 |
//!
//! In the last row knowing costs does not help: what is saved elsewhere buys no more than a look or two where it counts.
//! On Hartmann's and Ackley's functions (`-- 400..419 --function hartmann6` and `ackley5`) the median with costs told is lower
//! in each of the six other cases, 0.12 to 0.12, 0.25 to 0.71, 3·10⁻⁶ to 7·10⁻⁶ and 2.8 to 2.9, 2.0 to 2.7, 0.79 to 0.98, which
//! 20 seeds do not tell from chance in any one of them (p from 0.05 to 0.8); with the dearest optimum it is level.
//!
//! A probe is tuned at equal dose, with equal looks, to a median loss of sharpness of 2.9 %; Nelder and Mead's simplex leaves
//! 10 %, a grid 33 %, focusing by hand 14 %, each after a choice between six settings of its own (`cargo run --example
//! optimise_probe`, 30 seeds, the study better in 26, 29 and 27 of them, p < 2·10⁻⁴).

mod belief;
mod constraint;
mod convergence;
mod csv;
mod dimension;
mod effort;
mod feasibility;
mod history;
mod incumbent;
mod journal;
mod latent;
mod log_quantity;
mod map;
mod mask;
mod model;
mod plain;
mod policy;
mod problem;
mod results;
mod search;
mod slice;
mod space;
mod space_file;
mod stopping;
mod study;
mod suggest;
mod trial;
mod value;

pub use belief::Belief;
pub use constraint::Constraint;
pub use convergence::{Convergence, Step};
pub use dimension::Dimension;
pub use history::{History, HistoryRow};
pub use incumbent::Incumbent;
pub use map::{MapAxis, StudyMap};
pub use mask::Mask;
pub use plain::PlainSetting;
pub use problem::{Direction, Problem};
pub use slice::Slice;
pub use space::Space;
pub use stopping::Stop;
pub use study::Study;
pub use trial::{Observation, Outcome, Trial};
pub use value::{Setting, Value};
