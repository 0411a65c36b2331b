//! The incoherent response: the annular dark-field image of a single atom.

use crate::error::{Error, Result};
use crate::stem::beam::Beam;
use crate::stem::constants::POTENTIAL;
use crate::stem::detector::AnnularDetector;
use crate::stem::element::Element;
use crate::stem::fourier::{Fourier2, frequency};
use crate::stem::interpolation::{bicubic, cubic_weights};
use crate::stem::probe::{Grid, Probe};
use crate::stem::quadrature::gauss_legendre_panels;
use crate::stem::scattering::ScatteringFactor;
use ndarray::Array2;
use rustfft::num_complex::Complex64;
use std::f64::consts::PI;

/// Distance beyond which a kernel is zero, Å.
pub const KERNEL_RADIUS: f64 = 8.0;
/// Pixel of a stored kernel, Å: the intensity of a 35 mrad probe at 60 kV is oversampled three times.
const PIXEL: f64 = 0.1;
/// Pixels of the periodic box in which a probe is formed. 51.2 Å hold some 4 000 plane waves of a 30 mrad aperture at
/// 80 kV; the staircase edge of the aperture leaves an error of up to 1.3e-3 of the peak without blur and 2e-4 to 8e-4
/// behind the sources of the three MoS₂ worlds (25.6 Å: 4e-3 and 2e-3).
const BOX: usize = 512;
/// Least share of the electrons that has to land within [`KERNEL_RADIUS`] of the aim.
const LEAST_WITHIN_RADIUS: f64 = 0.9;

/// A smooth function of the offset *of the probe from a place* (an atom), zero beyond [`KERNEL_RADIUS`].
///
/// The offset runs from the atom to the aim of the probe: with coma or threefold astigmatism the sign matters. A scan of
/// one atom therefore shows |ψ(−r)|², the probe seen through the point (0, 0).
#[derive(Debug, Clone)]
pub struct Kernel {
    half: isize,
    values: Array2<f64>,
}

impl Kernel {
    /// From a periodic box of at least 165 × 165 pixels of 0.1 Å whose origin is pixel `[0, 0]`.
    ///
    /// The tails of a hard aperture fall slowly: about two per cent lie beyond [`KERNEL_RADIUS`]. They are spread
    /// evenly within it, so that the integral is that of the whole box, at a change of the peak of a few 10⁻⁴.
    pub(crate) fn from_box(periodic: &Array2<f64>) -> Self {
        let half = (KERNEL_RADIUS / PIXEL).ceil() as isize + 2;
        let size = (2 * half + 1) as usize;
        let taper = Array2::from_shape_fn((size, size), |(row, column)| {
            let (dy, dx) = (row as isize - half, column as isize - half);
            taper((dy as f64).hypot(dx as f64) * PIXEL)
        });
        let mut values = Array2::from_shape_fn((size, size), |(row, column)| {
            let wrap = |index: usize, count: usize| {
                (index as isize - half).rem_euclid(count as isize) as usize
            };
            let (rows, columns) = periodic.dim();
            taper[[row, column]] * periodic[[wrap(row, rows), wrap(column, columns)]]
        });
        let beyond = periodic.sum() - values.sum();
        values.scaled_add(beyond / taper.sum(), &taper);
        Self { half, values }
    }

    /// Value with the probe at the offset (`dy`, `dx`) in Å from the atom; 0 for an offset that is not a number.
    ///
    /// Cubic convolution between samples 0.1 Å apart. For a probe of α/λ = 0.72 1/Å (30 mrad at 80 kV, 35 mrad at
    /// 60 kV) it errs by at most 1.2e-3 of the peak without blur, 7e-4 behind a source of 0.5 Å FWHM, 2e-4 behind 0.9 Å.
    pub fn at(&self, dy: f64, dx: f64) -> f64 {
        let distance_squared = dy * dy + dx * dx;
        if distance_squared.is_nan() || distance_squared >= KERNEL_RADIUS * KERNEL_RADIUS {
            return 0.0;
        }
        let (row, column) = (dy / PIXEL + self.half as f64, dx / PIXEL + self.half as f64);
        // The radius leaves two pixels of margin, so the four-by-four patch lies inside.
        bicubic(row, column, |r, c| self.values[[r as usize, c as usize]])
    }

