//! What a user of the multislice waits for, in processor milliseconds of one thread.
//!
//! `cargo bench --bench stem` measures this crate on a monolayer (MoS2 with a vacancy) and on a crystal (20 nm of
//! SrTiO3), beside the floor that the transforms set: two complete two-dimensional transforms of the same size by
//! rustfft for each probe and slice. With `DOSEWISE_PEER_PYTHON` naming a Python that has abTEM, the peer does every
//! task right after it on the same atoms, grid, slices and probes, five times in turn. A word behind `--` keeps the tasks that contain it.

#[path = "../gp/cpu_time.rs"]
mod cpu_time;
mod library;
mod pairs;
mod peer;
mod prism;
mod specimens;
mod window;

use dosewise::stem::{AnnularDetector, AtomicMotion, Beam, Multislice, Sampling, Simulation};
use dosewise::units::{Point, Seed};
use pairs::{Pairs, median, ratios};
use peer::Peer;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex32;
use specimens::Workload;

/// Probes along one side of a scan.
const SIDE: usize = 4;

fn main() {
    let single = rayon::ThreadPoolBuilder::new().num_threads(1);
    single.build_global().expect("no pool before this one");
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    // first, while the process has not been given memory for anything else
    prism::run(filter.as_deref());
    println!(
        "\nprocessor milliseconds of one thread for each probe and slice: medians of five paired runs of 16 probes (range of the ratios)\n"
    );
    println!("| task | floor | ours | peer | peer / ours | ours / floor | mean signal | peer |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for workload in [
        specimens::molybdenum_disulfide(),
        specimens::strontium_titanate(),
    ] {
        let mut peer = None;
        for task in ["every slice", "empty slices merged", "8 phonons"] {
            let title = format!("{} {task}", workload.name);
            if filter.as_deref().is_some_and(|word| !title.contains(word)) {
                continue;
            }
            let peer = peer.get_or_insert_with(|| Peer::start(&workload));
            run(&workload, task, &title, peer.as_mut());
        }
    }
    window::run(filter.as_deref());
    if filter.is_none_or(|word| "library".contains(&word)) {
        library::run(&specimens::molybdenum_disulfide());
    }
}

fn run(workload: &Workload, task: &str, title: &str, peer: Option<&mut Peer>) {
    let beam = Beam::new(workload.energy_kev).expect("an energy");
    let (rows, columns) = (workload.rows, workload.columns);
    let mut case = Multislice::new(
        &workload.structure,
        beam,
        Sampling::Pixels { rows, columns },
    )
    .expect("a grid")
    .slice_thickness(workload.slice_thickness)
    .merge_empty_slices(task != "every slice");
    let configurations = 8;
    if task == "8 phonons" {
        let seed = Seed(7);
        case = case.motion(AtomicMotion::FrozenPhonons {
            configurations,
            seed,
        });
    }
    let probe = workload.probe();
    let place = |n: usize| workload.corner + n as f64 * workload.step;
    let positions: Vec<_> = (0..SIDE * SIDE)
        .map(|n| Point::new(place(n / SIDE), place(n % SIDE)))
        .collect();
    let detectors: Vec<_> = (workload.detectors.iter())
        .map(|(inner, outer)| AnnularDetector::new(*inner, *outer).expect("a detector"))
        .collect();
    let scan = |simulation: &Simulation| {
        let signal = simulation
            .scan(&probe, &positions, &detectors)
            .expect("a scan");
        signal
            .index_axis(ndarray::Axis(0), 0)
            .mean()
            .expect("probes")
    };

    let slices = (workload.structure.extent().z / workload.slice_thickness * (1.0 - 1e-9)).ceil();
    let mut steps = slices * positions.len() as f64;
    let frozen = task == "8 phonons";
    if frozen {
        steps *= configurations as f64;
    }
    let still = (!frozen).then(|| case.build().expect("room"));
    let (mut value, mut found) = (f64::NAN, String::new());
    let mut peer = peer;
    let pairs = Pairs::run(
        || {
            value = match &still {
                Some(simulation) => scan(simulation),
                // the potentials of all configurations are part of the work
                None => scan(&case.build().expect("room")),
            }
        },
        transforms(rows, columns),
        || {
            let answer = peer.as_mut()?.ask(if frozen { "8" } else { "0" });
            found = format!("{:.5}", answer.value);
            Some(answer.seconds)
        },
    );
    let [ours, theirs] = [&pairs.ours, &pairs.peer].map(|all| 1e3 * median(all) / steps);
    let theirs = if pairs.peer.is_empty() {
        String::new()
    } else {
        format!("{theirs:.3}")
    };
    let each_step: Vec<f64> = pairs.ours.iter().map(|seconds| seconds / steps).collect();
    println!(
        "| {title} | {:.3} | {ours:.3} | {theirs} | {} | {} | {value:.5} | {found} |",
        1e3 * median(&pairs.other),
        pairs.ratio(),
        ratios(&each_step, &pairs.other),
    );
}

/// One transform there and one back, transposed in between, without scaling.
fn transforms(rows: usize, columns: usize) -> impl FnMut() {
    let mut planner = FftPlanner::<f32>::new();
    let [along_x, back_x] = [
        planner.plan_fft_forward(columns),
        planner.plan_fft_inverse(columns),
    ];
    let [along_y, back_y] = [
        planner.plan_fft_forward(rows),
        planner.plan_fft_inverse(rows),
    ];
    let plans = [&along_x, &back_x, &along_y, &back_y];
    let longest = plans
        .map(|plan| plan.get_inplace_scratch_len())
        .into_iter()
        .max()
        .unwrap_or(0);
    let mut scratch = vec![Complex32::ZERO; longest];
    let mut wave = vec![Complex32::ONE; rows * columns];
    let mut other = wave.clone();
    move || {
        along_x.process_with_scratch(&mut wave, &mut scratch);
        transpose(&wave, &mut other, rows, columns);
        along_y.process_with_scratch(&mut other, &mut scratch);
        back_y.process_with_scratch(&mut other, &mut scratch);
        transpose(&other, &mut wave, columns, rows);
        back_x.process_with_scratch(&mut wave, &mut scratch);
        // a pass that keeps the numbers finite, as every user of the transform needs one
        let scale = 1.0 / (rows * columns) as f32;
        wave.iter_mut().for_each(|value| *value *= scale);
    }
}

/// In blocks of 16 × 16.
fn transpose(from: &[Complex32], to: &mut [Complex32], rows: usize, columns: usize) {
    for top in (0..rows).step_by(16) {
        for left in (0..columns).step_by(16) {
            for row in top..(top + 16).min(rows) {
                for column in left..(left + 16).min(columns) {
                    to[column * rows + row] = from[row * columns + column];
                }
            }
        }
    }
}
