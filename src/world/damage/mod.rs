//! stub
#![allow(missing_docs)]
use crate::Result;
use crate::stem::Charge;
use crate::units::{Point, Seed};
use serde::Deserialize;
use std::path::Path;
#[derive(Debug, Clone, Deserialize)]
pub struct StageSection {
    pub to: String,
    pub dose: f64,
}
#[derive(Debug, Clone, Deserialize)]
pub struct DecaySection {
    pub state: String,
    pub stages: Vec<StageSection>,
}
impl DecaySection {
    pub fn check(&self, _: &Path, _: &str) -> Result<()> {
        Ok(())
    }
}
#[derive(Debug, Clone)]
pub struct Decay {
    d: Vec<f64>,
}
impl Decay {
    pub fn new(d: &[f64]) -> Result<Self> {
        Ok(Self { d: d.to_vec() })
    }
    pub fn critical_dose(&self) -> f64 {
        self.d[0]
    }
    pub fn fractions(&self, dose: f64) -> [f64; 4] {
        let f = (-dose / self.d[0]).exp();
        [f, 1.0 - f, 0.0, 0.0]
    }
    pub fn mean_fractions(&self, a: f64, b: f64) -> [f64; 4] {
        self.fractions(0.5 * (a + b))
    }
}
#[derive(Debug, Clone, Deserialize)]
pub struct NucleationSection {
    pub density: f64,
    pub brightness: f64,
    pub radius: f64,
}
impl NucleationSection {
    pub fn check(&self, _: &Path, _: &str) -> Result<()> {
        Ok(())
    }
    pub fn draw(&self, _: [f64; 2], _: Seed) -> Vec<(Point, f64)> {
        vec![]
    }
}
#[derive(Debug, Clone, Deserialize)]
pub struct DiffusionSection {
    pub length: f64,
}
impl DiffusionSection {
    pub fn check(&self, _: &Path, _: &str) -> Result<()> {
        Ok(())
    }
}
#[derive(Debug, Clone)]
pub struct EnergyDiffusion;
impl EnergyDiffusion {
    pub fn new(_: &DiffusionSection) -> Self {
        Self
    }
    pub fn effective(&mut self, c: Charge, _y: f64, _x: f64, _t: f64) -> Charge {
        c
    }
}
#[derive(Debug, Clone, Deserialize)]
pub struct ContaminationSection {
    pub most: f64,
}
impl ContaminationSection {
    pub fn check(&self, _: &Path, _: &str) -> Result<()> {
        Ok(())
    }
}
#[derive(Debug, Clone)]
pub struct Contamination;
impl Contamination {
    pub fn new(_: &ContaminationSection) -> Self {
        Self
    }
    pub fn mean(&self, _: f64, _: f64) -> f64 {
        0.0
    }
}
#[derive(Debug, Clone)]
pub struct DoseMap {
    r: usize,
    c: usize,
    h: f64,
    w: f64,
    v: Vec<f64>,
}
impl DoseMap {
    pub fn new(r: usize, c: usize, h: f64, w: f64) -> Self {
        Self {
            r,
            c,
            h,
            w,
            v: vec![0.0; r * c],
        }
    }
    fn i(&self, y: f64, x: f64) -> usize {
        ((y / self.h) as usize).min(self.r - 1) * self.c + ((x / self.w) as usize).min(self.c - 1)
    }
    pub fn deposit(&mut self, q: Charge, y: f64, x: f64) {
        let i = self.i(y, x);
        self.v[i] += q.electrons() / (self.h * self.w);
    }
    pub fn dose_at(&self, y: f64, x: f64) -> f64 {
        self.v[self.i(y, x)]
    }
    pub fn reach(&self) -> [f64; 2] {
        [self.h, self.w]
    }
}
