//! Gaussian-process surrogates: what is known about an unmeasured place, and how well.
//!
//! | you want | you take |
//! | --- | --- |
//! | a model of correlated measurements | a [`Kernel`]: [`Rbf`], [`Matern12`], [`Matern32`], [`Matern52`], [`RationalQuadratic`], [`Periodic`] |
//! | trends, levels, nuggets, categories | [`Linear`], [`Polynomial`], [`Constant`], [`White`], [`Categorical`] |
//! | covariances between outputs, fidelities, doses | [`Coregionalised`], [`Autoregressive`], [`DoseWeight`] |
//! | compositions | `a + b`, `a * b`, `.scaled(variance)`, `.on_columns([0, 2])` |
//! | what is expected far from all measurements | [`Mean`] |
//! | noise you know per measurement, or want fitted | [`Noise`] (**variances**, not standard deviations) |
//! | counts, labels, outliers, noise that varies | [`LaplaceGp`] with a [`Likelihood`], [`HeteroscedasticGp`] |
//! | several correlated outputs, or levels of fidelity | [`MultiOutputGp`] |
//! | looks of different dose at one field | [`DoseGp`] |
//! | hyper-parameters kept where you believe them to be | [`Prior`], [`Bounds`] in [`FitOptions`] |
//! | a posterior with given or fitted hyper-parameters | [`ExactGp::condition`], [`ExactGp::fit`] |
//! | mean and variance anywhere, samples | [`Posterior`] |
//! | how mean and variance change from place to place | [`ExactGp::slopes_at`], [`Surrogate::slopes`] |
//! | whether the model fits its own measurements | [`ExactGp::leave_one_out`], [`Diagnostics`] |
//! | more measurements without refitting | [`ExactGp::append`], [`ExactGp::append_many`] |
//! | fewer measurements without refitting (sliding windows) | [`ExactGp::remove`], [`ExactGp::remove_many`] |
//! | pending measurements, look-ahead | [`ExactGp::fantasize`], [`Tracked::fantasy`] |
//! | inputs and outputs in units of their own, scaled for you | [`ScaledGp`] with a [`Scaling`] |
//! | a conditioned process in a file | [`Persist`], or serde |
//! | any of them behind one face | [`Surrogate`] |
//! | scattered measurements by the thousand to the million | [`VecchiaGp`] with a [`VecchiaOrdering`] |
//! | features of image patches, learnt along with the process | [`DeepKernelGp`] on [`Patches`] |
//! | all pixels of a scan in nearly linear time | [`GridGp`] on a [`Grid`] with a [`GridKernel`] |
//! | thousands of measurements anywhere | [`SparseGp`] with [`InducingPoints`] |
//! | up to millions, counts and labels too, in minibatches | [`StochasticGp`] |
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
//!
//! # How fast
//!
//! Processor seconds of one thread beside scikit-learn 1.9.1 (OpenBLAS, one thread) in the same run of `cargo bench --bench
//! gp`, November 2026, on two virtual cores of an AMD EPYC (Zen 5) that other work kept busy; ratios hold better than
//! seconds. Matérn 5/2 with two lengthscales, variance and noise; both sides find the same values (log likelihoods of
//! fits to 10⁻⁶ nats, choices of the loops one by one).
//!
//! | task | n = 200 | n = 1000 | n = 3000 |
//! | --- | --- | --- | --- |
//! | log likelihood and gradient | 0.57 ms, 8.7 × | 15 ms, 8.3 × | 0.39 s, 8.8 × |
//! | fit; here four starts, there one | 9.2 ms, 13 × | 0.17 s, 18 × | 4.0 s, 16 × |
//! | mean and variance at 128 × 128 places | 16 ms, 3.6 × | 0.23 s, 9.6 × | 2.0 s, 4.2 × |
//! | mean alone at 128 × 128 places | 8.0 ms, 4.0 × | 39 ms, 4.6 × | 0.11 s, 51 × |
//!
//! An adaptive loop from 10 to 500 measurements over 4096 candidates ([`Tracked`]) takes 0.074 s with an upper confidence
//! bound, 178 × less than refitting there. With expected improvement it takes 0.35 s, 43 × less: most of that is the
//! improvement's own arithmetic, and it misses the 0.2 s it was meant to take.
//!
//! All pixels of a scan with known noise that differs from pixel to pixel (`cargo bench --bench gp_grid`), mean:
//!
//! | | 256² | 512² | 1024² |
//! | --- | --- | --- | --- |
//! | product RBF | 9.8 ms | 56 ms | 0.42 s |
//! | Matérn 5/2 by Fourier transforms | 87 ms | 0.71 s | 4.3 s |
//! | of which the transforms alone | 46 ms | 0.29 s | 2.1 s |
//!
//! Mean and variance of 256² pixels from 10 % of them take 0.33 s. `cargo run --example gp_growth` draws how these times
//! grow: with n m in the loop, with N log N on the grid, steeper where the data leave the caches.

