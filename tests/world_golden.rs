//! Every shipped world gives the same specimens, counts and damage from release to release and on any number of threads.
//!
//! Hashes of what two seeds of each world show are kept in `tests/reference/world_golden.json`. A change of a world file, of a
//! library or of the simulator changes them, and with them every result that was ever reported: if it is meant, run
//!
//! ```text
//! DOSEWISE_BLESS=1 cargo test --test world_golden
//! ```
//!
//! which writes the file anew instead of comparing with it, and say in the commit what has changed.

use dosewise::prelude::*;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

const REFERENCE: &str = "tests/reference/world_golden.json";
const SEEDS: [u64; 2] = [1, 2026];
/// Pixel of the images, Å.
const PIXEL: f64 = 1.0;
/// What is less than this apart is the same: another library of elementary functions may round the last bit another way.
const RESOLUTION: f64 = 1e-7;

/// Hashes by world, seed and part.
type Hashes = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// The 64-bit FNV-1a hash (G. Fowler, L. C. Noll, K.-P. Vo, draft-eastlake-fnv) of values rounded to [`RESOLUTION`].
fn hash(values: impl IntoIterator<Item = f64>) -> String {
    let mut state = 0xCBF2_9CE4_8422_2325_u64;
    for value in values {
        for byte in ((value / RESOLUTION).round() as i64).to_le_bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    format!("{state:016x}")
}

fn worlds() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("worlds").unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let mut worlds: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|e| e == "toml"))
        .collect();
    worlds.sort();
    worlds
}

/// A rectangle and then three rounds of revisits, one in twenty of the budget's electrons together.
fn mixed(world: &World) -> Vec<Scan> {
    let briefing = world.briefing();
    let (height, width) = (0.5 * briefing.height, 0.5 * briefing.width);
    let budget = briefing.budget_electrons();
    let dose = Dose(0.04 * budget / (height * width));
    let corner = Point::new(0.3 * height, 0.6 * width);
    let rectangle = Scan::rectangle(corner, height, width, 1.0, dose).unwrap();
    let every = briefing.answers() / 16;
    let places: Vec<Point> = (0..16).map(|n| briefing.answer_place(n * every)).collect();
    let revisit = Scan::at(places, Dose(0.01 * budget / (3.0 * 16.0)));
    vec![rectangle, revisit.clone(), revisit.clone(), revisit]
}

fn parts(world: &World, seed: Seed) -> BTreeMap<String, String> {
    let before = world.episode(seed).into_image(PIXEL).unwrap();
    let run = || {
        let mut episode = world.episode(seed);
        let scans = mixed(world);
        let frames: Vec<Frame> = scans.iter().map(|s| episode.scan(s).unwrap()).collect();
        (episode, frames)
    };
    let (episode, frames) = run();
    assert!(frames.iter().any(|f| f.signal.iter().any(|s| *s > 0.5)));
    let outcome = episode.finish();
    let after = run().0.into_image(PIXEL).unwrap();
    let counts = frames.iter().flat_map(|f| f.signal.iter().copied());
    [
        ("image before", hash(before)),
        ("counts", hash(counts)),
        ("damaged fraction", hash([outcome.damaged_fraction])),
        ("image after", hash(after)),
    ]
    .map(|(part, hash)| (part.to_string(), hash))
    .into()
}

fn on(threads: usize, worlds: &[(String, World)]) -> Hashes {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let all = || {
        worlds
            .par_iter()
            .map(|(name, world)| {
                let of = |&seed: &u64| (seed.to_string(), parts(world, Seed(seed)));
                (name.clone(), SEEDS.par_iter().map(of).collect())
            })
            .collect()
    };
    pool.build().unwrap().install(all)
}

/// Names all that differs.
fn compare(found: &Hashes, expected: &Hashes) -> Vec<String> {
    let mut wrong = Vec::new();
    for (world, seeds) in found {
        for (seed, parts) in seeds {
            for (part, hash) in parts {
                let known = (expected.get(world))
                    .and_then(|seeds| seeds.get(seed))
                    .and_then(|parts| parts.get(part));
                if known != Some(hash) {
                    wrong.push(format!(
                        "{world}, seed {seed}, {part}: {hash}, was {known:?}"
                    ));
                }
            }
        }
    }
    let gone = expected.keys().filter(|world| !found.contains_key(*world));
    wrong.extend(gone.map(|world| format!("{world}: no such world any more")));
    wrong
}

#[test]
fn worlds_are_what_they_were_on_any_number_of_threads() {
    let named = worlds().into_iter().map(|file| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        (name, World::load(&file).unwrap())
    });
    let worlds: Vec<(String, World)> = named.collect();
    assert!(worlds.len() >= 15);
    let found = on(1, &worlds);
    let differs = compare(&on(2, &worlds), &found);
    assert!(differs.is_empty(), "on two threads: {differs:#?}");
    for (name, seeds) in &found {
        let images: Vec<_> = seeds.values().map(|parts| &parts["image before"]).collect();
        assert_ne!(images[0], images[1], "{name}: both seeds look alike");
    }
    if std::env::var_os("DOSEWISE_BLESS").is_some_and(|v| v == "1") {
        let text = serde_json::to_string_pretty(&found).unwrap();
        std::fs::write(REFERENCE, text + "\n").unwrap();
        return;
    }
    let text = std::fs::read_to_string(REFERENCE).unwrap();
    let wrong = compare(&found, &serde_json::from_str(&text).unwrap());
    assert!(
        wrong.is_empty(),
        "not what {REFERENCE} has (this file's header tells what to do): {wrong:#?}"
    );
}

#[test]
fn a_difference_is_named_by_world_seed_and_part() {
    let one = |hash: String| -> Hashes {
        let parts = BTreeMap::from([("counts".to_string(), hash)]);
        let seeds = BTreeMap::from([("1".to_string(), parts)]);
        BTreeMap::from([("mos2-l1".to_string(), seeds)])
    };
    // the published hash of no bytes at all
    assert_eq!(hash([]), "cbf29ce484222325");
    let image = || [0.25, 0.5, 1.0 / 3.0];
    let last_bit = image().map(f64::next_up);
    assert_eq!(hash(image()), hash(last_bit));
    let other = image().map(|v| v + 1e-6);
    assert!(compare(&one(hash(image())), &one(hash(image()))).is_empty());
    let wrong = compare(&one(hash(other)), &one(hash(image())));
    assert_eq!(wrong.len(), 1);
    assert!(
        wrong[0].starts_with("mos2-l1, seed 1, counts: "),
        "{wrong:?}"
    );
}
