//! Material files: what they say, what is refused, and that the specimens of their trials are what they claim to be.

use dosewise::stem::library::{Frame, Imaging, Progress};
use dosewise::stem::{AtomicMotion, Multislice, PlacedAtom, Sampling, Structure};
use dosewise::units::{Point, Seed};
use dosewise::world::material::{Column, Definition, Extent, Material, Piece};
use nalgebra::{Vector2, Vector3};
use ndarray::Array2;
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
        (
            "window = 2.0",
            "window = 2.0\nsmeared = 9.0",
            "computation.smeared",
        ),
        (
            "window = 2.0",
            "window = 2.0\nsmeared = 0.1\nphonons = 2",
            "computation.smeared",
        ),
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
    let column = |kind, atoms| Column {
        kind,
        atoms,
        place: Vector2::new(1.0, 2.0),
    };
    let exits: Vec<usize> = (1..=tallest)
        .map(|n| gold.single(&column(1, n)).unwrap().thickness)
        .collect();
    assert!(exits.is_sorted() && exits.len() == tallest);
    assert!(gold.single(&column(1, tallest + 1)).is_none() && gold.single(&column(2, 1)).is_none());
    let behind = gold.support(Point::new(0.0, 0.0)).unwrap();
    assert!(behind.thickness > exits[tallest - 1]);
    assert!(gold.pieces(&[column(0, tallest + 1)]).is_err());
}

/// In [110] a column has two neighbours along the edge of 2.88 Å and four at 2.50 Å; what a pair does ends with the
/// shorter column, stands midway, and is found from either side, also where the crystal is strained.
#[test]
fn neighbours_are_found_from_either_side() {
    let gold = Material::load("worlds/materials/gold.toml").unwrap();
    let mut found: Vec<f64> = (gold.neighbours().iter())
        .map(|n| n.offset.norm())
        .collect();
    found.sort_by(f64::total_cmp);
    let (edge, diagonal) = (4.078 / 2f64.sqrt(), 0.5 * 4.078 * 1.5f64.sqrt());
    let expected = [diagonal, diagonal, diagonal, diagonal, edge, edge];
    assert!(
        found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-9),
        "{found:?}"
    );
    let columns = gold.half_ellipsoid(12.0);
    let mut pairs = 0;
    for (number, column) in columns.iter().enumerate() {
        for other in &columns[..number] {
            let piece = gold.pair(column, other);
            assert_eq!(piece, gold.pair(other, column));
            let Some(piece) = piece else { continue };
            assert_eq!(piece.thickness + 1, column.atoms.min(other.atoms));
            let middle = 0.5 * (column.place + other.place);
            assert!((piece.place.x - middle.x).hypot(piece.place.y - middle.y) < 1e-9);
            let apart = (column.place - other.place).norm();
            assert!(apart < edge + 1e-9, "{apart}");
            pairs += 1;
        }
    }
    // every pair within reach is one of them, and the parts of the pieces add up to the whole
    let near = |a: &Column, b: &Column| (a.place - b.place).norm() < edge + 1e-9;
    let within = |n: usize| columns[..n].iter().filter(|o| near(o, &columns[n])).count();
    assert_eq!(pairs, (0..columns.len()).map(within).sum::<usize>());
    assert_eq!(gold.pieces(&columns).unwrap().len(), columns.len() + pairs);
    let of_each: usize = (0..columns.len())
        .map(|n| gold.pieces_of(&columns, n).len())
        .sum();
    assert_eq!(of_each, columns.len() + 2 * pairs);
    let mut strained = columns.clone();
    for column in &mut strained {
        column.place.x *= 1.03;
    }
    assert_eq!(gold.pieces(&strained).unwrap().len(), columns.len() + pairs);
}

/// Atoms of gold can be counted: each adds to the signal of a column, at its peak and in all.
#[test]
fn each_atom_of_gold_adds_to_the_signal() {
    let gold = Material::load("worlds/materials/gold.toml").unwrap();
    let library = gold.shipped_library().unwrap();
    let tallest = gold.definition().columns.as_ref().unwrap().tallest;
    let signals: Vec<[f64; 2]> = (0..tallest)
        .map(|thickness| {
            let response = (library.response(0, thickness, &Imaging::default())).unwrap();
            let kernel = response.island(0).unwrap();
            [kernel.at(0.0, 0.0), kernel.integral()]
        })
        .collect();
    println!("{signals:.4?}");
    let rises = |n: usize, of: usize| signals[n][of] / signals[n - 1][of];
    assert!(
        (1..tallest).all(|n| rises(n, 0) > 1.05 && rises(n, 1) > 1.05),
        "{signals:?}"
    );
}

const PARTICLE: &str = r#"
schema = 1
name = "tiny"
title = "a test"
crystal = "tiny.cif"
[specimen]
zone = [0, 0, 1]
right = [1, 0, 0]
cells = 1
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
slice_thickness = 1.6
least_box = 9.0
window = 6.0
smeared = 0.05
[columns]
element = "Ni"
tallest = 2
neighbours = 3.21
"#;

