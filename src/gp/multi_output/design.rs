//! What a model of several outputs consists of.

use super::kronecker::KroneckerEvidence;
use crate::error::{Error, Result};
use crate::gp::kernel::{
    Autoregressive, Coregionalised, Kernel, Parameter, Product, Role, Sum, boxed,
};
use crate::gp::mean::Mean;
use crate::gp::noise::Noise;
use crate::gp::objective::Evidence;
use crate::gp::points::PointsView;
use crate::gp::restart::LogRange;
use crate::gp::tagged::{Design, Seen};
use serde::{Deserialize, Serialize};

/// How the outputs hang together, what each expects, and how noisy each is. The one tag is the output's code.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    pub(super) structure: Structure,
    /// One **variance** an output.
    pub(super) noise: Vec<f64>,
    pub(super) noise_known: bool,
    pub(super) means: Vec<Mean>,
}

/// How the outputs hang together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// A sum of shared processes, each with a covariance of the outputs.
    Mixed(Vec<Term>),
    /// Each output a multiple of the one before and a process of its own.
    Chain(Autoregressive),
}

/// k(x, x′) B_ab.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    pub(super) kernel: Box<dyn Kernel>,
    pub(super) outputs: Coregionalised,
}

impl Outputs {
    /// The kernel, the noise variances and means for as many outputs as there are variances.
    pub(super) fn new(structure: Structure, noise: Vec<f64>) -> Self {
        Self {
            means: vec![Mean::Zero; structure.outputs()],
            structure,
            noise,
            noise_known: false,
        }
    }

    /// The outputs whose noise variance a fit chooses: a variance of zero stays zero.
    pub(super) fn noisy(&self) -> impl Iterator<Item = usize> + '_ {
        let fitted = |p: &usize| !self.noise_known && self.noise[*p] > 0.0;
        (0..self.noise.len()).filter(fitted)
    }
}

impl Structure {
    /// Number of outputs P.
    pub(super) fn outputs(&self) -> usize {
        match self {
            Self::Mixed(terms) => terms.first().map_or(0, |term| term.outputs.outputs()),
            Self::Chain(kernel) => kernel.levels().len(),
        }
    }

    fn kernel(&self, dimension: usize) -> Box<dyn Kernel> {
        let places: Vec<usize> = (0..dimension).collect();
        match self {
            Self::Chain(kernel) => boxed(kernel.clone()),
            Self::Mixed(terms) => {
                let product = |term: &Term| {
                    let of_places = term.kernel.clone().on_columns(places.clone());
                    let of_outputs = term.outputs.clone().on_columns([dimension]);
                    boxed(Product::new([boxed(of_places), boxed(of_outputs)]))
                };
                match terms.as_slice() {
                    [single] => product(single),
                    several => boxed(Sum::new(several.iter().map(product))),
                }
            }
        }
    }

    fn parameter_count(&self) -> usize {
        match self {
            Self::Chain(kernel) => kernel.parameter_count(),
            Self::Mixed(terms) => terms.iter().map(Term::parameter_count).sum(),
        }
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        match self {
            Self::Chain(kernel) => kernel.set_log_parameters(values),
            Self::Mixed(terms) => {
                let mut rest = values;
                terms.iter_mut().try_for_each(|term| {
                    let (own, others) = rest.split_at(term.parameter_count());
                    let (of_places, of_outputs) = own.split_at(term.kernel.parameter_count());
                    rest = others;
                    term.kernel.set_log_parameters(of_places)?;
                    term.outputs.set_log_parameters(of_outputs)
                })
            }
        }
    }

    /// Each parameter of the kernel with the output that it belongs to alone, if there is one.
    fn owned(&self) -> Vec<(Parameter, Option<usize>)> {
        match self {
            Self::Mixed(terms) => {
                let of_term = |term: &Term| {
                    let shared = term.kernel.parameters().into_iter().map(|p| (p, None));
                    let of_outputs = term.outputs.parameters().into_iter().enumerate();
                    let owned = of_outputs.map(|(i, p)| {
                        let owner = (p.role == Role::Variance).then_some(i);
                        (p, owner)
                    });
                    shared.chain(owned).collect::<Vec<_>>()
                };
                terms.iter().flat_map(of_term).collect()
            }
            Self::Chain(kernel) => {
                let mut all = Vec::new();
                for (l, level) in kernel.levels().iter().enumerate() {
                    all.extend(level.parameters().into_iter().map(|p| (p, Some(l))));
                }
                let ratios = kernel.parameters().into_iter().skip(all.len());
                all.extend(ratios.map(|p| (p, None)));
                all
            }
        }
    }
}

