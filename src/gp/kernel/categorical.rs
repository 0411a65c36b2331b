//! Categories without an order.

use super::{Kernel, Parameter, Role, check_log_parameters, check_parameter};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// More categories than this are surely a column of something else.
const MOST_CATEGORIES: usize = 1_000_000;

/// Categorical: k(c, c′) = 1 if c = c′, else ρ, for category codes c in 0..m held by one column.
///
/// Compound symmetry, also called exchangeable: all categories are equally alike, by a correlation ρ that is learned. It is
/// positive definite for −1/(m − 1) < ρ < 1, all of which is covered by one positive hyper-parameter, `coupling`
/// = (1 + (m − 1) ρ)/(m (1 − ρ)): the ratio of the Gram matrix's two eigenvalues over m. Near zero the categories
/// add up to nothing, at 1/m they are independent (ρ = 0), and for large values they are one.
///
/// Takes points of one column; within wider points use [`Kernel::on_columns`]. Pinheiro & Bates, *Mixed-Effects
/// Models in S and S-PLUS* (2000), section 5.3.1; Roustant et al., SIAM/ASA J. Uncertain. Quantif. 8 (2020) 775.
///
/// ```
/// use dosewise::gp::{Categorical, Kernel, Matern52};
/// let material = Categorical::new(3, 0.4);
/// assert!((material.correlation() - 0.4).abs() < 1e-15);
/// let kernel = Matern52::isotropic(0.2).on_columns([0]) * material.on_columns([1]);
/// assert!((kernel.covariance(&[0.7, 0.0], &[0.7, 2.0]) - 0.4).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Categorical {
    categories: usize,
    coupling: f64,
}

impl Categorical {
    /// `categories` ≥ 2 categories whose correlation ρ is within −1/(categories − 1) < ρ < 1, both ends excluded.
    pub fn new(categories: usize, correlation: f64) -> Self {
        let m = categories as f64;
        Self {
            categories,
            // Zero, negative or NaN for a correlation out of range, which `check` refuses.
            coupling: (1.0 + (m - 1.0) * correlation) / (m * (1.0 - correlation)),
        }
    }

    /// Number of categories m; the codes are 0..m.
    pub fn categories(&self) -> usize {
        self.categories
    }

    /// The correlation ρ between different categories.
    pub fn correlation(&self) -> f64 {
        // With t = m · coupling the ratio of eigenvalues (1 + (m − 1) ρ)/(1 − ρ).
        let m = self.categories as f64;
        let t = m * self.coupling;
        (t - 1.0) / (t + m - 1.0)
    }

    /// dρ/dlog coupling = t m/(t + m − 1)².
    fn slope(&self) -> f64 {
        let m = self.categories as f64;
        let t = m * self.coupling;
        // In this order nothing overflows for the largest coupling.
        t / (t + m - 1.0) * (m / (t + m - 1.0))
    }
}

/// Refuses what is no code of `count` things: the whole numbers 0..count.
pub(super) fn check_codes(what: &str, coordinates: &[f64], count: usize) -> Result<()> {
    let valid = |code: f64| code.fract() == 0.0 && (0.0..count as f64).contains(&code);
    match coordinates.iter().find(|&&code| !valid(code)) {
        None => Ok(()),
        Some(code) => Err(Error::argument(
            what,
            code,
            format!("the whole numbers 0..{count}"),
        )),
    }
}

impl Kernel for Categorical {
    fn check(&self, dimension: usize) -> Result<()> {
        if dimension != 1 {
            return Err(Error::argument(
                "kernel",
                format!("a categorical kernel on {dimension} columns"),
                "one column, e.g. with on_columns",
            ));
        }
        if !(2..=MOST_CATEGORIES).contains(&self.categories) {
            return Err(Error::argument(
                "categories",
                self.categories,
                format!("2 to {MOST_CATEGORIES}"),
            ));
        }
        check_parameter("coupling", self.coupling).map_err(|_| {
            let lowest = -1.0 / (self.categories as f64 - 1.0);
            Error::argument(
                "correlation",
                format!("one that needs a coupling of {}", self.coupling),
                format!(
                    "{lowest} < correlation < 1 for {} categories",
                    self.categories
                ),
            )
        })
    }

    fn check_points(&self, points: PointsView<'_>) -> Result<()> {
        self.check(points.dimension())?;
        check_codes("category", points.coordinate(0), self.categories)
    }

    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        let correlation = self.correlation();
        let own = point.first().copied().unwrap_or(0.0);
        for (value, &other) in out.iter_mut().zip(others.coordinate(0)) {
            *value = if own == other { 1.0 } else { correlation };
        }
    }

    fn variance(&self, _point: &[f64]) -> f64 {
        1.0
    }

    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            name: "coupling".into(),
            role: Role::Shape,
            value: self.coupling,
        }]
    }

    fn parameter_count(&self) -> usize {
        1
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, 1)?;
        self.coupling = values[0].exp();
        Ok(())
    }

    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let own = point.first().copied().unwrap_or(0.0);
        let (mut same, mut different) = (0.0, 0.0);
        for (weight, &other) in weights.iter().zip(others.coordinate(0)) {
            if own == other {
                same += weight;
            } else {
                different += weight;
            }
        }
        if let Some(slot) = gradient.first_mut() {
            *slot += self.slope() * different;
        }
        same + self.correlation() * different
    }

    // None: codes have no order, hence no slope.
    fn accumulate_input_gradient(
        &self,
        _point: &[f64],
        _others: PointsView<'_>,
        _weights: &[f64],
        _gradient: &mut [f64],
    ) {
    }

    fn accumulate_variance_gradient(&self, _point: &[f64], _weight: f64, _gradient: &mut [f64]) {}

    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}
