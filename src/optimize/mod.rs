//! Ask and tell: Bayesian optimisation of anything that costs dose, money or time.
//!
//! | you want | you take |
//! | --- | --- |
//! | to say what may be tried | [`Space`], of [`Dimension`]s |
//! | to ask what to try and tell what it showed | [`Study`] |
//! | a study that survives a kill | [`Study::open`], [`Study::resume`] |
//! | noise, costs, failures | [`Observation`], [`Study::fail`] |
//! | the best so far, by the numbers or by the model | [`Study::best`], [`Study::incumbent`], [`Study::recommend`] |
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
//! let mut study = Study::open(&journal, Problem::minimise(space))?.budget(20.0)?;
//! while let Some(trial) = study.ask()? {
//!     let (defocus, dwell) = (trial.float("defocus")?, trial.float("dwell")?);
//!     let (blur, variance) = ((defocus / 80.0 - 0.5).powi(2), 0.02 / dwell); // the instrument goes here
//!     study.tell(trial.id(), Observation::new(blur).noise(variance).cost(dwell))?;
//! }
//! assert!(study.spent() >= 20.0);
//! # Ok::<(), dosewise::Error>(())
//! ```

mod belief;
mod constraint;
mod convergence;
mod csv;
mod dimension;
mod feasibility;
mod history;
mod incumbent;
mod journal;
mod latent;
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
