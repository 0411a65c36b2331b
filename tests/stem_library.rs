//! Fields assembled from a library of responses against full multislice, and what must hold for any library.

use dosewise::stem::library::{
    Change, Deviation, Domain, Edit, Frame, Imaging, Island, Library, Motif, Recipe, Scene, Trial,
};
use dosewise::stem::{
    Aberrations, AnnularDetector, Beam, Coherence, Edges, Multislice, PlacedAtom, Sampling, Source,
    Structure,
};
use dosewise::units::{Point, Seed};
use dosewise::{Error, Result};
use nalgebra::Vector3;
use ndarray::Array2;
use std::ops::ControlFlow;
use std::sync::OnceLock;

const A: f64 = 3.16;
const LAYER: f64 = 3.13;

/// A rectangular cell of an MoS2 monolayer; atoms 1 and 2 are the upper and the lower S of one column.
fn monolayer() -> Structure {
    let b = A * 3f64.sqrt();
    let mut atoms = Vec::new();
    for (x, y) in [(0.0, 0.0), (A / 2.0, b / 2.0)] {
        let mut put = |symbol: &str, y: f64, z| {
            let place = Vector3::new(x, y % b, 1.0 + z);
            atoms.push(PlacedAtom::new(symbol.parse().unwrap(), place));
        };
        put("Mo", y, LAYER / 2.0);
        put("S", y + b * 2.0 / 3.0, 0.0);
        put("S", y + b * 2.0 / 3.0, LAYER);
    }
    Structure::new(Vector3::new(A, b, LAYER + 2.0), atoms).unwrap()
}

fn gone(atom: usize) -> Edit {
    Edit::new(atom, Change::Removed)
}

fn replaced(atom: usize, by: &str) -> Edit {
    Edit::new(atom, Change::Replaced(by.parse().unwrap()))
}

fn detectors() -> [AnnularDetector; 2] {
    [(60.0, 120.0), (0.0, 15.0)].map(|(inner, outer)| AnnularDetector::new(inner, outer).unwrap())
}

/// Coarse pixels and a small box, so that it is quick; the same on either side of each comparison.
fn recipe() -> Recipe {
    let tungsten = replaced(0, "W");
    let sulfur = PlacedAtom::new("S".parse().unwrap(), Vector3::new(0.0, 0.0, 1.0));
    let other = PlacedAtom {
        position: sulfur.position + Vector3::z() * LAYER,
        ..sulfur
    };
    Recipe::new(&monolayer(), Beam::new(80.0).unwrap(), 30.0, &detectors())
        .and_then(|r| r.pixel(0.11)?.least_box(15.0)?.window(5.0))
        .and_then(|r| r.motif(Motif::new("upper S missing", [gone(1)])))
        .and_then(|r| r.motif(Motif::new("W for Mo", [tungsten])))
        .and_then(|r| r.motif(Motif::new("both S missing", [gone(1), gone(2)])))
        .and_then(|r| r.motif(Motif::new("lower S missing", [gone(2)])))
        .and_then(|r| r.island(Island::new("S2", [sulfur, other])))
        .unwrap()
}

fn build(recipe: &Recipe) -> Library {
    recipe.build(&mut |_| ControlFlow::Continue(())).unwrap()
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| build(&recipe()))
}

fn deviation(trial: &Trial, detector: usize) -> Deviation {
    let patches = library().trial(trial, &mut |_| ControlFlow::Continue(()));
    Deviation::of(&patches.unwrap(), detector, 0).unwrap()
}

fn small() -> Trial {
    Trial {
        patches: 3,
        side: 9,
        step: 0.6,
        density: 0.08,
        ..Trial::default()
    }
}

fn image(domain: Domain<'_>, frame: Frame) -> Array2<f64> {
    let response = library().response(0, 0, &Imaging::default()).unwrap();
    let scene = Scene {
        domains: vec![domain],
        ..Scene::default()
    };
    response.image(&scene, frame).unwrap()
}

