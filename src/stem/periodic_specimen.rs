//! Dark-field images of a periodic specimen for one probe after another, as when the lens is being tuned.

use crate::error::{Error, Result};
use crate::stem::aberrations::Aberrations;
use crate::stem::beam::Beam;
use crate::stem::detector::AnnularDetector;
use crate::stem::fourier::{Fourier2, frequency};
use crate::stem::probe::{Grid, Probe};
use crate::stem::response::{ObjectTransfer, check_blur, check_detector};
use crate::stem::structure::{PlacedAtom, Structure, Vibration};
use ndarray::{Array1, Array2};
use rustfft::num_complex::Complex64;
use std::f64::consts::PI;

/// A specimen that is repeated along x and y, ready to be imaged with any aberrations.
///
/// The linear incoherent model of [`IncoherentModel`](super::IncoherentModel), for all atoms at once. There every new
/// probe means a new kernel on a box of 512 × 512 pixels, and a sum of it over the atoms. Here the object is transformed
/// once,
///
/// T(Q) = Σₐ O(Q) exp(−2π² Qᵀ(w² + Uₐ)Q) exp(−2πi Q·rₐ)
///
/// over the atoms a with their vibration Uₐ, the blur w, and the atom's response O on the detector; a probe then costs
/// three transforms of the size of the specimen, F⁻¹ for ψ, F for H = F|ψ|², and F⁻¹ for the image
///
/// I(r) = (1/area) Σ_Q H*(Q) T(Q) exp(2πi Q·r).
///
/// The series over the frequencies Q of the box is exact for atoms that repeat with the box. The one approximation is that
/// ψ is made of as many plane waves as the box has frequencies in the aperture, so that neighbouring images of the probe must
/// not overlap; aberrations that throw rays beyond half the box are refused. How good the physics is stands at
/// [`IncoherentModel`](super::IncoherentModel).
///
/// ```
/// use dosewise::stem::{Aberrations, AnnularDetector, Beam, PeriodicSpecimen, PlacedAtom, Structure};
/// use nalgebra::Vector3;
/// let gold = PlacedAtom::new("Au".parse()?, Vector3::new(4.0, 4.0, 0.0));
/// let structure = Structure::new(Vector3::new(20.0, 20.0, 1.0), vec![gold])?;
/// let detector = AnnularDetector::new(60.0, 180.0)?;
/// let specimen = PeriodicSpecimen::new(&structure, Beam::new(80.0)?, 30.0, detector, 0.3)?;
/// let image = specimen.image(&Aberrations::default())?; // fraction of the electrons that is detected
/// let (brightest, _) = image.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
/// assert!((brightest.0 as f64 * specimen.grid().pixel_y - 4.0).abs() < 0.5);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PeriodicSpecimen {
    beam: Beam,
    semiangle_mrad: f64,
    grid: Grid,
    /// T(Q) over the area of a pixel, in FFT order; zero beyond the band of the probe.
    object: Array2<Complex64>,
}

impl PeriodicSpecimen {
    /// The specimen `structure` as seen by probes of one beam and convergence semi-angle (mrad), with a Gaussian blur of
    /// standard deviation `blur` Å per axis (source and jitter). Takes time in proportion to atoms × pixels.
    ///
    /// The occupancy of an atom counts as that share of its brightness.
    ///
    /// # Errors
    /// [`Error::Argument`] for a blur outside 0 to 3 Å, a semi-angle outside 0.1 to 200 mrad, a detector that reaches into
    /// the cone of the probe, and a structure so wide that its image would have more than 2²⁶ pixels.
    pub fn new(
        structure: &Structure,
        beam: Beam,
        semiangle_mrad: f64,
        detector: AnnularDetector,
        blur: f64,
    ) -> Result<Self> {
        check_blur(blur)?;
        let probe = Probe::new(beam, semiangle_mrad, Aberrations::default())?;
        check_detector(detector, &probe)?;
        let band = 2.0 * probe.cutoff();
        let (height, width) = (structure.extent().y, structure.extent().x);
        let (rows, columns) = (pixels(height, band), pixels(width, band));
        let grid = Grid {
            rows,
            columns,
            pixel_y: height / rows as f64,
            pixel_x: width / columns as f64,
        }
        .check()?;
        let mut object = Array2::zeros((rows, columns));
        for group in groups(structure.atoms()) {
            let transfer = ObjectTransfer::new(group[0].element, beam, detector, band);
            let mut places = structure_factor(&group, grid);
            for ((row, column), value) in places.indexed_iter_mut() {
                let ky = frequency(row, rows, grid.pixel_y);
                let kx = frequency(column, columns, grid.pixel_x);
                let q = ky.hypot(kx);
                *value *= if q > band {
                    0.0
                } else {
                    let spread = blur * blur * q * q + vibration(group[0].vibration, ky, kx);
                    transfer.at(q) * (-2.0 * PI * PI * spread).exp()
                };
            }
            object += &places;
        }
        object /= Complex64::from(grid.pixel_y * grid.pixel_x);
        Ok(Self {
            beam,
            semiangle_mrad,
            grid,
            object,
        })
    }

