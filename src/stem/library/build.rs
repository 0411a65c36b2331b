//! From a recipe to a library: the multislice runs.

use super::Library;
use super::expansion::Pairs;
use super::file::Stored;
use super::lattice::{Contribution, Lattice};
use super::motif::Motif;
use super::recipe::Recipe;
use super::series::{self, Wave};
use super::symmetry::{operations, orbits};
use super::window::{PIXEL, Window};
use crate::stem::response::Kernel;
use crate::stem::{AnnularDetector, AtomicMotion, Probe, Simulation, Structure};
use crate::units::Point;
use crate::{Error, Result};
use nalgebra::{Matrix2, Vector2};
use ndarray::{Array2, Array3, ArrayView1, Axis, concatenate};
use rustfft::num_complex::Complex32;
use std::f64::consts::PI;
use std::ops::ControlFlow;

/// Probes between two reports, for each thread.
const PROBES_AT_ONCE: usize = 16;
/// Width over which a response fades out, Å.
const FADE: f64 = 1.0;

/// How far a computation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Probes, and plane waves for [any aberrations](Recipe::any_aberrations), that have passed their specimen.
    pub done: usize,
    /// All of them.
    pub total: usize,
}

/// Told of progress after every few probes; [`ControlFlow::Break`] stops the work.
pub type Report<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Probes that pass one specimen, and where their signals go.
struct Task {
    structure: Structure,
    /// Cells along x and y, or none for a box of its own.
    cells: Option<[usize; 2]>,
    places: Vec<Point>,
}

/// Where a motif is looked at.
struct View {
    task: Task,
    /// The same places over the perfect crystal; none where its series tells them.
    perfect: Option<Task>,
    middle: Point,
    /// For each place of the square the number of the probe that sees it.
    like: Vec<Option<usize>>,
}

