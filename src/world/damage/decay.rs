//! Radiolysis: a crystal that passes through stages as its dose grows.

use super::mean_of_decay;
use crate::world::definition::in_range;
use crate::{Error, Result};
use serde::Deserialize;
use std::path::Path;

/// Most stages, the pristine one among them.
pub(in crate::world) const STAGES: usize = 4;
/// Relative difference below which rates are moved apart, so that no quotient is nought over nought. The shares err by less than
/// this.
const APART: f64 = 1e-5;

/// States that follow one another: a world file's `[[damage.decay]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecayChain {
    /// State of the material that decays.
    pub state: String,
    /// What it becomes, step by step.
    pub stages: Vec<Stage>,
}

/// One step of a decay.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// State of the material that follows, or `amorphous`.
    pub to: String,
    /// Dose after which 1/e of the stage before is left, e⁻/Å².
    pub dose: f64,
}

impl DecayChain {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        if !(1..STAGES).contains(&self.stages.len()) {
            let allowed = format!("1 to {} stages", STAGES - 1);
            let found = self.stages.len();
            return Err(Error::config(file, format!("{key}.stages"), found, allowed));
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let key = format!("{key}.stages[{index}].dose");
            in_range(file, &key, stage.dose, 1e-3, 1e12)?;
        }
        Ok(())
    }
}

/// How the shares of the stages of a decay follow from the dose.
///
/// Each stage goes over into the next at the rate 1/D_k, k = 0, 1, …; the last one stays. With the pristine share
/// f₀ = exp(−D/D₀) and the Bateman equations for the rest (H. Bateman, Proc. Cambridge Philos. Soc. 15 (1910) 423),
/// f_k = Σ_{j ≤ k} c_{kj} exp(−λ_j D) with c_{kj} = Π_{i < k} λ_i / Π_{i ≤ k, i ≠ j} (λ_i − λ_j).
///
/// ```
/// use dosewise::world::damage::Decay;
/// let decay = Decay::new(&[10.0, 30.0])?;
/// let [pristine, halfway, last, _] = decay.fractions(10.0);
/// assert!((pristine - (-1.0_f64).exp()).abs() < 1e-12);
/// assert!((pristine + halfway + last - 1.0).abs() < 1e-12);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Decay {
    /// Number of steps.
    steps: usize,
    rates: [f64; STAGES - 1],
    /// For each stage but the last the weights of the exponentials.
    weights: [[f64; STAGES - 1]; STAGES - 1],
}

impl Decay {
    /// From the dose (e⁻/Å²) of each step.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are 1 to 3 doses within 10⁻³ to 10¹² e⁻/Å².
    pub fn new(doses: &[f64]) -> Result<Self> {
        let sound = doses.iter().all(|dose| (1e-3..=1e12).contains(dose));
        if !sound || !(1..STAGES).contains(&doses.len()) {
            let allowed = "1 to 3 doses within 1e-3 to 1e12 e⁻/Å²";
            return Err(Error::argument("doses", format!("{doses:?}"), allowed));
        }
        let moved_apart = |index: usize| {
            let alike = |other: usize| (doses[other] / doses[index] - 1.0).abs() < APART;
            let number = (0..doses.len()).filter(|&other| alike(other)).count();
            let before = (0..index).filter(|&other| alike(other)).count();
            (1.0 + APART * (2.0 * before as f64 - (number - 1) as f64)) / doses[index]
        };
        let steps = doses.len();
        let mut rates = [0.0; STAGES - 1];
        for (index, rate) in rates.iter_mut().enumerate().take(steps) {
            *rate = moved_apart(index);
        }
        let mut weights = [[0.0; STAGES - 1]; STAGES - 1];
        for stage in 0..steps {
            let fed: f64 = rates[..stage].iter().product();
            for j in 0..=stage {
                let others = (0..=stage).filter(|i| *i != j);
                weights[stage][j] = fed / others.map(|i| rates[i] - rates[j]).product::<f64>();
            }
        }
        Ok(Self {
            steps,
            rates,
            weights,
        })
    }

    /// Dose of the first step, e⁻/Å².
    pub fn critical_dose(&self) -> f64 {
        1.0 / self.rates[0]
    }

