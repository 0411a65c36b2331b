//! Hyper-parameters of a scaled process in the units of the experiment.

use super::Transform;
use crate::gp::kernel::{
    ActiveDimensions, Autoregressive, Kernel, Parameter, Polynomial, Product, Role, Scaled, Sum,
};
use std::any::Any;

impl Transform {
    /// The hyper-parameters of a kernel in original units, each by its [`Role`]: lengthscales and periods times the scale
    /// s_k of their coordinate, variances times the square of the scale t of the outputs, slope variances times t²/s_k².
    ///
    /// A parameter shared by all coordinates becomes one for each, named with its index, unless all scales are equal.
    ///
    /// The unit of the outputs is given once to each term of a sum: to the outermost [`Scaled`] there is, in a
    /// [`Product`] to the first factor that has a variance of its own, and every other variance inside is a plain number.
    /// So the kernel with these parameters, on original inputs, has t² times the covariances of the scaled one, where it
    /// is a function of differences of the inputs. It does not where no parameter could take the unit: for a kernel
    /// without a variance, and for a [`Polynomial`] of a degree above one that nothing scales.
    pub fn original_parameters(&self, kernel: &dyn Kernel) -> Vec<Parameter> {
        let parameters = kernel.parameters();
        let mut units = Vec::with_capacity(parameters.len());
        assign_unit(kernel, self.outputs.scale, &mut units);
        let each = parameters.iter().zip(units);
        each.flat_map(|(p, t)| self.original(p, t)).collect()
    }

    /// A parameter whose kernel gives its covariances in units of `t`².
    fn original(&self, parameter: &Parameter, t: f64) -> Vec<Parameter> {
        let Parameter { name, role, value } = parameter;
        let coordinate = match role {
            Role::Lengthscale(k) | Role::Period(k) | Role::SlopeVariance(k) => *k,
            Role::Variance | Role::NoiseVariance => {
                let value = value * t * t;
                return vec![Parameter {
                    value,
                    ..parameter.clone()
                }];
            }
            Role::Shape => return vec![parameter.clone()],
        };
        let along = |name: String, k: Option<usize>, s: f64| {
            let (role, value) = match role {
                Role::Period(_) => (Role::Period(k), value * s),
                Role::SlopeVariance(_) => (Role::SlopeVariance(k), value * (t / s) * (t / s)),
                _ => (Role::Lengthscale(k), value * s),
            };
            Parameter { name, role, value }
        };
        let scales: Vec<f64> = self.inputs.iter().map(|map| map.scale).collect();
        match (coordinate, scales.as_slice()) {
            (None, [first, rest @ ..]) if rest.iter().any(|s| s != first) => {
                let each = scales.iter().enumerate();
                each.map(|(k, &s)| along(format!("{name}[{k}]"), Some(k), s))
                    .collect()
            }
            (coordinate, scales) => {
                let scale = scales.get(coordinate.unwrap_or(0)).copied();
                vec![along(name.clone(), coordinate, scale.unwrap_or(1.0))]
            }
        }
    }
}

/// Adds for each hyper-parameter of a kernel the unit of the outputs in it: `unit` where it is to carry that of the
/// whole kernel, one elsewhere.
fn assign_unit(kernel: &dyn Kernel, unit: f64, units: &mut Vec<f64>) {
    let any: &dyn Any = kernel;
    if let Some(inner) = any.downcast_ref::<Box<dyn Kernel>>() {
        assign_unit(inner.as_ref(), unit, units);
    } else if let Some(restricted) = any.downcast_ref::<ActiveDimensions>() {
        assign_unit(restricted.inner(), unit, units);
    } else if let Some(scaled) = any.downcast_ref::<Scaled>() {
        assign_unit(scaled.inner(), 1.0, units);
        units.push(unit);
    } else if let Some(sum) = any.downcast_ref::<Sum>() {
        for term in sum.terms() {
            assign_unit(term, unit, units);
        }
    } else if let Some(product) = any.downcast_ref::<Product>() {
        let factors = product.factors();
        let carrier = factors.iter().position(|factor| takes_unit(factor));
        for (i, factor) in factors.iter().enumerate() {
            let own = if i == carrier.unwrap_or(0) { unit } else { 1.0 };
            assign_unit(factor, own, units);
        }
    } else if let Some(chain) = any.downcast_ref::<Autoregressive>() {
        for level in chain.levels() {
            assign_unit(level, unit, units);
        }
        // The ratios between levels.
        units.extend(std::iter::repeat_n(1.0, chain.ratios().len()));
    } else {
        units.extend(std::iter::repeat_n(unit, kernel.parameter_count()));
    }
}

/// Whether some hyper-parameters of a kernel can multiply it as a whole.
fn takes_unit(kernel: &dyn Kernel) -> bool {
    let any: &dyn Any = kernel;
    if let Some(inner) = any.downcast_ref::<Box<dyn Kernel>>() {
        takes_unit(inner.as_ref())
    } else if let Some(restricted) = any.downcast_ref::<ActiveDimensions>() {
        takes_unit(restricted.inner())
    } else if let Some(sum) = any.downcast_ref::<Sum>() {
        sum.terms().iter().all(|term| takes_unit(term))
    } else if let Some(product) = any.downcast_ref::<Product>() {
        product.factors().iter().any(|factor| takes_unit(factor))
    } else if let Some(chain) = any.downcast_ref::<Autoregressive>() {
        chain.levels().iter().all(|level| takes_unit(level))
    } else if let Some(power) = any.downcast_ref::<Polynomial>() {
        power.degree() == 1
    } else {
        let is_variance = |role| {
            use Role::{NoiseVariance, SlopeVariance, Variance};
            matches!(role, Variance | NoiseVariance | SlopeVariance(_))
        };
        kernel.parameters().iter().any(|p| is_variance(p.role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Affine, Linear, Matern52, Periodic, Rbf};

    #[test]
    fn every_role_has_its_unit() {
        let affine = |scale| Affine { shift: 5.0, scale };
        let transform = Transform {
            inputs: vec![affine(10.0), affine(0.1)],
            outputs: affine(3.0),
        };
        let kernel = Rbf::ard([0.5, 0.25]).scaled(2.0)
            + Matern52::isotropic(0.5)
            + Linear::ard([4.0, 1.0]).with_offset(2.0)
                * Periodic::isotropic(1.5, 0.2).on_columns([1]).scaled(7.0);
        let found = transform.original_parameters(&kernel);
        let expected = [
            ("term0.lengthscale[0]", 5.0),
            ("term0.lengthscale[1]", 0.025),
            ("term0.outputscale", 18.0),
            ("term1.lengthscale[0]", 5.0),
            ("term1.lengthscale[1]", 0.05),
            ("term2.factor0.variance[0]", 4.0 * 0.09),
            ("term2.factor0.variance[1]", 900.0),
            ("term2.factor0.offset", 18.0),
            ("term2.factor1.lengthscale", 1.5),
            ("term2.factor1.period", 0.02),
            ("term2.factor1.outputscale", 7.0),
        ];
        assert_eq!(found.len(), expected.len());
        for (found, (name, value)) in found.iter().zip(expected) {
            assert_eq!(found.name, name);
            assert!(
                (found.value - value).abs() < 1e-13 * value,
                "{name}: {}",
                found.value
            );
        }
    }
}