    /// The pixels of its images: the fewest, in products of 2, 3 and 5, that hold the band 2α/λ of the probe's intensity.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The probe with these aberrations.
    ///
    /// # Errors
    /// [`Error::Argument`] if they throw rays further than half the box from the aim: by Σ |C_nm| αⁿ at most.
    pub fn probe(&self, aberrations: &Aberrations) -> Result<Probe> {
        let angle = 1e-3 * self.semiangle_mrad;
        let terms = aberrations.terms().iter();
        let reach: f64 = terms
            .map(|t| t.magnitude.abs() * angle.powi(t.order as i32))
            .sum();
        let Grid { rows, columns, .. } = self.grid;
        let height = rows as f64 * self.grid.pixel_y;
        let width = columns as f64 * self.grid.pixel_x;
        if reach > 0.5 * height.min(width) {
            return Err(Error::argument(
                "aberrations",
                format!("rays up to {reach:.1} Å from the aim"),
                format!(
                    "at most half the specimen's period, {:.1} Å",
                    0.5 * height.min(width)
                ),
            ));
        }
        Probe::new(self.beam, self.semiangle_mrad, aberrations.clone())
    }

    /// The image under these aberrations, `[row, column]`: the fraction of the incident electrons that is detected with the
    /// probe at (row · pixel_y, column · pixel_x).
    ///
    /// # Errors
    /// As [`PeriodicSpecimen::probe`].
    pub fn image(&self, aberrations: &Aberrations) -> Result<Array2<f64>> {
        let intensity = self.probe(aberrations)?.intensity(self.grid)?;
        let (rows, columns) = intensity.dim();
        let area = self.grid.pixel_y * self.grid.pixel_x;
        // An atom at the origin, under a probe at +r, lies at −r in the probe.
        let mut spectrum = Array2::from_shape_fn((rows, columns), |(row, column)| {
            let across = (rows / 2 + rows - row) % rows;
            let along = (columns / 2 + columns - column) % columns;
            Complex64::new(intensity[[across, along]] * area, 0.0)
        });
        let fourier = Fourier2::new(rows, columns);
        fourier.forward(&mut spectrum);
        spectrum *= &self.object;
        fourier.inverse(&mut spectrum);
        // Nothing is negative but rounding.
        Ok(spectrum.mapv(|z| z.re.max(0.0)))
    }
}

/// Pixels along an edge of `length` Å for a band up to `band` 1/Å, without its Nyquist frequency.
fn pixels(length: f64, band: f64) -> usize {
    let least = (2.0 * band * length).floor() as usize + 1;
    let smooth = |&count: &usize| {
        let mut rest = count;
        for prime in [2, 3, 5] {
            while rest % prime == 0 {
                rest /= prime;
            }
        }
        rest == 1
    };
    (least..).find(smooth).unwrap_or(least)
}

