//! Reference cases, places and draws that the tests share.

use dosewise::gp::{
    Bias, Decay, DoseGp, DoseNoise, DoseWeight, Kernel, Matern52, Mean, Points, Rbf,
};
use dosewise::linalg::Cholesky;
use dosewise::units::Dose;
use ndarray::Array2;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Reference {
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Case {
    pub bias: String,
    pub exponent: Option<f64>,
    pub x: Vec<Vec<f64>>,
    pub doses: Vec<Dose>,
    pub y: Vec<f64>,
    pub places: Vec<Vec<f64>>,
    pub next_dose: Dose,
    pub mean: f64,
    pub length: f64,
    pub scale: f64,
    pub bias_length: f64,
    pub bias_scale: f64,
    pub dose_scale: f64,
    pub shot: f64,
    pub readout: f64,
    pub log_marginal_likelihood: f64,
    pub field_mean: Vec<f64>,
    pub field_covariance: Vec<Vec<f64>>,
    pub seen_mean: Vec<f64>,
    pub seen_variance: Vec<f64>,
    pub variance_after: Vec<f64>,
}

pub fn rows(points: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((points.len(), points[0].len()), |(i, k)| points[i][k])
}

pub fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{what}: found {found}, expected {expected}"
    );
}

pub fn all_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    let both = found.iter().zip(expected);
    both.for_each(|(f, e)| close(*f, *e, tolerance, what));
}

impl Case {
    pub fn model(&self) -> DoseGp {
        let dose = self.dose_scale;
        let decay = match self.exponent {
            Some(exponent) => Decay::Power { dose, exponent },
            None => Decay::Exponential { dose },
        };
        let error = Rbf::isotropic(self.bias_length).scaled(self.bias_scale);
        let bias = match self.bias.as_str() {
            "none" => Bias::None,
            "at_low_dose" => Bias::at_low_dose(error, decay),
            _ => Bias::with_dose(error, decay),
        };
        let (shot, readout) = (self.shot, self.readout);
        let field = Matern52::isotropic(self.length).scaled(self.scale);
        DoseGp::new(field, bias, DoseNoise::Fitted { shot, readout })
            .with_mean(Mean::Fixed(self.mean))
    }

    pub fn conditioned(&self) -> DoseGp {
        self.model()
            .condition(&rows(&self.x), &self.doses, &self.y)
            .unwrap()
    }
}

pub fn reference() -> Vec<Case> {
    let text = include_str!("../reference/gp_multi_fidelity.json");
    serde_json::from_str::<Reference>(text).unwrap().cases
}

/// Places in the unit square that look random and never repeat.
pub fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

pub fn doses(n: usize) -> Vec<Dose> {
    (0..n)
        .map(|i| Dose((5.0 * ((i as f64 * 0.618).fract())).exp()))
        .collect()
}

/// Draws from N(0, K) of a kernel at places.
pub fn drawn(kernel: &dyn Kernel, places: &Array2<f64>, rng: &mut StdRng) -> Vec<f64> {
    let points = Points::from_rows("x", places.view()).unwrap();
    let factor = Cholesky::factor(points.len(), &mut |j, column| {
        let others = points.view().range(j, points.len());
        kernel.covariances(&points.view().point(j), others, column);
        column[0] += 1e-9;
    })
    .unwrap();
    let deviates: Vec<f64> = (0..points.len())
        .map(|_| StandardNormal.sample(rng))
        .collect();
    factor.multiply(&deviates).unwrap()
}

/// Looks at the first places of a drawn field with a drawn bias: the true field everywhere, what the looks show.
pub fn looked(
    places: &Array2<f64>,
    doses: &[Dose],
    (field, error, weight): (&dyn Kernel, &dyn Kernel, &DoseWeight),
    noise: DoseNoise,
    rng: &mut StdRng,
) -> (Vec<f64>, Vec<f64>) {
    let truth = drawn(field, places, rng);
    let pattern = drawn(error, places, rng);
    let looks = doses.iter().enumerate().map(|(i, dose)| {
        let deviate: f64 = StandardNormal.sample(rng);
        truth[i] + weight.at(dose.0) * pattern[i] + noise.variance(dose.0).sqrt() * deviate
    });
    let looks = looks.collect();
    (truth, looks)
}
