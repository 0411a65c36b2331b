//! The specimens of the benchmark, and how the peer is told of them.

use dosewise::stem::{Aberrations, ApertureEdge, Beam, PlacedAtom, Probe, Structure, Vibration};
use nalgebra::Vector3;

/// A specimen with the settings under which it is imaged.
pub struct Workload {
    pub name: &'static str,
    pub structure: Structure,
    pub energy_kev: f64,
    pub semiangle_mrad: f64,
    pub detectors: Vec<(f64, f64)>,
    pub rows: usize,
    pub columns: usize,
    pub slice_thickness: f64,
    /// Corner and step of the square scan, Å.
    pub corner: f64,
    pub step: f64,
}

impl Workload {
    /// Without aberrations, through an aperture with the edge that the peer gives it.
    pub fn probe(&self) -> Probe {
        let beam = Beam::new(self.energy_kev).expect("an energy");
        let probe = Probe::new(beam, self.semiangle_mrad, Aberrations::default());
        (probe.and_then(|probe| probe.with_edge(ApertureEdge::AntiAliased))).expect("a probe")
    }
}

/// MoS2, 10 × 6 rectangular cells with a sulfur vacancy in the upper layer, 2 Å of vacuum on either side.
pub fn molybdenum_disulfide() -> Workload {
    let (a, layer, vacuum) = (3.16, 3.13, 2.0);
    let b = a * 3f64.sqrt();
    let mut atoms = Vec::new();
    for (i, j) in (0..10).flat_map(|i| (0..6).map(move |j| (f64::from(i), f64::from(j)))) {
        for (x, y) in [(0.0, 0.0), (a / 2.0, b / 2.0)] {
            let mut put = |symbol: &str, u, y: f64, z| {
                let place = Vector3::new(i * a + x, j * b + y % b, vacuum + z);
                let element = symbol.parse().expect("an element");
                atoms.push(PlacedAtom::new(element, place).vibration(Vibration::Isotropic(u)));
            };
            put("Mo", 0.075, y, layer / 2.0);
            put("S", 0.083, y + b / 3.0 * 2.0, 0.0);
            put("S", 0.083, y + b / 3.0 * 2.0, layer);
        }
    }
    let extent = Vector3::new(10.0 * a, 6.0 * b, layer + 2.0 * vacuum);
    let off_centre = |atom: &PlacedAtom| {
        let upper = atom.element.symbol() == "S" && atom.position.z > vacuum + layer / 2.0;
        let offset = (atom.position - extent / 2.0).xy().norm();
        if upper { offset } else { f64::INFINITY }
    };
    let vacancy =
        (0..atoms.len()).min_by(|i, j| off_centre(&atoms[*i]).total_cmp(&off_centre(&atoms[*j])));
    atoms.remove(vacancy.expect("atoms"));
    Workload {
        name: "MoS2",
        structure: Structure::new(extent, atoms).expect("a specimen"),
        energy_kev: 80.0,
        semiangle_mrad: 30.0,
        detectors: vec![(80.0, 180.0), (15.0, 30.0)],
        rows: 672,
        columns: 640,
        slice_thickness: 1.0,
        corner: 15.0,
        step: 0.2,
    }
}

/// SrTiO3 along [001], 4 × 4 × 51 cells, two slices a cell.
pub fn strontium_titanate() -> Workload {
    let a = 3.905;
    let cell = [
        ("Sr", 0.0888, [0.0, 0.0, 0.0]),
        ("Ti", 0.0746, [0.5, 0.5, 0.5]),
        ("O", 0.0947, [0.5, 0.5, 0.0]),
        ("O", 0.0947, [0.5, 0.0, 0.5]),
        ("O", 0.0947, [0.0, 0.5, 0.5]),
    ];
    let mut atoms = Vec::new();
    for corner in (0..4 * 4 * 51).map(|n| [n % 4, n / 4 % 4, n / 16].map(f64::from)) {
        for (symbol, u, place) in cell {
            let place = Vector3::from_fn(|axis, _| a * (corner[axis] + place[axis]));
            let element = symbol.parse().expect("an element");
            atoms.push(PlacedAtom::new(element, place).vibration(Vibration::Isotropic(u)));
        }
    }
    let extent = Vector3::new(4.0 * a, 4.0 * a, 51.0 * a);
    Workload {
        name: "SrTiO3",
        structure: Structure::new(extent, atoms).expect("a specimen"),
        energy_kev: 200.0,
        semiangle_mrad: 20.0,
        detectors: vec![(60.0, 160.0)],
        rows: 320,
        columns: 320,
        slice_thickness: a / 2.0,
        corner: 6.0,
        step: 0.98,
    }
}
