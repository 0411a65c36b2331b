//! Hyper-parameters of a scaled process in the units of the experiment.

use super::Transform;
use crate::gp::kernel::{Parameter, Role};

impl Transform {
    /// Hyper-parameters in original units, each by its [`Role`]: lengthscales and periods times the scale s_k of their
    /// coordinate, variances times the square of the scale t of the outputs, slope variances times t²/s_k².
    ///
    /// A parameter shared by all coordinates becomes one for each, named with its index, unless all scales are equal.
    /// Within a product the first factor carries the unit of the outputs, and the variances of the others are plain
    /// numbers. Where one variance multiplies another (a scaled [`Linear`](crate::gp::Linear)) both are converted
    /// although one would do; a [`Polynomial`](crate::gp::Polynomial) of a degree above one has no such reading.
    pub fn original_parameters(&self, parameters: &[Parameter]) -> Vec<Parameter> {
        parameters.iter().flat_map(|p| self.original(p)).collect()
    }

    fn original(&self, parameter: &Parameter) -> Vec<Parameter> {
        let Parameter { name, role, value } = parameter;
        let t = if is_plain(name) {
            1.0
        } else {
            self.outputs.scale
        };
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

/// Whether the parameter belongs to a factor of a product that does not carry the unit of the outputs.
fn is_plain(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.any(|part| {
        part.strip_prefix("factor")
            .is_some_and(|index| index != "0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Affine, Kernel, Linear, Matern52, Periodic, Rbf};

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
        let found = transform.original_parameters(&kernel.parameters());
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