fn frame(y: f64, x: f64, size: usize, pixel: f64) -> Frame {
    Frame {
        origin: Point::new(y, x),
        rows: size,
        columns: size,
        pixel,
    }
}

fn largest(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0, |most: f64, d| most.max(d.abs()))
}

#[test]
fn random_defects_are_within_a_percent_of_multislice() {
    let found = deviation(&small(), 0);
    assert!(found.rms < 0.01, "{found:?}");
    let bright_field = deviation(&small(), 1);
    assert!(bright_field.rms < 0.05, "{bright_field:?}");
}

/// Nothing but rounding to 16 bits and the edge of the window is between them.
#[test]
fn a_lone_defect_and_a_known_pair_are_those_of_multislice() {
    for edits in [vec![gone(1)], vec![gone(1), gone(2)]] {
        let trial = Trial {
            density: 0.0,
            patches: 1,
            edits: edits.iter().map(|edit| edit.in_cell(2, 1)).collect(),
            ..small()
        };
        let found = deviation(&trial, 0);
        assert!(found.rms < 2e-3, "{found:?}");
    }
}

#[test]
fn strain_and_aberrations_keep_close_to_multislice() {
    let strained = deviation(
        &Trial {
            strain: [0.02, -0.015],
            ..small()
        },
        0,
    );
    assert!(strained.rms < 0.01, "{strained:?}");
    let aberrations = Aberrations::default()
        .with("C10", 30.0, 0.0)
        .and_then(|set| set.with("C21", 300.0, 0.7));
    let aberrated = deviation(
        &Trial {
            aberrations: Some(aberrations.unwrap()),
            ..small()
        },
        0,
    );
    assert!(aberrated.rms < 0.02, "{aberrated:?}");
}

