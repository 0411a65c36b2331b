//! Probes in a window of MoS2 beside the whole box: processor milliseconds of a probe, and what the window costs in accuracy.

use crate::SIDE;
use crate::pairs::{Pairs, median, ratios};
use crate::peer::Peer;
use crate::specimens;
use dosewise::stem::{AnnularDetector, Beam, Detector, Multislice, Sampling, Simulation};
use dosewise::units::Point;
use ndarray::{Array3, ArrayView1, Axis};

/// Widths of the window, Å; 15.8 Å is half the box along x.
const WIDTHS: [f64; 3] = [15.8, 10.0, 24.0];

/// Probes along one side of the scan that is compared, their first place and their distance, Å: a cell with the vacancy.
const PATCH: (usize, f64, f64) = (9, 13.6, 0.6);

/// Prints one line for each width.
pub fn run(filter: Option<&str>) {
    let workload = specimens::molybdenum_disulfide();
    let title = format!("{} 16 Å window", workload.name);
    if filter.is_some_and(|word| !title.contains(word)) {
        return;
    }
    let beam = Beam::new(workload.energy_kev).expect("an energy");
    let probe = workload.probe();
    let (rows, columns) = (workload.rows, workload.columns);
    let case = Multislice::new(
        &workload.structure,
        beam,
        Sampling::Pixels { rows, columns },
    )
    .expect("a grid")
    .slice_thickness(workload.slice_thickness);
    let square = |(side, corner, step): (usize, f64, f64)| -> Vec<Point> {
        let place = |n: usize| corner + n as f64 * step;
        (0..side * side)
            .map(|n| Point::new(place(n / side), place(n % side)))
            .collect()
    };
    let (timed, compared) = (
        square((SIDE, workload.corner, workload.step)),
        square(PATCH),
    );
    let haadf = [workload.detectors[0]].map(annulus);
    let mut detectors: Vec<Detector> = [(80.0, 180.0), (40.0, 80.0), (15.0, 30.0), (0.0, 15.0)]
        .map(|angles| annulus(angles).into())
        .to_vec();
    detectors.extend(Detector::centre_of_mass(60.0).expect("detectors"));
    let scan =
        |simulation: &Simulation| (simulation.scan(&probe, &compared, &detectors)).expect("a scan");

    let every_slice = case.clone().merge_empty_slices(false);
    let every_slice = every_slice.build().expect("room");
    let mut peer = Peer::start(&workload);
    let whole = scan(&case.build().expect("room"));
    println!(
        "\nprocessor milliseconds of one thread for a probe of {}, in a window with empty slices merged and in the whole box \
         with every slice (medians of five runs in turn, ranges of the ratios); RMS error of the signals about the vacancy in % of their range\n",
        workload.name
    );
    println!(
        "| window | pixels | ours | every slice | ratio | peer | ratio | 80–180 mrad | 40–80 | 15–30 | 0–15 | centre y | x |"
    );
    println!("|{}", " --- |".repeat(13));
    for width in WIDTHS {
        let window = case.clone().window(width).build().expect("room");
        let timed = |simulation: &Simulation| {
            drop(simulation.scan(&probe, &timed, &haadf).expect("a scan"));
        };
        let pairs = Pairs::run(
            || timed(&window),
            || timed(&every_slice),
            || Some(peer.as_mut()?.ask("0").seconds),
        );
        let grid = window.grid();
        let milliseconds = |all: &[f64]| 1e3 * median(all) / (SIDE * SIDE) as f64;
        let theirs = if pairs.peer.is_empty() {
            String::new()
        } else {
            format!("{:.1}", milliseconds(&pairs.peer))
        };
        print!(
            "| {width} Å | {} × {} | {:.2} | {:.2} | {} | {theirs} | {} |",
            grid.rows,
            grid.columns,
            milliseconds(&pairs.ours),
            milliseconds(&pairs.other),
            ratios(&pairs.other, &pairs.ours),
            pairs.ratio(),
        );
        for error in errors(&scan(&window), &whole) {
            print!(" {error:.2} |");
        }
        println!();
    }
}

fn annulus((inner, outer): (f64, f64)) -> AnnularDetector {
    AnnularDetector::new(inner, outer).expect("a detector")
}

/// RMS difference of each detector in % of its range.
fn errors(found: &Array3<f64>, expected: &Array3<f64>) -> Vec<f64> {
    let of_one = |(found, expected): (ArrayView1<f64>, ArrayView1<f64>)| {
        let low = expected.fold(f64::INFINITY, |a, b| a.min(*b));
        let high = expected.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        let squares = (&found - &expected).mapv(|difference| difference * difference);
        100.0 * squares.mean().expect("probes").sqrt() / (high - low)
    };
    // one exit plane
    let [found, expected] = [found, expected].map(|signal| signal.index_axis(Axis(1), 0));
    (found.outer_iter().zip(expected.outer_iter()))
        .map(of_one)
        .collect()
}