/// The atoms by element and vibration.
fn groups(atoms: &[PlacedAtom]) -> Vec<Vec<PlacedAtom>> {
    let mut groups: Vec<Vec<PlacedAtom>> = Vec::new();
    for atom in atoms {
        let same = |group: &&mut Vec<PlacedAtom>| {
            (group[0].element, group[0].vibration) == (atom.element, atom.vibration)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(*atom),
            None => groups.push(vec![*atom]),
        }
    }
    groups
}

/// Σ occupancy · exp(−2πi Q·r) over the atoms, at every frequency of the grid.
fn structure_factor(atoms: &[PlacedAtom], grid: Grid) -> Array2<Complex64> {
    let along = |count: usize, pixel: f64, place: f64| -> Array1<Complex64> {
        let phase = |i| -2.0 * PI * frequency(i, count, pixel) * place;
        (0..count).map(|i| Complex64::cis(phase(i))).collect()
    };
    let mut sum = Array2::zeros((grid.rows, grid.columns));
    for atom in atoms {
        let y = along(grid.rows, grid.pixel_y, atom.position.y);
        let x = along(grid.columns, grid.pixel_x, atom.position.x);
        for (mut line, factor) in sum.outer_iter_mut().zip(y) {
            line.scaled_add(factor * atom.occupancy, &x);
        }
    }
    sum
}

