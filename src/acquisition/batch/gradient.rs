//! How the worth of a batch changes with its places.

use super::draws::{BatchAcquisition, DrawSlopes};
use super::monte_carlo::{MonteCarlo, Setting, Simulation};
use super::search::check_places;
use crate::acquisition::choice::check_score;
use crate::error::{Error, Result};
use crate::gp::Surrogate;
use ndarray::{Array2, ArrayView2};

/// The worth of a batch with its derivatives by the q × d coordinates, from [`MonteCarlo::gradient`].
#[derive(Debug, Clone, PartialEq)]
pub struct BatchGradient {
    /// The score.
    pub score: f64,
    /// ∂score/∂x, one row a place.
    pub by_coordinate: Array2<f64>,
}

impl MonteCarlo {
    /// The worth of measuring at all rows of `batch` (q × d) together, and how it changes with each of their coordinates.
    ///
    /// The normal numbers z stay as they are while the places move: with f = μ(x) + L(x) z the score is a smooth function of x
    /// almost everywhere, whose slopes by the draws ([`BatchAcquisition::slopes`]) are carried back through the Cholesky factor
    /// L to the joint mean and covariance and by [`Surrogate::joint_gradient`] to the places. What is exact is the slope of
    /// this very score; it is an unbiased estimate of that of the expectation.
    ///
    /// Source: Wilson, Moriconi, Hutter and Deisenroth (2017), arXiv 1712.00424, for the reparametrisation; Murray (2016),
    /// arXiv 1602.07527, section 5, for the factor.
    ///
    /// ```
    /// use dosewise::acquisition::{BatchExpectedImprovement, MonteCarlo};
    /// use dosewise::gp::{ExactGp, Kernel, Noise, Rbf};
    /// use ndarray::array;
    /// let gp = ExactGp::new(Rbf::isotropic(0.5).scaled(1.0), Noise::Homoscedastic(0.1)).condition(&array![[0.0]], &[0.4])?;
    /// let improvement = BatchExpectedImprovement::over(0.4)?;
    /// let uphill = MonteCarlo::default().gradient(&improvement, &gp, array![[0.3], [0.4]].view())?;
    /// // Both would rather be further from the measurement and the second also from the first.
    /// assert!(uphill.by_coordinate[[1, 0]] > uphill.by_coordinate[[0, 0]]);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`score`](Self::score) and [`Surrogate::joint_gradient`], and [`Error::Argument`] if a slope is not finite.
    pub fn gradient(
        &self,
        acquisition: &dyn BatchAcquisition,
        surrogate: &dyn Surrogate,
        batch: ArrayView2<'_, f64>,
    ) -> Result<BatchGradient> {
        let nothing = Array2::zeros((0, batch.ncols()));
        self.gradient_beside(acquisition, surrogate, batch, nothing.view())
    }

    /// As [`gradient`](Self::gradient) while measurements at the rows of `pending` (p × d, p ≥ 0) are under way, which stay
    /// where they are.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient).
    pub fn gradient_beside(
        &self,
        acquisition: &dyn BatchAcquisition,
        surrogate: &dyn Surrogate,
        batch: ArrayView2<'_, f64>,
        pending: ArrayView2<'_, f64>,
    ) -> Result<BatchGradient> {
        check_places("batch", batch)?;
        if pending.nrows() > 0 {
            check_places("pending", pending)?;
        }
        let setting = Setting::whole(acquisition.measured(), pending, batch);
        let mut simulation = self.simulate(&[surrogate], &setting)?.remove(0);
        simulation.take_all()?;
        BatchGradient::of(acquisition, &simulation)
    }
}

impl BatchGradient {
    /// Of a batch that has been taken whole.
    pub(in crate::acquisition) fn of(
        acquisition: &dyn BatchAcquisition,
        simulation: &Simulation<'_>,
    ) -> Result<Self> {
        let score = acquisition.score(simulation.draws());
        check_score(score, || "for the batch".into())?;
        Ok(Self {
            score,
            by_coordinate: simulation.by_place(&acquisition.slopes(simulation.draws()))?,
        })
    }
}

impl Simulation<'_> {
    /// Carries the slopes by the draws back to the coordinates of the places taken, which are all that were on offer.
    pub(in crate::acquisition) fn by_place(&self, slopes: &DrawSlopes) -> Result<Array2<f64>> {
        let (head, pending) = (self.head(), self.pending());
        let places = self.factor().places();
        let m = places.nrows();
        let mut by_mean = vec![0.0; m];
        // ∂score/∂L, column by column as the factor holds its rows: f_i = μ_i + Σ_k L_ik z_k
        let mut by_factor = vec![vec![0.0; m]; m];
        for i in head..m {
            let j = i - head + pending;
            let by_draw = slopes
                .by_draw
                .get(j)
                .filter(|by| by.len() == self.draws().count());
            let (Some(by_draw), Some(own)) = (by_draw, slopes.by_mean.get(j)) else {
                return Err(Error::argument(
                    "acquisition",
                    "slopes that are missing",
                    "one for each mean and each draw",
                ));
            };
            by_mean[i] = own + by_draw.iter().sum::<f64>();
            for (by_factor, normals) in by_factor.iter_mut().zip(self.normals()).take(i + 1) {
                by_factor[i] = by_draw.iter().zip(normals).map(|(by, z)| by * z).sum();
            }
        }
        let by_covariance = self.factor().backward(head, by_factor);
        let by_place = self.factor().surrogate().joint_gradient(
            places,
            head..m,
            &by_mean,
            by_covariance.view(),
        )?;
        match by_place.iter().find(|slope| !slope.is_finite()) {
            None => Ok(by_place),
            Some(wrong) => Err(Error::argument(
                "batch",
                format!("places where the slope of the score is {wrong}"),
                "places where the score changes smoothly",
            )),
        }
    }
}
