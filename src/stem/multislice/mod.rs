//! Multislice: how a fast electron wave passes through a specimen, exactly, slice by slice.
//!
//! The specimen is cut into thin slices across the beam. Each multiplies the wave by its transmission function
//! t = exp(iσv), v the potential of its atoms projected along the beam; the way to the next slice is free space, a
//! product in k-space: ψ ← F⁻¹{P F[t ψ]} with P = exp(−iπλ Δz k²) (J. M. Cowley and A. F. Moodie, Acta Cryst. 10
//! (1957) 609, doi 10.1107/S0365110X57002194; E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 3rd ed. 2020,
//! doi 10.1007/978-3-030-33260-0). t and ψ are limited to a circle of 2/3 of the lowest Nyquist frequency, within which
//! nothing folds back. What is left of the wave in k-space is what the detectors see.
//!
//! ```
//! use dosewise::stem::{
//!     Aberrations, AnnularDetector, Beam, Multislice, PlacedAtom, Probe, Sampling, Structure,
//! };
//! use dosewise::units::Point;
//! use nalgebra::Vector3;
//! let gold = PlacedAtom::new("Au".parse()?, Vector3::new(4.0, 4.0, 1.0));
//! let structure = Structure::new(Vector3::new(8.0, 8.0, 2.0), vec![gold])?;
//! let beam = Beam::new(200.0)?;
//! let simulation = Multislice::new(&structure, beam, Sampling::Pixel(0.08))?.build()?;
//! let probe = Probe::new(beam, 20.0, Aberrations::default())?;
//! let positions = [Point::new(4.0, 4.0), Point::new(0.0, 0.0)]; // on the atom, and far from it
//! let haadf = AnnularDetector::new(60.0, 100.0)?;
//! let signal = simulation.scan(&probe, &positions, &[haadf])?; // [detector, thickness, position]
//! assert!(signal[[0, 0, 0]] > 20.0 * signal[[0, 0, 1]]);
//! # Ok::<(), dosewise::Error>(())
//! ```
//!
//! # Accuracy
//!
//! Against a plain multislice in numpy (complex128; `tests/reference/stem_multislice.py`): potentials 10⁻⁶ of the peak,
//! exit waves 3·10⁻⁶ of the amplitude, signals 10⁻⁶ of the whole beam. Against abTEM 1.0.11 (`stem_abtem.py`): the image of
//! a vacancy in MoS₂ within 0.3 % (HAADF) and 10⁻⁵ (ABF) of the mean, if all atoms stand on pixels. With atoms between
//! them abTEM's potential is the less exact one, see `potential`.
//!
//! # Speed
//!
//! Processor milliseconds of one thread for each probe and slice, without the potentials unless said, beside two complete
//! transforms of the same size by rustfft, and abTEM 1.0.11 on the same atoms, grid, slices, aperture and 16 probes
//! (`cargo bench --bench stem`; medians of five runs in turn on a machine with AVX2, with the range of the ratios):
//!
//! | specimen | pixels | two transforms | here | abTEM | ratio |
//! | --- | --- | --- | --- | --- | --- |
//! | MoS₂, 8 slices, each passed | 640 × 672 | 1.9 | 1.58 | 6.05 | 4.0 (3.8–4.4) |
//! | MoS₂, empty slices merged | 640 × 672 | 3.1 | 1.16 | 9.20 | 7.4 (6.9–10.8) |
//! | MoS₂, 8 frozen phonons, potentials included | 640 × 672 | 2.4 | 1.06 | 7.20 | 6.6 (6.1–8.0) |
//! | SrTiO₃, 102 slices | 320 × 320 | 0.38 | 0.21 | 0.83 | 4.0 (2.8–4.0) |
//! | SrTiO₃, 8 frozen phonons, potentials included | 320 × 320 | 0.38 | 0.33 | 1.10 | 3.4 (3.0–4.3) |
//!
//! The rows were not taken at the same time, and the machine was not equally fast in all of them: ratios hold better than
//! milliseconds. abTEM does not merge empty slices. A [window](Multislice::window) of 15.8 Å around each probe makes it 1.9 ms
//! for a probe of eight slices, 8 times less than our every slice and 33 (27–56) times less than abTEM's, at 0.22 % of the
//! range of the dark field (`cargo bench --bench stem -- window`).
//!
//! With frozen phonons abTEM's mean signal is 12 % lower on 20 nm of SrTiO₃ at 60 to 160 mrad, and 2 % with still atoms: it
//! spreads an atom between pixels over the four around it, and lets its band limit fall off softly (the same run).
//!
//! # Where to read on
//!
//! [`Multislice`] says what is to be computed and refuses what cannot be; [`Simulation`] sends waves through. Inside,
//! `potential` adds up v, `transmission` makes t of it, `configuration` holds them, `slices` finds the order of the steps, `window` the part of the box that a wave takes up, `transforms` holds the
//! Fourier transforms and the layout of a wave, `lanes` the one-dimensional ones they are made of, `incident` builds
//! probes, `propagator` is free space, `collector` a detector, `pattern` a camera and `recorder` all that look at a wave.

