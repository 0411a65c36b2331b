//! Everything that has been measured in an episode.

use super::briefing::Briefing;
use super::scan::Frame;
use ndarray::Array2;

/// Pixel of the summed maps, Å.
pub const MAP_PIXEL: f64 = 0.5;

/// All frames, and their sums on a map of [`MAP_PIXEL`] Å pixels, `[row, column]` = `[y, x]`.
#[derive(Debug, Clone)]
pub struct Measurements {
    frames: Vec<Frame>,
    electrons: Array2<f64>,
    signal: Array2<f64>,
    site_fluence: Vec<f64>,
}

/// Distance at which a visit still counts for the dose of a site, Å: nine tenths of the beam lie within.
const REACH: f64 = 2.5;

impl Measurements {
    /// No measurement yet.
    pub(crate) fn new(briefing: &Briefing) -> Self {
        let extent = |length: f64| (length / MAP_PIXEL).ceil().max(1.0) as usize;
        let shape = (extent(briefing.height), extent(briefing.width));
        Self {
            frames: Vec::new(),
            electrons: Array2::zeros(shape),
            signal: Array2::zeros(shape),
            site_fluence: vec![0.0; briefing.sites.len()],
        }
    }

    pub(crate) fn push(&mut self, briefing: &Briefing, frame: Frame) {
        let (rows, columns) = self.electrons.dim();
        for (index, place) in frame.positions.iter().enumerate() {
            let pixel = |value: f64, count: usize| ((value / MAP_PIXEL) as usize).min(count - 1);
            let at = [pixel(place.y, rows), pixel(place.x, columns)];
            self.electrons[at] += frame.electrons[index];
            self.signal[at] += frame.signal[index];
            for site in briefing.sites_near(*place, REACH) {
                let offset = *place - briefing.sites[site].position;
                self.site_fluence[site] +=
                    frame.electrons[index] * briefing.illumination(offset.y, offset.x);
            }
        }
        self.frames.push(frame);
    }

    /// The frames in the order in which they were taken.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Local dose that has passed each site of the briefing, as aimed, e⁻/Å².
    pub fn site_fluence(&self) -> &[f64] {
        &self.site_fluence
    }

    /// Dose per pixel, e⁻/Å²: where the beam was aimed. Pixels of `binning` × [`MAP_PIXEL`] Å; zero bins like one.
    pub fn dose_map(&self, binning: usize) -> Array2<f64> {
        let area = (binning.max(1) as f64 * MAP_PIXEL).powi(2);
        binned(&self.electrons, binning).mapv(|electrons| electrons / area)
    }

    /// Detected fraction of the electrons per pixel of `binning` × [`MAP_PIXEL`] Å; NaN where none was given.
    pub fn image(&self, binning: usize) -> Array2<f64> {
        let (mut image, electrons) = (
            binned(&self.signal, binning),
            binned(&self.electrons, binning),
        );
        image.zip_mut_with(&electrons, |s, &e| {
            *s = if e > 0.0 { *s / e } else { f64::NAN }
        });
        image
    }
}

/// Sums of `binning` × `binning` pixels; the last bins may hold fewer.
fn binned(map: &Array2<f64>, binning: usize) -> Array2<f64> {
    let binning = binning.max(1);
    let (rows, columns) = map.dim();
    let mut sums = Array2::zeros((rows.div_ceil(binning), columns.div_ceil(binning)));
    for ((row, column), value) in map.indexed_iter() {
        sums[[row / binning, column / binning]] += value;
    }
    sums
}
