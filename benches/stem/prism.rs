//! A whole scan by PRISM: 64 × 64 probes over 20 nm of SrTiO3 with interpolation 2.

use crate::pairs::{Pairs, median};
use crate::peer::Peer;
use crate::specimens;
use dosewise::stem::{AnnularDetector, Beam, Multislice, Sampling, ScatteringMatrix};
use dosewise::units::Point;
use std::cell::{Cell, RefCell};

/// Probes along one side, their distance in Å, and the interpolation.
const SCAN: (usize, f64, usize) = (64, 0.2, 2);

/// Prints processor seconds and the highest memory of both sides.
pub fn run(filter: Option<&str>) {
    let workload = specimens::strontium_titanate();
    let title = format!("{} PRISM", workload.name);
    if filter.is_some_and(|word| !title.contains(word)) {
        return;
    }
    let (side, step, f) = SCAN;
    let beam = Beam::new(workload.energy_kev).expect("an energy");
    let probe = workload.probe();
    let (rows, columns) = (workload.rows, workload.columns);
    let corner = 0.5 * (workload.structure.extent().x - side as f64 * step);
    let place = |n: usize| corner + n as f64 * step;
    let positions: Vec<_> = (0..side * side)
        .map(|n| Point::new(place(n / side), place(n % side)))
        .collect();
    let detectors: Vec<_> = (workload.detectors.iter())
        .map(|(inner, outer)| AnnularDetector::new(*inner, *outer).expect("a detector"))
        .collect();

    forget_highest_memory();
    let sampling = Sampling::Pixels { rows, columns };
    let case = Multislice::new(&workload.structure, beam, sampling)
        .expect("a grid")
        .slice_thickness(workload.slice_thickness);
    let simulation = case.build().expect("room");
    let (matrix, value) = (RefCell::new(None), Cell::new(f64::NAN));
    let probes = || {
        let held = matrix.borrow();
        let matrix: &ScatteringMatrix = held.as_ref().expect("a matrix");
        let signal = matrix.scan(&probe, &positions, &detectors);
        value.set(signal.expect("a scan").mean().expect("probes"));
    };
    let mut peer = Peer::start(&workload);
    let mut answer = None;
    let pairs = Pairs::run(
        || {
            // the old one goes before the new one comes
            matrix.replace(None);
            matrix.replace(Some(
                simulation.scattering_matrix(&probe, [f, f]).expect("room"),
            ));
            probes();
        },
        probes,
        || {
            let told = peer
                .as_mut()?
                .ask(&format!("prism {f} {side} {corner} {step}"));
            Some(answer.insert(told).seconds)
        },
    );
    println!(
        "processor seconds of one thread for {side} × {side} probes by PRISM with interpolation {f}, medians of five paired runs\n"
    );
    println!(
        "| task | {} beams and probes | probes alone | peer | peer / ours | MB | peer | mean signal | peer |",
        matrix.borrow().as_ref().map_or(0, ScatteringMatrix::beams)
    );
    println!("|{}", " --- |".repeat(9));
    print!(
        "| {title} | {:.2} | {:.2} | ",
        median(&pairs.ours),
        median(&pairs.other)
    );
    let (memory, value) = (highest_memory(), value.get());
    match answer {
        Some(answer) => println!(
            "{:.2} | {} | {memory:.0} | {:.0} | {value:.5} | {:.5} |",
            median(&pairs.peer),
            pairs.ratio(),
            answer.megabytes,
            answer.value
        ),
        None => println!("| | {memory:.0} | | {value:.5} | |"),
    }
}

/// Starts the account of the highest memory anew, where Linux lets us.
fn forget_highest_memory() {
    // Without it the figure is that of all tasks so far.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The highest memory of this process, MB.
fn highest_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1024.0 * 1e-6
}
