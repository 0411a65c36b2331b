//! What a trial costs: from 1 to 10, in landscapes that a study is not told in advance.

use crate::functions::Standard;
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use rand::RngExt;
use std::f64::consts::TAU;

/// Standard deviation, in [`Standard::distance_to_optimum`], of the hill or hole of the cost around an optimum.
const REACH: f64 = 0.25;
/// Waves that make up an unrelated cost, and the length over which it changes, times the root of the dimension.
const WAVES: usize = 64;
const LENGTH: f64 = 0.3;

/// How the cost depends on the place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Landscape {
    /// Its logarithm rises along a direction of the seed's own.
    Rising,
    /// Ten times higher at the optimum than far from it.
    Adverse,
    /// Ten times lower at the optimum than far from it.
    Favourable,
    /// A smooth random field that has nothing to do with the objective.
    Unrelated,
}

impl Landscape {
    pub const ALL: [Self; 4] = [
        Self::Rising,
        Self::Adverse,
        Self::Favourable,
        Self::Unrelated,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Adverse => "adverse",
            Self::Favourable => "favourable",
            Self::Unrelated => "unrelated",
        }
    }

    /// The cost of a trial at a place, under a seed.
    pub fn cost(self, standard: &Standard, place: &[f64], seed: u64) -> f64 {
        let share = match self {
            Self::Rising => rising(&standard.in_unit_box(place), seed),
            Self::Adverse => near(standard, place),
            Self::Favourable => 1.0 - near(standard, place),
            Self::Unrelated => unrelated(&standard.in_unit_box(place), seed),
        };
        10_f64.powf(share)
    }
}

fn rising(place: &[f64], seed: u64) -> f64 {
    let mut stream = Stream::new(Seed(seed), Purpose::Resampling, [7, 0]);
    let (mut rise, mut full) = (0.0, 0.0);
    for along in place {
        let weight = stream.normal();
        rise += weight.abs() * if weight > 0.0 { *along } else { 1.0 - along };
        full += weight.abs();
    }
    rise / full
}

fn near(standard: &Standard, place: &[f64]) -> f64 {
    (-0.5 * (standard.distance_to_optimum(place) / REACH).powi(2)).exp()
}

/// Random waves with the spectrum of a squared-exponential field (Rahimi & Recht 2007), of nearly unit variance, brought to
/// 0..1 by the logistic function.
fn unrelated(place: &[f64], seed: u64) -> f64 {
    let mut stream = Stream::new(Seed(seed), Purpose::Resampling, [8, 0]);
    let length = LENGTH * (place.len() as f64).sqrt();
    let field: f64 = (0..WAVES)
        .map(|_| {
            let shift = TAU * stream.random::<f64>();
            let phase: f64 = place.iter().map(|x| x * stream.normal() / length).sum();
            (phase + shift).cos()
        })
        .sum();
    let field = field * (2.0 / WAVES as f64).sqrt();
    1.0 / (1.0 + (-1.7 * field).exp())
}