impl Term {
    fn parameter_count(&self) -> usize {
        self.kernel.parameter_count() + self.outputs.parameter_count()
    }
}

impl Design for Outputs {
    const TAGS: usize = 1;
    const FORMAT: &'static str = "multi-output-gp 1";

    fn check(&self, dimension: usize) -> Result<()> {
        let outputs = self.structure.outputs();
        if let Structure::Mixed(terms) = &self.structure
            && terms.iter().any(|term| term.outputs.outputs() != outputs)
        {
            let counts: Vec<usize> = terms.iter().map(|term| term.outputs.outputs()).collect();
            let found = format!("terms of {counts:?} outputs");
            return Err(Error::argument("outputs", found, "the same number for all"));
        }
        self.structure.kernel(dimension).check(dimension + 1)?;
        for (name, found) in [("noise", self.noise.len()), ("means", self.means.len())] {
            if found != outputs {
                return Err(Error::argument(
                    name,
                    found,
                    format!("{outputs}, one an output"),
                ));
            }
        }
        Noise::Known(self.noise.clone()).check(outputs)?;
        self.means.iter().try_for_each(|mean| mean.check(dimension))
    }

    fn kernel(&self, dimension: usize) -> Box<dyn Kernel> {
        self.structure.kernel(dimension)
    }

    fn noise_parameters(&self) -> Vec<Parameter> {
        self.noisy()
            .map(|p| Parameter {
                name: format!("noise variance[{p}]"),
                role: Role::NoiseVariance,
                value: self.noise[p],
            })
            .collect()
    }

    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        let (of_kernel, of_noise) = values.split_at(self.structure.parameter_count());
        self.structure.set_log_parameters(of_kernel)?;
        let noisy: Vec<usize> = self.noisy().collect();
        for (p, log) in noisy.into_iter().zip(of_noise) {
            self.noise[p] = log.exp();
        }
        Ok(())
    }

    fn noise_variance(&self, tags: &[f64]) -> f64 {
        self.noise.get(output(tags)).copied().unwrap_or(f64::NAN)
    }

    fn accumulate_noise_gradient(&self, tags: &[f64], weight: f64, gradient: &mut [f64]) {
        let own = self.noisy().position(|p| p == output(tags));
        if let Some(slot) = own.and_then(|slot| gradient.get_mut(slot)) {
            *slot += weight * self.noise[output(tags)];
        }
    }

    fn means(&self) -> &[Mean] {
        &self.means
    }

    fn set_means(&mut self, means: Vec<Mean>) {
        self.means = means;
    }

    fn group(&self, tags: &[f64]) -> usize {
        output(tags)
    }

    fn ranges(&self, seen: &Seen<'_>) -> Result<Vec<LogRange>> {
        let noise = self
            .noise_parameters()
            .into_iter()
            .zip(self.noisy().map(Some));
        let owned = self.structure.owned().into_iter().chain(noise);
        let mut ranges = Vec::new();
        for (parameter, owner) in owned {
            let single = std::slice::from_ref(&parameter);
            ranges.extend(match owner {
                Some(p) => seen.ranges_where(|tags| output(tags) == p, single)?,
                None => seen.ranges(single)?,
            });
        }
        Ok(ranges)
    }

    fn structured_evidence<'a>(
        &'a self,
        points: PointsView<'a>,
        y: &'a [f64],
    ) -> Result<Option<Box<dyn Evidence + 'a>>> {
        let found = KroneckerEvidence::new(self, points, y)?;
        Ok(found.map(|evidence| Box::new(evidence) as Box<dyn Evidence + 'a>))
    }
}

fn output(tags: &[f64]) -> usize {
    tags.first().map_or(usize::MAX, |code| *code as usize)
}
