//! The measurements that this crate and its peer both get, and the files they travel in.

use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::{Array2, Axis};
use rand::RngExt;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A smooth function on the unit square.
fn truth(a: f64, b: f64) -> f64 {
    (6.0 * a).sin() * (4.0 * b).cos() + 0.5 * (9.0 * a * b + 1.0).sin() + 0.3 * a
}

/// `side` × `side` places on the unit square.
pub fn lattice(side: usize) -> Array2<f64> {
    Array2::from_shape_fn((side * side, 2), |(j, k)| {
        [j / side, j % side][k] as f64 / (side - 1) as f64
    })
}

/// 3000 noisy measurements at random places, and 4096 candidates with the value each would give; both standardised.
pub struct Problem {
    pub x: Array2<f64>,
    pub y: Vec<f64>,
    pub candidates: Array2<f64>,
    pub outcomes: Vec<f64>,
}

impl Problem {
    /// Candidates the adaptive loop begins with.
    pub const FIRST: usize = 10;

    pub fn new() -> Self {
        let mut stream = Stream::new(Seed(20_260_611), Purpose::Counts, [0, 0]);
        let x = Array2::from_shape_fn((3000, 2), |_| stream.random::<f64>());
        let clean = |places: &Array2<f64>| -> Vec<f64> {
            places
                .rows()
                .into_iter()
                .map(|p| truth(p[0], p[1]))
                .collect()
        };
        let y = clean(&x)
            .iter()
            .map(|f| f + 0.1 * stream.normal())
            .collect();
        let candidates = lattice(64);
        let mut outcomes = standardised(clean(&candidates));
        for value in &mut outcomes {
            *value += 0.1 * stream.normal();
        }
        Self {
            x,
            y: standardised(y),
            candidates,
            outcomes,
        }
    }

    /// The first `n` measurements.
    pub fn first(&self, n: usize) -> (Array2<f64>, &[f64]) {
        let rows: Vec<usize> = (0..n).collect();
        (self.x.select(Axis(0), &rows), &self.y[..n])
    }

    /// Candidates the adaptive loop begins with, spread by the golden ratio.
    pub fn starts() -> impl Iterator<Item = usize> {
        (1..=Self::FIRST).map(|i| (4096.0 * (0.618_033_988_75 * i as f64).fract()) as usize)
    }

    /// Writes both tables, every digit kept, and returns where they are.
    pub fn write(&self, folder: &Path) -> std::io::Result<[PathBuf; 2]> {
        let paths = ["measurements.csv", "candidates.csv"].map(|name| folder.join(name));
        std::fs::write(&paths[0], table(&self.x, &self.y))?;
        std::fs::write(&paths[1], table(&self.candidates, &self.outcomes))?;
        Ok(paths)
    }
}

fn table(x: &Array2<f64>, y: &[f64]) -> String {
    let mut text = String::from("x0,x1,y\n");
    for (place, value) in x.rows().into_iter().zip(y) {
        writeln!(text, "{},{},{value}", place[0], place[1]).expect("writing to a string");
    }
    text
}

fn standardised(mut values: Vec<f64>) -> Vec<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    for value in &mut values {
        *value = (*value - mean) / variance.sqrt();
    }
    values
}
