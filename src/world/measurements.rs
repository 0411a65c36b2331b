//! Everything that has been measured in an episode.

use super::briefing::Briefing;
use super::scan::Frame;
use ndarray::Array2;

/// Pixel of the summed maps, Å.
pub const MAP_PIXEL: f64 = 0.25;

/// All frames, and their sums on a map of [`MAP_PIXEL`] Å pixels, `[row, column]` = `[y, x]`.
#[derive(Debug, Clone)]
pub struct Measurements {
    frames: Vec<Frame>,
    electrons: Array2<f64>,
    signal: Array2<f64>,
    site_fluence: Vec<f64>,
}

/// Distance to which a visit is spread in the maps, Å: half a column spacing, so that columns stay apart.
pub const SPREAD: f64 = 0.9;
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
            site_fluence: vec![0.0; briefing.answers()],
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
                let offset = *place - briefing.answer_place(site);
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

    /// Local dose that has passed each place of an answer, as aimed, e⁻/Å².
    pub fn site_fluence(&self) -> &[f64] {
        &self.site_fluence
    }

    /// Local dose as aimed, e⁻/Å²: the electrons of every visit spread over the beam's profile, up to [`SPREAD`] Å.
    pub fn dose_map(&self, briefing: &Briefing) -> Array2<f64> {
        spread(&self.electrons, briefing)
    }

    /// Detected fraction of the electrons, averaged locally with the beam's profile as weight; NaN where nothing was
    /// measured within [`SPREAD`] Å.
    pub fn image(&self, briefing: &Briefing) -> Array2<f64> {
        let mut image = spread(&self.signal, briefing);
        let electrons = spread(&self.electrons, briefing);
        image.zip_mut_with(&electrons, |s, &e| {
            *s = if e > 0.0 { *s / e } else { f64::NAN }
        });
        image
    }
}

/// Convolution of a map of sums per pixel with the beam's profile.
fn spread(map: &Array2<f64>, briefing: &Briefing) -> Array2<f64> {
    let reach = (SPREAD / MAP_PIXEL) as isize;
    let offsets: Vec<(isize, isize, f64)> = (-reach..=reach)
        .flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx)))
        .filter(|(dy, dx)| ((dy * dy + dx * dx) as f64).sqrt() * MAP_PIXEL <= SPREAD)
        .map(|(dy, dx)| {
            // Seen from a pixel that lies ahead of the aim, the aim lies behind.
            let intensity = briefing.illumination(-dy as f64 * MAP_PIXEL, -dx as f64 * MAP_PIXEL);
            (dy, dx, intensity)
        })
        .collect();
    let (rows, columns) = map.dim();
    let mut result = Array2::zeros((rows, columns));
    for ((row, column), &value) in map.indexed_iter().filter(|(_, value)| **value != 0.0) {
        for &(dy, dx, intensity) in &offsets {
            let (y, x) = (row.checked_add_signed(dy), column.checked_add_signed(dx));
            if let (Some(y), Some(x)) = (y, x)
                && y < rows
                && x < columns
            {
                result[[y, x]] += value * intensity;
            }
        }
    }
    result
}
