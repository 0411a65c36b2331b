//! Exploring without ever leaving what is known to be safe.

use super::{Choice, Limit, posterior, safe_set};
use crate::acquisition::argument::positive;
use crate::error::{Error, Result};
use crate::gp::{Joint, Marginals, Surrogate};
use ndarray::ArrayView2;

/// Safe exploration by confidence bounds: only places that meet every constraint for sure are measured, and of those the ones
/// that may be best or that may show more places to be safe.
///
/// With `l, u = μ ∓ κ s`, κ the `deviations`, the safe set S is that of [`safe_set`]; the *maximisers* are the safe places with
/// `u(x) ≥ max_S l`; an *expander* is a safe place where a value at an end of its confidence interval, taken as known without
/// noise, would make a place safe that is not yet. Of both, [`SafeSets::next`] is the one least known.
///
/// Source: Sui, Gotovos, Burdick and Krause, *Safe Exploration for Optimization with Gaussian Processes*, ICML 2015 (SafeOpt),
/// algorithm 1; expanders by the process itself in place of a Lipschitz constant as in Berkenkamp, Schoellig and Krause, ICRA
/// 2016 (arXiv 1509.01066), section IV; here with several constraints a place counts as gained only if all are met.
///
/// ```
/// use dosewise::acquisition::{Limit, SafeExploration};
/// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
/// use ndarray::{Array2, array};
/// let gp = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(1e-4))
///     .condition(&array![[0.0]], &[1.0])?;
/// let places = Array2::from_shape_fn((9, 1), |(i, _)| 0.25 * i as f64);
/// let exploration = SafeExploration::new(vec![Limit::AtLeast(0.0)], 2.0)?;
/// let sets = exploration.sets(&gp, &[&gp], places.view(), &[])?;
/// assert_eq!(sets.safe, [0, 1]); // near the one measurement
/// assert_eq!(sets.next().map(|choice| choice.index), Some(1)); // towards where nothing is known
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SafeExploration {
    limits: Vec<Limit>,
    deviations: f64,
}

/// What [`SafeExploration::sets`] found among m places; indices rise.
#[derive(Debug, Clone, PartialEq)]
pub struct SafeSets {
    /// Places that meet all constraints for sure.
    pub safe: Vec<usize>,
    /// Safe places that may have the largest value.
    pub maximisers: Vec<usize>,
    /// Safe places whose measurement may make others safe.
    pub expanders: Vec<usize>,
    /// Width `2 κ s` of the widest confidence interval of value and constraints at each of the m places; quantities in unlike
    /// units should be scaled alike first.
    pub widths: Vec<f64>,
}

impl SafeSets {
    /// The maximiser or expander with the widest interval, of equal ones the first; its score is that width. `None` where
    /// nothing is safe.
    pub fn next(&self) -> Option<Choice> {
        let mut places: Vec<usize> = [&self.maximisers[..], &self.expanders].concat();
        places.sort_unstable();
        let each = places.into_iter().filter_map(|index| {
            let score = *self.widths.get(index)?;
            Some(Choice { index, score })
        });
        each.reduce(
            |best, next| {
                if next.score > best.score { next } else { best }
            },
        )
    }
}

impl SafeExploration {
    /// With one limit for each constrained quantity and the half-width κ of all confidence intervals, in `deviations`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no limit or `deviations` is not finite and positive.
    pub fn new(limits: Vec<Limit>, deviations: f64) -> Result<Self> {
        if limits.is_empty() {
            return Err(Error::argument("limits", "none", "at least one"));
        }
        positive("deviations", deviations)?;
        Ok(Self { limits, deviations })
    }

    /// The sets among the rows of `points` (m × d): `value` is to be maximised, `constraints` are the limited quantities, one
    /// a limit (the value itself may be one of them), `known_safe` are places safe beforehand.
    ///
    /// Costs one joint posterior of m places a constraint, and m numbers a constraint for each safe place.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is one surrogate a limit, and as [`safe_set`] and [`Surrogate::joint`].
    pub fn sets(
        &self,
        value: &dyn Surrogate,
        constraints: &[&dyn Surrogate],
        points: ArrayView2<'_, f64>,
        known_safe: &[usize],
    ) -> Result<SafeSets> {
        let joints = constraints.iter().map(|c| posterior::joint(*c, points));
        let joints: Vec<Joint> = joints.collect::<Result<_>>()?;
        let beliefs: Vec<Marginals> = joints.iter().map(marginals).collect();
        let safe = safe_set(&beliefs, &self.limits, self.deviations, known_safe)?;
        let value = posterior::marginals(value, points)?;
        let reach = |belief: &Marginals, i: usize| self.deviations * belief.variance[i].sqrt();
        let surest = safe.iter().map(|&i| value.mean[i] - reach(&value, i));
        let surest = surest.fold(f64::NEG_INFINITY, f64::max);
        let may_be_best = |i: &usize| value.mean[*i] + reach(&value, *i) >= surest;
        let maximisers = safe.iter().copied().filter(may_be_best).collect();
        let mut expanders = Vec::new();
        for &i in &safe {
            if self.gains_a_place(&joints, &safe, i)? {
                expanders.push(i);
            }
        }
        let all = || beliefs.iter().chain([&value]);
        let width = |i| all().map(|b| 2.0 * reach(b, i)).fold(0.0, f64::max);
        let widths = (0..points.nrows()).map(width).collect();
        Ok(SafeSets {
            safe,
            maximisers,
            expanders,
            widths,
        })
    }