    /// ∫ over the plane, in units of the value times Å².
    pub fn integral(&self) -> f64 {
        self.values.sum() * PIXEL * PIXEL
    }

    /// Adds `scale` times the kernel, centred at (`y`, `x`) Å, to an image whose pixel `[0, 0]` lies at `origin` Å.
    pub(crate) fn add_to(
        &self,
        image: &mut Array2<f64>,
        origin: (f64, f64),
        pixel: f64,
        centre: (f64, f64),
        scale: f64,
    ) {
        let (rows, columns) = image.dim();
        let span = |centre: f64, origin: f64, count: usize| {
            let first = ((centre - KERNEL_RADIUS - origin) / pixel).ceil().max(0.0) as usize;
            let last = ((centre + KERNEL_RADIUS - origin) / pixel)
                .floor()
                .min(count as f64 - 1.0);
            first..(last + 1.0).max(0.0) as usize
        };
        if (pixel - PIXEL).abs() > 1e-12 {
            for row in span(centre.0, origin.0, rows) {
                for column in span(centre.1, origin.1, columns) {
                    let (y, x) = (
                        origin.0 + row as f64 * pixel,
                        origin.1 + column as f64 * pixel,
                    );
                    image[[row, column]] += scale * self.at(y - centre.0, x - centre.1);
                }
            }
            return;
        }
        // On a grid of the kernel's own pixel the fractional offset, and so the sixteen weights, are the same everywhere.
        let offset = |origin: f64, centre: f64| (origin - centre) / PIXEL + self.half as f64;
        let (row_offset, column_offset) = (offset(origin.0, centre.0), offset(origin.1, centre.1));
        let (row_floor, column_floor) = (row_offset.floor(), column_offset.floor());
        let weights_y = cubic_weights(row_offset - row_floor);
        let weights_x = cubic_weights(column_offset - column_floor);
        let first_column = column_floor as isize - 1;
        let mut line = vec![0.0; self.values.ncols()];
        for row in span(centre.0, origin.0, rows) {
            let y = origin.0 + row as f64 * pixel - centre.0;
            let first_row = (row_floor as isize + row as isize - 1) as usize;
            // The weights are a product: first along y into one line of the kernel, then along x.
            line.fill(0.0);
            for (i, weight) in weights_y.iter().enumerate() {
                for (sum, value) in line.iter_mut().zip(self.values.row(first_row + i)) {
                    *sum += weight * value;
                }
            }
            for column in span(centre.1, origin.1, columns) {
                let x = origin.1 + column as f64 * pixel - centre.1;
                if y * y + x * x >= KERNEL_RADIUS * KERNEL_RADIUS {
                    continue;
                }
                let c = (first_column + column as isize) as usize;
                let sum: f64 = (0..4).map(|j| weights_x[j] * line[c + j]).sum();
                image[[row, column]] += scale * sum;
            }
        }
    }
}

/// One inside, falling smoothly to zero over the last 1.5 Å, so that a removed atom leaves no edge.
fn taper(r: f64) -> f64 {
    let start = KERNEL_RADIUS - 1.5;
    match r {
        r if r <= start => 1.0,
        r if r >= KERNEL_RADIUS => 0.0,
        r => 0.5 * (1.0 + (PI * (r - start) / 1.5).cos()),
    }
}