impl Recipe {
    /// Runs all the simulations. Probes are shared out among the threads of the current rayon pool; the result does not
    /// depend on their number.
    ///
    /// # Errors
    /// As [`Multislice::new`](crate::stem::Multislice::new),
    /// [`Multislice::build`](crate::stem::Multislice::build) and [`Simulation::scan`]: above all a detector beyond the angles that
    /// the pixels keep; and [`Error::Interrupted`] when `report` breaks.
    pub fn build(&self, report: Report<'_>) -> Result<Library> {
        let lattice = self.lattice();
        let wide = self.cells(self.least_box);
        let narrow = self.narrow_cells();
        let own_series = !matches!(self.motion, AtomicMotion::FrozenPhonons { .. });

        let perfect = (self.states.iter())
            .map(|state| self.cell_task(state, wide))
            .collect::<Result<Vec<_>>>()?;
        let reference = if own_series && !self.motifs.is_empty() {
            Some(self.cell_task(self.cell(), narrow)?)
        } else {
            None
        };
        let views = (self.motifs.iter())
            .map(|motif| self.view(motif, &lattice, narrow, own_series))
            .collect::<Result<Vec<_>>>()?;
        let vacuum = self.vacuum_task()?;
        let islands = (self.islands.iter())
            .map(|island| self.island_view(island))
            .collect::<Result<Vec<_>>>()?;

        let tasks = (perfect.iter().chain(&reference))
            .chain(
                views
                    .iter()
                    .flat_map(|view| [&view.task].into_iter().chain(&view.perfect)),
            )
            .chain(
                [&vacuum]
                    .into_iter()
                    .chain(islands.iter().map(|(task, _)| task)),
            );
        let pairs = (self.any_aberrations).then(|| Pairs::new(self, narrow));
        let waves = pairs.as_ref().map_or(0, Pairs::waves) * self.motion.configurations()?;
        let total = tasks.map(|task| task.places.len()).sum::<usize>() + waves * self.states.len();
        let mut runner = Runner {
            probe: &self.probe,
            detectors: &self.detectors,
            report,
            progress: Progress { done: 0, total },
        };

        let frequencies = self.frequencies();
        let mut series = Vec::new();
        for task in &perfect {
            series.extend(self.series(&runner.run(self, task)?, &frequencies));
        }
        let reference = match &reference {
            Some(task) => self.series(&runner.run(self, task)?, &frequencies),
            None => Vec::new(),
        };
        let reference: Vec<Vec<Wave>> = (reference.iter())
            .map(|c| series::waves(&frequencies, c, self.extent()))
            .collect();
        let mut motifs = Motifs::new(self, &lattice);
        for number in motifs.order() {
            let view = &views[number];
            let changed = runner.run(self, &view.task)?;
            let perfect = match &view.perfect {
                Some(task) => runner.run(self, task)?,
                None => self.evaluated(&reference, &view.task.places),
            };
            motifs.add(number, view, changed - perfect);
        }
        let mut expansions = Vec::new();
        if let Some(pairs) = &pairs {
            for state in &self.states {
                let structure = state.repeated([narrow[0], narrow[1], 1])?;
                let simulation = self.multislice(&structure, narrow)?.build()?;
                expansions.extend(runner.expansions(self, &simulation, pairs)?);
            }
        }
        let vacuum = runner.run(self, &vacuum)?;
        let slots = self.detectors.len() * self.thicknesses();
        let mut alone: Vec<Window> = Vec::new();
        for (island, (task, like)) in self.islands.iter().zip(&islands) {
            let difference = runner.run(self, task)? - &vacuum; // its one place stands for all
            let half = self.half_of(island);
            for (slot, signal) in difference.rows().into_iter().enumerate() {
                let mut image = square(signal, like, half);
                for (part, [x, y]) in &island.beyond {
                    let window = &alone[part * slots + slot];
                    self.subtract(&mut image, window, Point::new(*y, *x), 1.0);
                }
                if !island.beyond.is_empty() {
                    self.fade(&mut image);
                }
                alone.push(Window::new(image.view()));
            }
        }
        Ok(Library::from_stored(Stored {
            recipe: self.clone(),
            series,
            expansions,
            motifs: motifs.windows(),
            islands: alone,
            vacuum: vacuum.iter().map(|v| *v as f32).collect(),
        }))
    }

    /// A state of the crystal, seen at the samples of its cell.
    fn cell_task(&self, state: &Structure, cells: [usize; 2]) -> Result<Task> {
        let [height, width] = self.extent();
        let [rows, columns] = series::samples(self.extent(), self.band());
        let at = |i: usize, count: usize, edge: f64| i as f64 / count as f64 * edge;
        let places = (0..rows * columns).map(|n| {
            Point::new(
                at(n / columns, rows, height),
                at(n % columns, columns, width),
            )
        });
        Ok(Task {
            structure: state.repeated([cells[0], cells[1], 1])?,
            cells: Some(cells),
            places: places.collect(),
        })
    }

    fn view(
        &self,
        motif: &Motif,
        lattice: &Lattice,
        cells: [usize; 2],
        own_series: bool,
    ) -> Result<View> {
        let centred: Vec<_> = (motif.edits.iter())
            .map(|edit| {
                let shift = |axis: usize| edit.cell[axis] + cells[axis] as i32 / 2;
                edit.in_cell(shift(0), shift(1))
            })
            .collect();
        let centred = Motif::new(motif.name(), centred);
        let middle = lattice.middle(&centred);
        let structure = self.specimen(cells, &centred.edits)?;
        let (stride, half, _) = self.sampling();
        let step = stride as f64 * PIXEL;
        let symmetry = self.operations(&structure, Vector2::new(middle.x, middle.y));
        let (offsets, like) = orbits(half, self.window / step, &symmetry);
        let places: Vec<_> = offsets.iter().map(|o| beside(middle, *o, step)).collect();
        let task = |structure| Task {
            structure,
            cells: Some(cells),
            places: places.clone(),
        };
        let perfect = match own_series {
            true => None,
            false => Some(task(self.specimen(cells, &[])?)),
        };
        Ok(View {
            task: task(structure),
            perfect,
            middle: lattice.middle(motif),
            like,
        })
    }

