//! Functions whose optimum is known.

use dosewise::optimize::{Setting, Space, Trial, Value};
use dosewise::random::Stream;
use dosewise::{Error, Result};
use rand::RngExt;
use std::f64::consts::{PI, TAU};

/// A function to minimise.
#[derive(Clone, Copy)]
pub struct Standard {
    pub name: &'static str,
    pub dimension: usize,
    pub value: fn(&[f64]) -> f64,
    pub optimum: f64,
    /// Where the optimum is taken.
    pub minima: &'static [&'static [f64]],
    pub range: fn(usize) -> (f64, f64),
    pub evaluations: usize,
    /// Standard deviation of the noise of the noisy version.
    pub spread: f64,
}

pub const STANDARDS: [Standard; 3] = [
    Standard {
        name: "branin",
        dimension: 2,
        value: branin,
        optimum: 0.397_887_357_729_738_2,
        minima: &[&[-PI, 12.275], &[PI, 2.275], &[3.0 * PI, 2.475]],
        range: |k| [(-5.0, 10.0), (0.0, 15.0)][k],
        evaluations: 30,
        spread: 2.0,
    },
    Standard {
        name: "hartmann6",
        dimension: 6,
        value: hartmann,
        optimum: -3.322_368_011_415_512,
        minima: &[&[0.201_69, 0.150_01, 0.476_87, 0.275_33, 0.311_65, 0.657_30]],
        range: |_| (0.0, 1.0),
        evaluations: 60,
        spread: 0.1,
    },
    Standard {
        name: "ackley5",
        dimension: 5,
        value: ackley,
        optimum: 0.0,
        minima: &[&[0.0; 5]],
        // Not centred, so that the middle of the box is not the answer.
        range: |_| (-15.0, 20.0),
        evaluations: 60,
        spread: 0.5,
    },
];

/// Branin (1972), *IBM J. Res. Dev.* 16, 504.
fn branin(x: &[f64]) -> f64 {
    let valley = x[1] - 5.1 / (4.0 * PI * PI) * x[0] * x[0] + 5.0 / PI * x[0] - 6.0;
    valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x[0].cos() + 10.0
}

/// Hartmann's function of six variables, after Dixon & Szegö (1978), *Towards Global Optimisation 2*, 1.
fn hartmann(x: &[f64]) -> f64 {
    const WEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const STEEPNESS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRES: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let hill = |i: usize| {
        let square = |k: usize| STEEPNESS[i][k] * (x[k] - CENTRES[i][k]).powi(2);
        WEIGHTS[i] * (-(0..6).map(square).sum::<f64>()).exp()
    };
    -(0..4).map(hill).sum::<f64>()
}

/// Ackley (1987), *A Connectionist Machine for Genetic Hillclimbing*.
fn ackley(x: &[f64]) -> f64 {
    let count = x.len() as f64;
    let square = x.iter().map(|v| v * v).sum::<f64>() / count;
    let wave = x.iter().map(|v| (TAU * v).cos()).sum::<f64>() / count;
    20.0 - 20.0 * (-0.2 * square.sqrt()).exp() + 1_f64.exp() - wave.exp()
}

impl Standard {
    pub fn space(&self) -> Result<Space> {
        (0..self.dimension).try_fold(Space::new(), |space, k| {
            let (low, high) = (self.range)(k);
            space.float(&name(k), low..=high)
        })
    }

    pub fn place(&self, trial: &Trial) -> Result<Vec<f64>> {
        (0..self.dimension).map(|k| trial.float(&name(k))).collect()
    }

    /// The setting at a place, which a peer may have rounded across the edge of the box.
    pub fn setting(&self, place: &[f64]) -> Result<Setting> {
        if place.len() != self.dimension {
            let found = format!("{} coordinates of {}", place.len(), self.name);
            return Err(Error::argument(
                "start",
                found,
                format!("{}", self.dimension),
            ));
        }
        let inside = place.iter().enumerate().map(|(k, value)| {
            let (low, high) = (self.range)(k);
            (name(k), Value::Float(value.clamp(low, high)))
        });
        Ok(Setting::new(inside))
    }

    pub fn at_random(&self, stream: &mut Stream) -> Vec<f64> {
        let range = (0..self.dimension).map(self.range);
        range
            .map(|(low, high)| low + (high - low) * stream.random::<f64>())
            .collect()
    }

    /// Coordinates from 0 to 1.
    pub fn in_unit_box(&self, place: &[f64]) -> Vec<f64> {
        let share = |(k, value): (usize, &f64)| {
            let (low, high) = (self.range)(k);
            (value - low) / (high - low)
        };
        place.iter().enumerate().map(share).collect()
    }

    /// How far a place is from the nearest optimum: root mean square over the coordinates of the unit box.
    pub fn distance_to_optimum(&self, place: &[f64]) -> f64 {
        let here = self.in_unit_box(place);
        let distance = |minimum: &&[f64]| {
            let there = self.in_unit_box(minimum);
            let square = here.iter().zip(there).map(|(a, b)| (a - b).powi(2));
            (square.sum::<f64>() / here.len() as f64).sqrt()
        };
        self.minima
            .iter()
            .map(distance)
            .fold(f64::INFINITY, f64::min)
    }
}

fn name(k: usize) -> String {
    format!("x{k}")
}
