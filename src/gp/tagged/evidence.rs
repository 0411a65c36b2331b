//! The evidence of tagged measurements: the dense computation, which knows no structure.

use super::{Design, split_columns};
use crate::error::Result;
use crate::gp::evidence::{Data, GradientBuffers, log_marginal_likelihood};
use crate::gp::least_squares::least_squares;
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::objective::{Evaluate, Evidence};
use crate::gp::points::{Points, PointsView};
use crate::linalg::Cholesky;

/// Measurements of a group, if there are as many, among those that sort the starts of a fit.
const FEW: usize = 20;

/// The log marginal likelihood as a function of the kernel's log-parameters, then those of the noise; the means that
/// a fit estimates are profiled.
pub struct TaggedEvidence<'a, D> {
    design: &'a D,
    points: PointsView<'a>,
    y: &'a [f64],
    groups: Vec<Group>,
}

/// The measurements that share a mean.
struct Group {
    members: Vec<usize>,
    places: Points,
}

impl<'a, D: Design> TaggedEvidence<'a, D> {
    pub fn new(design: &'a D, points: PointsView<'a>, y: &'a [f64]) -> Self {
        let (of_places, of_tags) = split_columns(points.dimension(), D::TAGS);
        let tags = points.with_columns(&of_tags);
        let group_of: Vec<usize> = (0..points.len())
            .map(|i| design.group(&tags.point(i)))
            .collect();
        let group = |g: usize| {
            let members: Vec<usize> = (0..points.len()).filter(|&i| group_of[i] == g).collect();
            let places = Points::select(points.with_columns(&of_places), &members);
            Group { members, places }
        };
        Self {
            groups: (0..design.means().len()).map(group).collect(),
            design,
            points,
            y,
        }
    }

    /// The chosen measurements, with more of those groups that have but few among them.
    pub fn with_rare_groups(&self, mut chosen: Vec<usize>) -> Vec<usize> {
        for group in &self.groups {
            let present = group.members.iter().filter(|i| chosen.contains(i)).count();
            let others = group.members.iter().filter(|i| !chosen.contains(i));
            let added: Vec<usize> = others.take(FEW.saturating_sub(present)).copied().collect();
            chosen.extend(added);
        }
        chosen.sort_unstable();
        chosen
    }

    /// The noise **variance** of every measurement.
    pub fn noise(&self, design: &D) -> Noise {
        let (_, of_tags) = split_columns(self.points.dimension(), D::TAGS);
        let tags = self.points.with_columns(&of_tags);
        let variances = (0..self.points.len()).map(|i| design.noise_variance(&tags.point(i)));
        Noise::Known(variances.collect())
    }

    /// y − mean.
    pub fn residuals(&self, means: &[Mean]) -> Result<Vec<f64>> {
        let mut residuals = self.y.to_vec();
        for (mean, group) in means.iter().zip(&self.groups) {
            mean.check(self.points.dimension() - D::TAGS)?;
            let expected = mean.values(group.places.view())?;
            for (&i, m) in group.members.iter().zip(expected) {
                residuals[i] -= m;
            }
        }
        Ok(residuals)
    }

    /// y − mean, the means that a fit estimates at their ordinary least-squares estimates.
    pub fn ordinary_residuals(&self) -> Result<Vec<f64>> {
        self.residuals(&self.estimated_means(|_| Ok(()))?)
    }

    /// The means of the design, those that a fit estimates by generalised least squares.
    pub fn profiled_means(&self) -> Result<Vec<Mean>> {
        let mut factor = Cholesky::default();
        self.factor_into(self.design, &mut factor)?;
        self.estimated_means(|column| factor.forward(column))
    }

