//! Assembling a field from responses.

use super::Library;
use super::expansion::TERMS;
use super::imaging::{Imaging, Transfer};
use super::lattice::Contribution;
use super::motif::{Edit, check_edits};
use super::recipe::Recipe;
use super::scene::{Domain, Frame, Scene};
use super::series::{self, Wave};
use super::window::{BOX, PIXEL};
use crate::stem::fourier::{Fourier2, frequency};
use crate::stem::interpolation::bicubic;
use crate::stem::response::{KERNEL_RADIUS, Kernel};
use crate::units::Point;
use crate::{Error, Result};
use ndarray::{Array2, Axis, concatenate};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Rows that are assembled together.
const BAND_OF_ROWS: usize = 16;

/// The responses of one detector and thickness under one [`Imaging`], ready to be put together.
pub struct Response<'a> {
    library: &'a Library,
    slot: usize,
    transfer: Transfer,
    /// Whether the detector sees no direct beam.
    dark_field: bool,
    /// The transfer on the square of the kernels; none if it is 1.
    factor: Option<Array2<Complex64>>,
    /// Responses of motifs, then of islands, as they are in the library, on the square of the kernels.
    bases: Vec<Array2<f64>>,
    /// The same through the transfer.
    kernels: Vec<Kernel>,
}

/// A response in its place.
struct Placed<'k> {
    kernel: &'k Kernel,
    place: Point,
    weight: f64,
}

/// The series of one domain over the columns of a frame.
struct Tiling {
    waves: Vec<Wave>,
    /// cos and sin of each wave at each column, one wave after the other.
    cosines: Vec<f64>,
    sines: Vec<f64>,
}

impl Library {
    /// The responses of a detector and a thickness (by their numbers) under some imaging conditions.
    ///
    /// # Errors
    /// [`Error::Argument`] for numbers that the recipe lacks, aberrations or a spread of focus for a detector that sees
    /// the direct beam (its image is not incoherent), and aberrations that throw rays beyond 8 Å.
    pub fn response(
        &self,
        detector: usize,
        thickness: usize,
        imaging: &Imaging,
    ) -> Result<Response<'_>> {
        let recipe = self.recipe();
        let Some(annulus) = recipe.detectors.get(detector) else {
            let rule = format!("below {}", recipe.detectors.len());
            return Err(Error::argument("detector", detector, rule));
        };
        if thickness >= recipe.thicknesses() {
            let rule = format!("below {}", recipe.thicknesses());
            return Err(Error::argument("thickness", thickness, rule));
        }
        let transfer = Transfer::new(recipe, imaging)?;
        let dark_field = recipe.is_dark_field(detector);
        if transfer.changes_probe() && !dark_field {
            return Err(Error::argument(
                "imaging",
                format!(
                    "another probe on a detector from {} mrad",
                    annulus.inner_mrad()
                ),
                "source size alone, for a detector that sees the direct beam",
            ));
        }
        let slots = recipe.detectors.len() * recipe.thicknesses();
        let slot = detector * recipe.thicknesses() + thickness;
        let stride = recipe.sampling().0;
        let stored = self.stored();
        let own = |windows: &'_ [_]| (slot..windows.len()).step_by(slots).collect::<Vec<_>>();
        let windows = own(&stored.motifs).into_iter().map(|i| &stored.motifs[i]);
        let windows = windows.chain(own(&stored.islands).into_iter().map(|i| &stored.islands[i]));
        let bases: Vec<_> = windows.map(|window| window.upsampled(stride)).collect();
        let factor = (!transfer.is_one() && !bases.is_empty()).then(|| factor(&transfer, recipe));
        let mut response = Response {
            library: self,
            slot,
            transfer,
            dark_field,
            factor,
            bases,
            kernels: Vec::new(),
        };
        response.kernels = (0..response.bases.len())
            .map(|n| response.kernel(n, 0.0))
            .collect();
        Ok(response)
    }
}

