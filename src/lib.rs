//! Bayesian optimisation and active learning where every measurement costs dose.
//!
//! In a scanning transmission electron microscope every probe position deposits electrons that damage the specimen. The
//! question is where to look next, with how many electrons, and when to stop. This crate holds the parts of an answer as
//! a library (Gaussian-process surrogates, dose-penalised acquisition functions, adaptive scan policies) and a proving
//! ground: simulated specimens whose truth only the scorer knows, scored by quality against dose.
//!
//! # The one loop
//!
//! ```text
//!  World (a TOML file) ──seed──▶ Episode: a specimen nobody but the scorer may see, a dose meter, a budget
//!        │                          ▲
//!        │   Scan {where, dose}     │  Frame: counts           (Poisson, readout, drift, jitter; damage acts)
//!        ▼                          ▼
//!   Navigator ◀──── Finding ──── Analyst ◀──── measurements
//!   (where, how much, when to stop)  (perception)                 Trace ─▶ quality(dose) ─▶ DEC-AUC
//! ```
//!
//! ```
//! use dosewise::prelude::*;
//!
//! let world = World::load("worlds/mos2-l1.toml")?;
//! let agent = Agent::new(DoseIndex::default(), SiteLikelihood::for_world(&world)?);
//! let trace = agent.run(world.episode(Seed(7)))?;
//! assert!(trace.dec_auc() > 0.6);
//! # Ok::<(), dosewise::Error>(())
//! ```
//!
//! # Words
//!
//! | word | meaning here |
//! | --- | --- |
//! | probe | the focused beam; its position is in Å, `(y, x)` = (slow scan, fast scan) |
//! | dose | incident electrons per Å², e⁻/Å²; a budget is an average over the field |
//! | dwell | how long, hence with how many electrons, the probe stays at a place |
//! | column | atoms behind one another along the beam, a *site* of the lattice |
//! | finding | the analyst's current answer with its uncertainty |
//! | q | quality of a finding, 0 for the best constant answer, 1 for the truth |
//! | DEC-AUC | area under q against dose, over the budget: the mean quality at a random interruption |
//!
//! # Map
//!
//! | module | holds |
//! | --- | --- |
//! | [`world`] | world files, specimens, episodes, scans, findings and their score |
//! | [`navigator`] | raster family, random order, column visits, Bayesian optimisation, the dose index, the clairvoyant reference |
//! | [`analyst`] | the per-site likelihood detector |
//! | [`agent`] | a navigator and an analyst, run through an episode |
//! | [`suite`] | configurations × worlds × seeds: run, compare, tune, draw |
//! | [`gp`] | Gaussian-process surrogates |
//! | [`acquisition`] | acquisition functions over (place, dose) |
//! | [`optimize`] | ask and tell over any space, with a journal |
//! | [`network`] | small feed-forward networks with gradients |
//! | [`sequential`] | how long to look: sequential tests, index tables and policies on banks of sites |
//! | [`metric`] | DEC-AUC, average precision, intervals and tests |
//! | [`stem`] | beam, scattering, crystals, probe, response, damage, electron book-keeping |
//! | [`plot`] | figures |
//! | [`random`], [`units`], [`error`], [`linalg`] | reproducible streams, units, the one error type, dense linear algebra |
//!
//! Modules depend downward only: `gp` and `stem` know nothing of each other nor of worlds; `acquisition` sees means and
//! variances, not scans; a navigator sees measurements and findings, never a specimen.
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
pub mod network;
mod normal;
pub mod optimize;
pub mod plot;
pub mod prelude;
mod quasi_random;
pub mod random;
pub mod sequential;
pub mod stem;
pub mod suite;
pub mod units;
mod vector;
mod whole_file;
pub mod world;

pub use error::{Error, Result};

/// The programs of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
