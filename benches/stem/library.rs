//! The whole W1 field by a response library: processor milliseconds beside those of abTEM's multislice.

use crate::cpu_time::least_seconds;
use crate::specimens::Workload;
use dosewise::stem::library::{
    Change, Domain, Edit, Frame, Imaging, Library, Motif, Recipe, Scene,
};
use dosewise::stem::{AnnularDetector, Beam, Structure};
use dosewise::units::Point;
use nalgebra::Vector3;
use ndarray::Array2;
use std::ops::ControlFlow;

/// Pixels of the whole field at 0.2 Å, and the processor minutes that abTEM 1.0.11 took for its probes.
const FIELD: (usize, usize) = (164, 158);
const PEER_MINUTES: f64 = 50.0;
/// Cells of the workload along x and y.
const CELLS: [usize; 2] = [10, 6];

/// Builds the library, assembles the field, and holds a patch of it against multislice of the workload itself.
pub fn run(workload: &Workload) {
    let library = library(workload);
    let (vacancy, origin) = vacancy(workload, library.recipe());
    let response = (library.response(0, 0, &Imaging::default())).expect("a detector");
    let field = |frame: Frame| -> Array2<f64> {
        let scene = Scene {
            domains: vec![Domain::default().edited(&[vacancy])],
            ..Scene::default()
        };
        response.image(&scene, frame).expect("a field")
    };
    let whole = Frame {
        origin: Point::default(),
        rows: FIELD.0,
        columns: FIELD.1,
        pixel: 0.2,
    };
    let seconds = least_seconds(2.0, || drop(field(whole)));

    let beam = Beam::new(workload.energy_kev).expect("an energy");
    let patch = Frame {
        origin: Point::new(origin.y - 2.1, origin.x - 2.1),
        rows: 8,
        columns: 8,
        pixel: 0.6,
    };
    let pixels = dosewise::stem::Sampling::Pixels {
        rows: workload.rows,
        columns: workload.columns,
    };
    let simulation = dosewise::stem::Multislice::new(&workload.structure, beam, pixels)
        .and_then(|case| case.slice_thickness(workload.slice_thickness).build())
        .expect("room");
    let places: Vec<_> = (0..64).map(|n| patch.place(n / 8, n % 8)).collect();
    let recipe = library.recipe();
    let truth =
        (simulation.scan(recipe.probe(), &places, &recipe.detectors()[..1])).expect("a scan");
    let found = field(patch);
    let (low, high) = truth
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
    let squares = found.iter().zip(&truth).map(|(a, b)| (a - b).powi(2));
    let rms = (squares.sum::<f64>() / 64.0).sqrt() / (high - low);
    println!(
        "\nthe whole W1 field ({} × {} pixels) by the response library: {:.2} ms, {:.0} times less than abTEM's {PEER_MINUTES} min; {:.2} % RMS of the range from multislice about the vacancy",
        FIELD.0,
        FIELD.1,
        1e3 * seconds,
        60.0 * PEER_MINUTES / seconds,
        100.0 * rms
    );
}

/// The cell of the workload, with the vacancy as the only motif.
fn library(workload: &Workload) -> Library {
    let extent = workload.structure.extent();
    let cell = Vector3::new(
        extent.x / CELLS[0] as f64,
        extent.y / CELLS[1] as f64,
        extent.z,
    );
    let first = (workload.structure.atoms().iter())
        .filter(|atom| atom.position.x < cell.x - 1e-6 && atom.position.y < cell.y - 1e-6);
    let cell = Structure::new(cell, first.copied().collect()).expect("a cell");
    let top = (0..cell.atoms().len())
        .filter(|&i| cell.atoms()[i].element.symbol() == "S")
        .max_by(|&i, &j| {
            cell.atoms()[i]
                .position
                .z
                .total_cmp(&cell.atoms()[j].position.z)
        })
        .expect("sulfur");
    let (inner, outer) = workload.detectors[0];
    let detector = AnnularDetector::new(inner, outer).expect("a detector");
    let beam = Beam::new(workload.energy_kev).expect("an energy");
    Recipe::new(&cell, beam, workload.semiangle_mrad, &[detector])
        .and_then(|r| r.motif(Motif::new("V_S", [Edit::new(top, Change::Removed)])))
        .and_then(|r| r.build(&mut |_| ControlFlow::Continue(())))
        .expect("a library")
}

/// The atom of the perfect crystal that the workload lacks, and where it would be.
fn vacancy(workload: &Workload, recipe: &Recipe) -> (Edit, Point) {
    let whole = recipe.specimen(CELLS, &[]).expect("a specimen");
    let count = recipe.cell().atoms().len();
    let index = (0..whole.atoms().len())
        .find(|&index| {
            let place = whole.atoms()[index].position;
            let near = |atom: &dosewise::stem::PlacedAtom| (atom.position - place).norm() < 1e-3;
            !workload.structure.atoms().iter().any(near)
        })
        .expect("a missing atom");
    let cell = index / count;
    let edit = Edit::new(index % count, Change::Removed)
        .in_cell((cell / CELLS[1]) as i32, (cell % CELLS[1]) as i32);
    let place = whole.atoms()[index].position;
    (edit, Point::new(place.y, place.x))
}
