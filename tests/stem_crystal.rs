//! Crystals from CIF text against ASE (`tests/reference/stem_crystals.py`) and geometry, and what broken files do.

use dosewise::stem::{Cif, Crystal, columns};
use dosewise::units::Point;
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

fn mos2_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/crystals/mos2_monolayer.cif")
}

fn mos2() -> Crystal {
    Crystal::read_cif(mos2_path()).unwrap()
}

#[test]
fn symmetry_expansion_agrees_with_ase() {
    let cases: Value = serde_json::from_str(include_str!("reference/stem_crystals.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let title = case["title"].as_str().unwrap();
        let text = case["cif"].as_str().unwrap();
        let crystal = Crystal::parse_cif(text.as_bytes(), "fixture.cif").unwrap();
        let volume = case["volume"].as_f64().unwrap();
        assert!(
            (crystal.cell().volume() / volume - 1.0).abs() < 1e-12,
            "{title}"
        );
        let symbols = case["symbols"].as_array().unwrap();
        assert_eq!(crystal.sites().len(), symbols.len(), "{title}");
        for (symbol, place) in symbols.iter().zip(case["fractional"].as_array().unwrap()) {
            let place: Vec<f64> = place
                .as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_f64().unwrap())
                .collect();
            let place = nalgebra::Vector3::from_vec(place);
            let matches = crystal.sites().iter().filter(|site| {
                site.element.symbol() == symbol.as_str().unwrap()
                    && crystal.cell().distance(site.fractional, place) < 1e-4
            });
            assert_eq!(matches.count(), 1, "{title}: {symbol} at {place}");
        }
    }
}

#[test]
fn mos2_cell_holds_one_molybdenum_and_two_sulfur() {
    let crystal = mos2();
    let symbols: Vec<&str> = crystal.sites().iter().map(|s| s.element.symbol()).collect();
    assert_eq!(symbols, ["Mo", "S", "S"]);
    assert!((crystal.sites()[0].rms_displacement.unwrap() - 0.075).abs() < 1e-12);
    assert!((crystal.sites()[1].rms_displacement.unwrap() - 0.083).abs() < 1e-12);
}

#[test]
fn mos2_field_has_the_lattice_density_and_spacing() {
    let crystal = mos2();
    let a = 3.16;
    let (height, width) = (150.0, 200.0);
    for (rotation, origin) in [(0.0, Point::default()), (0.31, Point::new(40.0, -7.0))] {
        let atoms = crystal
            .atoms_in_field(height, width, rotation, origin)
            .unwrap();
        let columns = columns(&atoms, 0.2).unwrap();
        let expected = 2.0 / (a * a * 60f64.to_radians().sin());
        let density = columns.len() as f64 / (height * width);
        // an edge along the lattice rows may hold or miss one row of about 110; whole cells are exact, see below
        assert!(
            (density / expected - 1.0).abs() < 0.01,
            "{density} {expected}"
        );
        for column in &columns {
            let first = &atoms[column.atoms[0]];
            let count = if first.element.symbol() == "S" { 2 } else { 1 };
            assert_eq!(column.atoms.len(), count);
            if count == 2 {
                let spacing = atoms[column.atoms[1]].z - first.z;
                assert!((spacing - 3.13).abs() < 1e-9);
            }
        }
        // a Mo column in the middle: three S columns at a/√3
        let middle = Point::new(0.5 * height, 0.5 * width);
        let molybdenum = columns
            .iter()
            .filter(|c| c.atoms.len() == 1)
            .min_by(|c, d| {
                let distance = |c: &dosewise::stem::Column| c.position.distance(middle);
                distance(c).total_cmp(&distance(d))
            })
            .unwrap();
        let mut others: Vec<f64> = columns
            .iter()
            .map(|c| c.position.distance(molybdenum.position))
            .collect();
        others.sort_by(f64::total_cmp);
        for distance in &others[1..4] {
            assert!((distance - a / 3f64.sqrt()).abs() < 1e-9, "{distance}");
        }
        assert!((others[4] - a).abs() < 1e-9);
    }
}

