//! The microscope whose corrector is to be set: a specimen, unknown aberrations, and frames of counted electrons.

use dosewise::Result;
use dosewise::random::{Purpose, Stream};
use dosewise::stem::{
    Aberration, Aberrations, AnnularDetector, Arrivals, Beam, Crystal, Grid, PeriodicSpecimen,
    PlacedAtom, Sharpness, Structure, Vibration, normalised_variance,
};
use dosewise::units::{Dose, Point, Seed};
use nalgebra::Vector3;
use ndarray::{Array2, s};
use rand::RngExt;
use std::f64::consts::TAU;

/// What the operator sets: defocus and the two components of twofold astigmatism, C12 cos 2φ and C12 sin 2φ, Å.
pub type Setting = [f64; 3];

/// Largest value of each, either way, Å.
pub const RANGE: f64 = 100.0;
/// Largest unknown value of each, either way, Å: the operator starts at zero.
const UNKNOWN: f64 = 60.0;
/// Probe positions along an edge of a frame, about 16 Å.
const FRAME: usize = 48;
/// Sharpness below which the figure of merit is linear: about the noise of a frame.
const FAINT: f64 = 0.1;
/// Share of molybdenum that is tungsten.
const TUNGSTEN: f64 = 0.2;

/// A scanning microscope at 80 kV, 30 mrad, over a monolayer of Mo₀.₈W₀.₂S₂.
///
/// The alloy's disorder shows at all lengths, so that there is contrast to follow even far from focus, where the lattice
/// itself has faded.
pub struct Microscope {
    specimen: PeriodicSpecimen,
    seed: Seed,
    /// Defocus and astigmatism before any correction, Å.
    unknown: Setting,
    /// Coma, threefold astigmatism and spherical aberration, which the operator cannot set.
    residue: [Aberration; 3],
    sharpest: Setting,
    /// Sharpness and share of the electrons within 1 Å at the sharpest setting.
    best: (f64, f64),
}

/// How good a setting truly is.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// Distance from the sharpest setting, √(ΔC10² + |ΔC12|²), Å.
    pub residual: f64,
    /// Electrons that no longer land within 1 Å of the aim, as a share of those that could.
    pub electrons_lost: f64,
    /// Sharpness of the image without noise that is missing, as a share of the largest.
    pub sharpness_lost: f64,
}

impl Microscope {
    /// The microscope of a seed: which atoms are tungsten, and how far from focus it stands.
    pub fn new(seed: Seed) -> Result<Self> {
        let beam = Beam::new(80.0)?;
        let detector = AnnularDetector::new(60.0, 180.0)?;
        let specimen = PeriodicSpecimen::new(&alloy(seed)?, beam, 30.0, detector, 0.3)?;
        let mut stream = Stream::new(seed, Purpose::LineJitter, [1, 0]);
        let mut within = |limit: f64| limit * (2.0 * stream.random::<f64>() - 1.0);
        let unknown = std::array::from_fn(|_| within(UNKNOWN));
        let mut term = |order, symmetry, limit| Aberration {
            order,
            symmetry,
            magnitude: within(limit),
            angle: within(TAU / 2.0),
        };
        let residue = [term(2, 1, 300.0), term(2, 3, 300.0), term(3, 0, 5000.0)];
        let mut microscope = Self {
            specimen,
            seed,
            unknown,
            residue,
            sharpest: unknown.map(|value| -value),
            best: (1.0, 1.0),
        };
        microscope.find_sharpest()?;
        Ok(microscope)
    }

    /// The setting whose image has the most contrast without noise. It cancels defocus and astigmatism but for what
    /// balances the residue.
    pub fn sharpest(&self) -> Setting {
        self.sharpest
    }