mod collector;
mod configuration;
mod grid;
mod incident;
mod lanes;
mod mask;
mod memory;
mod motion;
mod overlap;
mod pattern;
mod potential;
mod propagator;
mod recorder;
mod simulation;
mod slices;
mod transforms;
mod transmission;
mod window;

pub(super) use configuration::Passage;
pub(super) use grid::WaveGrid;
pub(super) use incident::{plane_waves, single};
pub(super) use mask::Mask;
pub(super) use memory::check_advising as check_memory;
pub(super) use recorder::Looks;
pub(super) use simulation::{BATCH, SimulationExtent};

pub use grid::Sampling;
pub use motion::AtomicMotion;
pub use pattern::PixelatedDetector;
pub use recorder::{Recorder, Recording};
pub use simulation::Simulation;

use super::{Beam, Parametrisation, Structure, Tilt};
use crate::Result;
use configuration::{Configuration, TransmissionMaker};
use lanes::LANES;
use ndarray::Array2;
use potential::{Kind, Potentials};
use propagator::Propagator;
use slices::{Slice, Slicing, Step};
use std::collections::{BTreeMap, HashMap};
use transforms::Transforms;
use window::Window;

/// What is to be computed: a specimen, a beam, and how finely.
///
/// Nothing large is allocated before [`Multislice::build`].
#[derive(Debug, Clone)]
pub struct Multislice<'a> {
    structure: &'a Structure,
    beam: Beam,
    grid: WaveGrid,
    slice_thickness: f64,
    parametrisation: Parametrisation,
    motion: AtomicMotion,
    tilt: Tilt,
    exit_thicknesses: Vec<f64>,
    merge_empty_slices: bool,
    window: Option<f64>,
    memory_limit: u64,
}

/// The specimen cut up: what a wave meets in each configuration.
struct Plan {
    window: Window,
    slicing: Slicing,
    exits: Vec<usize>,
    kinds: Vec<Kind>,
    configurations: Vec<(Vec<Step>, Vec<Slice>)>,
    /// Whether the transmission functions of all configurations are kept, or made anew for each scan.
    keep: bool,
    /// Need of memory.
    bytes: f64,
}

impl<'a> Multislice<'a> {
    /// A computation with slices of at most 1 Å, scattering factors of Lobato and Van Dyck, atoms that stand still, one
    /// exit plane behind the whole specimen, empty slices merged, and at most 8 GB of memory.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a sampling outside 0.001..=10 Å or 8..=65536 pixels along a
    /// side, and for atoms that stand on one another: closer than 0.1 Å with occupancies that add up to more than 1.
    pub fn new(structure: &'a Structure, beam: Beam, sampling: Sampling) -> Result<Self> {
        let grid = WaveGrid::new(structure.extent(), sampling)?;
        overlap::check(structure)?;
        Ok(Self {
            structure,
            beam,
            grid,
            slice_thickness: 1.0,
            parametrisation: Parametrisation::Lobato,
            motion: AtomicMotion::Still,
            tilt: Tilt::default(),
            exit_thicknesses: Vec::new(),
            merge_empty_slices: true,
            window: None,
            memory_limit: 8_000_000_000,
        })
    }