/// The aberrations of the hardest worlds.
#[test]
fn a_library_for_any_aberrations_keeps_close_to_multislice() -> Result<()> {
    let aberrations = Aberrations::default()
        .with("C10", -60.0, 0.0)?
        .with("C12", 40.0, 0.4)?
        .with("C21", 1000.0, 1.0)?
        .with("C23", 500.0, 0.2)?
        .with("C30", 1e4, 0.0)?;
    let trial = Trial {
        density: 0.0,
        aberrations: Some(aberrations),
        ..small()
    };
    let plain = Recipe::new(&monolayer(), Beam::new(80.0)?, 30.0, &detectors()[..1])
        .and_then(|r| r.pixel(0.11)?.least_box(15.0))?;
    let error = |library: &Library| {
        let patches = library.trial(&trial, &mut |_| ControlFlow::Continue(()))?;
        Ok::<_, Error>(Deviation::of(&patches, 0, 0).unwrap().rms)
    };
    let library = build(&plain.clone().any_aberrations());
    let (found, without) = (error(&library)?, error(&build(&plain))?);
    println!("{found:.2e} of the range, {without:.2e} without");
    assert!(found < 0.01, "{found}");
    assert!(without > 1.8 * found, "{without} {found}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("library");
    library.save(&file)?;
    assert!(Library::load(&file)? == library);
    Ok(())
}

/// A turned crystal does not repeat in a box, so it is set into one that is large enough for its middle not to notice.
#[test]
fn a_turned_grain_is_that_of_multislice() -> Result<()> {
    let (angle, side) = (0.4_f64, 26.0);
    let middle = Point::new(side / 2.0, side / 2.0);
    let domain = Domain::default()
        .turned(angle)
        .at(middle)
        .edited(&[gone(1), replaced(3, "W")]);
    let mut atoms = Vec::new();
    for cell in (0..441).map(|n| [n % 21 - 10, n / 21 - 10]) {
        for (index, atom) in monolayer().atoms().iter().enumerate() {
            let extent = monolayer().extent();
            let corner = [extent.y * f64::from(cell[1]), extent.x * f64::from(cell[0])];
            let own = Point::new(atom.position.y + corner[0], atom.position.x + corner[1]);
            let place = domain.place(own);
            let inside = (0.0..side).contains(&place.y) && (0.0..side).contains(&place.x);
            let mut atom = *atom;
            atom.position = Vector3::new(place.x, place.y, atom.position.z);
            match (cell, index) {
                ([0, 0], 1) => continue,
                ([0, 0], 3) => atom.element = "W".parse()?,
                _ => {}
            }
            if inside {
                atoms.push(atom);
            }
        }
    }
    let structure = Structure::new(Vector3::new(side, side, LAYER + 2.0), atoms)?;
    let pixels = Sampling::Pixels {
        rows: 264,
        columns: 264,
    };
    let recipe = recipe();
    let simulation = Multislice::new(&structure, recipe.probe().beam(), pixels)?.build()?;
    let frame = frame(middle.y - 2.0, middle.x - 2.0, 9, 0.6);
    let places: Vec<_> = (0..81).map(|n| frame.place(n / 9, n % 9)).collect();
    let signal = simulation.scan(recipe.probe(), &places, &detectors()[..1])?;
    let truth = Array2::from_shape_vec((9, 9), signal.iter().copied().collect()).unwrap();
    let found = image(domain, frame);
    let range = truth.iter().fold(0.0, |most: f64, v| most.max(*v));
    let squares = (&found - &truth).mapv(|d| d * d).mean().unwrap();
    // 1.4 %, for the library's box of 15 Å makes the aperture of fewer plane waves than that of 26 Å
    assert!(
        squares.sqrt() < 0.02 * range,
        "{} of {range}",
        squares.sqrt()
    );
    Ok(())
}

#[test]
fn a_source_blurs_the_image() {
    let source = Source::gaussian_fwhm(0.9).unwrap();
    let imaging = Imaging {
        coherence: Coherence {
            source,
            ..Coherence::default()
        },
        ..Imaging::default()
    };
    let scene = Scene {
        domains: vec![Domain::default().edited(&[gone(1), replaced(0, "W").in_cell(1, 0)])],
        ..Scene::default()
    };
    let wide = frame(-6.0, -6.0, 160, 0.1);
    for detector in [0, 1] {
        let picture = |imaging: &Imaging| {
            let response = library().response(detector, 0, imaging).unwrap();
            response.image(&scene, wide).unwrap()
        };
        let sharp = picture(&Imaging::default());
        let expected = source.blur(&sharp, 0.1, 0.1, Edges::Mirrored).unwrap();
        let inner = ndarray::s![40..120, 40..120];
        let found = picture(&imaging).slice(inner).to_owned();
        let error = largest(&found, &expected.slice(inner).to_owned());
        let peak = sharp.iter().fold(0.0, |most: f64, v| most.max(*v));
        assert!(error < 2e-3 * peak, "{detector}: {error} of {peak}");
    }
    let response = library().response(
        1,
        0,
        &Imaging {
            aberrations: Some(Aberrations::default().with("C10", 20.0, 0.0).unwrap()),
            ..Imaging::default()
        },
    );
    assert!(matches!(response, Err(Error::Argument { .. })));
}

#[test]
fn fields_repeat_move_and_turn_with_the_crystal() {
    let extent = monolayer().extent();
    let here = image(Domain::default(), frame(0.3, 0.4, 24, 0.25));
    let there = frame(0.3 - 2.0 * extent.y, 0.4 + 3.0 * extent.x, 24, 0.25);
    assert!(largest(&here, &image(Domain::default(), there)) < 1e-10);
    // the centring of the cell is a translation too, also for a defect
    let edited = |edit| Domain::default().edited(&[edit]);
    let near = image(edited(gone(1)), frame(0.3, 0.4, 24, 0.25));
    let shift = Point::new(extent.y / 2.0, extent.x / 2.0);
    let centred = monolayer().atoms()[4].position.xy() - monolayer().atoms()[1].position.xy();
    let cell = [
        (shift.x - centred.x) / extent.x,
        (shift.y - centred.y) / extent.y,
    ];
    let moved = gone(4).in_cell(cell[0].round() as i32, cell[1].round() as i32);
    let far = image(edited(moved), frame(0.3 + shift.y, 0.4 + shift.x, 24, 0.25));
    assert!(largest(&near, &far) < 1e-4 * 0.05);
    let origin = Point::new(-4.0, 7.7);
    let carried = image(edited(gone(1)).at(origin), frame(-3.7, 8.1, 24, 0.25));
    assert!(largest(&near, &carried) < 1e-10);
    // four quarter turns about the vacancy's own place, pixel by pixel
    let turned = image(
        edited(gone(1)).turned(std::f64::consts::FRAC_PI_2),
        frame(-3.0, -3.0, 25, 0.25),
    );
    let plain = image(edited(gone(1)), frame(-3.0, -3.0, 25, 0.25));
    let back = Array2::from_shape_fn((25, 25), |(row, column)| turned[[column, 24 - row]]);
    assert!(largest(&plain, &back) < 1e-4 * 0.05);
}

#[test]
fn pixels_belong_to_the_first_domain_that_holds_them_and_else_to_vacuum() {
    let left = |place: Point| place.x < 2.0;
    let right = |place: Point| place.x > 4.0;
    let turned = || Domain::default().turned(0.3);
    let response = library().response(0, 0, &Imaging::default()).unwrap();
    let field = frame(0.0, 0.0, 25, 0.25);
    let scene = Scene {
        domains: vec![Domain::default().within(left), turned().within(right)],
        islands: vec![(0, Point::new(50.0, 50.0))],
    };
    let found = response.image(&scene, field).unwrap();
    let (one, other) = (image(Domain::default(), field), image(turned(), field));
    for ((row, column), value) in found.indexed_iter() {
        let place = field.place(row, column);
        let expected = match place {
            place if left(place) => one[[row, column]],
            place if right(place) => other[[row, column]],
            _ => 0.0,
        };
        assert!((value - expected).abs() < 1e-12);
    }
}

/// A light atom off the middle of its cell by less than the states of the library are.
#[test]
fn states_of_the_crystal_are_interpolated() -> Result<()> {
    let cell = |shift: f64| {
        let atom = |symbol: &str, x: f64| {
            PlacedAtom::new(symbol.parse().unwrap(), Vector3::new(x, x, 1.0))
        };
        let mut atoms = vec![atom("Pb", 0.0), atom("Ti", 2.0)];
        atoms[1].position.x += shift;
        Structure::new(Vector3::new(4.0, 4.0, 2.0), atoms).unwrap()
    };
    let haadf = AnnularDetector::new(50.0, 80.0)?;
    let recipe = |cell: &Structure| {
        Recipe::new(cell, Beam::new(200.0)?, 20.0, &[haadf])?
            .pixel(0.1)?
            .least_box(8.0)
    };
    let states = recipe(&cell(0.0))?.state(&cell(-0.2))?.state(&cell(0.2))?;
    let (library, truth) = (build(&states), build(&recipe(&cell(0.12))?));
    let show = |library: &Library, mixture: &[(usize, f64)]| {
        let response = library.response(0, 0, &Imaging::default())?;
        let scene = Scene {
            domains: vec![Domain::default().mixture(mixture)],
            ..Scene::default()
        };
        response.image(&scene, frame(0.0, 0.0, 20, 0.2))
    };
    let t: f64 = 0.12 / 0.2;
    let weights = [
        (0, 1.0 - t * t),
        (1, t * (t - 1.0) / 2.0),
        (2, t * (t + 1.0) / 2.0),
    ];
    let (found, truth) = (show(&library, &weights)?, show(&truth, &[(0, 1.0)])?);
    let range = truth.iter().fold(0.0, |most: f64, v| most.max(*v));
    assert!(largest(&found, &truth) < 0.01 * range);
    assert!(largest(&show(&library, &[(0, 1.0)])?, &truth) > 0.02 * range);
    Ok(())
}

#[test]
fn an_island_alone_is_that_of_multislice() -> Result<()> {
    let recipe = recipe();
    let middle = Point::new(9.0, 9.0);
    let atom = |z| PlacedAtom::new("S".parse().unwrap(), Vector3::new(9.0, 9.0, 1.0 + z));
    let extent = Vector3::new(18.0, 18.0, LAYER + 2.0);
    let structure = Structure::new(extent, vec![atom(0.0), atom(LAYER)])?;
    let beam = recipe.probe().beam();
    let simulation = Multislice::new(&structure, beam, Sampling::Pixel(0.11))?.build()?;
    let response = library().response(0, 0, &Imaging::default())?;
    let places = [0.0, 0.35, 0.8, 1.5, 3.0].map(|x| middle + Point::new(0.2, x));
    let truth = simulation.scan(recipe.probe(), &places, &detectors()[..1])?;
    let peak = response.island(0)?.at(0.0, 0.0);
    for (place, truth) in places.iter().zip(&truth) {
        let found = response
            .island(0)?
            .at(place.y - middle.y, place.x - middle.x);
        assert!(
            (found - truth).abs() < 2e-3 * peak,
            "{place:?}: {found}, {truth}"
        );
    }
    Ok(())
}

/// Only a small one: it is built three times.
fn gold() -> Recipe {
    let gold = PlacedAtom::new("Au".parse().unwrap(), Vector3::new(2.0, 2.0, 1.0));
    let cell = Structure::new(Vector3::new(4.0, 4.0, 2.0), vec![gold]).unwrap();
    let haadf = AnnularDetector::new(50.0, 80.0).unwrap();
    Recipe::new(&cell, Beam::new(200.0).unwrap(), 10.0, &[haadf])
        .and_then(|r| r.pixel(0.1)?.least_box(8.0)?.window(3.0))
        .and_then(|r| r.motif(Motif::new("vacancy", [gone(0)])))
        .unwrap()
}

#[test]
fn the_same_numbers_come_from_any_number_of_threads() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let library = build(&gold());
            let response = library.response(0, 0, &Imaging::default()).unwrap();
            let scene = Scene {
                domains: vec![Domain::default().turned(0.2).edited(&[gone(0)])],
                ..Scene::default()
            };
            let image = response.image(&scene, frame(0.0, 0.0, 70, 0.1)).unwrap();
            drop(response);
            (library, image)
        })
    };
    let (one, three) = (with(1), with(3));
    assert!(one == three);
}