    /// The seed of everything random in it.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Steps along the axes from full cancellation, halved where none helps.
    fn find_sharpest(&mut self) -> Result<()> {
        let (mut here, mut step) = (self.sharpest, 8.0);
        let mut most = self.sharpness(here)?;
        while step > 0.2 {
            let before = here;
            for k in 0..3 {
                for sign in [-1.0, 1.0] {
                    let mut next = here;
                    next[k] += sign * step;
                    let found = self.sharpness(next)?;
                    if found > most {
                        (here, most) = (next, found);
                    }
                }
            }
            if here == before {
                step *= 0.5;
            }
        }
        self.sharpest = here;
        self.best = (most, self.electrons_within(here)?);
        Ok(())
    }

    fn aberrations(&self, setting: Setting) -> Result<Aberrations> {
        let [defocus, a, b] = std::array::from_fn(|k| self.unknown[k] + setting[k]);
        let term = |symmetry, magnitude, angle| Aberration {
            order: 1,
            symmetry,
            magnitude,
            angle,
        };
        let set = [term(0, defocus, 0.0), term(2, a.hypot(b), 0.5 * b.atan2(a))];
        Aberrations::new(set.into_iter().chain(self.residue).collect())
    }

    /// Side of a probe position, Å: (slow, fast).
    pub fn pixel(&self) -> (f64, f64) {
        (self.specimen.grid().pixel_y, self.specimen.grid().pixel_x)
    }

    /// The frame without noise: the share of the electrons that is detected.
    pub fn image(&self, setting: Setting) -> Result<Array2<f64>> {
        let whole = self.specimen.image(&self.aberrations(setting)?)?;
        Ok(whole.slice(s![..FRAME, ..FRAME]).to_owned())
    }

    /// Electrons counted when frame `number` is taken of `image` at a dose.
    pub fn counts(&self, image: &Array2<f64>, dose: Dose, number: u64) -> Array2<u64> {
        let (height, width) = self.pixel();
        let electrons = dose.electrons(height * width);
        let first = number * (FRAME * FRAME) as u64;
        let mut keys = first..;
        image.mapv(|share| {
            let key = keys.next().unwrap_or(first);
            Arrivals::new(self.seed, key).between(0.0, electrons * share)
        })
    }

    /// The intensity of the probe on a grid, 1/Å².
    pub fn probe(&self, setting: Setting, grid: Grid) -> Result<Array2<f64>> {
        let probe = self.specimen.probe(&self.aberrations(setting)?)?;
        probe.intensity(grid)
    }

    fn sharpness(&self, setting: Setting) -> Result<f64> {
        normalised_variance(&self.image(setting)?)
    }

    /// Share of the electrons that land within 1 Å of the aim.
    fn electrons_within(&self, setting: Setting) -> Result<f64> {
        let grid = self.specimen.grid();
        let intensity = self.probe(setting, grid)?;
        let near = intensity.indexed_iter().filter(|((row, column), _)| {
            let dy = (*row as f64 - (grid.rows / 2) as f64) * grid.pixel_y;
            let dx = (*column as f64 - (grid.columns / 2) as f64) * grid.pixel_x;
            dy.hypot(dx) <= 1.0
        });
        Ok(near.map(|(_, value)| value).sum::<f64>() * grid.pixel_y * grid.pixel_x)
    }

    /// The truth about a setting.
    pub fn quality(&self, setting: Setting) -> Result<Quality> {
        let apart = (0..3).map(|k| (setting[k] - self.sharpest[k]).powi(2));
        Ok(Quality {
            residual: apart.sum::<f64>().sqrt(),
            electrons_lost: 1.0 - self.electrons_within(setting)? / self.best.1,
            sharpness_lost: 1.0 - self.sharpness(setting)? / self.best.0,
        })
    }
}