    /// Slices of at most this thickness, Å: the box is cut into the fewest equal ones.
    pub fn slice_thickness(self, slice_thickness: f64) -> Self {
        Self {
            slice_thickness,
            ..self
        }
    }

    /// Scattering factors of another table.
    pub fn parametrisation(self, parametrisation: Parametrisation) -> Self {
        Self {
            parametrisation,
            ..self
        }
    }

    /// How the vibrations of the atoms enter.
    pub fn motion(self, motion: AtomicMotion) -> Self {
        Self { motion, ..self }
    }

    /// Tilts the specimen: the propagator of each step gets the factor exp(i·[`Tilt::propagation_phase`]), by which the wave
    /// drifts towards +y and +x by tan θ per length of depth ([`Tilt`] gives the source and the limit of ±100 mrad).
    ///
    /// Probe, lens and detectors keep their axis. Exit waves stay in the coordinates of the specimen, so they have drifted
    /// by [`Tilt::drift`] over the thickness. Each slice is still projected along its own axis, which misplaces an atom by up to
    /// (slice thickness) · tan θ: slices of 1 Å at 20 mrad by 0.02 Å. Slices that repeat are kept once, as without a tilt.
    /// Against atoms moved each by its own depth, 10 mrad on 40 Å of light atoms changes signals by up to 3 % of their range
    /// with slices of 2 Å and 0.6 % with 0.5 Å (`tests/stem_tilt.rs`).
    ///
    /// A [window](Multislice::window) stays where the probe enters, so it has to hold the drift as well.
    pub fn tilt(self, tilt: Tilt) -> Self {
        Self { tilt, ..self }
    }

    /// Looks at the wave after these thicknesses, Å from the upper face of the box, each rounded to the nearest face of
    /// a slice; [`Simulation::thicknesses`] tells which they became. What lies behind the last is not computed.
    pub fn exit_thicknesses(self, thicknesses: &[f64]) -> Self {
        Self {
            exit_thicknesses: thicknesses.to_vec(),
            ..self
        }
    }

    /// Whether the wave crosses neighbouring slices without atoms in one step. The result is the same up to rounding:
    /// within the circle of frequencies that are kept, two propagators in a row are one.
    pub fn merge_empty_slices(self, merge_empty_slices: bool) -> Self {
        Self {
            merge_empty_slices,
            ..self
        }
    }

    /// Computes the wave of each probe only in a square of at least this width (Å) around it, on the same pixels and with
    /// the same circle of frequencies, instead of in the whole box.
    ///
    /// The window moves with the probe, by eight rows and by single columns; the probe stands at its exact place within
    /// it, at most four rows and half a column from the middle. Transmission functions are computed once for the whole
    /// box. What leaves the window on one side comes back on the other: an image carries an error that grows with the part
    /// of the probe outside, and the frequencies lie 1/width apart, too few for thin annuli.
    ///
    /// RMS error of signals about a vacancy in MoS₂ (80 kV, 30 mrad, 0.05 Å pixels, box of 31.6 Å × 32.8 Å, 81 probes at
    /// 0.6 Å) in percent of their range, and processor milliseconds of a probe, against 15 to 17 in the whole box with every
    /// slice (`cargo bench --bench stem -- window`; annuli in mrad, centre of mass within 60 mrad along y and x):
    ///
    /// | window | pixels | ms | 80–180 | 40–80 | 15–30 | 0–15 | centre y | centre x |
    /// | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    /// | 10 Å | 216 × 216 | 0.83 | 0.35 | 0.52 | 8.3 | 5.0 | 0.43 | 0.46 |
    /// | 15.8 Å | 336 × 320 | 1.87 | 0.22 | 0.52 | 3.9 | 12 | 0.27 | 0.29 |
    /// | 24 Å | 504 × 504 | 5.21 | 0.09 | 0.16 | 7.2 | 75 | 0.09 | 0.09 |
    ///
    /// A bright field is wrong whatever the window: the frequencies on the edge of its annulus, in the full light of the
    /// aperture, fall inside or outside otherwise than those of the box. That is an offset common to all probes: on coarser
    /// pixels 15–30 mrad was off by 22 % of the range, without the mean difference by 0.35 % (`tests/stem_window.rs`).
    ///
    /// A window larger than the box, or on a grid whose rows are not a multiple of 8, is refused by
    /// [`Multislice::build`]; one that is narrower than the probe or than a detector needs, by the scan. Only signals and
    /// diffraction patterns are had from a window: [`Simulation::exit_waves`], [`Simulation::plane_wave`] and
    /// [`Simulation::scattering_matrix`] refuse it.
    pub fn window(self, width: f64) -> Self {
        Self {
            window: Some(width),
            ..self
        }
    }