#[test]
fn a_file_holds_the_library_bit_for_bit_or_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("library");
    library().save(&file)?;
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.len() < 100_000, "{} bytes", bytes.len());
    let back = Library::load(&file)?;
    assert!(&back == library());
    assert_eq!(back.recipe().key(), recipe().key());
    back.save(&file)?;
    assert_eq!(std::fs::read(&file).unwrap(), bytes);

    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        matches!(Library::load(&file), Err(Error::Parse { .. }))
    };
    for length in [0, 1, 20, 40, 2000, bytes.len() / 2, bytes.len() - 1] {
        assert!(refused(&bytes[..length]), "{length} bytes");
    }
    for place in (0..bytes.len()).step_by(bytes.len() / 37) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert!(refused(&damaged), "byte {place}");
    }
    let missing = Library::load(folder.path().join("none"));
    assert!(matches!(missing, Err(Error::Io { .. })));
    Ok(())
}

#[test]
fn the_key_names_every_input() {
    let other = [
        recipe().pixel(0.12),
        recipe().window(4.5),
        recipe().least_box(16.0),
        recipe().slice_thickness(0.9),
        recipe().motif(Motif::new("Mo missing", [gone(0)])),
        recipe().state(&monolayer()),
        recipe().aberrations(&Aberrations::default().with("C12", 9.0, 0.2).unwrap()),
        Ok(recipe().any_aberrations()),
    ];
    let mut keys: Vec<_> = other.into_iter().map(|r| r.unwrap().key()).collect();
    keys.push(recipe().key());
    assert_eq!(keys[0].len(), 32);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 9);
}