impl Response<'_> {
    /// The image of a scene, `[row, column]`: the share of the incident electrons that is detected.
    ///
    /// The result does not depend on the number of threads of the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Argument`] for a frame without or with too many pixels, a deformation whose determinant is not within
    /// 0.5..=2, an edit of which no motif of the recipe knows, and numbers of states, atoms or islands that it lacks.
    pub fn image(&self, scene: &Scene<'_>, frame: Frame) -> Result<Array2<f64>> {
        frame.check()?;
        let recipe = self.library.recipe();
        let motifs = recipe.motifs.len();
        let mut turned = BTreeMap::new();
        let mut defects = Vec::new();
        for (number, domain) in scene.domains.iter().enumerate() {
            domain.check(recipe)?;
            let angle = domain.angle();
            if angle != 0.0 && !recipe.is_round() {
                return Err(Error::argument(
                    "deformation",
                    format!("a turn by {angle} rad"),
                    "no turn, in a library whose aberrations have directions",
                ));
            }
            let contributions = self.contributions(domain.edits())?;
            for part in contributions {
                if angle != 0.0 {
                    turned
                        .entry((number, part.motif))
                        .or_insert_with(|| self.kernel(part.motif, angle));
                }
                defects.push((number, part));
            }
        }
        let mut placed: Vec<Placed<'_>> = (defects.iter())
            .map(|(number, part)| Placed {
                kernel: turned
                    .get(&(*number, part.motif))
                    .unwrap_or_else(|| &self.kernels[part.motif]),
                place: scene.domains[*number].place(part.place),
                weight: part.weight,
            })
            .collect();
        for &(island, place) in &scene.islands {
            let Some(kernel) = self.kernels[motifs..].get(island) else {
                let rule = format!("below {}", recipe.islands.len());
                return Err(Error::argument("islands", island, rule));
            };
            if !(place.y.abs() <= 1e6 && place.x.abs() <= 1e6) {
                let found = format!("a place of ({}, {}) Å", place.y, place.x);
                return Err(Error::argument("islands", found, "within ±10⁶ Å"));
            }
            placed.push(Placed {
                kernel,
                place,
                weight: 1.0,
            });
        }
        let tilings: Vec<Tiling> = (scene.domains.par_iter())
            .map(|domain| Tiling::new(self.waves(domain), &frame))
            .collect();
        let starts: Vec<usize> = (0..frame.rows).step_by(BAND_OF_ROWS).collect();
        let bands = starts.par_iter().map(|&start| {
            let rows = BAND_OF_ROWS.min(frame.rows - start);
            let mut image = Array2::zeros((rows, frame.columns));
            for (row, line) in image.outer_iter_mut().enumerate() {
                let line = line.into_slice().expect("a row is contiguous");
                self.crystal(scene, &tilings, &frame, start + row, line);
            }
            let origin = frame.place(start, 0);
            let (top, bottom) = (origin.y, origin.y + rows as f64 * frame.pixel);
            for defect in &placed {
                let y = defect.place.y;
                if y + KERNEL_RADIUS >= top && y - KERNEL_RADIUS <= bottom {
                    let centre = (y, defect.place.x);
                    let corner = (origin.y, origin.x);
                    let kernel = defect.kernel;
                    kernel.add_to(&mut image, corner, frame.pixel, centre, defect.weight);
                }
            }
            image
        });
        let bands: Vec<Array2<f64>> = bands.collect();
        let views: Vec<_> = bands.iter().map(|band| band.view()).collect();
        Ok(concatenate(Axis(0), &views).expect("bands of one width"))
    }

    /// The response of a motif, for a map of differences that is kept up to date by hand.
    ///
    /// # Errors
    /// [`Error::Argument`] for a number that the recipe lacks.
    pub fn motif(&self, motif: usize) -> Result<&Kernel> {
        let count = self.library.recipe().motifs.len();
        let rule = || Error::argument("motif", motif, format!("below {count}"));
        self.kernels[..count].get(motif).ok_or_else(rule)
    }

    /// The response of an island.
    ///
    /// # Errors
    /// [`Error::Argument`] for a number that the recipe lacks.
    pub fn island(&self, island: usize) -> Result<&Kernel> {
        let recipe = self.library.recipe();
        let rule = || Error::argument("island", island, format!("below {}", recipe.islands.len()));
        self.kernels[recipe.motifs.len()..]
            .get(island)
            .ok_or_else(rule)
    }

    /// The perfect crystal of a domain at some places, whatever the domain's region and edits.
    ///
    /// # Errors
    /// As [`Response::image`].
    pub fn perfect(&self, domain: &Domain<'_>, places: &[Point]) -> Result<Vec<f64>> {
        domain.check(self.library.recipe())?;
        let waves = self.waves(domain);
        let at = |place: &Point| series::value(&waves, place.y, place.x);
        Ok(places.iter().map(at).collect())
    }

    /// What changed atoms add to the image: kernels with their weights and places in the undistorted crystal.
    ///
    /// # Errors
    /// [`Error::Argument`] for an edit of which no motif of the recipe knows.
    pub fn changes(&self, edits: &[Edit]) -> Result<Vec<(&Kernel, f64, Point)>> {
        let recipe = self.library.recipe();
        check_edits(edits, recipe.cell().atoms().len(), || "edits".into())?;
        let parts = self.contributions(edits)?.into_iter();
        Ok(parts
            .map(|part| (&self.kernels[part.motif], part.weight, part.place))
            .collect())
    }

    fn contributions(&self, edits: &[Edit]) -> Result<Vec<Contribution>> {
        let recipe = self.library.recipe();
        let found = (self.library.lattice()).contributions(edits, &recipe.motifs);
        found.map_err(|edit| {
            let found = format!("{edit:?}");
            let allowed = "changes of which a motif of the recipe knows";
            Error::argument("edits", found, allowed)
        })
    }

    /// One row of the crystal.
    fn crystal(
        &self,
        scene: &Scene<'_>,
        tilings: &[Tiling],
        frame: &Frame,
        row: usize,
        line: &mut [f64],
    ) {
        let domain_at = |column: usize| {
            let place = frame.place(row, column);
            scene.domains.iter().position(|domain| domain.holds(place))
        };
        let mut first = 0;
        let mut next = domain_at(0);
        while first < frame.columns {
            let domain = next;
            let mut end = first + 1;
            while end < frame.columns {
                next = domain_at(end);
                if next != domain {
                    break;
                }
                end += 1;
            }
            let run = &mut line[first..end];
            match domain {
                Some(number) => tilings[number].add(frame.place(row, 0).y, first, run),
                None => run.fill(self.vacuum()),
            }
            first = end;
        }
    }

    /// What is detected without any atom.
    fn vacuum(&self) -> f64 {
        f64::from(self.library.stored().vacuum[self.slot])
    }

    /// The series of a domain in the field: each frequency G at D⁻ᵀG, weaker by the area the crystal has gained.
    fn waves(&self, domain: &Domain<'_>) -> Vec<Wave> {
        let recipe = self.library.recipe();
        let slots = recipe.detectors.len() * recipe.thicknesses();
        let stored = self.library.stored();
        let frequencies = self.library.frequencies();
        let vacuum = self.vacuum();
        let mut mixed: Vec<Wave> = Vec::new();
        let expanded = self.transfer.changes_probe() && !stored.expansions.is_empty();
        let mut expansion = vec![Complex64::ZERO; frequencies.len() * TERMS];
        for &(state, weight) in domain.shares() {
            if expanded {
                let terms = &stored.expansions[state * slots + self.slot];
                for (sum, term) in expansion.iter_mut().zip(terms) {
                    *sum += weight * Complex64::new(term.re.into(), term.im.into());
                }
            }
            let coefficients = &stored.series[state * slots + self.slot];
            let waves = series::waves(frequencies, coefficients, recipe.extent());
            if mixed.is_empty() {
                mixed = waves
                    .iter()
                    .map(|w| Wave {
                        amplitude: Complex64::ZERO,
                        ..*w
                    })
                    .collect();
            }
            for (sum, wave) in mixed.iter_mut().zip(waves) {
                sum.amplitude += weight * wave.amplitude;
            }
        }
        let deformation = domain.deformation();
        let distorted = deformation != nalgebra::Matrix2::identity();
        // the determinant was checked to be at least a half
        let inverse = deformation
            .try_inverse()
            .unwrap_or_else(nalgebra::Matrix2::identity);
        for (number, wave) in mixed.iter_mut().enumerate() {
            let [y, x] = wave.frequency;
            let moved = inverse.transpose() * nalgebra::Vector2::new(x, y);
            let frequency = [moved.y, moved.x];
            let mut amplitude = wave.amplitude;
            if distorted {
                // the direct beam, if the detector sees it, does not depend on how dense the crystal is
                let direct = if frequency == [0.0; 2] { vacuum } else { 0.0 };
                // only a dark-field image is the product of the probe's transfer and the specimen's spectrum
                let gain = if self.dark_field {
                    self.transfer.gain([y, x], frequency)
                } else {
                    Complex64::ONE
                };
                amplitude = direct + gain / deformation.determinant() * (amplitude - direct);
            }
            if !self.transfer.is_one() {
                amplitude *= self.transfer.ratio(frequency);
            }
            // the mean does not depend on aberrations; every other wave stands for itself and its mirror image
            if expanded && [y, x] != [0.0; 2] {
                let excess = self.transfer.excess(frequency, deformation.transpose());
                let terms = expansion[number * TERMS..].iter().zip(excess);
                let sum: Complex64 = terms.map(|(term, excess)| term * excess).sum();
                amplitude += 2.0 / deformation.determinant() * sum;
            }
            let origin = domain.origin();
            let turns = frequency[0] * origin.y + frequency[1] * origin.x;
            *wave = Wave {
                frequency,
                amplitude: amplitude * Complex64::cis(-TAU * turns),
            };
        }
        mixed
    }

    /// A response turned by an angle from x towards y, through the transfer.
    fn kernel(&self, number: usize, angle: f64) -> Kernel {
        let base = &self.bases[number];
        let mut image = if angle == 0.0 {
            base.clone()
        } else {
            let (sin, cos) = angle.sin_cos();
            let signed = |i: usize| ((i + BOX / 2) % BOX) as f64 - (BOX / 2) as f64;
            let around = |i: isize| i.rem_euclid(BOX as isize) as usize;
            Array2::from_shape_fn((BOX, BOX), |(row, column)| {
                let (y, x) = (signed(row), signed(column));
                let (y, x) = (cos * y - sin * x, sin * y + cos * x);
                bicubic(y, x, |r, c| base[[around(r), around(c)]])
            })
        };
        if let Some(factor) = &self.factor {
            let fourier = Fourier2::new(BOX, BOX);
            let mut spectrum = image.mapv(Complex64::from);
            fourier.forward(&mut spectrum);
            spectrum *= factor;
            fourier.inverse(&mut spectrum);
            image = spectrum.mapv(|z| z.re);
        }
        Kernel::from_box(&image)
    }
}

