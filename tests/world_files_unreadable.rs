//! World files, materials and crystals that cannot be read at all: missing, cut off, garbled, or not TOML.

use dosewise::prelude::*;
use dosewise::world::Definition;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

const FILE: &str = "worlds/some-world.toml";

fn text(level: u8) -> String {
    std::fs::read_to_string(format!("worlds/mos2-l{level}.toml")).unwrap()
}

/// A folder with a world, and beside it the material and the crystal as they stand to one another in `worlds`.
fn copied() -> (tempfile::TempDir, [PathBuf; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let parts = [
        "mos2-l2.toml",
        "materials/mos2.toml",
        "crystals/mos2_monolayer.cif",
    ];
    let files = parts.map(|part| {
        let file = folder.path().join(part);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(Path::new("worlds").join(part), &file).unwrap();
        file
    });
    (folder, files)
}

/// Whether two names are of one file, one of which may go through a folder and back.
fn is_same(named: &Path, file: &Path) -> bool {
    let folder = |path: &Path| path.parent().unwrap().canonicalize().unwrap();
    folder(named) == folder(file) && named.file_name() == file.file_name()
}

#[test]
fn worlds_materials_and_crystals_that_are_missing_are_named() {
    for missing in 0..3 {
        let (_folder, files) = copied();
        std::fs::remove_file(&files[missing]).unwrap();
        match World::load(&files[0]) {
            Err(Error::Io { file, .. }) => {
                assert!(is_same(&file, &files[missing]), "{}", file.display());
            }
            other => panic!("{missing}: {other:?}"),
        }
    }
}

#[test]
fn crystals_that_are_cut_off_are_named() {
    let (_folder, [world, _, cif]) = copied();
    let whole = std::fs::read(&cif).unwrap();
    let mut readable = 0;
    for length in (0..whole.len()).step_by(83) {
        std::fs::write(&cif, &whole[..length]).unwrap();
        match dosewise::stem::Crystal::read_cif(&cif) {
            Err(Error::Parse { file, allowed, .. }) => {
                assert_eq!(file, cif);
                assert!(!allowed.is_empty());
                match World::load(&world) {
                    Err(Error::Parse { file, .. }) => assert!(is_same(&file, &cif)),
                    other => panic!("cut at {length}: {other:?}"),
                }
            }
            Ok(_) => readable += 1, // cut within the last row, which may still be complete
            Err(other) => panic!("cut at {length}: {other:?}"),
        }
    }
    assert!(readable <= 2, "{readable}");
}

#[test]
fn what_is_not_text_or_not_toml_is_named() {
    for number in 0..2 {
        let (_folder, files) = copied();
        std::fs::write(&files[number], [0xFF, 0xFE, 0x00, 0x80]).unwrap();
        match World::load(&files[0]) {
            Err(Error::Io { file, .. }) => assert!(is_same(&file, &files[number])),
            other => panic!("{number}: {other:?}"),
        }
        std::fs::write(&files[number], "schema = 1\nname ==").unwrap();
        match World::load(&files[0]) {
            Err(Error::Parse { file, line: 2, .. }) => assert!(is_same(&file, &files[number])),
            other => panic!("{number}: {other:?}"),
        }
    }
}

#[test]
fn a_material_that_is_wrong_is_named_by_file_and_key() {
    let (_folder, [world, material, _]) = copied();
    let text = std::fs::read_to_string(&material).unwrap();
    let changed = text.replacen("energy_kev = 80.0", "energy_kev = -80.0", 1);
    assert_ne!(changed, text);
    std::fs::write(&material, changed).unwrap();
    match World::load(&world) {
        Err(Error::Config { file, key, .. }) => {
            assert!(is_same(&file, &material), "{}", file.display());
            assert_eq!(key, "beam.energy_kev");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_world_file_elsewhere_may_name_its_material_by_a_full_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("elsewhere.toml");
    let material = std::path::absolute("worlds/materials/mos2.toml").unwrap();
    let named = format!("material = {:?}", material.to_str().unwrap());
    let changed = text(2).replace("material = \"materials/mos2.toml\"", &named);
    assert_ne!(changed, text(2));
    std::fs::write(&file, changed).unwrap();
    let (here, there) = (
        World::load("worlds/mos2-l2.toml").unwrap(),
        World::load(&file).unwrap(),
    );
    assert_eq!(here.briefing().sites, there.briefing().sites);
}

#[test]
fn syntax_errors_name_their_line() {
    let lines: Vec<String> = text(2).lines().map(String::from).collect();
    for (line, broken) in [
        ("schema = 2", "schema == 2"),
        ("[field]", "[field"),
        ("height = 64.0", "height = "),
        ("dose = 1000.0", "dose = 1OOO"),
        ("[scan]", "]"),
    ] {
        let number = (lines.iter())
            .position(|l| l.split('#').next().unwrap().trim_end() == line)
            .unwrap();
        let mut changed = lines.clone();
        changed[number] = broken.into();
        match Definition::parse(&changed.join("\n"), FILE) {
            Err(Error::Parse {
                line, file, found, ..
            }) => {
                assert_eq!(
                    (line, file.as_path()),
                    (number + 1, Path::new(FILE)),
                    "{broken}: {found}"
                );
            }
            other => panic!("{broken}: {other:?}"),
        }
    }
    let twice = text(2).replace("[budget]", "[field]");
    assert!(matches!(
        Definition::parse(&twice, FILE),
        Err(Error::Parse { line: 12.., .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn broken_bytes_never_panic(level in 1_u8..=3, cut in 0.0..1.0_f64, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let mut bytes = text(level).into_bytes();
        let length = (cut * bytes.len() as f64) as usize;
        if flips.is_empty() {
            bytes.truncate(length);
        }
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = Definition::parse(&text, FILE) {
            prop_assert!(error.to_string().starts_with(FILE));
        }
    }
}