    /// What leaves a structure and the probe as they are.
    fn operations(&self, structure: &Structure, middle: Vector2<f64>) -> Vec<Matrix2<f64>> {
        if self.is_round() {
            operations(structure, middle)
        } else {
            vec![Matrix2::identity()]
        }
    }

    fn vacuum_task(&self) -> Result<Task> {
        let nothing = super::Island::new("vacuum", Vec::new());
        Ok(Task {
            structure: self.alone(&nothing)?,
            cells: None,
            places: vec![Point::default()],
        })
    }

    fn island_view(&self, island: &super::Island) -> Result<(Task, Vec<Option<usize>>)> {
        let structure = self.alone(island)?;
        let middle = 0.5 * structure.extent().xy();
        let step = self.sampling().0 as f64 * PIXEL;
        let symmetry = self.operations(&structure, middle);
        let radius = match island.beyond.is_empty() {
            true => f64::INFINITY,
            false => self.window / step,
        };
        let (offsets, like) = orbits(self.half_of(island), radius, &symmetry);
        let middle = Point::new(middle.y, middle.x);
        let places = offsets.iter().map(|o| beside(middle, *o, step)).collect();
        let cells = None;
        let task = Task {
            structure,
            cells,
            places,
        };
        Ok((task, like))
    }

    /// Takes a response, as fields are put together from it, off an image about the origin.
    fn subtract(&self, image: &mut Array2<f64>, window: &Window, place: Point, weight: f64) {
        let stride = self.sampling().0;
        let kernel = Kernel::from_box(&window.upsampled(stride));
        let offset = offsets(image.nrows(), stride);
        for ((row, column), value) in image.indexed_iter_mut() {
            *value -= weight * kernel.at(offset(row) - place.y, offset(column) - place.x);
        }
    }

    /// Lets an image about the origin fall to zero at the rim of the window.
    fn fade(&self, image: &mut Array2<f64>) {
        let offset = offsets(image.nrows(), self.sampling().0);
        for ((row, column), value) in image.indexed_iter_mut() {
            *value *= fade(offset(row).hypot(offset(column)), self.window);
        }
    }

    /// The series of every detector and thickness of the signals at the samples of a cell.
    fn series(&self, signals: &Array3<f64>, frequencies: &[[i32; 2]]) -> Vec<Vec<Complex32>> {
        let [rows, columns] = series::samples(self.extent(), self.band());
        let images = signals.rows().into_iter().map(|row| {
            let image = row
                .to_shape((rows, columns))
                .expect("a signal for each sample");
            series::coefficients(image.view(), frequencies)
        });
        images.collect()
    }

    /// The perfect crystal of a narrow box at some places, `[detector, thickness, place]`.
    fn evaluated(&self, reference: &[Vec<Wave>], places: &[Point]) -> Array3<f64> {
        let shape = (self.detectors.len(), self.thicknesses(), places.len());
        Array3::from_shape_fn(shape, |(detector, thickness, place)| {
            let waves = &reference[detector * shape.1 + thickness];
            series::value(waves, places[place].y, places[place].x)
        })
    }
}

/// Runs one task after the other and tells how far it is.
pub(super) struct Runner<'a> {
    pub probe: &'a Probe,
    pub detectors: &'a [AnnularDetector],
    pub report: Report<'a>,
    pub progress: Progress,
}