    /// Most memory to be used, bytes; a simulation that needs more is refused.
    ///
    /// If the transmission functions of all frozen phonons do not fit together, those of one configuration after the other
    /// are made anew in each scan: the same result, in the time of some ten probes more for each configuration and call.
    /// 8 configurations of 20 nm SrTiO₃ on 320 × 320 pixels [need](Multislice::memory_needed) 0.68 GB together and 0.09 GB one
    /// by one, on two threads.
    pub fn memory_limit(self, memory_limit: u64) -> Self {
        Self {
            memory_limit,
            ..self
        }
    }

    /// The projected potential of slice number `slice` (from 0) at the pixels, V Å, `[row, column]`, as the first
    /// configuration has it. Not limited to the circle of frequencies: that is done to the transmission function.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a slice that does not exist and otherwise as
    /// [`Multislice::build`].
    pub fn projected_potential(&self, slice: usize) -> Result<Array2<f64>> {
        let slicing = Slicing::new(self.structure.extent().z, self.slice_thickness)?;
        if slice >= slicing.count {
            let rule = format!("below the number of slices, {}", slicing.count);
            return Err(crate::Error::argument("slice", slice, rule));
        }
        let alone = Self {
            merge_empty_slices: false,
            exit_thicknesses: vec![slicing.thickness * slicing.count as f64],
            ..self.clone()
        };
        let plan = alone.plan()?;
        let (steps, slices) = &plan.configurations[0];
        let atoms = steps[slice].slice.map_or(&[][..], |index| &slices[index]);
        let potentials = Potentials::new(&self.grid, &plan.kinds, self.parametrisation);
        let image = potentials.pair([atoms, &[]]);
        let columns = self.grid.columns();
        let pixel = |(row, column): (usize, usize)| {
            f64::from(image[row / LANES * columns + column].re[row % LANES])
        };
        Ok(Array2::from_shape_fn((self.grid.rows(), columns), pixel))
    }

    /// Bytes that [`Multislice::build`] and the scans after it will take, their results apart.
    ///
    /// # Errors
    /// As [`Multislice::build`].
    pub fn memory_needed(&self) -> Result<f64> {
        Ok(self.plan()?.bytes)
    }

