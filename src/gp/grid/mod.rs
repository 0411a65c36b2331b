//! Gaussian processes on the regular grid of a scan, in nearly linear time.
//!
//! | you want | you take |
//! | --- | --- |
//! | the pixels of a scan | [`Grid`] |
//! | a covariance that a grid makes cheap | [`GridKernel::product`], [`GridKernel::rbf`], [`GridKernel::stationary`] |
//! | the mean at all pixels | [`GridGp::posterior_mean`] |
//! | mean and variance at all pixels | [`GridGp::posterior`] |
//! | joint draws | [`GridGp::posterior_samples`], [`GridGp::prior_samples`] |
//! | counts of electrons at known exposures | [`CountField`], [`CountField::fit`] |
//! | the evidence, fitted hyper-parameters | [`GridGp::log_marginal_likelihood`], [`GridGp::fit`] |
//!
//! Whatever is iterative says how it ended ([`Solve`]), whatever is estimated says its standard error, and
//! [`Route`] says which it was. Results depend on the seeds alone, not on the number of threads.

mod axis;
mod by_observation;
mod conjugate_gradient;
mod cosine;
mod count_fit;
mod count_mode;
mod count_saved;
mod counts;
mod eigenbasis;
mod embedding;
mod evidence;
mod fit;
mod fourier;
mod gradient;
mod kernel;
mod lanczos;
mod lattice;
mod model;
mod objective;
mod observations;
mod options;
mod posterior;
mod probing;
mod reduced_rank;
mod route;
mod sample;
mod saved;
mod surrogate;
mod system;
mod toeplitz;

pub use conjugate_gradient::Solve;
pub use counts::{CountField, CountPosterior};
pub use embedding::Embedding;
pub use evidence::Evidence;
pub use kernel::GridKernel;
pub use lattice::Grid;
pub use model::GridGp;
pub use options::GridOptions;
pub use posterior::{GridMean, GridPosterior};
pub use route::Route;
pub use sample::GridSamples;