impl Runner<'_> {
    /// `[detector, thickness, place]`.
    fn run(&mut self, recipe: &Recipe, task: &Task) -> Result<Array3<f64>> {
        let simulation = match task.cells {
            Some(cells) => recipe.multislice(&task.structure, cells)?.build()?,
            None => recipe.multislice_alone(&task.structure)?.build()?,
        };
        self.scan(&simulation, &task.places)
    }

    /// The same for a specimen that is ready.
    pub fn scan(&mut self, simulation: &Simulation, places: &[Point]) -> Result<Array3<f64>> {
        let mut parts = Vec::new();
        for chunk in places.chunks(PROBES_AT_ONCE * rayon::current_num_threads()) {
            parts.push(simulation.scan(self.probe, chunk, self.detectors)?);
            self.progress.done += chunk.len();
            let Progress { done, total } = self.progress;
            if (self.report)(self.progress).is_break() {
                return Err(Error::Interrupted { done, total });
            }
        }
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let whole = concatenate(Axis(2), &views).expect("parts that differ in length alone");
        Ok(whole.as_standard_layout().into_owned())
    }
}

/// The responses of the motifs as they come, smaller ones first.
struct Motifs<'a> {
    recipe: &'a Recipe,
    lattice: &'a Lattice,
    windows: Vec<Vec<Window>>,
}

impl<'a> Motifs<'a> {
    fn new(recipe: &'a Recipe, lattice: &'a Lattice) -> Self {
        let windows = vec![Vec::new(); recipe.motifs.len()];
        Self {
            recipe,
            lattice,
            windows,
        }
    }

    /// The motifs by rising number of atoms.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.windows.len()).collect();
        order.sort_by_key(|&number| self.recipe.motifs[number].edits.len());
        order
    }

    /// Takes in what a motif changes, less what the smaller motifs among its atoms do.
    fn add(&mut self, number: usize, view: &View, difference: Array3<f64>) {
        let recipe = self.recipe;
        let smaller = self.within(number);
        for (slot, signal) in difference.rows().into_iter().enumerate() {
            let mut image = square(signal, &view.like, recipe.sampling().1);
            for part in &smaller {
                let window = &self.windows[part.motif][slot];
                recipe.subtract(&mut image, window, part.place - view.middle, part.weight);
            }
            recipe.fade(&mut image);
            self.windows[number].push(Window::new(image.view()));
        }
    }

    /// The smaller motifs that a motif's atoms amount to.
    fn within(&self, number: usize) -> Vec<Contribution> {
        let edits = &self.recipe.motifs[number].edits;
        let smaller = |motif: &Motif| motif.edits.len() < edits.len();
        // each edit is known, if only to this motif itself
        let mut all = self
            .lattice
            .contributions(edits, &self.recipe.motifs)
            .unwrap_or_default();
        all.retain(|part| smaller(&self.recipe.motifs[part.motif]));
        all
    }

    fn windows(self) -> Vec<Window> {
        self.windows.into_iter().flatten().collect()
    }
}

/// The place so many steps (y, x) from a middle.
fn beside(middle: Point, [y, x]: [i32; 2], step: f64) -> Point {
    Point::new(
        middle.y + f64::from(y) * step,
        middle.x + f64::from(x) * step,
    )
}

/// Signals spread over the square of places that see them; 0 where none does.
fn square(signal: ArrayView1<'_, f64>, like: &[Option<usize>], half: usize) -> Array2<f64> {
    let values = like.iter().map(|n| n.map_or(0.0, |n| signal[n]));
    let size = 2 * half + 1;
    Array2::from_shape_vec((size, size), values.collect()).expect("a place for each of the square")
}

/// Where the samples of a square of so many rows lie, from its middle, Å.
fn offsets(rows: usize, stride: usize) -> impl Fn(usize) -> f64 {
    move |index| (index as f64 - (rows / 2) as f64) * stride as f64 * PIXEL
}

/// One within the window, falling to zero over its rim.
fn fade(r: f64, window: f64) -> f64 {
    let inside = ((window - r) / FADE).clamp(0.0, 1.0);
    0.5 * (1.0 - (PI * inside).cos())
}
