//! The average over frozen phonons: how fast it converges, and to what.

use dosewise::Result;
use dosewise::stem::{
    Aberrations, AnnularDetector, AtomicMotion, Beam, Multislice, PlacedAtom, Probe, Sampling,
    Simulation, Structure, Vibration,
};
use dosewise::units::{Point, Seed};
use nalgebra::Vector3;
use rustfft::num_complex::Complex64;

const PIXELS: Sampling = Sampling::Pixels {
    rows: 64,
    columns: 64,
};
const SIDE: f64 = 8.0;

/// Atoms (symbol, y, x, z) with a root mean square displacement along each axis, in a box of 8 × 8 × 4 Å.
fn specimen(atoms: &[(&str, f64, f64, f64)], displacement: f64) -> Result<Structure> {
    let atoms = atoms.iter().map(|(symbol, y, x, z)| {
        let atom = PlacedAtom::new(symbol.parse()?, Vector3::new(*x, *y, *z));
        Ok(atom.vibration(Vibration::Isotropic(displacement)))
    });
    Structure::new(Vector3::new(SIDE, SIDE, 4.0), atoms.collect::<Result<_>>()?)
}

fn simulation(structure: &Structure, motion: AtomicMotion) -> Result<Simulation> {
    Multislice::new(structure, Beam::new(200.0)?, PIXELS)?
        .slice_thickness(2.0)
        .motion(motion)
        .build()
}

fn frozen(configurations: usize, seed: u64) -> AtomicMotion {
    AtomicMotion::FrozenPhonons {
        configurations,
        seed: Seed(seed),
    }
}

fn scan(simulation: &Simulation, places: &[Point]) -> Result<Vec<f64>> {
    let probe = Probe::new(simulation.beam(), 20.0, Aberrations::default())?;
    let dark_field = AnnularDetector::new(35.0, 60.0)?;
    Ok(simulation
        .scan(&probe, places, &[dark_field])?
        .into_iter()
        .collect())
}

/// The variance of a mean of N independent configurations is 1/N of that of one.
#[test]
fn the_error_of_the_average_falls_as_the_root_of_the_number() -> Result<()> {
    let atoms = [
        ("Sr", 2.0, 2.0, 0.5),
        ("Ti", 5.5, 3.0, 2.5),
        ("O", 4.0, 6.0, 0.5),
    ];
    let structure = specimen(&atoms, 0.09)?;
    let places = [(2.1, 2.2), (5.5, 3.3), (4.1, 6.0), (3.7, 4.0)].map(|(y, x)| Point::new(y, x));
    let repeats = 24;
    // mean over repeats and places of the squared difference from the best mean, in units of the variance of one
    let spread = |configurations: usize, first_seed: u64| -> Result<(f64, Vec<f64>)> {
        let means = (0..repeats)
            .map(|n| {
                scan(
                    &simulation(&structure, frozen(configurations, first_seed + n))?,
                    &places,
                )
            })
            .collect::<Result<Vec<_>>>()?;
        let best: Vec<f64> = (0..places.len())
            .map(|place| means.iter().map(|mean| mean[place]).sum::<f64>() / repeats as f64)
            .collect();
        let relative = means.iter().flat_map(|mean| {
            let pairs = mean.iter().zip(&best);
            pairs.map(|(value, best)| (value / best - 1.0).powi(2))
        });
        Ok((relative.sum::<f64>() / (4 * (repeats - 1)) as f64, best))
    };
    let ((few, _), (many, best)) = (spread(2, 100)?, spread(16, 500)?);
    let power = (many / few).ln() / 8f64.ln();
    println!("variance of the mean: {few:.2e} of 2, {many:.2e} of 16, as N to the {power:.2}");
    // 92 degrees of freedom in each: the power errs by 0.1 at one standard deviation
    assert!((power + 1.0).abs() < 0.3, "{power}");

    // and configurations of other seeds converge to the same mean: 384 against 384
    let (_, again) = spread(16, 900)?;
    let deviation = (2.0 * many / repeats as f64).sqrt();
    for (one, other) in best.iter().zip(&again) {
        let found = (one / other - 1.0).abs() / deviation;
        // places differ in how much they vary; twice the mean deviation covers the worst of four
        assert!(found < 8.0, "{one} {other}: {found} deviations");
    }
    Ok(())
}