/// A probe that is not round, with which the lone vacancy has no symmetry left.
#[test]
fn a_library_of_an_aberrated_probe_is_that_of_multislice() -> Result<()> {
    let aberrations = Aberrations::default()
        .with("C12", 20.0, 0.3)?
        .with("C21", 300.0, 0.7)?;
    let gold = gold();
    let recipe = Recipe::new(gold.cell(), gold.probe().beam(), 20.0, gold.detectors())?
        .pixel(0.1)?
        .least_box(12.0)?
        .window(4.0)?
        .motif(gold.motifs()[0].clone())?
        .aberrations(&aberrations)?;
    let library = build(&recipe);
    let trial = Trial {
        patches: 1,
        density: 0.0,
        edits: vec![gone(0).in_cell(1, 1)],
        side: 7,
        ..Trial::default()
    };
    let patches = library.trial(&trial, &mut |_| ControlFlow::Continue(()))?;
    let found = Deviation::of(&patches, 0, 0).unwrap();
    assert!(found.rms < 0.01, "{found:?}");
    let response = library.response(0, 0, &Imaging::default())?;
    let scene = Scene {
        domains: vec![Domain::default().turned(0.1)],
        ..Scene::default()
    };
    let turned = response.image(&scene, frame(0.0, 0.0, 8, 0.5));
    assert!(turned.unwrap_err().to_string().contains("deformation"));
    Ok(())
}

