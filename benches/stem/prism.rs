//! A whole scan by PRISM: 64 × 64 probes over 20 nm of SrTiO3 with interpolation 2.

use crate::cpu_time::least_seconds;
use crate::peer::Peer;
use crate::specimens;
use dosewise::stem::{Aberrations, AnnularDetector, Beam, Multislice, Probe, Sampling};
use dosewise::units::Point;

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
    let probe = Probe::new(beam, workload.semiangle_mrad, Aberrations::default()).expect("a probe");
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
    let (mut matrix, mut value) = (None, f64::NAN);
    let beams = least_seconds(1.0, || {
        matrix = None;
        matrix = Some(simulation.scattering_matrix(&probe, [f, f]).expect("room"));
    });
    let matrix = matrix.expect("a matrix");
    let probes = least_seconds(1.0, || {
        let signal = matrix.scan(&probe, &positions, &detectors);
        value = signal.expect("a scan").mean().expect("probes");
    });
    let memory = highest_memory();
    let ours = beams + probes;
    println!(
        "\nprocessor seconds of one thread for {side} × {side} probes by PRISM with interpolation {f}\n"
    );
    println!(
        "| task | {} beams | probes | ours | peer | peer / ours | MB | peer | mean signal | peer |",
        matrix.beams()
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    print!("| {title} | {beams:.2} | {probes:.2} | {ours:.2} | ");
    let peer = Peer::start(&workload).map(|mut peer| {
        let answer = peer.ask(&format!("prism {f} {side} {corner} {step}"));
        (answer.seconds, answer.megabytes, answer.value)
    });
    match peer {
        Some((seconds, megabytes, found)) => println!(
            "{seconds:.2} | {:.1} | {memory:.0} | {megabytes:.0} | {value:.5} | {found:.5} |",
            seconds / ours
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