/// QᵀUQ of the displacements in the plane.
fn vibration(vibration: Vibration, ky: f64, kx: f64) -> f64 {
    match vibration {
        Vibration::None => 0.0,
        Vibration::Isotropic(u) => u * u * (ky * ky + kx * kx),
        Vibration::Anisotropic(u) => {
            u[(0, 0)] * kx * kx + 2.0 * u[(0, 1)] * kx * ky + u[(1, 1)] * ky * ky
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::Aberration;
    use crate::stem::{IncoherentModel, KERNEL_RADIUS, normalised_variance};
    use nalgebra::{Matrix3, Vector3};

    const BLUR: f64 = 0.3;

    fn optics() -> (Beam, AnnularDetector) {
        let detector = AnnularDetector::new(60.0, 180.0).unwrap();
        (Beam::new(80.0).unwrap(), detector)
    }

    fn specimen(atoms: Vec<PlacedAtom>) -> PeriodicSpecimen {
        let structure = Structure::new(Vector3::new(31.0, 24.0, 1.0), atoms).unwrap();
        let (beam, detector) = optics();
        PeriodicSpecimen::new(&structure, beam, 30.0, detector, BLUR).unwrap()
    }

    fn atom(symbol: &str, y: f64, x: f64) -> PlacedAtom {
        let element = symbol.parse().unwrap();
        PlacedAtom::new(element, Vector3::new(x, y, 0.5)).vibration(Vibration::Isotropic(0.08))
    }

    fn aberrations(terms: &[(u32, u32, f64, f64)]) -> Aberrations {
        let term = |&(order, symmetry, magnitude, angle): &_| Aberration {
            order,
            symmetry,
            magnitude,
            angle,
        };
        Aberrations::new(terms.iter().map(term).collect()).unwrap()
    }

    #[test]
    fn the_image_is_the_sum_of_the_atoms_kernels() {
        let atoms = vec![
            atom("Mo", 7.3, 9.1),
            atom("W", 8.9, 11.7),
            atom("S", 23.5, 30.2),
        ];
        let found = specimen(atoms.clone());
        let (beam, detector) = optics();
        for terms in [
            vec![],
            vec![(1, 0, 25.0, 0.0), (1, 2, 20.0, 0.4), (2, 1, 300.0, 1.0)],
        ] {
            let set = aberrations(&terms);
            let image = found.image(&set).unwrap();
            let probe = Probe::new(beam, 30.0, set).unwrap();
            let model = IncoherentModel::new(probe, detector, BLUR).unwrap();
            let kernels: Vec<_> = atoms
                .iter()
                .map(|a| model.atom(a.element, 0.08).unwrap())
                .collect();
            let peak = image.iter().copied().fold(0.0, f64::max);
            for ((row, column), value) in image.indexed_iter() {
                let y = row as f64 * found.grid().pixel_y;
                let x = column as f64 * found.grid().pixel_x;
                let mut sum = 0.0;
                for (atom, kernel) in atoms.iter().zip(&kernels) {
                    for shift in 0..9 {
                        let dy = y - atom.position.y + f64::from(shift / 3 - 1) * 24.0;
                        let dx = x - atom.position.x + f64::from(shift % 3 - 1) * 31.0;
                        if dy.hypot(dx) < KERNEL_RADIUS {
                            sum += kernel.at(dy, dx);
                        }
                    }
                }
                // Kernels lack their tails, and either set of plane waves has its own staircase of an aperture.
                assert!(
                    (value - sum).abs() < 8e-3 * peak,
                    "{row}, {column}: {value}, {sum}"
                );
            }
        }
    }

    #[test]
    fn every_probe_detects_the_same_electrons_in_all() {
        let specimen = specimen(vec![atom("Mo", 3.0, 4.0), atom("S", 13.0, 14.0)]);
        let sharp = specimen.image(&Aberrations::default()).unwrap();
        let blurred = specimen.image(&aberrations(&[(1, 0, 150.0, 0.0)])).unwrap();
        assert!((sharp.sum() / blurred.sum() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn an_isotropic_tensor_and_half_an_atom_are_what_they_say() {
        let place = |vibration, occupancy| {
            let atom = atom("Mo", 3.0, 4.0).vibration(vibration);
            let specimen = specimen(vec![atom.occupancy(occupancy)]);
            specimen.image(&Aberrations::default()).unwrap()
        };
        let whole = place(Vibration::Isotropic(0.1), 1.0);
        let tensor = place(Vibration::Anisotropic(Matrix3::identity() * 0.01), 0.5);
        let mut pairs = whole.iter().zip(&tensor);
        assert!(pairs.all(|(a, b)| (a - 2.0 * b).abs() < 1e-12));
    }

    /// No aberration can raise |H(Q)|, so none raises the sharpness.
    #[test]
    fn the_image_is_sharpest_without_aberrations() {
        let atoms = (0..12).map(|i| atom("Mo", 2.0 * f64::from(i), f64::from(7 * i % 31)));
        let specimen = specimen(atoms.collect());
        let sharpness = |terms: &[_]| {
            let image = specimen.image(&aberrations(terms)).unwrap();
            normalised_variance(&image).unwrap()
        };
        let best = sharpness(&[]);
        for size in [5.0, 20.0, 60.0, 150.0] {
            for angle in [0.0, 0.5, 1.2] {
                assert!(sharpness(&[(1, 2, size, angle)]) < best);
                assert!(sharpness(&[(2, 1, 30.0 * size, angle)]) < best);
            }
            assert!(sharpness(&[(1, 0, size, 0.0)]) < best);
            assert!(sharpness(&[(1, 0, -size, 0.0)]) < best);
        }
    }

    #[test]
    fn what_cannot_be_imaged_is_refused_by_name() {
        let (beam, detector) = optics();
        let new = |extent: f64, semiangle, inner, blur| {
            let structure = Structure::new(Vector3::new(extent, extent, 1.0), vec![]).unwrap();
            let detector = AnnularDetector::new(inner, 180.0).unwrap();
            PeriodicSpecimen::new(&structure, beam, semiangle, detector, blur)
                .map(|_| ())
                .unwrap_err()
                .to_string()
        };
        assert!(new(20.0, 30.0, 60.0, f64::NAN).contains("blur"));
        assert!(new(20.0, f64::NAN, 60.0, 0.3).contains("semiangle_mrad"));
        assert!(new(20.0, 30.0, 20.0, 0.3).contains("inner_mrad"));
        assert!(new(1e5, 30.0, 60.0, 0.3).contains("grid"));
        let vacuum = Structure::new(Vector3::new(20.0, 20.0, 1.0), vec![]).unwrap();
        let vacuum = PeriodicSpecimen::new(&vacuum, beam, 30.0, detector, 0.3).unwrap();
        assert_eq!(vacuum.image(&Aberrations::default()).unwrap().sum(), 0.0);
        let far = vacuum.image(&aberrations(&[(1, 0, 400.0, 0.0)]));
        assert!(far.unwrap_err().to_string().contains("aberrations"));
    }
}