mod adam;
mod append;
mod assign;
mod bounds;
mod candidates;
mod curvature;
mod deep_kernel;
mod evidence;
mod exact;
mod exponential;
mod fantasy;
mod fit;
mod grid;
mod kernel;
mod least_squares;
mod leave_one_out;
mod likelihood;
mod mean;
mod measured;
mod multi_fidelity;
mod multi_output;
mod noise;
mod objective;
mod path;
mod points;
mod posterior;
mod prior;
mod remove;
mod restart;
mod saved;
mod slopes;
mod sparse;
mod stationary;
mod store;
mod surrogate;
mod tagged;
mod transform;
mod vecchia;

pub use bounds::Bounds;
pub use candidates::{Lookahead, Tracked};
pub use deep_kernel::{
    DeepKernelGp, DeepKernelHeldOut, DeepKernelOptions, DeepKernelReport, DeepKernelStep,
    DeepKernelStop, DeepKernelValidation, PatchEdge, Patches,
};
pub use exact::ExactGp;
pub use fantasy::{Fantasy, Given, Prospects};
pub use fit::{FitOptions, FitReport, Stop};
pub use grid::{
    CountField, CountPosterior, Embedding, Evidence, Grid, GridGp, GridKernel, GridMean,
    GridOptions, GridPosterior, GridSamples, Route, Solve,
};
pub use kernel::{
    ActiveDimensions, Autoregressive, Categorical, Constant, Coregionalised, Decay, DoseWeight,
    Kernel, Linear, Parameter, Periodic, Polynomial, Product, RationalQuadratic, Role, Scaled, Sum,
    White,
};
pub use leave_one_out::{Diagnostics, LeaveOneOut};
pub use likelihood::{
    Derivatives, HeteroscedasticGp, HeteroscedasticPosterior, LaplaceGp, LatentPosterior,
    Likelihood, Link, Prediction,
};
pub use mean::{CustomMean, Mean};
pub use multi_fidelity::{Bias, DoseGp, DoseNoise};
pub use multi_output::{MultiOutputGp, MultiOutputPosterior, Output};
pub use noise::Noise;
pub use path::PosteriorPath;
pub use points::{Points, PointsView};
pub use posterior::Posterior;
pub(crate) use posterior::draw;
pub use prior::{LogNormal, Prior};
pub use remove::Removed;
pub use sparse::{
    InducingPoints, InducingSelection, Selected, SparseGp, SparsePosterior, StochasticGp,
    StochasticOptions, StochasticProgress, StochasticReport,
};
pub use stationary::{
    Matern12, Matern12Profile, Matern32, Matern32Profile, Matern52, Matern52Profile, Profile, Rbf,
    RbfProfile, Spectrum, Stationary,
};
pub use store::Persist;
pub use surrogate::{Joint, Marginals, Slopes, Surrogate};
pub use transform::{
    Affine, InputScaling, OutputScaling, ScaledGp, ScaledPosterior, Scaling, Transform,
};
pub use vecchia::{VecchiaGp, VecchiaOrdering};