    /// The means whose coefficients solve the least-squares problem of all groups together, after `whiten` was applied
    /// to both sides. A group without measurements keeps its mean.
    pub fn estimated_means(&self, whiten: impl Fn(&mut [f64]) -> Result<()>) -> Result<Vec<Mean>> {
        let means = self.design.means();
        let estimated =
            |mean: &Mean, group: &Group| mean.is_profiled() && !group.members.is_empty();
        let kept = means.iter().zip(&self.groups).map(|(mean, group)| {
            if estimated(mean, group) {
                Mean::Zero
            } else {
                mean.clone()
            }
        });
        let mut target = self.residuals(&kept.collect::<Vec<Mean>>())?;
        let mut columns = Vec::new();
        for (mean, group) in means.iter().zip(&self.groups) {
            if estimated(mean, group) {
                for regressor in mean.regressors(group.places.view()) {
                    let mut column = vec![0.0; self.y.len()];
                    for (&i, value) in group.members.iter().zip(regressor) {
                        column[i] = value;
                    }
                    whiten(&mut column)?;
                    columns.push(column);
                }
            }
        }
        if columns.is_empty() {
            return Ok(means.to_vec());
        }
        whiten(&mut target)?;
        let coefficients = least_squares(&columns, &target);
        let mut rest = coefficients.as_slice();
        let mut found = Vec::with_capacity(means.len());
        for (mean, group) in means.iter().zip(&self.groups) {
            if !estimated(mean, group) {
                found.push(mean.clone());
                continue;
            }
            let (own, others) = rest.split_at(mean.regressors(group.places.view()).len());
            rest = others;
            let estimate = mean.with_coefficients(group.places.view(), own);
            estimate.check(group.places.dimension())?;
            found.push(estimate);
        }
        Ok(found)
    }

    /// The gradient at the design's own parameters and means.
    pub fn gradient(&self) -> Result<Vec<f64>> {
        let mut factor = Cholesky::default();
        self.factor_into(self.design, &mut factor)?;
        let residuals = self.residuals(self.design.means())?;
        let mut buffers = GradientBuffers::default();
        let (_, gradient) =
            self.value_and_gradient(self.design, &factor, &residuals, &mut buffers)?;
        Ok(gradient)
    }

    fn factor_into(&self, design: &D, factor: &mut Cholesky) -> Result<()> {
        let data = Data {
            points: self.points,
            targets: self.y,
            noise: &self.noise(design),
            mean: &Mean::Zero,
        };
        let kernel = design.kernel(self.points.dimension() - D::TAGS);
        data.factor_into(kernel.as_ref(), factor)
    }

    fn value_and_gradient(
        &self,
        design: &D,
        factor: &Cholesky,
        residuals: &[f64],
        buffers: &mut GradientBuffers,
    ) -> Result<(f64, Vec<f64>)> {
        let data = Data {
            points: self.points,
            targets: residuals,
            noise: &Noise::Known(Vec::new()),
            mean: &Mean::Zero,
        };
        let mut alpha = data.whiten(factor)?;
        let likelihood = log_marginal_likelihood(factor, &alpha);
        factor.backward(&mut alpha)?;
        let kernel = design.kernel(self.points.dimension() - D::TAGS);
        let mut gradient = buffers.gradient(kernel.as_ref(), &data, factor, &alpha);
        let of_kernel = gradient.len();
        gradient.resize(of_kernel + design.noise_parameters().len(), 0.0);
        let (_, of_tags) = split_columns(self.points.dimension(), D::TAGS);
        let tags = self.points.with_columns(&of_tags);
        for (i, weight) in buffers.diagonal(residuals.len()).enumerate() {
            let noise = &mut gradient[of_kernel..];
            design.accumulate_noise_gradient(&tags.point(i), weight, noise);
        }
        Ok((likelihood, gradient))
    }
}

impl<D: Design> Evidence for TaggedEvidence<'_, D> {
    fn evaluator(&self) -> Box<dyn Evaluate + '_> {
        Box::new(Evaluator {
            evidence: self,
            factor: Cholesky::default(),
            buffers: GradientBuffers::default(),
        })
    }
}

/// Keeps the n × n buffers between the steps of a search.
struct Evaluator<'a, D> {
    evidence: &'a TaggedEvidence<'a, D>,
    factor: Cholesky,
    buffers: GradientBuffers,
}

impl<D: Design> Evaluate for Evaluator<'_, D> {
    fn evaluate(&mut self, log_parameters: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut design = self.evidence.design.clone();
        design.set_log_parameters(log_parameters).ok()?;
        self.evidence.factor_into(&design, &mut self.factor).ok()?;
        let whiten = |column: &mut [f64]| self.factor.forward(column);
        let means = self.evidence.estimated_means(whiten).ok()?;
        let residuals = self.evidence.residuals(&means).ok()?;
        let evaluated =
            self.evidence
                .value_and_gradient(&design, &self.factor, &residuals, &mut self.buffers);
        evaluated.ok()
    }
}
