//! Deep kernel learning: a network turns patches of an image into a few features, a Gaussian process turns features into
//! beliefs about a scalar property, and both are trained together on the places where the property was measured.
//!
//! k(x, x′) = k_θ(g_w(x), g_w(x′)); weights w, kernel parameters θ and noise maximise the exact log marginal likelihood
//! (Wilson, Hu, Salakhutdinov & Xing 2016, "Deep kernel learning"). In microscopy x is a patch of a structural image and
//! the property comes from a spectrum taken there (Roccapriore, Kalinin & Ziatdinov 2022, "Physics discovery in
//! nanoplasmonic systems via autonomous experiments in scanning transmission electron microscopy"; Liu et al. 2022,
//! "Experimental discovery of structure-property relationships in ferroelectric materials via active learning").
//!
//! The likelihood does not stop a network from overfitting: it can make all measured patches look alike that happened to
//! give alike values (Ober, Rasmussen & van der Wilk 2021, "The promises and pitfalls of deep kernel learning"). Hence few
//! features, weight decay, a number of steps and a nugget chosen by held-out measurements ([`Validation`]), and a report
//! of all of it ([`TrainingReport`]).

mod calibration;
mod feature_map;
mod measurements;
mod model;
mod options;
mod patches;
mod report;
mod saved;
mod trainee;
mod training;

pub use model::DeepKernelGp;
pub use options::{DeepKernelOptions, Validation};
pub use patches::{Edge, Patches};
pub use report::{HeldOut, TrainingPoint, TrainingReport, TrainingStop};
