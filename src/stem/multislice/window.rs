//! The part of the box in which the wave of a probe is computed.

use super::grid::WaveGrid;
use super::lanes::{LANES, Lanes};
use crate::stem::{Beam, Detector, Probe, Tilt};
use crate::units::Point;
use crate::{Error, Result};
use std::f64::consts::{PI, TAU};

/// Added to places in pixels, so that a place between two windows falls to the same one however its last bit is rounded.
const TIE: f64 = 1e-6;

/// Where the wave lies among the pixels of the transmission functions: the whole box, or a window around each probe.
///
/// A window begins at a strip of the transmission functions, so that these are used as they lie; its first column is any.
/// The box repeats.
pub(super) struct Window {
    /// Strips and columns of the box.
    strips: usize,
    columns: usize,
    /// The wave's own grid.
    wave: WaveGrid,
    /// Shorter edge of the window, Å; `None` for the whole box.
    width: Option<f64>,
}

/// The first strip and column of the box in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Corner {
    strip: usize,
    column: usize,
}

impl Window {
    /// The wave fills the whole box.
    pub(super) fn whole(grid: &WaveGrid) -> Self {
        Self {
            strips: grid.rows().div_ceil(LANES),
            columns: grid.columns(),
            wave: grid.clone(),
            width: None,
        }
    }

    /// Windows of at least `width` (Å) along a side.
    ///
    /// # Errors
    /// [`Error::Argument`] for a width that is not positive or larger than the box, and for a box whose rows do not fill
    /// the strips.
    pub(super) fn new(grid: &WaveGrid, width: f64) -> Result<Self> {
        if !grid.rows().is_multiple_of(LANES) {
            let rule = format!("a multiple of {LANES} where the wave has a window");
            return Err(Error::argument("sampling, rows", grid.rows(), rule));
        }
        let wave = grid.window(width)?;
        let (height, length) = wave.edges();
        Ok(Self {
            width: Some(height.min(length)),
            wave,
            ..Self::whole(grid)
        })
    }

    /// The grid of the wave.
    pub(super) fn wave(&self) -> &WaveGrid {
        &self.wave
    }

    /// The window around a position in the box, and the position in it.
    pub(super) fn around(&self, position: Point) -> (Corner, Point) {
        if self.width.is_none() {
            return (Corner::default(), position);
        }
        let pixels = self.wave.pixels();
        // in units of `step` pixels, nearest to half a window before the position
        let first = |place: f64, pixel: f64, count: usize, step: usize| {
            let start = place / pixel - 0.5 * count as f64 + TIE;
            (start / step as f64 + 0.5).floor()
        };
        let strip = first(position.y, pixels.pixel_y, pixels.rows, LANES);
        let column = first(position.x, pixels.pixel_x, pixels.columns, 1);
        let inside = Point::new(
            position.y - strip * LANES as f64 * pixels.pixel_y,
            position.x - column * pixels.pixel_x,
        );
        let corner = Corner {
            strip: strip.rem_euclid(self.strips as f64) as usize,
            column: column.rem_euclid(self.columns as f64) as usize,
        };
        (corner, inside)
    }

    /// Strip `index` of a window, of an image of the box: as it lies there, or put together in `room` where the window
    /// goes over the edge.
    pub(super) fn strip<'a>(
        &self,
        image: &'a [Lanes],
        corner: Corner,
        index: usize,
        room: &'a mut [Lanes],
    ) -> &'a [Lanes] {
        let strip = (corner.strip + index) % self.strips;
        let line = &image[strip * self.columns..][..self.columns];
        let end = corner.column + self.wave.columns();
        if end <= self.columns {
            return &line[corner.column..end];
        }
        let (head, tail) = room.split_at_mut(self.columns - corner.column);
        head.copy_from_slice(&line[corner.column..]);
        tail.copy_from_slice(&line[..end - self.columns]);
        room
    }

    /// Refuses what takes the wave of the whole box.
    pub(super) fn check_whole(&self, what: &str) -> Result<()> {
        self.width.map_or(Ok(()), |width| {
            let rule = format!("the whole box, without a window, for {what}");
            Err(Error::argument("window", format!("{width:.2} Å"), rule))
        })
    }

    /// Refuses a window that does not hold a probe anywhere in a specimen of this `thickness` (Å): narrower than 2(R + λ/α),
    /// R the largest distance from its centre at which a ray of it passes, |∇χ|/2π with the defocus of each depth and the
    /// drift in a tilted specimen, and λ/α the width of its diffraction.
    pub(super) fn check_probe(&self, probe: &Probe, tilt: Tilt, thickness: f64) -> Result<()> {
        let Some(width) = self.width else {
            return Ok(());
        };
        let needed = 2.0 * (blur(probe, tilt, thickness) + 1.0 / probe.cutoff());
        if needed <= width {
            return Ok(());
        }
        Err(Error::argument(
            "window",
            format!("{width:.2} Å"),
            format!("at least {needed:.2} Å, the width of the probe in the specimen"),
        ))
    }

    /// Refuses a window whose frequencies, 1/width apart, lie farther apart than an annulus is wide.
    pub(super) fn check_detector(&self, beam: Beam, detector: &Detector) -> Result<()> {
        let Some(width) = self.width else {
            return Ok(());
        };
        let (inner, outer) = detector.annulus().spatial_frequencies(beam);
        let needed = 1.0 / (outer - inner);
        if needed <= width {
            return Ok(());
        }
        let annulus = detector.annulus();
        Err(Error::argument(
            "window",
            format!("{width:.2} Å"),
            format!(
                "at least {needed:.2} Å, so that frequencies fall into the annulus of {} to {} mrad",
                annulus.inner_mrad(),
                annulus.outer_mrad()
            ),
        ))
    }
}