/// One atom moved scatters the same into the same angles, so that a vibrating one is its still image blurred by the density
/// of its displacements. A light atom, for one whose transmission function the pixels do not resolve is another between them.
#[test]
fn a_vibrating_atom_is_its_still_image_blurred_by_its_displacements() -> Result<()> {
    let displacement = 0.15;
    let middle = 4.0;
    let carbon = [("C", middle, middle, 1.0)];
    let structure = specimen(&carbon, displacement)?;
    let places = [0.0, 0.3, 0.6, 0.9, 1.3].map(|x| Point::new(middle, middle + x));
    let configurations = 600;
    let found = scan(&simulation(&structure, frozen(configurations, 3))?, &places)?;
    let (still, step) = (simulation(&structure, AtomicMotion::Still)?, 0.075);
    let offsets: Vec<f64> = (-8..=8).map(|n| f64::from(n) * step).collect();
    for (place, found) in places.iter().zip(found) {
        let shifted: Vec<Point> = (offsets.iter())
            .flat_map(|y| offsets.iter().map(move |x| *place + Point::new(*y, *x)))
            .collect();
        let weights: Vec<f64> = (offsets.iter())
            .flat_map(|y| offsets.iter().map(move |x| y * y + x * x))
            .map(|square| (-0.5 * square / displacement.powi(2)).exp())
            .collect();
        let image = scan(&still, &shifted)?;
        let total: f64 = weights.iter().sum();
        let moment = |power: i32| {
            let terms = image.iter().zip(&weights);
            terms.map(|(v, w)| v.powi(power) * w).sum::<f64>() / total
        };
        let (blurred, deviation) = (moment(1), (moment(2) - moment(1).powi(2)).sqrt());
        let allowed = 4.0 * deviation / (configurations as f64).sqrt() + 5e-3 * blurred;
        println!("{place:?}: {found:.6}, {blurred:.6} by the blur, within {allowed:.6}");
        assert!((found - blurred).abs() < allowed, "{found} {blurred}");
    }
    Ok(())
}

/// ⟨exp iσv⟩ = exp iσ⟨v⟩ to first order in σv: the coherent wave of vibrating atoms is that of the blurred potential, and its
/// distance from it falls with the square of the interaction.
#[test]
fn the_average_wave_is_that_of_the_blurred_potential() -> Result<()> {
    let light = [
        ("H", 2.0, 2.0, 0.5),
        ("H", 5.0, 3.0, 0.5),
        ("H", 4.0, 6.5, 0.5),
    ];
    let structure = specimen(&light, 0.12)?;
    let blurred = simulation(&structure, AtomicMotion::DebyeWaller)?.plane_wave()?;
    let configurations = 400;
    let waves = simulation(&structure, frozen(configurations, 8))?.plane_wave()?;
    let still = simulation(&structure, AtomicMotion::Still)?.plane_wave()?;
    let wide = |z: &rustfft::num_complex::Complex32| Complex64::new(z.re.into(), z.im.into());
    let mut sums = [0.0; 3];
    for (index, expected) in blurred.indexed_iter() {
        let (_, exit, row, column) = index;
        let at = |n: usize| wide(&waves[[n, exit, row, column]]);
        let mean = (0..configurations).map(at).sum::<Complex64>() / configurations as f64;
        let expected = wide(expected);
        let variance = (0..configurations)
            .map(|n| (at(n) - mean).norm_sqr())
            .sum::<f64>();
        sums[0] += (mean - expected).norm_sqr();
        sums[1] += variance / (configurations as f64).powi(2);
        sums[2] += (wide(&still[index]) - expected).norm_sqr();
    }
    let [error, chance, without] = sums.map(f64::sqrt);
    println!(
        "{error:.2e} from the blurred potential, {chance:.2e} by chance; still atoms {without:.2e}"
    );
    assert!(error < 2.0 * chance, "{error} {chance}");
    assert!(without > 5.0 * error, "{without} {error}");
    Ok(())
}