    /// Shares of the stages after a dose; those that there are not are zero.
    pub fn fractions(&self, dose: f64) -> [f64; 4] {
        self.shares(|rate| (-rate * dose).exp())
    }

    /// Shares of the stages averaged over a visit during which the dose grows: (1/ΔD) ∫ f_k dD in closed form, so that a visit
    /// that is split expects exactly what the whole one does.
    #[inline]
    pub fn mean_fractions(&self, before: f64, after: f64) -> [f64; 4] {
        let step = after - before;
        if step.is_nan() || step <= 0.0 {
            return self.fractions(before);
        }
        self.shares(|rate| (-rate * before).exp() * mean_of_decay(rate * step))
    }

    #[inline]
    fn shares(&self, exponential: impl Fn(f64) -> f64) -> [f64; 4] {
        let mut exponentials = [0.0; STAGES - 1];
        for (value, rate) in exponentials.iter_mut().zip(&self.rates).take(self.steps) {
            *value = exponential(*rate);
        }
        let mut shares = [0.0; STAGES];
        let mut rest = 1.0;
        for (share, weights) in shares.iter_mut().zip(&self.weights).take(self.steps) {
            let sum: f64 = weights.iter().zip(&exponentials).map(|(w, e)| w * e).sum();
            *share = sum.max(0.0).min(rest);
            rest -= *share;
        }
        shares[self.steps] = rest;
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rate equations by Runge and Kutta's method of fourth order.
    fn integrated(doses: &[f64], dose: f64) -> [f64; 4] {
        let slope = |f: &[f64; 4]| {
            let mut d = [0.0; 4];
            for (k, critical) in doses.iter().enumerate() {
                d[k] -= f[k] / critical;
                d[k + 1] += f[k] / critical;
            }
            d
        };
        let steps = 4000;
        let h = dose / f64::from(steps);
        let mut f = [1.0, 0.0, 0.0, 0.0];
        for _ in 0..steps {
            let ahead = |k: &[f64; 4], by: f64| [0, 1, 2, 3].map(|i| f[i] + by * k[i]);
            let a = slope(&f);
            let b = slope(&ahead(&a, 0.5 * h));
            let c = slope(&ahead(&b, 0.5 * h));
            let d = slope(&ahead(&c, h));
            f = [0, 1, 2, 3].map(|i| f[i] + h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]));
        }
        f
    }

    #[test]
    fn shares_follow_the_rate_equations() {
        for doses in [
            vec![600.0],
            vec![10.0, 30.0],
            vec![30.0, 10.0],
            vec![20.0, 20.0, 20.0],
            vec![5.0, 50.0, 7.0],
        ] {
            let decay = Decay::new(&doses).unwrap();
            for dose in [0.0, 1.0, 12.0, 90.0] {
                let (found, expected) = (decay.fractions(dose), integrated(&doses, dose));
                for (f, e) in found.iter().zip(expected) {
                    assert!(
                        (f - e).abs() < 1e-5,
                        "{doses:?} at {dose}: {found:?} {expected:?}"
                    );
                }
            }
        }
        assert_eq!(
            Decay::new(&[600.0]).unwrap().fractions(0.0),
            [1.0, 0.0, 0.0, 0.0]
        );
    }

    proptest! {
        #[test]
        fn a_visit_in_parts_sees_the_mean_of_the_whole(
            first in 1.0..100.0_f64, second in 1.0..100.0_f64, before in 0.0..50.0_f64, parts in prop::collection::vec(0.01..20.0_f64, 1..6),
        ) {
            let decay = Decay::new(&[first, second]).unwrap();
            let whole: f64 = parts.iter().sum();
            let mut sum = [0.0; 4];
            let mut dose = before;
            for part in &parts {
                let mean = decay.mean_fractions(dose, dose + part);
                (0..4).for_each(|k| sum[k] += mean[k] * part / whole);
                dose += part;
            }
            let expected = decay.mean_fractions(before, dose);
            for k in 0..4 {
                prop_assert!((sum[k] - expected[k]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn doses_out_of_range_are_refused() {
        for doses in [
            &[][..],
            &[0.0],
            &[f64::NAN],
            &[1.0, -1.0],
            &[1.0; 4],
            &[f64::INFINITY],
        ] {
            assert!(Decay::new(doses).is_err(), "{doses:?}");
        }
    }
}
