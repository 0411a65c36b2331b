//! Gaussian-process surrogates: what is known about an unmeasured place, and how well.
//!
//! | you want | you take |
//! | --- | --- |
//! | a model of correlated measurements | a [`Kernel`]: [`Rbf`], [`Matern12`], [`Matern32`], [`Matern52`], [`RationalQuadratic`], [`Periodic`] |
//! | trends, levels, nuggets, categories | [`Linear`], [`Polynomial`], [`Constant`], [`White`], [`Categorical`] |
//! | compositions | `a + b`, `a * b`, `.scaled(variance)`, `.on_columns([0, 2])` |
//! | what is expected far from all measurements | [`Mean`] |
//! | noise you know per measurement, or want fitted | [`Noise`] (**variances**, not standard deviations) |
//! | counts, labels, outliers, noise that varies | [`LaplaceGp`] with a [`Likelihood`], [`HeteroscedasticGp`] |
//! | hyper-parameters kept where you believe them to be | [`Prior`], [`Bounds`] in [`FitOptions`] |
//! | a posterior with given or fitted hyper-parameters | [`ExactGp::condition`], [`ExactGp::fit`] |
//! | mean and variance anywhere, samples | [`Posterior`] |
//! | more measurements without refitting | [`ExactGp::append`], [`ExactGp::append_many`] |
//! | a conditioned process in a file | [`Persist`], or serde |
//! | any of them behind one face | [`Surrogate`] |
//! | all pixels of a scan in nearly linear time | [`GridGp`] on a [`Grid`] with a [`GridKernel`] |
//! | an image of counts with its exposures | [`CountField`] |
//! | a fixed list of candidates, kept up to date at O(n m) a measurement | [`ExactGp::track`] |
//!
//! ```
//! use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
//! use ndarray::{Array2, array};
//!
//! let x = array![[0.0], [0.4], [1.0]];
//! let y = [0.0, 0.8, -0.2];
//! let kernel = Matern52::isotropic(0.3).scaled(1.0);
//! let mut gp = ExactGp::new(kernel, Noise::Known(vec![1e-4; 3])).condition(&x, &y)?;
//!
//! let places = Array2::from_shape_fn((11, 1), |(i, _)| i as f64 / 10.0);
//! let before = gp.posterior(&places)?.variance()[7];
//! gp.append(&[0.7], 0.3, 1e-4)?;
//! let after = gp.posterior(&places)?.variance()[7];
//! assert!(after < 0.01 * before);
//! # Ok::<(), dosewise::Error>(())
//! ```

mod append;
mod assign;
mod bounds;
mod candidates;
mod evidence;
mod exact;
mod exponential;
mod fit;
mod grid;
mod kernel;
mod least_squares;
mod likelihood;
mod mean;
mod measured;
mod noise;
mod objective;
mod points;
mod posterior;
mod prior;
mod restart;
mod saved;
mod stationary;
mod store;
mod surrogate;

pub use bounds::Bounds;
pub use candidates::Tracked;
pub use exact::ExactGp;
pub use fit::{FitOptions, FitReport, Stop};
pub use grid::{
    CountField, CountPosterior, Embedding, Evidence, Grid, GridGp, GridKernel, GridMean,
    GridOptions, GridPosterior, GridSamples, Route, Solve,
};
pub use kernel::{
    ActiveDimensions, Categorical, Constant, Kernel, Linear, Parameter, Periodic, Polynomial,
    Product, RationalQuadratic, Role, Scaled, Sum, White,
};
pub use likelihood::{
    Derivatives, HeteroscedasticGp, HeteroscedasticPosterior, LaplaceGp, LatentPosterior,
    Likelihood, Link, Prediction,
};
pub use mean::{CustomMean, Mean};
pub use noise::Noise;
pub use points::{Points, PointsView};
pub use posterior::Posterior;
pub use prior::{LogNormal, Prior};
pub use stationary::{
    Matern12, Matern12Profile, Matern32, Matern32Profile, Matern52, Matern52Profile, Profile, Rbf,
    RbfProfile, Stationary,
};
pub use store::Persist;
pub use surrogate::{Joint, Marginals, Slopes, Surrogate};