/// The linear incoherent model of dark-field imaging for one probe and detector.
///
/// With the probe at an offset r from the atom the image is I(r) = F⁻¹[ H*(Q) · O(Q) · G(Q) ]: H the transform of the
/// probe intensity |ψ|² (conjugate, because the atom sits at −r in the probe), O the transform of the atom's object
/// function on the detector, and G = exp(−2π² w² Q²) the Gaussian blur of thermal motion (rms u), finite source
/// (σ = FWHM/2.355) and any further jitter, w² being the sum of the squares. In the first Born approximation
///
/// O(Q) = (σ C)² ∫_annulus f(|k + Q/2|) f(|k − Q/2|) d²k,
///
/// so that O(0) is the atom's cross section into the detector (σ the interaction parameter, C the potential constant,
/// f the Lobato-Van Dyck factor). Source: transverse incoherence as in Nellist & Pennycook, Ultramicroscopy 78 (1999)
/// 111, doi 10.1016/S0304-3991(99)00017-0.
///
/// # How good is this model
///
/// Single static atoms without blur, against coherent imaging ∑_k |F[ψ(r − r₀) t(r)]|² over the detector with t = iσV
/// (Born) and with the full phase object t = exp(iσV) − 1: 10³ × the detected fraction with the probe on the atom,
/// 10³ × its integral over the plane in Å², and the RMS difference of the shapes over 6 × 6 Å, each image divided by its
/// value on the atom. Printed by `tests/reference/stem_response.py`; the crate's own kernels meet the model column to
/// 2e-3 of the peak.
///
/// | optics | | on atom: model | Born | phase | integral: model | Born | phase | shape: Born | phase |
/// |---|---|---|---|---|---|---|---|---|---|
/// | 60 kV, 35 mrad, 60–200 (level 1) | S | 11.60 | 12.90 | 12.25 | 7.14 | 8.97 | 8.57 | 0.5 % | 0.5 % |
/// | | Mo | 64.21 | 70.20 | 52.92 | 39.67 | 47.96 | 37.18 | 0.4 % | 0.5 % |
/// | | W | 171.88 | 184.06 | 97.53 | 106.73 | 123.29 | 69.17 | 0.3 % | 0.6 % |
/// | 80 kV, 30 mrad, 60–180 (level 2) | S | 6.42 | 6.94 | 6.65 | 4.49 | 5.31 | 5.12 | 0.4 % | 0.4 % |
/// | | Mo | 35.98 | 38.65 | 30.41 | 25.19 | 29.32 | 23.65 | 0.3 % | 0.5 % |
/// | | W | 98.03 | 104.01 | 59.67 | 68.90 | 78.01 | 47.00 | 0.3 % | 0.5 % |
/// | the same, aberrated (level 3) | S | 4.15 | 4.47 | 4.27 | 4.49 | 5.31 | 5.12 | 0.5 % | 0.5 % |
/// | | Mo | 23.28 | 24.91 | 19.47 | 25.19 | 29.32 | 23.65 | 0.4 % | 0.6 % |
/// | | W | 63.47 | 67.12 | 38.23 | 68.90 | 78.01 | 47.00 | 0.4 % | 0.7 % |
/// | 80 kV, 30 mrad, 80–180 | S | 4.29 | 4.52 | 4.35 | 2.66 | 2.96 | 2.85 | 0.2 % | 0.2 % |
/// | | Mo | 24.52 | 25.77 | 20.43 | 15.17 | 16.81 | 13.50 | 0.2 % | 0.3 % |
/// | | W | 67.93 | 71.18 | 41.07 | 42.07 | 46.31 | 27.58 | 0.2 % | 0.4 % |
///
/// What follows from it: the shape of an atom's image is right to better than 1 % of its peak. Against coherent Born
/// imaging the model is 5 to 10 % too faint on the atom and 9 to 20 % in the integral, because it takes the whole cone
/// of incident directions to be parallel to the axis; the closer the inner angle is to the cone, the worse. The first
/// Born approximation itself is 4 to 5 % too bright for S, 26 to 33 % for Mo and 73 to 89 % for W. On the atom the two
/// errors together leave S 1 to 5 % too faint, Mo 18 to 21 % and W 64 to 76 % too bright: at levels 1 to 3, S/Mo is
/// 0.18 where the phase object gives 0.22 to 0.23, and W/Mo is 2.7 where it gives 1.8 to 2.0. Two S atoms in a column,
/// 3.13 Å apart and moving independently by 0.07 Å rms, scatter 1.23 (level 1), 1.15 and 1.14 times the sum of the two
/// alone with the probe on them: interference and channelling along a column are left out.
#[derive(Debug, Clone)]
pub struct IncoherentModel {
    probe: Probe,
    detector: AnnularDetector,
    blur: f64,
    /// Transform of |ψ(−r)|² on the box, FFT order, value 1 at zero frequency.
    transfer: Array2<Complex64>,
}

