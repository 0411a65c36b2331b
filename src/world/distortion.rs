//! stub
#![allow(missing_docs)]
use crate::Result;
use crate::units::{Point, Seed};
use serde::Deserialize;
use std::path::Path;
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ScanSection {
    pub settle_us: f64,
    pub flyback_us: f64,
    pub drift_speed: f64,
    pub drift_decay: f64,
    pub line_jitter: f64,
    pub pixel_jitter: f64,
    pub kick_interval: Option<f64>,
    pub kick_length: f64,
    pub flyback_length: f64,
    pub flyback_positions: f64,
    pub hum_amplitude: f64,
    pub hum_hz: f64,
}
impl ScanSection {
    pub fn check(&self, _: &Path, _: &str) -> Result<()> {
        Ok(())
    }
    pub fn jitter(&self) -> f64 {
        self.line_jitter.hypot(self.pixel_jitter)
    }
}
#[derive(Debug, Clone)]
pub struct Distortion;
impl Distortion {
    pub fn new(_: &ScanSection, _: Seed) -> Self {
        Self
    }
    pub fn displacement(
        &self,
        _t: f64,
        _line: [u64; 2],
        _at: [u64; 2],
        _along: Option<usize>,
    ) -> Point {
        Point::default()
    }
}