/// The largest distance of a ray of the probe from its centre (Å), on the upper and on the lower face of the specimen: in
/// between, the distance of each ray changes evenly.
fn blur(probe: &Probe, tilt: Tilt, thickness: f64) -> f64 {
    let wavelength = probe.beam().wavelength();
    let (radii, azimuths) = (8, 48);
    let mut most = 0.0_f64;
    for place in 0..radii * azimuths {
        let k = probe.cutoff() * f64::from(place / azimuths + 1) / f64::from(radii);
        let azimuth = TAU * f64::from(place % azimuths) / f64::from(azimuths);
        let (ky, kx) = (k * azimuth.sin(), k * azimuth.cos());
        let delta = 1e-4 * k;
        for depth in [0.0, thickness] {
            let phase = |ky: f64, kx: f64| {
                let lens = probe.aberrations().phase(ky, kx, wavelength);
                let free = PI * wavelength * depth * (ky * ky + kx * kx);
                lens + free - tilt.propagation_phase(ky, kx, depth)
            };
            let along_y = phase(ky + delta, kx) - phase(ky - delta, kx);
            let along_x = phase(ky, kx + delta) - phase(ky, kx - delta);
            most = most.max(along_y.hypot(along_x) / (2.0 * delta * TAU));
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::Aberrations;
    use crate::stem::multislice::Sampling;
    use nalgebra::Vector3;
    use rustfft::num_complex::Complex32;

    fn grid() -> WaveGrid {
        let sampling = Sampling::Pixels {
            rows: 48,
            columns: 50,
        };
        WaveGrid::new(Vector3::new(5.0, 4.8, 1.0), sampling).unwrap()
    }

    #[test]
    fn a_window_shows_the_pixels_around_a_position() {
        let (grid, width) = (grid(), 2.3);
        let window = Window::new(&grid, width).unwrap();
        assert_eq!((window.wave.rows(), window.wave.columns()), (24, 24));
        let mut image = vec![Lanes::ZERO; 6 * 50];
        for (row, column) in (0..48).flat_map(|row| (0..50).map(move |column| (row, column))) {
            let value = Complex32::new(row as f32, column as f32);
            image[row / LANES * 50 + column].set(row % LANES, value);
        }
        let mut room = vec![Lanes::ZERO; 24];
        for (y, x) in [(2.4, 2.5), (0.03, 4.96), (4.7, 0.0), (-7.31, 12.24)] {
            let (corner, inside) = window.around(Point::new(y, x));
            assert!((inside.y - 1.2).abs() <= 0.4 + 1e-6 && (inside.x - 1.2).abs() <= 0.05 + 1e-6);
            let shift = [(y - inside.y) / 0.1, (x - inside.x) / 0.1];
            for index in 0..3 {
                let strip = window.strip(&image, corner, index, &mut room);
                for (column, lanes) in strip.iter().enumerate() {
                    for lane in 0..LANES {
                        let found = lanes.get(lane);
                        let row = shift[0] + (index * LANES + lane) as f64;
                        let column = shift[1] + column as f64;
                        assert_eq!(f64::from(found.re), row.round().rem_euclid(48.0));
                        assert_eq!(f64::from(found.im), column.round().rem_euclid(50.0));
                    }
                }
            }
        }
    }

    #[test]
    fn places_a_box_apart_have_the_same_window() {
        let window = Window::new(&grid(), 2.3).unwrap();
        for n in 0..100 {
            let place = Point::new(0.1 * f64::from(n), 0.05 * f64::from(n));
            let (corner, inside) = window.around(place);
            let (other, there) = window.around(Point::new(place.y + 3.0 * 4.8, place.x - 5.0));
            assert_eq!(corner, other);
            assert!((inside.y - there.y).abs() < 1e-12 && (inside.x - there.x).abs() < 1e-12);
        }
    }

    #[test]
    fn rays_of_a_defocused_probe_pass_at_defocus_times_angle() {
        let beam = Beam::new(200.0).unwrap();
        let probe = Probe::new(beam, 20.0, Aberrations::default()).unwrap();
        let upright = Tilt::default();
        assert!((blur(&probe, upright, 50.0) - 1.0).abs() < 1e-6); // 50 Å · 20 mrad, on the lower face
        let tilted = blur(&probe, Tilt::new(0.0, -40.0).unwrap(), 50.0);
        assert!((tilted - 3.0).abs() < 2e-3, "{tilted}"); // and 50 Å · tan 40 mrad
        for (defocus, expected) in [(80.0, 2.6), (-80.0, 1.6), (-25.0, 0.5)] {
            let found = blur(&probe.defocused(defocus).unwrap(), upright, 50.0);
            assert!((found - expected).abs() < 1e-6, "{found}");
        }
    }
}