/// Two columns beside one another are what multislice makes of them, since the pair is in the library; both alone are not.
/// A map of differences, kept up to date by pieces, is the image anew.
#[test]
fn a_pair_of_columns_is_exact() {
    let (folder, material) = material(PARTICLE);
    let material = material.unwrap();
    let library = material.library(folder.path(), &mut go).unwrap();
    assert_eq!(material.neighbours().len(), 2);
    let at = |x: f64, y: f64, atoms: usize| Column {
        kind: 0,
        atoms,
        place: Vector2::new(x, y),
    };
    let columns = [at(7.4, 9.0, 2), at(10.6, 9.0, 2)];
    let frame = Frame {
        origin: Point::new(6.0, 6.4),
        rows: 6,
        columns: 9,
        pixel: 0.8,
    };
    let image = |columns: &[Column]| {
        (material.particle_image(&library, 0, &Imaging::default(), columns, &[], frame)).unwrap()
    };
    let assembled = image(&columns);
    let single = |column: &Column| image(std::slice::from_ref(column));
    let apart = single(&columns[0]) + single(&columns[1]);

    let height = material.recipe().cell().extent().z;
    let own = material.recipe().islands()[0].atoms().to_vec();
    let atoms = columns.iter().flat_map(|column| {
        own.iter().map(|atom| PlacedAtom {
            position: atom.position + column.place.push(0.0),
            ..*atom
        })
    });
    // in the box of the islands, which holds as many plane waves
    let structure = Structure::new(Vector3::new(18.0, 18.0, height), atoms.collect()).unwrap();
    let recipe = material.recipe();
    let probe = recipe.probe();
    let simulation = Multislice::new(&structure, probe.beam(), Sampling::Pixel(0.2))
        .unwrap()
        .slice_thickness(1.6)
        .motion(AtomicMotion::DebyeWaller)
        .build()
        .unwrap();
    let places: Vec<Point> = (0..frame.rows * frame.columns)
        .map(|n| frame.place(n / frame.columns, n % frame.columns))
        .collect();
    let truth = (simulation.scan(probe, &places, recipe.detectors())).unwrap();
    let truth: Vec<f64> = (0..places.len()).map(|n| truth[[0, 0, n]]).collect();
    let range = truth.iter().copied().fold(0.0, f64::max);
    let worst = |image: &Array2<f64>| {
        let errors = image.iter().zip(&truth).map(|(a, b)| (a - b).abs() / range);
        errors.fold(0.0, f64::max)
    };
    let (with, without) = (worst(&assembled), worst(&apart));
    assert!(with < 1e-3 && with < 0.1 * without, "{with} {without}");

    let response = |piece: &Piece| {
        let response = (library.response(0, piece.thickness, &Imaging::default())).unwrap();
        let kernel = response.island(piece.island).unwrap().clone();
        let place = piece.place;
        Array2::from_shape_fn((frame.rows, frame.columns), |(row, column)| {
            let at = frame.place(row, column) - place;
            kernel.at(at.y, at.x)
        })
    };
    let shorter = [columns[0], at(10.6, 9.0, 1)];
    let mut kept = assembled;
    for piece in material.pieces_of(&columns, 1) {
        kept -= &response(&piece);
    }
    for piece in material.pieces_of(&shorter, 1) {
        kept += &response(&piece);
    }
    let change = (&kept - &image(&shorter)).mapv(f64::abs);
    assert!(change.iter().all(|d| *d < 1e-12 * range));
}

/// A shipped library is found before any folder is looked at, and held against what the material gives.
#[test]
fn a_shipped_library_is_found_first() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("materials");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("tiny.cif"), CRYSTAL).unwrap();
    let file = folder.join("tiny.toml");
    std::fs::write(&file, MATERIAL).unwrap();
    let material = Material::load(&file).unwrap();
    let stop = &mut |_: Progress| ControlFlow::Break(());
    assert!(material.shipped_library().is_none());
    assert!(material.is_shipped_as_built(stop).is_err());
    let shipped = root.path().join("libraries");
    let library = material.rebuild_library(&shipped, &mut go).unwrap();
    let elsewhere = root.path().join("elsewhere");
    assert_eq!(material.library(&elsewhere, stop).unwrap(), library);
    assert!(!elsewhere.exists());
    assert!(material.is_shipped_as_built(&mut go).unwrap());
    let mut bytes = library.to_bytes();
    bytes[300] ^= 1;
    std::fs::write(material.shipped_file(), bytes).unwrap();
    assert!(material.shipped_library().is_none());
    assert!(!material.is_shipped_as_built(&mut go).unwrap());
}

/// Each material of the worlds has its library with it, there is no other, and all are small.
#[test]
fn the_libraries_of_the_worlds_are_shipped() {
    let mut shipped = Vec::new();
    for entry in std::fs::read_dir("worlds/materials").unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|kind| kind == "toml") {
            let material = Material::load(&file).unwrap();
            assert!(material.shipped_library().is_some(), "{}", file.display());
            shipped.push(material.shipped_file().file_name().unwrap().to_owned());
        }
    }
    let mut size = 0;
    for entry in std::fs::read_dir("worlds/libraries").unwrap() {
        let entry = entry.unwrap();
        assert!(
            shipped.contains(&entry.file_name()),
            "{:?}",
            entry.file_name()
        );
        size += entry.metadata().unwrap().len();
    }
    assert!(size <= 5_000_000, "{size}");
}
