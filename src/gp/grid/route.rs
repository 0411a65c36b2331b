//! The ways to an exact posterior, and the choice between them.

use super::by_observation::ByObservation;
use super::gradient::Traces;
use super::observations::Observations;
use super::reduced_rank::{Budget, Diagonal, Modes, ReducedRank};
use super::system::Covariance;
use crate::error::Result;

/// How a variance or a likelihood was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Exact: a product kernel, every pixel observed with the same noise, so all is diagonal in the eigenbasis.
    Eigenvalues,
    /// Exact: a product kernel reduced to its `modes` eigenvectors that matter.
    ReducedRank {
        /// Number of eigenvectors.
        modes: usize,
    },
    /// Exact: the covariance matrix of the observed pixels.
    Observations {
        /// Number of observed pixels.
        count: usize,
    },
    /// Estimated from random probes.
    Stochastic {
        /// Number of probes.
        probes: usize,
    },
}

/// A factored exact posterior.
pub(super) enum Exact<'a> {
    Diagonal(Diagonal<'a>),
    ReducedRank(Box<ReducedRank<'a>>),
    Observations(ByObservation<'a>),
}

/// Which exact route to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    Diagonal,
    ReducedRank,
    Observations,
    Stochastic,
}

impl Choice {
    /// The cheapest exact route within the budget.
    pub fn new(covariance: &Covariance, observations: &Observations, budget: Budget) -> Self {
        let pixels = observations.weights.len();
        let few = observations.count <= budget.largest;
        let Covariance::Product(basis) = covariance else {
            return if few {
                Self::Observations
            } else {
                Self::Stochastic
            };
        };
        if observations.uniform().is_some() {
            return Self::Diagonal;
        }
        let modes = Modes::choose(basis, observations.largest_weight(), budget);
        let dense = ByObservation::cost(observations.count, pixels);
        match modes {
            Some(modes) if !few || modes.cost(basis) <= dense => Self::ReducedRank,
            _ if few => Self::Observations,
            _ => Self::Stochastic,
        }
    }
}

impl Choice {
    /// For the steps of a fit: as exact as results are, so that the last small steps of a search climb a smooth
    /// function; nearly so where that takes a factor of more than `largest` rows.
    pub fn of_fit(
        covariance: &Covariance,
        observations: &Observations,
        largest: usize,
    ) -> (Self, Budget) {
        let within = |budget| Self::new(covariance, observations, budget);
        match within(Budget::exact(largest)) {
            Self::Stochastic => {
                let budget = Budget::fit(largest);
                (within(budget), budget)
            }
            choice => (choice, Budget::exact(largest)),
        }
    }
}

impl<'a> Exact<'a> {
    /// Factors along the chosen route; `None` if it is not exact, or goes over the budget.
    pub fn new(
        choice: Choice,
        covariance: &'a Covariance,
        observations: &Observations,
        budget: Budget,
    ) -> Result<Option<Self>> {
        Ok(match (choice, covariance) {
            (Choice::Diagonal, Covariance::Product(basis)) => observations
                .uniform()
                .map(|weight| Self::Diagonal(Diagonal::new(basis, weight))),
            (Choice::ReducedRank, Covariance::Product(basis)) => {
                let modes = Modes::choose(basis, observations.largest_weight(), budget);
                match modes {
                    Some(modes) => {
                        let factored = ReducedRank::new(basis, modes, observations)?;
                        Some(Self::ReducedRank(Box::new(factored)))
                    }
                    None => None,
                }
            }
            (Choice::Observations, _) => Some(Self::Observations(ByObservation::new(
                covariance,
                observations,
            )?)),
            _ => None,
        })
    }

    pub fn route(&self) -> Route {
        match self {
            Self::Diagonal(_) => Route::Eigenvalues,
            Self::ReducedRank(reduced) => Route::ReducedRank {
                modes: reduced.rank(),
            },
            Self::Observations(dense) => Route::Observations {
                count: dense.count(),
            },
        }
    }

    /// K (K + D)⁻¹ r at all pixels, and rᵀ (K + D)⁻¹ r.
    pub fn solve(&self, observations: &Observations, r: &[f64]) -> Result<(Vec<f64>, f64)> {
        match self {
            Self::Diagonal(diagonal) => Ok(diagonal.solve(r)),
            Self::ReducedRank(reduced) => reduced.solve(observations, r),
            Self::Observations(dense) => dense.solve(r),
        }
    }

    /// log det(K + D) over the observed pixels.
    pub fn log_determinant(&self, observations: &Observations) -> f64 {
        match self {
            Self::Diagonal(diagonal) => diagonal.log_determinant() + observations.log_noise,
            Self::ReducedRank(reduced) => reduced.log_determinant() + observations.log_noise,
            Self::Observations(dense) => dense.log_determinant(),
        }
    }

    /// The posterior variance at all pixels.
    pub fn variance(&self, pixels: usize) -> Result<Vec<f64>> {
        match self {
            Self::Diagonal(diagonal) => Ok(diagonal.variance()),
            Self::ReducedRank(reduced) => Ok(reduced.variance()),
            Self::Observations(dense) => dense.variance(pixels),
        }
    }

    /// For the analytic gradient; `None` on a route without one. `weight` as in [`ReducedRank::traces`].
    pub fn traces(
        &self,
        observations: &Observations,
        weight: Option<f64>,
    ) -> Result<Option<Traces>> {
        match self {
            Self::Diagonal(diagonal) => Ok(Some(diagonal.traces())),
            Self::ReducedRank(reduced) => Ok(Some(reduced.traces(observations, weight)?)),
            Self::Observations(_) => Ok(None),
        }
    }
}