impl IncoherentModel {
    /// The model for `probe` on `detector` with a Gaussian blur of standard deviation `blur` Å per axis (source and jitter).
    ///
    /// # Errors
    /// [`Error::Argument`] when the blur is not within 0 to 3 Å; when the detector's inner angle lies inside the probe's
    /// cone (the direct beam would reach it, and the model does not hold); when the aperture α/λ exceeds 2.5 1/Å, so that
    /// the intensity's band limit 2α/λ passes the Nyquist frequency of the kernel's 0.1 Å pixels; or when less than
    /// 90 % of the electrons land within [`KERNEL_RADIUS`] of the aim (strong aberrations or a tiny aperture).
    pub fn new(probe: Probe, detector: AnnularDetector, blur: f64) -> Result<Self> {
        check_blur(blur)?;
        check_detector(detector, &probe)?;
        if 2.0 * probe.cutoff() > 0.5 / PIXEL {
            return Err(Error::argument(
                "probe",
                format!("an aperture of {:.3} 1/Å", probe.cutoff()),
                format!("at most {} 1/Å", 0.25 / PIXEL),
            ));
        }
        let intensity = probe.intensity(Grid::square(BOX, PIXEL))?;
        let centre = BOX / 2;
        let within: f64 = intensity
            .indexed_iter()
            .filter(|((row, column), _)| {
                (row.abs_diff(centre) as f64).hypot(column.abs_diff(centre) as f64) * PIXEL
                    < KERNEL_RADIUS
            })
            .map(|(_, value)| value * PIXEL * PIXEL)
            .sum();
        if within < LEAST_WITHIN_RADIUS {
            return Err(Error::argument(
                "probe",
                format!(
                    "{:.1} % of the electrons within {KERNEL_RADIUS} Å",
                    100.0 * within
                ),
                format!(
                    "at least {} %: weaker aberrations or a larger semi-angle",
                    100.0 * LEAST_WITHIN_RADIUS
                ),
            ));
        }
        // A place at the origin, under a probe at +r, lies at −r in the probe.
        let mut transfer = Array2::from_shape_fn((BOX, BOX), |(row, column)| {
            let value = intensity[[(centre + BOX - row) % BOX, (centre + BOX - column) % BOX]];
            Complex64::new(value * PIXEL * PIXEL, 0.0)
        });
        Fourier2::new(BOX, BOX).forward(&mut transfer);
        Ok(Self {
            probe,
            detector,
            blur,
            transfer,
        })
    }

    /// The probe.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The same model with another Gaussian blur (Å per axis).
    ///
    /// # Errors
    /// As [`IncoherentModel::new`].
    pub fn with_blur(&self, blur: f64) -> Result<Self> {
        check_blur(blur)?;
        Ok(Self {
            blur,
            ..self.clone()
        })
    }

    /// Image of one atom: the fraction of the incident electrons that is detected when the probe sits at an offset
    /// from the atom. `u` is the rms thermal displacement per axis, Å.
    ///
    /// # Errors
    /// [`Error::Argument`] when `u` is not within 0 to 1 Å.
    pub fn atom(&self, element: Element, u: f64) -> Result<Kernel> {
        if !(0.0..=1.0).contains(&u) {
            return Err(Error::argument("u", u, "0 to 1 Å"));
        }
        let transfer = ObjectTransfer::new(
            element,
            self.probe.beam(),
            self.detector,
            2.0 * self.probe.cutoff(),
        );
        Ok(self.kernel(self.blur.hypot(u), |q| transfer.at(q)))
    }

    /// The electrons that land on a place: |ψ|² blurred by the source, 1/Å², for a probe aimed at an offset from that
    /// place; the local dose of the place is the electrons of the visit times this.
    ///
    /// A hard aperture throws an Airy tail that falls only like 1/r³: near 1.8 % of the electrons land beyond 8 Å and
    /// another 0.2 % are tapered away. Every kernel gets its lost share back, spread evenly over its disc, so that a place in
    /// an evenly scanned field collects the mean dose and an atom its whole cross-section.
    pub fn illumination(&self) -> Kernel {
        self.kernel(self.blur, |_| 1.0)
    }