    /// Makes the specimen ready: potentials and transmission functions of all its distinct slices, in all
    /// configurations if they fit into the [memory](Multislice::memory_limit) together.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a slice thickness that is not positive or makes more than 10⁶
    /// slices, an exit thickness outside the box, a window larger than the box or on rows that are not a multiple of 8, a
    /// number of configurations outside 1..=10⁴, and a need of memory beyond the limit, told before any of it is taken.
    pub fn build(&self) -> Result<Simulation> {
        let plan = self.plan()?;
        let transforms = Transforms::new(plan.window.wave());
        let potentials = Potentials::new(&self.grid, &plan.kinds, self.parametrisation);
        let maker = TransmissionMaker::new(&self.grid, potentials, self.beam);
        let configurations = (plan.configurations.into_iter())
            .map(|(steps, slices)| Configuration {
                steps,
                kept: plan.keep.then(|| maker.transmissions(&slices)),
                slices,
            })
            .collect::<Vec<_>>();
        let propagators = (configurations.iter().flat_map(|c| &c.steps))
            .map(|step| (step.propagation(), ()))
            .collect::<BTreeMap<_, _>>()
            .into_keys()
            .map(|(span, from_real_space)| {
                let distance = span as f64 * plan.slicing.thickness;
                let (beam, tilt) = (self.beam, self.tilt);
                let propagator =
                    Propagator::new(&transforms, beam, tilt, distance, from_real_space);
                ((span, from_real_space), propagator)
            })
            .collect();
        let thickness = |exit: &usize| *exit as f64 * plan.slicing.thickness;
        Ok(Simulation {
            beam: self.beam,
            tilt: self.tilt,
            window: plan.window,
            transforms,
            maker,
            configurations,
            propagators,
            thicknesses: plan.exits.iter().map(thickness).collect(),
            memory_limit: self.memory_limit,
        })
    }

    /// How large the simulation will be.
    pub(super) fn extent(&self) -> Result<SimulationExtent<'_>> {
        let plan = self.plan()?;
        plan.window.check_whole("PRISM")?;
        Ok(SimulationExtent {
            grid: &self.grid,
            beam: self.beam,
            exit_planes: plan.configurations.len() * plan.exits.len(),
            bytes: plan.bytes,
            memory_limit: self.memory_limit,
        })
    }

    /// Cuts up the specimen and refuses what would not fit into memory.
    fn plan(&self) -> Result<Plan> {
        let window = match self.window {
            Some(width) => Window::new(&self.grid, width)?,
            None => Window::whole(&self.grid),
        };
        let slicing = Slicing::new(self.structure.extent().z, self.slice_thickness)?;
        let exits = slicing.exits(&self.exit_thicknesses)?;
        let configurations = self.motion.configurations()?;
        let atoms = self.structure.atoms();
        let bytes = 48.0 * atoms.len() as f64 * configurations as f64;
        let lists = ("the lists of atoms".to_string(), bytes);
        memory::check(self.memory_limit, std::slice::from_ref(&lists))?;
        let (mut kinds, mut numbers) = (Vec::new(), HashMap::new());
        let configurations = (0..configurations)
            .map(|configuration| {
                let placed = atoms.iter().enumerate().map(|(index, atom)| {
                    let (kind, scatterer, z) = self.motion.scatterer(configuration, index, atom);
                    let number = *numbers.entry(kind.key()).or_insert_with(|| {
                        kinds.push(kind);
                        kinds.len() - 1
                    });
                    (number, scatterer, z)
                });
                slicing.arrange(placed, &exits, self.merge_empty_slices)
            })
            .collect::<Vec<_>>();
        let distinct = configurations.iter().map(|(_, slices)| slices.len());
        let threads = rayon::current_num_threads() as f64;
        let tables = Potentials::table_bytes(&self.grid, kinds.len());
        let work =
            Potentials::work_bytes(&self.grid).max(Simulation::workspace_bytes(window.wave()));
        let needs = |images: usize| {
            [
                lists.clone(),
                (
                    format!("{images} transmission functions"),
                    images as f64 * Transforms::image_bytes(&self.grid),
                ),
                (
                    format!("scattering tables of {} kinds of atoms", kinds.len()),
                    tables,
                ),
                (format!("the work of {threads} threads"), threads * work),
            ]
        };
        let all = needs(distinct.clone().sum());
        let keep = memory::check(self.memory_limit, &all).is_ok();
        let needs = if keep {
            all
        } else {
            needs(distinct.max().unwrap_or(0))
        };
        memory::check(self.memory_limit, &needs)?;
        Ok(Plan {
            window,
            slicing,
            exits,
            kinds,
            configurations,
            keep,
            bytes: needs.iter().map(|(_, bytes)| bytes).sum(),
        })
    }
}
