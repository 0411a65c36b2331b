//! What sums and products of kernels have in common: the kernels they are made of.

use super::{CHUNK, Kernel, Parameter, boxed, check_log_parameters};
use crate::error::{Error, Result};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::ops::Range;

/// The kernels that a composition is made of, in order; their hyper-parameters follow one another.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Parts(Vec<Box<dyn Kernel>>);

impl Parts {
    /// These kernels, those of them that are compositions of kind `K` replaced by their own parts.
    pub fn flat<K: Kernel>(
        kernels: impl IntoIterator<Item = Box<dyn Kernel>>,
        parts: impl Fn(&K) -> &Self,
    ) -> Self {
        let mut flat = Vec::new();
        for kernel in kernels {
            let kernel = boxed(kernel);
            let any: &dyn Any = kernel.as_ref();
            match any.downcast_ref::<K>() {
                Some(composition) => flat.extend(parts(composition).0.iter().cloned()),
                None => flat.push(kernel),
            }
        }
        Self(flat)
    }

    pub fn as_slice(&self) -> &[Box<dyn Kernel>] {
        &self.0
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Box<dyn Kernel>> {
        self.0.iter()
    }

    /// Refuses a composition of nothing, and whatever `check` refuses of a part.
    pub fn check(&self, check: impl Fn(&dyn Kernel) -> Result<()>) -> Result<()> {
        if self.0.is_empty() {
            let found = "a sum or product of no kernels";
            return Err(Error::argument("kernel", found, "one kernel or more"));
        }
        self.0.iter().try_for_each(|part| check(part.as_ref()))
    }

    /// Writes the covariances of the first part, then of each other part `combine`d into them; zero without parts.
    pub fn covariances(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        out: &mut [f64],
        combine: impl Fn(&mut f64, f64),
    ) {
        let Some((first, rest)) = self.0.split_first() else {
            out.fill(0.0);
            return;
        };
        first.covariances(point, others, out);
        let mut scratch = [0.0; CHUNK];
        for (block, out) in out.chunks_mut(CHUNK).enumerate() {
            let row = &mut scratch[..out.len()];
            let others = others.range(block * CHUNK, block * CHUNK + out.len());
            for part in rest {
                part.covariances(point, others, row);
                for (total, value) in out.iter_mut().zip(row.iter()) {
                    combine(total, *value);
                }
            }
        }
    }

    /// The hyper-parameters of all parts, each behind `kind` and the number of its part.
    pub fn parameters(&self, kind: &str) -> Vec<Parameter> {
        let numbered = self.0.iter().enumerate();
        numbered
            .flat_map(|(i, part)| {
                part.parameters().into_iter().map(move |p| Parameter {
                    name: format!("{kind}{i}.{}", p.name),
                    ..p
                })
            })
            .collect()
    }

    pub fn parameter_count(&self) -> usize {
        self.0.iter().map(|part| part.parameter_count()).sum()
    }

    /// Where the hyper-parameters of each part stand among those of all.
    pub fn slots(&self) -> impl Iterator<Item = Range<usize>> {
        self.0.iter().scan(0, |end, part| {
            let start = *end;
            *end += part.parameter_count();
            Some(start..*end)
        })
    }

    /// Sets the log-parameters of all parts, on copies, so that a refusal by one part leaves all as they were.
    pub fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        check_log_parameters(values, self.parameter_count())?;
        let mut changed = self.0.clone();
        for (part, slots) in changed.iter_mut().zip(self.slots()) {
            part.set_log_parameters(&values[slots])?;
        }
        self.0 = changed;
        Ok(())
    }
}