#[test]
fn work_can_be_stopped_and_tells_how_far_it_is() {
    let mut seen = Vec::new();
    let stopped = gold().build(&mut |progress| {
        seen.push(progress);
        if seen.len() == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(stopped, Err(Error::Interrupted { .. })));
    assert!(seen[0].done < seen[1].done && seen[1].done <= seen[1].total);
}

#[test]
fn what_no_library_can_show_is_refused_by_name() {
    let message = |result: Result<Array2<f64>>| result.unwrap_err().to_string();
    let show = |domain: Domain<'_>, frame: Frame| {
        let response = library().response(0, 0, &Imaging::default()).unwrap();
        let scene = Scene {
            domains: vec![domain],
            ..Scene::default()
        };
        message(response.image(&scene, frame))
    };
    let field = frame(0.0, 0.0, 8, 0.5);
    let flat = nalgebra::Matrix2::new(1.0, 0.0, 0.0, f64::NAN);
    assert!(show(Domain::default().deformed(flat), field).contains("deformation"));
    assert!(show(Domain::default().mixture(&[(3, 1.0)]), field).contains("mixture"));
    assert!(show(Domain::default().edited(&[gone(0)]), field).contains("edits"));
    assert!(show(Domain::default().edited(&[gone(99)]), field).contains("edits"));
    assert!(show(Domain::default().at(Point::new(f64::NAN, 0.0)), field).contains("origin"));
    assert!(show(Domain::default(), frame(0.0, 0.0, 0, 0.5)).contains("frame"));
    assert!(show(Domain::default(), frame(0.0, 0.0, 8, f64::NAN)).contains("frame"));
    let recipe = || recipe();
    for (result, named) in [
        (recipe().pixel(f64::NAN), "pixel"),
        (recipe().window(20.0), "window"),
        (recipe().exit_thicknesses(&[f64::NAN]), "thicknesses"),
        (recipe().motif(Motif::new("none", [])), "motif `none`"),
        (recipe().motif(Motif::new("far", [gone(6)])), "motif `far`"),
        (
            recipe().motif(Motif::new("twice", [gone(1), gone(1)])),
            "twice",
        ),
    ] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(named), "{message}");
    }
    assert!(library().response(2, 0, &Imaging::default()).is_err());
    let none = Trial {
        seed: Seed(2),
        density: f64::NAN,
        ..small()
    };
    assert!(
        library()
            .trial(&none, &mut |_| ControlFlow::Continue(()))
            .is_err()
    );
}