    /// Whether values within the bounds at place `i` would make a place safe that is not among the `safe` ones.
    fn gains_a_place(&self, joints: &[Joint], safe: &[usize], i: usize) -> Result<bool> {
        let mut candidates = vec![true; joints.first().map_or(0, |joint| joint.mean.len())];
        for &known in safe {
            candidates[known] = false;
        }
        for (joint, limit) in joints.iter().zip(&self.limits) {
            let mut met = vec![false; candidates.len()];
            for sign in [1.0, -1.0] {
                let told = told(joint, i, sign * self.deviations);
                for place in safe_set(&[told], &[*limit], self.deviations, &[])? {
                    met[place] = true;
                }
            }
            for (candidate, met) in candidates.iter_mut().zip(met) {
                *candidate &= met;
            }
        }
        Ok(candidates.contains(&true))
    }
}

fn marginals(joint: &Joint) -> Marginals {
    let variance = joint.covariance.diag();
    Marginals {
        mean: joint.mean.clone(),
        variance: variance.iter().map(|v| v.max(0.0)).collect(),
    }
}

/// The belief once the value at place `i` is known to lie `deviations` deviations above its mean.
fn told(joint: &Joint, i: usize, deviations: f64) -> Marginals {
    let mut belief = marginals(joint);
    let deviation = belief.variance[i].sqrt();
    if deviation > 0.0 {
        for (j, covariance) in joint.covariance.row(i).iter().enumerate() {
            let share = covariance / deviation;
            belief.mean[j] += share * deviations;
            belief.variance[j] = (belief.variance[j] - share * share).max(0.0);
        }
    }
    belief
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{ExactGp, Kernel, Matern52, Noise};
    use ndarray::{Array2, array};

    fn model(y: [f64; 2]) -> ExactGp {
        ExactGp::new(
            Matern52::isotropic(0.5).scaled(0.6),
            Noise::Known(vec![0.01; 2]),
        )
        .condition(&array![[0.6], [1.2]], &y)
        .unwrap()
    }

    /// The definitions with each told value appended to the process as a measurement.
    #[test]
    fn expanders_equal_processes_told_the_value() {
        let (value, limited) = (model([0.2, 0.9]), model([1.0, 0.7]));
        let places = Array2::from_shape_fn((25, 1), |(i, _)| 0.08 * i as f64);
        let (limit, kappa) = (0.2, 2.0);
        let exploration = SafeExploration::new(vec![Limit::AtLeast(limit)], kappa).unwrap();
        let sets = exploration
            .sets(&value, &[&limited], places.view(), &[])
            .unwrap();
        let now = limited.marginals(places.view()).unwrap();
        let is_safe = |b: &Marginals, i: usize| b.mean[i] - kappa * b.variance[i].sqrt() >= limit;
        let wanted: Vec<usize> = (0..25).filter(|&i| is_safe(&now, i)).collect();
        assert_eq!(sets.safe, wanted);
        assert!(wanted.len() > 5 && wanted.len() < 20);
        let expands = |&i: &usize| {
            [1.0, -1.0].into_iter().any(|sign| {
                let told = now.mean[i] + sign * kappa * now.variance[i].sqrt();
                let mut grown = limited.clone();
                grown.append(&[places[[i, 0]]], told, 1e-10).unwrap();
                let then = grown.marginals(places.view()).unwrap();
                (0..25).any(|j| !sets.safe.contains(&j) && is_safe(&then, j))
            })
        };
        let wanted: Vec<usize> = wanted.into_iter().filter(expands).collect();
        assert_eq!(sets.expanders, wanted);
        assert!(!wanted.is_empty() && wanted.len() < sets.safe.len());
        let belief = value.marginals(places.view()).unwrap();
        let bound = |i: usize, sign: f64| belief.mean[i] + sign * kappa * belief.variance[i].sqrt();
        let surest = sets.safe.iter().map(|&i| bound(i, -1.0));
        let surest = surest.fold(f64::NEG_INFINITY, f64::max);
        for &i in &sets.safe {
            assert_eq!(sets.maximisers.contains(&i), bound(i, 1.0) >= surest);
        }
        let next = sets.next().unwrap();
        assert!(sets.safe.contains(&next.index));
        assert!((next.score - sets.widths[next.index]).abs() == 0.0);
    }

    #[test]
    fn every_constraint_must_be_met() {
        let (value, easy, never) = (model([0.0, 0.5]), model([1.0, 1.0]), model([-1.0, -1.0]));
        let places = Array2::from_shape_fn((11, 1), |(i, _)| 0.2 * i as f64);
        let limits = vec![Limit::AtLeast(0.0), Limit::AtLeast(0.0)];
        let exploration = SafeExploration::new(limits, 2.0).unwrap();
        let ask =
            |known: &[usize]| exploration.sets(&value, &[&easy, &never], places.view(), known);
        let sets = ask(&[]).unwrap();
        assert!(sets.safe.is_empty() && sets.next().is_none());
        let sets = ask(&[3]).unwrap();
        assert_eq!(sets.safe, [3]);
        assert_eq!(sets.maximisers, [3]);
        assert_eq!(sets.next().unwrap().index, 3);
    }

    #[test]
    fn wrong_settings_are_refused() {
        let limits = || vec![Limit::AtMost(1.0)];
        assert!(SafeExploration::new(vec![], 2.0).is_err());
        assert!(SafeExploration::new(limits(), 0.0).is_err());
        assert!(SafeExploration::new(limits(), f64::NAN).is_err());
        let exploration = SafeExploration::new(limits(), 2.0).unwrap();
        let (gp, places) = (model([0.0, 0.0]), array![[0.0], [1.0]]);
        assert!(exploration.sets(&gp, &[], places.view(), &[]).is_err());
        assert!(exploration.sets(&gp, &[&gp], places.view(), &[2]).is_err());
        let wide = array![[0.0, 1.0]];
        assert!(exploration.sets(&gp, &[&gp], wide.view(), &[]).is_err());
    }
}
