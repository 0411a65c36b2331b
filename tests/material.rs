//! Material files: what they say, what is refused, and that the specimens of their trials are what they claim to be.

use dosewise::stem::library::Progress;
use dosewise::units::Seed;
use dosewise::world::material::{Definition, Extent, Material};
use std::ops::ControlFlow;

const CRYSTAL: &str = "data_po\n_cell_length_a 3.2\n_cell_length_b 3.2\n_cell_length_c 3.2\n_cell_angle_alpha 90\n\
    _cell_angle_beta 90\n_cell_angle_gamma 90\nloop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y \
    _atom_site_fract_z\nNi1 0 0 0.5\nO1 0.5 0.5 0.5\n";

const MATERIAL: &str = r#"
schema = 1
name = "tiny"
title = "a test"
crystal = "tiny.cif"
[specimen]
zone = [0, 0, 1]
right = [1, 0, 0]
cells = 2
state = "oxide"
[beam]
energy_kev = 200.0
semiangle_mrad = 15.0
[[detector]]
name = "ADF"
inner_mrad = 20.0
outer_mrad = 40.0
[computation]
pixel = 0.2
slice_thickness = 3.2
least_box = 9.0
window = 2.0
[[state]]
name = "metal"
filled = { O = 0.0 }
[[defect]]
name = "V_O"
element = "O"
change = "removed"
[[trial]]
name = "no boundary"
level = 1
boundary = { states = ["oxide", "oxide"] }
[[trial]]
name = "fault"
level = 2
boundary = { states = ["oxide", "metal"], shift = [0.5, 0.5], same_plane = true }
"#;

fn go(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A folder with the crystal, and the material of a file with these words.
fn material(text: &str) -> (tempfile::TempDir, dosewise::Result<Material>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.cif"), CRYSTAL).unwrap();
    let file = folder.path().join("tiny.toml");
    std::fs::write(&file, text).unwrap();
    let material = Material::load(file);
    (folder, material)
}

#[test]
fn the_materials_of_the_worlds_are_sound() {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir("worlds/materials").unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|kind| kind != "toml") {
            continue;
        }
        let material = Material::load(file).unwrap();
        let definition = material.definition();
        assert!(!definition.trial.is_empty(), "{}", definition.name);
        keys.push(material.recipe().key());
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn refusals_name_the_key() {
    for (from, to, named) in [
        ("cells = 2", "cells = 0", "specimen.cells"),
        ("zone = [0, 0, 1]", "zone = [0, 0, 0]", "specimen.zone"),
        ("pixel = 0.2", "pixel = nan", "computation.pixel"),
        ("pixel = 0.2", "pixels = 0.2", "computation.pixels"),
        ("energy_kev = 200.0", "energy_kev = -1.0", "beam.energy_kev"),
        ("outer_mrad = 40.0", "outer_mrad = 4.0", "detector[0]"),
        ("element = \"O\"", "element = \"Au\"", "defect[0].element"),
        ("element = \"O\"", "element = \"Qq\"", "defect[0].element"),
        (
            "filled = { O = 0.0 }",
            "filled = { O = 2.0 }",
            "state[0].filled.O",
        ),
        ("name = \"metal\"", "name = \"oxide\"", "state"),
        (
            "\"oxide\", \"metal\"]",
            "\"oxide\", \"wood\"]",
            "trial[1].boundary.states",
        ),
        ("level = 2", "level = 4", "trial[1].level"),
        ("schema = 1", "schema = 2", "schema"),
        ("name = \"tiny\"", "name = \"a b\"", "name"),
    ] {
        assert!(MATERIAL.contains(from), "{from}");
        let message = material(&MATERIAL.replacen(from, to, 1))
            .1
            .unwrap_err()
            .to_string();
        let key = message.replace('[', ".").replace(']', ""); // either way of writing an index
        let wanted = named.replace('[', ".").replace(']', "");
        assert!(key.contains(&wanted), "{to}: {message}");
    }
    let error = Definition::parse("schema = ", "m.toml")
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 1"), "{error}");
}

#[test]
fn a_library_is_kept_under_its_key_and_rebuilt_byte_by_byte() {
    let (folder, material) = material(MATERIAL);
    let material = material.unwrap();
    let library = material.library(folder.path(), &mut go).unwrap();
    let file = material.library_file(folder.path());
    let bytes = std::fs::read(&file).unwrap();
    // found again without a single probe, rebuilt where the file is damaged
    let stop = &mut |_: Progress| ControlFlow::Break(());
    assert_eq!(material.library(folder.path(), stop).unwrap(), library);
    std::fs::write(&file, &bytes[..100]).unwrap();
    assert!(material.library(folder.path(), stop).is_err());
    material.library(folder.path(), &mut go).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

/// A boundary between a state and itself is the perfect crystal, so that nothing but rounding and the size of the box is
/// left; a fault puts real atoms where the scene says.
#[test]
fn boundaries_are_where_they_are_said_to_be() {
    let (folder, material) = material(MATERIAL);
    let material = material.unwrap();
    let library = material.library(folder.path(), &mut go).unwrap();
    let extent = Extent {
        patches: 1,
        side: 6,
        step: 0.9,
        seed: Seed(2),
    };
    let trials = &material.definition().trial;
    let rms = |number: usize| {
        let rows = material.try_out(&library, &trials[number], extent, &mut go);
        let rows: Vec<_> = rows.unwrap();
        assert_eq!((rows.len(), rows[0].detector.as_str()), (1, "ADF"));
        rows[0].deviation.rms
    };
    assert!(rms(0) < 0.01, "{}", rms(0));
    assert!(rms(1) < 0.05, "{}", rms(1));
    let mut awry = trials[1].clone();
    awry.boundary.as_mut().unwrap().shift[0] = 0.3;
    let error = material
        .try_out(&library, &awry, extent, &mut go)
        .unwrap_err();
    assert!(error.to_string().contains("boundary.shift"), "{error}");
}

/// The half ellipsoid is as tall as its tallest column and has as many columns as its face has cells.
#[test]
fn a_particle_has_the_columns_of_its_shape() {
    let gold = Material::load("worlds/materials/gold.toml").unwrap();
    let tallest = gold.definition().columns.as_ref().unwrap().tallest;
    let radius = 12.0;
    let columns = gold.half_ellipsoid(radius);
    assert!(columns.iter().all(|column| column.place.norm() <= radius));
    let heights: Vec<usize> = columns.iter().map(|column| column.atoms).collect();
    assert_eq!(heights.iter().max(), Some(&tallest));
    // two columns in each 4.078 × 2.884 Å; those without an atom are left out at the rim
    let expected = std::f64::consts::PI * radius * radius * 2.0 / (4.078 * 4.078 / 2f64.sqrt());
    assert!(
        (columns.len() as f64 / expected - 1.0).abs() < 0.1,
        "{}",
        columns.len()
    );
    // atoms: two thirds of the cylinder that the half ellipsoid stands in
    let atoms: usize = heights.iter().sum();
    let volume = 2.0 / 3.0 * expected * tallest as f64;
    assert!(
        (atoms as f64 / volume - 1.0).abs() < 0.05,
        "{atoms} {volume}"
    );
    // one more atom is one exit further down, and the support is behind them all
    let exits: Vec<usize> = (1..=tallest)
        .map(|n| gold.thickness(1, n).unwrap())
        .collect();
    assert!(exits.is_sorted() && gold.thickness(1, tallest + 1).is_none());
    assert!(gold.support().unwrap().1 > exits[tallest - 1]);
}
