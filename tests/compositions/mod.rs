//! Random compositions of all kernels, and a kernel of the user's own, for properties that all must have.

use dosewise::gp::{
    Categorical, Constant, Kernel, Linear, Matern12, Matern32, Matern52, Parameter, Periodic,
    Points, PointsView, Polynomial, RationalQuadratic, Rbf, Role, White,
};
use dosewise::{Error, Result};
use proptest::prelude::*;

/// A set of these points.
pub fn points(rows: &[Vec<f64>]) -> Points {
    let mut points = Points::default();
    rows.iter().for_each(|row| points.push(row).unwrap());
    points
}

/// A kernel of the user's own: a cosine, which is positive semi-definite in one dimension.
#[derive(Debug, Clone)]
pub struct Cosine {
    pub period: f64,
}

impl Kernel for Cosine {
    fn check(&self, dimension: usize) -> Result<()> {
        match dimension {
            1 => Ok(()),
            _ => Err(Error::argument("kernel", dimension, "one coordinate")),
        }
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        for (value, other) in out.iter_mut().zip(others.coordinate(0)) {
            *value = (std::f64::consts::TAU * (point[0] - other) / self.period).cos();
        }
    }
    fn variance(&self, _: &[f64]) -> f64 {
        1.0
    }
    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            name: "period".into(),
            role: Role::Period(Some(0)),
            value: self.period,
        }]
    }
    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.period = values[0].exp();
        Ok(())
    }
    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let mut sum = 0.0;
        for (w, other) in weights.iter().zip(others.coordinate(0)) {
            let turn = std::f64::consts::TAU * (point[0] - other) / self.period;
            gradient[0] += w * turn * turn.sin();
            sum += w * turn.cos();
        }
        sum
    }
    fn accumulate_input_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let rate = std::f64::consts::TAU / self.period;
        for (w, other) in weights.iter().zip(others.coordinate(0)) {
            gradient[0] -= w * rate * (rate * (point[0] - other)).sin();
        }
    }
    fn accumulate_variance_gradient(&self, _: &[f64], _: f64, _: &mut [f64]) {}
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

/// One kernel of any kind on points of two plain columns and a third of category codes 0..3.
fn leaf() -> impl Strategy<Value = Box<dyn Kernel>> {
    fn each<const N: usize>() -> impl Strategy<Value = [f64; N]> {
        prop::array::uniform(0.3..2.0_f64)
    }
    fn plain(kernel: impl Kernel) -> Box<dyn Kernel> {
        Box::new(kernel.on_columns([1, 0]))
    }
    let one = 0.3..2.0_f64;
    prop_oneof![
        each().prop_map(|[l, a]| plain(RationalQuadratic::isotropic(l, a))),
        each().prop_map(|[l, m, a]| plain(RationalQuadratic::ard([l, m], a))),
        each().prop_map(|[l, p]| plain(Periodic::isotropic(l, p))),
        each().prop_map(|[l, m, p, q]| plain(Periodic::ard([l, m], [p, q]))),
        each().prop_map(|[v, o]| plain(Linear::isotropic(v).with_offset(o))),
        each().prop_map(|v: [f64; 3]| Box::new(Linear::ard(v)) as Box<dyn Kernel>),
        (1..4_u32, each())
            .prop_map(|(p, [v, o])| plain(Polynomial::isotropic(p, v).with_offset(o))),
        (1..4_u32, each()).prop_map(|(p, v): (u32, [f64; 2])| plain(Polynomial::ard(p, v))),
        one.clone()
            .prop_map(|c| Box::new(Constant::new(c)) as Box<dyn Kernel>),
        one.clone().prop_map(|s| plain(White::new(s))),
        one.clone()
            .prop_map(|s| Box::new(White::new(s)) as Box<dyn Kernel>),
        (-0.45..0.95_f64).prop_map(|r| Box::new(Categorical::new(3, r).on_columns([2])) as _),
        each().prop_map(|l: [f64; 2]| plain(Rbf::ard(l))),
        one.clone().prop_map(|l| plain(Matern12::isotropic(l))),
        each().prop_map(|l: [f64; 2]| plain(Matern32::ard(l))),
        one.clone().prop_map(|l| plain(Matern52::isotropic(l))),
        one.prop_map(|period| Box::new(Cosine { period }.on_columns([0])) as Box<dyn Kernel>),
    ]
}

pub fn composition() -> impl Strategy<Value = Box<dyn Kernel>> {
    leaf().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Box::new(a + b) as Box<dyn Kernel>),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Box::new(a * b) as Box<dyn Kernel>),
            (inner.clone(), 0.3..2.0_f64)
                .prop_map(|(a, s)| Box::new(a.scaled(s)) as Box<dyn Kernel>),
            // Restricted twice over: the whole points seen through a permutation that keeps the codes in place.
            inner.prop_map(|a| Box::new(a.on_columns([1, 0, 2])) as Box<dyn Kernel>),
        ]
    })
}

/// Points that look random, some of them repeated; `n` of them.
pub fn places(n: usize) -> Points {
    let row = |i: usize| {
        let i = if i % 7 == 6 { i - 3 } else { i };
        let spread = |k: f64| ((i as f64 + 0.5) * k).fract() * 2.0 - 0.8;
        vec![spread(0.754_877_666), spread(0.569_840_291), (i % 3) as f64]
    };
    points(&(0..n).map(row).collect::<Vec<_>>())
}