/// A box of 10 × 6 rectangular cells of MoS₂ with tungsten in random places.
fn alloy(seed: Seed) -> Result<Structure> {
    let file = "worlds/crystals/mos2_monolayer.cif";
    let crystal = Crystal::parse_cif(
        include_bytes!("../../worlds/crystals/mos2_monolayer.cif"),
        file,
    )?;
    let cell = crystal.cell().matrix();
    let (a, c) = (cell.column(0).norm(), cell.column(2).norm());
    let (height, width) = (6.0 * 3.0_f64.sqrt() * a, 10.0 * a);
    let mut stream = Stream::new(seed, Purpose::Defects, [0, 0]);
    let atoms = crystal.atoms_in_field(height, width, 0.0, Point::new(0.2, 0.3))?;
    let placed = atoms.into_iter().map(|atom| {
        let heavy = atom.element.symbol() == "Mo" && stream.random::<f64>() < TUNGSTEN;
        let element = if heavy { "W".parse()? } else { atom.element };
        let place = Vector3::new(atom.position.x, atom.position.y, atom.z.rem_euclid(c));
        let u = crystal.sites()[atom.site].rms_displacement.unwrap_or(0.08);
        Ok(PlacedAtom::new(element, place).vibration(Vibration::Isotropic(u)))
    });
    Structure::new(
        Vector3::new(width, height, c),
        placed.collect::<Result<_>>()?,
    )
}

/// One attempt to set the microscope within a dose budget.
pub struct Session<'m> {
    microscope: &'m Microscope,
    budget: f64,
    spent: f64,
    frames: u64,
    /// The setting that was looked at last, and its image.
    last: Option<(Setting, Array2<f64>)>,
    handed_in: Vec<(f64, Setting)>,
}

/// Counts of one setting, perhaps of several frames.
#[derive(Debug, Clone)]
pub struct Frame {
    counts: Array2<u64>,
    /// Dose of all frames, e⁻/Å².
    pub dose: f64,
}

impl Frame {
    /// The figure of merit and its noise **variance**, from counts alone: asinh(Ŝ/s) of the [`Sharpness`] Ŝ, the variance to
    /// first order. The sharpness falls off like a bell; its logarithm, which this is above s, like a parabola.
    pub fn merit(&self) -> Result<(f64, f64)> {
        let Sharpness { value, variance } = Sharpness::of_counts(self.counts.iter().copied())?;
        Ok((
            (value / FAINT).asinh(),
            variance / (value * value + FAINT * FAINT),
        ))
    }

    /// Both frames taken together.
    pub fn with(self, other: &Self) -> Self {
        Self {
            counts: self.counts + &other.counts,
            dose: self.dose + other.dose,
        }
    }
}

impl<'m> Session<'m> {
    /// A session that may spend `budget` e⁻/Å² in all, and hands in the operator's first setting until told otherwise.
    pub fn new(microscope: &'m Microscope, budget: f64) -> Self {
        Self {
            microscope,
            budget,
            spent: 0.0,
            frames: 0,
            last: None,
            handed_in: vec![(0.0, [0.0; 3])],
        }
    }

    /// Takes a frame; `None` if the budget does not cover it.
    pub fn look(&mut self, setting: Setting, dose: f64) -> Result<Option<Frame>> {
        if dose > self.left() * (1.0 + 1e-9) {
            return Ok(None);
        }
        let image = match self.last.take() {
            Some((seen, image)) if seen == setting => image,
            _ => self.microscope.image(setting)?,
        };
        let counts = self.microscope.counts(&image, Dose(dose), self.frames);
        self.last = Some((setting, image));
        self.frames += 1;
        self.spent += dose;
        Ok(Some(Frame { counts, dose }))
    }

    /// Says which setting would be used if no more dose were spent.
    pub fn hand_in(&mut self, setting: Setting) {
        self.handed_in.push((self.spent, setting));
    }

    /// Dose that may still be spent, e⁻/Å².
    pub fn left(&self) -> f64 {
        self.budget - self.spent
    }

    /// The whole budget, e⁻/Å².
    pub fn budget(&self) -> f64 {
        self.budget
    }

    /// Number of frames taken.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The setting in hand once `dose` was spent.
    pub fn in_hand(&self, dose: f64) -> Setting {
        let within = self
            .handed_in
            .iter()
            .rev()
            .find(|(spent, _)| *spent <= dose);
        within.map_or([0.0; 3], |(_, setting)| *setting)
    }
}
