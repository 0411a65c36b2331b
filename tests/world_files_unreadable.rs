//! World files and crystals that cannot be read at all: missing, cut off, garbled, or not TOML.

use dosewise::prelude::*;
use dosewise::world::Definition;
use proptest::prelude::*;
use std::path::Path;

const FILE: &str = "worlds/some-world.toml";

fn text(level: u8) -> String {
    std::fs::read_to_string(format!("worlds/mos2-l{level}.toml")).unwrap()
}

#[test]
fn crystals_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("w.toml");
    std::fs::create_dir(folder.path().join("crystals")).unwrap();
    let cif = folder.path().join("crystals/mos2_monolayer.cif");
    std::fs::write(&world, text(2)).unwrap();
    match World::load(&world) {
        Err(Error::Io { file, .. }) => assert_eq!(file, cif),
        other => panic!("{other:?}"),
    }
    let whole = std::fs::read("worlds/crystals/mos2_monolayer.cif").unwrap();
    let mut readable = 0;
    for length in (0..whole.len()).step_by(83) {
        std::fs::write(&cif, &whole[..length]).unwrap();
        match Definition::load(&world).and_then(|_| dosewise::stem::Crystal::read_cif(&cif)) {
            Err(Error::Parse { file, allowed, .. }) => {
                assert_eq!(file, cif);
                assert!(!allowed.is_empty());
            }
            Ok(_) => readable += 1, // cut within the last row, which may still be complete
            Err(other) => panic!("cut at {length}: {other:?}"),
        }
    }
    assert!(readable <= 2, "{readable}");
    match World::load(folder.path().join("none.toml")) {
        Err(Error::Io { file, .. }) => assert!(file.ends_with("none.toml")),
        other => panic!("{other:?}"),
    }
    std::fs::write(&world, [0xFF, 0xFE, 0x00, 0x80]).unwrap();
    assert!(matches!(World::load(&world), Err(Error::Io { .. })));
}

#[test]
fn a_world_file_elsewhere_may_name_its_crystal_by_a_full_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("elsewhere.toml");
    let crystal = std::path::absolute("worlds/crystals/mos2_monolayer.cif").unwrap();
    let named = format!("crystal = {:?}", crystal.to_str().unwrap());
    let changed = text(2).replace("crystal = \"crystals/mos2_monolayer.cif\"", &named);
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
    for (number, broken) in [
        (0, "= 3"),
        (3, "schema == 1"),
        (11, "[field"),
        (12, "height = "),
        (20, "energy_kev = 8O"),
        (31, "]"),
    ] {
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
        Err(Error::Parse { line: 17.., .. })
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