    fn kernel(&self, blur: f64, object: impl Fn(f64) -> f64) -> Kernel {
        let cutoff = 2.0 * self.probe.cutoff();
        let mut spectrum = self.transfer.clone();
        for ((row, column), value) in spectrum.indexed_iter_mut() {
            let q = frequency(row, BOX, PIXEL).hypot(frequency(column, BOX, PIXEL));
            *value *= if q > cutoff {
                0.0
            } else {
                object(q) * (-2.0 * PI * PI * blur * blur * q * q).exp()
            };
        }
        Fourier2::new(BOX, BOX).inverse(&mut spectrum);
        Kernel::from_box(&spectrum.mapv(|z| z.re / (PIXEL * PIXEL)))
    }
}

/// Whether a Gaussian blur (Å per axis) is within what the model is made for.
pub(super) fn check_blur(blur: f64) -> Result<()> {
    if (0.0..=3.0).contains(&blur) {
        Ok(())
    } else {
        Err(Error::argument("blur", blur, "0 to 3 Å"))
    }
}

/// Whether the direct beam misses the detector, without which the model does not hold.
pub(super) fn check_detector(detector: AnnularDetector, probe: &Probe) -> Result<()> {
    let (inner, _) = detector.spatial_frequencies(probe.beam());
    if inner >= probe.cutoff() {
        return Ok(());
    }
    let cone = probe.cutoff() * probe.beam().wavelength() * 1e3;
    let allowed = format!("at least the convergence semi-angle {cone:.3} mrad");
    Err(Error::argument(
        "inner_mrad",
        detector.inner_mrad(),
        allowed,
    ))
}

/// O(Q) of one element, tabulated.
pub(super) struct ObjectTransfer {
    step: f64,
    values: Vec<f64>,
}

impl ObjectTransfer {
    /// Azimuthal quadrature points of the annulus; the integrand is smooth and periodic in the azimuth.
    const AZIMUTHAL: usize = 48;
    const SAMPLES: usize = 64;

    /// For frequencies up to `band`, 1/Å.
    pub(super) fn new(element: Element, beam: Beam, detector: AnnularDetector, band: f64) -> Self {
        let factor = ScatteringFactor::lobato(element);
        let (inner, outer) = detector.spatial_frequencies(beam);
        let scale = (beam.interaction() * POTENTIAL).powi(2);
        let step = band / (Self::SAMPLES - 3) as f64;
        let values = (0..Self::SAMPLES)
            .map(|index| {
                let q = index as f64 * step;
                let integrand = |k: f64| {
                    // By symmetry a quarter of the circle is enough; the midpoint rule is exact to round-off here.
                    let sum: f64 = (0..Self::AZIMUTHAL / 4)
                        .map(|j| {
                            let cosine =
                                (2.0 * PI * (j as f64 + 0.5) / Self::AZIMUTHAL as f64).cos();
                            let (square, cross) = (k * k + 0.25 * q * q, k * q * cosine);
                            factor.amplitude((square + cross).sqrt())
                                * factor.amplitude((square - cross).max(0.0).sqrt())
                        })
                        .sum();
                    k * 2.0 * PI * sum / (Self::AZIMUTHAL / 4) as f64
                };
                scale * gauss_legendre_panels(inner, outer, (outer - inner) / 3.0, integrand)
            })
            .collect();
        Self { step, values }
    }

    /// O at the frequency `q` up to the band, 1/Å; a fraction of the electrons times Å².
    pub(super) fn at(&self, q: f64) -> f64 {
        let position = q / self.step;
        let index = (position.floor() as usize).min(self.values.len() - 3);
        // O is even in Q, which supplies the sample left of zero.
        let sample = |offset: isize| self.values[(index as isize + offset).unsigned_abs()];
        let weights = cubic_weights(position - index as f64);
        (0..4).map(|i| weights[i] * sample(i as isize - 1)).sum()
    }
}