impl Tiling {
    fn new(waves: Vec<Wave>, frame: &Frame) -> Self {
        let phases = waves.iter().flat_map(|wave| {
            let at = |column| TAU * wave.frequency[1] * frame.place(0, column).x;
            (0..frame.columns).map(move |column| at(column).sin_cos())
        });
        let (sines, cosines) = phases.unzip();
        Self {
            waves,
            cosines,
            sines,
        }
    }

    /// Adds the series at y to a run of pixels that starts at column `first`.
    fn add(&self, y: f64, first: usize, run: &mut [f64]) {
        let columns = self.cosines.len() / self.waves.len().max(1);
        for (number, wave) in self.waves.iter().enumerate() {
            let amplitude = wave.amplitude * Complex64::cis(TAU * wave.frequency[0] * y);
            let start = number * columns + first;
            let cosines = &self.cosines[start..][..run.len()];
            let sines = &self.sines[start..][..run.len()];
            for ((value, cosine), sine) in run.iter_mut().zip(cosines).zip(sines) {
                *value += amplitude.re * cosine - amplitude.im * sine;
            }
        }
    }
}

/// The transfer at the frequencies of the square of the kernels.
fn factor(transfer: &Transfer, recipe: &Recipe) -> Array2<Complex64> {
    let band = recipe.band();
    let rows: Vec<Vec<Complex64>> = (0..BOX)
        .into_par_iter()
        .map(|row| {
            let y = frequency(row, BOX, PIXEL);
            let at = |column| {
                let x = frequency(column, BOX, PIXEL);
                if y.hypot(x) > band {
                    Complex64::ZERO
                } else {
                    transfer.ratio([y, x])
                }
            };
            (0..BOX).map(at).collect()
        })
        .collect();
    Array2::from_shape_fn((BOX, BOX), |(row, column)| rows[row][column])
}
