//! What is believed of the inducing values: a Gaussian, in coordinates in which the prior is standard normal.

use crate::error::{Error, Result};
use crate::gp::kernel::dot;
use crate::linalg::Cholesky;

/// q(v) = N(w, Λ⁻¹) for the whitened inducing values v = L⁻¹ (u − mean), L Lᵀ = K_uu, whose prior is N(0, I).
#[derive(Debug, Clone, Default)]
pub(super) struct Belief {
    /// w.
    pub location: Vec<f64>,
    /// The factor of Λ.
    pub precision: Cholesky,
}

/// The natural parameters of a [`Belief`]: Λ (lower triangle, column-major) and Λ w.
#[derive(Debug, Clone)]
pub(super) struct Natural {
    pub precision: Vec<f64>,
    pub shift: Vec<f64>,
}

impl Belief {
    /// The prior of `size` values.
    pub fn prior(size: usize) -> Result<Self> {
        let precision = Cholesky::factor(size, &mut |_, column| {
            column.fill(0.0);
            column[0] = 1.0;
        })?;
        Ok(Self {
            location: vec![0.0; size],
            precision,
        })
    }

    pub fn natural(&self) -> Result<Natural> {
        let size = self.location.len();
        let mut precision = vec![0.0; size * size];
        for (j, column) in precision.chunks_exact_mut(size.max(1)).enumerate() {
            let mut unit = vec![0.0; size];
            unit[j] = 1.0;
            let product = self
                .precision
                .multiply(&self.precision.multiply_transposed(&unit)?)?;
            column[j..].copy_from_slice(&product[j..]);
        }
        let turned = self.precision.multiply_transposed(&self.location)?;
        Ok(Natural {
            precision,
            shift: self.precision.multiply(&turned)?,
        })
    }

    /// KL(q(v) ‖ N(0, I)) = ½ (tr Λ⁻¹ + wᵀw − M + log det Λ), nats.
    pub fn divergence(&self) -> f64 {
        let size = self.location.len();
        let (mut inverse, mut work) = (Vec::new(), Vec::new());
        self.precision.inverse(&mut inverse, &mut work);
        let trace: f64 = (0..size).map(|j| inverse[j * size + j]).sum();
        let length = dot(&self.location, &self.location);
        0.5 * (trace + length - size as f64 + self.precision.log_determinant())
    }
}

impl Natural {
    /// The optimum for Gaussian sites: Λ = I + `gram` (lower triangle), Λ w = `shift`.
    pub fn of_sites(mut gram: Vec<f64>, shift: Vec<f64>) -> Self {
        let size = shift.len();
        (0..size).for_each(|j| gram[j * size + j] += 1.0);
        Self {
            precision: gram,
            shift,
        }
    }

    /// Moves a share `step` of the way to `target`: a step along the natural gradient (Salimbeni, Eleftheriadis &
    /// Hensman 2018, AISTATS; Khan & Lin 2017, AISTATS), in these parameters a straight line.
    pub fn approach(&mut self, target: &Self, step: f64) {
        let toward = |here: &mut [f64], there: &[f64]| {
            for (h, t) in here.iter_mut().zip(there) {
                *h += step * (t - *h);
            }
        };
        toward(&mut self.precision, &target.precision);
        toward(&mut self.shift, &target.shift);
    }

    /// # Errors
    /// [`Error::NotPositiveDefinite`] if Λ has lost its smallest directions to rounding: jitter, which would help a
    /// covariance, would here make up measurements.
    pub fn belief(&self) -> Result<Belief> {
        let size = self.shift.len();
        let precision = Cholesky::factor(size, &mut |j, column| {
            column.copy_from_slice(&self.precision[j * size + j..][..size - j]);
        })?;
        if precision.jitter() > 0.0 {
            return Err(Error::NotPositiveDefinite {
                size,
                pivot: 0,
                jitter: 0.0,
            });
        }
        let mut location = self.shift.clone();
        precision.solve(&mut location)?;
        Ok(Belief {
            location,
            precision,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skewed() -> Natural {
        let gram = vec![3.0, 0.5, -0.2, 0.0, 1.0, 0.4, 0.0, 0.0, 0.7];
        Natural::of_sites(gram, vec![1.0, -2.0, 0.3])
    }

    #[test]
    fn natural_parameters_go_there_and_back() {
        let natural = skewed();
        let again = natural.belief().unwrap().natural().unwrap();
        for (a, b) in natural.precision.iter().zip(&again.precision) {
            assert!((a - b).abs() < 1e-14);
        }
        for (a, b) in natural.shift.iter().zip(&again.shift) {
            assert!((a - b).abs() < 1e-14);
        }
        let mut moved = Belief::prior(3).unwrap().natural().unwrap();
        moved.approach(&natural, 1.0);
        assert_eq!(moved.precision, natural.precision);
    }

    #[test]
    fn the_divergence_is_that_of_the_formula_in_one_dimension() {
        assert!(Belief::prior(4).unwrap().divergence().abs() < 1e-15);
        // N(m, s) against N(0, 1): ½ (s + m² − 1 − ln s).
        let (m, s) = (0.7_f64, 0.3_f64);
        let belief = Natural::of_sites(vec![1.0 / s - 1.0], vec![m / s])
            .belief()
            .unwrap();
        let expected = 0.5 * (s + m * m - 1.0 - s.ln());
        assert!((belief.divergence() - expected).abs() < 1e-14);
        // Never negative, and zero at the prior alone.
        assert!(skewed().belief().unwrap().divergence() > 0.1);
    }
}