#[test]
fn whole_cells_hold_a_whole_number_of_atoms() {
    // the rectangular cell of the hexagonal lattice is a × a√3 and holds two formula units
    let (nx, ny) = (7.0, 4.0);
    let (height, width) = (ny * 3.16 * 3f64.sqrt(), nx * 3.16);
    for origin in [Point::default(), Point::new(0.77, 1.23)] {
        let atoms = mos2().atoms_in_field(height, width, 0.0, origin).unwrap();
        assert_eq!(atoms.len(), (nx * ny) as usize * 6);
        assert_eq!(
            atoms,
            mos2().atoms_in_field(height, width, 0.0, origin).unwrap()
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    let message = Crystal::read_cif("no/such/crystal.cif")
        .unwrap_err()
        .to_string();
    assert!(message.contains("crystal.cif"), "{message}");
}

#[test]
fn every_truncation_of_a_file_is_an_error_or_a_crystal() {
    let bytes = std::fs::read(mos2_path()).unwrap();
    let mut accepted = 0;
    for end in 0..bytes.len() {
        match Crystal::parse_cif(&bytes[..end], "cut.cif") {
            Ok(crystal) => {
                accepted += 1;
                assert!(!crystal.sites().is_empty());
            }
            Err(error) => assert!(error.to_string().starts_with("cut.cif, line ")),
        }
    }
    // a cut can go unnoticed only where a whole row stands: after either atom, or inside its last number
    assert!(accepted < 25, "{accepted}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Cif::parse(&bytes, "noise.cif");
        let _ = Crystal::parse_cif(&bytes, "noise.cif");
    }

    #[test]
    fn arbitrary_words_of_the_format_never_panic(
        words in prop::collection::vec(
            prop_oneof![
                Just("data_x\n"), Just("loop_\n"), Just("_a "), Just("_b\n"), Just("'q' "), Just("'"), Just("\""),
                Just("\n;"), Just("# c"), Just("1.0(2) "), Just("? "), Just(". "), Just("\n"), Just(" "),
                Just("_cell_length_a "), Just("_atom_site_fract_x "), Just("x,y,z "), Just("\r"), Just("é "),
            ],
            0..60,
        )
    ) {
        let _ = Crystal::parse_cif(words.concat().as_bytes(), "words.cif");
    }

    #[test]
    fn arbitrary_damage_to_a_valid_file_never_panics(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(mos2_path()).unwrap();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        let _ = Crystal::parse_cif(&bytes, "damaged.cif");
    }

    #[test]
    fn fields_keep_to_their_rectangle(
        height in 1.0..60.0f64, width in 1.0..60.0f64, rotation in -7.0..7.0f64, y in -50.0..50.0f64, x in -50.0..50.0f64,
    ) {
        let crystal = mos2();
        let atoms = crystal.atoms_in_field(height, width, rotation, Point::new(y, x)).unwrap();
        for atom in &atoms {
            prop_assert!(atom.position.y > -1e-6 && atom.position.y < height);
            prop_assert!(atom.position.x > -1e-6 && atom.position.x < width);
        }
        // a larger window around the same field holds the same atoms, and no other inside it
        let shift = Point::new(30.0, 30.0);
        let around = crystal
            .atoms_in_field(height + 60.0, width + 60.0, rotation, Point::new(y, x) + shift)
            .unwrap();
        let clear = |v: f64, length: f64| v > 1e-6 && v < length - 1e-6;
        let inside = around.iter().filter(|atom| {
            let p = atom.position - shift;
            clear(p.y, height) && clear(p.x, width)
        });
        let count = atoms.iter().filter(|a| clear(a.position.y, height) && clear(a.position.x, width));
        prop_assert_eq!(inside.count(), count.count());
    }
}
