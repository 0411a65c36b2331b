//! Beam constants, scattering factors and cross-sections against values computed elsewhere
//! (`tests/reference/stem_scattering.py`).

use dosewise::stem::{Beam, ScatteringFactor, constants};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/stem_scattering.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    let error = (found / expected - 1.0).abs();
    assert!(
        error < tolerance,
        "found {found}, expected {expected}, error {error:e}"
    );
}

fn factor(case: &Value) -> ScatteringFactor {
    ScatteringFactor::lobato(case["symbol"].as_str().unwrap().parse().unwrap())
}

#[test]
fn beams_agree_with_decimal_arithmetic() {
    for case in items(&reference(), "beams") {
        let beam = Beam::new(case["energy_kev"].as_f64().unwrap()).unwrap();
        close(
            beam.wavelength(),
            case["wavelength"].as_f64().unwrap(),
            1e-13,
        );
        close(
            beam.interaction(),
            case["interaction"].as_f64().unwrap(),
            1e-13,
        );
        close(beam.gamma(), case["gamma"].as_f64().unwrap(), 1e-13);
        close(beam.beta(), case["beta"].as_f64().unwrap(), 1e-13);
    }
}

#[test]
fn beams_agree_with_the_printed_table() {
    for (energy, wavelength, interaction, beta) in [
        (60.0, 0.0486606, 1.135691e-3, 0.44622),
        (80.0, 0.0417572, 1.008707e-3, 0.50240),
        (100.0, 0.0370144, 9.243958e-4, 0.54822),
        (200.0, 0.0250793, 7.288401e-4, 0.69531),
        (300.0, 0.0196875, 6.526161e-4, 0.77653),
    ] {
        let beam = Beam::new(energy).unwrap();
        assert!((beam.wavelength() - wavelength).abs() < 0.5001e-7);
        assert!((beam.interaction() - interaction).abs() < 0.6e-9);
        assert!((beam.beta() - beta).abs() < 0.5001e-5);
    }
}

#[test]
fn scattering_factors_and_potentials_agree_with_scipy() {
    let reference = reference();
    close(
        constants::POTENTIAL,
        reference["potential_constant"].as_f64().unwrap(),
        1e-14,
    );
    let radii = numbers(&reference["radii"]);
    let frequencies = numbers(&reference["frequencies"]);
    for case in items(&reference, "atoms") {
        let factor = factor(case);
        for (&k, expected) in frequencies.iter().zip(numbers(&case["amplitude"])) {
            close(factor.amplitude(k), expected, 1e-13);
        }
        for (&r, expected) in radii.iter().zip(numbers(&case["potential"])) {
            close(factor.projected_potential(r), expected, 1e-11);
        }
    }
}

#[test]
fn potentials_agree_with_abtem() {
    let reference = reference();
    let radii = numbers(&reference["radii"]);
    for case in items(&reference, "atoms") {
        let factor = factor(case);
        for (&r, expected) in radii.iter().zip(numbers(&case["abtem_potential"])) {
            close(factor.projected_potential(r), expected, 1e-7);
        }
    }
}

#[test]
fn cross_sections_agree_with_adaptive_quadrature() {
    for case in items(&reference(), "cross_sections") {
        let number = |key: &str| case[key].as_f64().unwrap();
        let beam = Beam::new(number("energy_kev")).unwrap();
        let found = factor(case)
            .cross_section(beam, number("inner_mrad"), number("outer_mrad"))
            .unwrap();
        close(found, number("cross_section"), 1e-11);
    }
}

#[test]
fn haadf_cross_sections_of_the_mos2_world() {
    let beam = Beam::new(80.0).unwrap();
    for (symbol, expected, half_digit) in [
        ("S", 0.00449, 0.5e-5),
        ("Mo", 0.02519, 0.5e-5),
        ("W", 0.0689, 0.5e-4),
    ] {
        let factor = ScatteringFactor::lobato(symbol.parse().unwrap());
        let found = factor.cross_section(beam, 60.0, 180.0).unwrap();
        assert!((found - expected).abs() < half_digit, "{symbol}: {found}");
    }
    let molybdenum = ScatteringFactor::lobato("Mo".parse().unwrap());
    assert!((molybdenum.amplitude(0.0) - 10.854).abs() < 0.5e-3);
}
