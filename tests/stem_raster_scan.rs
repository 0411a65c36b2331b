//! Scans that are written as they go: interrupted, resumed, refused.

mod folder_contents;

use dosewise::Error;
use dosewise::stem::output::ZarrBlocks;
use dosewise::stem::{
    AnnularDetector, AtomicMotion, Beam, Detector, Edges, FocalSpread, Focus, Multislice,
    PixelatedDetector, PlacedAtom, Probe, Raster, RasterScan, Recorder, Sampling, ScanFiles,
    Simulation, Source, Structure, Vibration,
};
use dosewise::units::{Point, Seed};
use folder_contents::contents;
use nalgebra::Vector3;
use ndarray::Axis;
use serde_json::{Map, json};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

fn simulation() -> Simulation {
    let place = Vector3::new(3.0, 3.0, 0.0);
    let atom = PlacedAtom::new("Mo".parse().unwrap(), place).vibration(Vibration::Isotropic(0.1));
    let structure = Structure::new(Vector3::new(6.0, 6.0, 2.0), vec![atom]).unwrap();
    let motion = AtomicMotion::FrozenPhonons {
        configurations: 2,
        seed: Seed(1),
    };
    Multislice::new(&structure, Beam::new(100.0).unwrap(), Sampling::Pixel(0.1))
        .unwrap()
        .motion(motion)
        .build()
        .unwrap()
}

fn probe() -> Probe {
    Probe::new(Beam::new(100.0).unwrap(), 20.0, Default::default()).unwrap()
}

fn recorder() -> Recorder {
    let mut detectors = vec![AnnularDetector::new(40.0, 110.0).unwrap().into()];
    detectors.extend(Detector::centre_of_mass(50.0).unwrap());
    Recorder {
        detectors,
        patterns: Some(PixelatedDetector::new(50.0, 2).unwrap()),
    }
}

fn files(folder: &Path, seed: u64) -> ScanFiles {
    ScanFiles {
        signals: folder.join("signals.zarr"),
        patterns: Some(folder.join("patterns.zarr")),
        attributes: Map::from_iter([("seed".to_owned(), json!(seed))]),
        disk_limit: 1_000_000,
    }
}

#[test]
fn a_scan_that_was_stopped_goes_on_and_ends_with_the_same_bytes() {
    let (simulation, probe, recorder) = (simulation(), probe(), recorder());
    let foci = FocalSpread::new(30.0).unwrap().foci(2).unwrap();
    let scan = RasterScan {
        engine: &simulation,
        probe: &probe,
        foci: &foci,
        raster: Raster::over(Point::new(2.0, 2.0), 2.0, 2.5, 0.5).unwrap(),
        recorder: &recorder,
    };
    let [whole, broken] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let go_on = |_: usize, _: usize| ControlFlow::Continue(());
    let images = scan.run(&files(whole.path(), 7), go_on).unwrap();
    let stop = |done: usize, _: usize| {
        if done < 2 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let stopped = scan.run(&files(broken.path(), 7), stop).unwrap_err();
    assert!(
        matches!(stopped, Error::Interrupted { done: 2, total: 4 }),
        "{stopped}"
    );
    assert_eq!(scan.remaining(&files(broken.path(), 7)).unwrap(), 2 * 5);
    let mut begun = None;
    let again = scan.run(&files(broken.path(), 7), |done, _| {
        begun.get_or_insert(done);
        ControlFlow::Continue(())
    });
    assert_eq!(begun, Some(2));
    assert_eq!(again.unwrap(), images);
    assert_eq!(contents(broken.path()), contents(whole.path()));

    // they are what the same positions give at once
    let positions: Vec<_> = (0..4).flat_map(|row| scan.raster.row(row)).collect();
    let at_once = simulation
        .record(&probe, &foci, &positions, &recorder)
        .unwrap();
    let (mean, error) = (at_once.mean(), at_once.standard_error().unwrap());
    for ((detector, exit, row, column), value) in images.mean.indexed_iter() {
        let index = [detector, exit, row * 5 + column];
        assert_eq!(*value, mean[index]);
        assert_eq!(
            images.standard_error[[detector, exit, row, column]],
            error[index]
        );
    }
    let text = std::fs::read(whole.path().join("patterns.zarr/values/3.0.0.0")).unwrap();
    let stored: Vec<f32> = (text.chunks_exact(4))
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let patterns = at_once.patterns.unwrap();
    let last_row = patterns.iter().skip(15 * stored.len() / 5);
    assert!(last_row.copied().eq(stored));

    // a block that is lost is made again; another scan is refused by what differs
    std::fs::remove_file(broken.path().join("patterns.zarr/values/1.0.0.0")).unwrap();
    scan.run(&files(broken.path(), 7), go_on).unwrap();
    assert_eq!(contents(broken.path()), contents(whole.path()));
    let other = scan.run(&files(broken.path(), 8), go_on).unwrap_err();
    assert!(other.to_string().contains("key `seed`: found 7"), "{other}");
    let sharp = RasterScan {
        foci: &[Focus::SHARP],
        ..scan
    };
    let other = sharp.run(&files(broken.path(), 7), go_on).unwrap_err();
    assert!(other.to_string().contains("key `foci`"), "{other}");
}

#[test]
fn a_source_blurs_the_image_over_the_raster() {
    let (simulation, probe) = (simulation(), probe());
    let raster = Raster::over(Point::default(), 6.0, 6.0, 0.3).unwrap();
    let haadf = [AnnularDetector::new(40.0, 110.0).unwrap()];
    let positions: Vec<_> = (0..20).flat_map(|row| raster.row(row)).collect();
    let image = simulation.scan(&probe, &positions, &haadf).unwrap();
    let image = image.into_shape_with_order((20, 20)).unwrap();
    let source = Source::gaussian_fwhm(1.0).unwrap();
    let blurred = raster.blurred(&image, source, Edges::Periodic).unwrap();
    assert!((blurred.sum() / image.sum() - 1.0).abs() < 1e-12);
    assert!(blurred[[10, 10]] < 0.8 * image[[10, 10]]);
    // each wave of the image is multiplied by the transform of the source
    let wave = |image: &ndarray::Array2<f64>, ny: f64, nx: f64| {
        let turn = |(row, column): (usize, usize)| (ny * row as f64 + nx * column as f64) / 20.0;
        let sum = image.indexed_iter();
        sum.map(|(place, value)| (std::f64::consts::TAU * turn(place)).cos() * value)
            .sum::<f64>()
    };
    for (ny, nx) in [(1.0, 0.0), (0.0, 2.0), (1.0, -1.0), (3.0, 2.0)] {
        let ratio = wave(&blurred, ny, nx) / wave(&image, ny, nx);
        let expected = source.transfer(ny.hypot(nx) / 6.0);
        assert!((ratio - expected).abs() < 1e-9, "{ratio} {expected}");
    }
}

#[test]
fn what_would_not_fit_is_refused_before_anything_is_written() {
    let (simulation, probe, recorder) = (simulation(), probe(), recorder());
    let folder = tempfile::tempdir().unwrap();
    let raster = Raster::over(Point::default(), 2.0, 2.5, 0.5).unwrap();
    let scan = RasterScan {
        engine: &simulation,
        probe: &probe,
        foci: &[Focus::SHARP],
        raster,
        recorder: &recorder,
    };
    let refused = |scan: RasterScan, files: ScanFiles| {
        let error = scan
            .run(&files, |_, _| ControlFlow::Continue(()))
            .unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        error.to_string()
    };
    let wide = RasterScan {
        raster: Raster::over(Point::default(), 2000.0, 2000.0, 0.5).unwrap(),
        ..scan
    };
    let message = refused(wide, files(folder.path(), 1));
    assert!(
        message.starts_with("disk: found a need of 4.86 GB"),
        "{message}"
    ); // 16·10⁶ · (8·8·4 + 3·2·8) bytes
    let without = ScanFiles {
        patterns: None,
        ..files(folder.path(), 1)
    };
    assert!(refused(scan, without).starts_with("patterns"));
    let nothing = Recorder {
        detectors: vec![],
        ..recorder.clone()
    };
    let blind = RasterScan {
        recorder: &nothing,
        ..scan
    };
    assert!(refused(blind, files(folder.path(), 1)).starts_with("detectors"));
    assert!(ZarrBlocks::<f32>::create(folder.path(), &[], &[], &Map::new()).is_err());
    assert!(scan.estimate(12).unwrap().as_nanos() > 0);
    let files = files(folder.path(), 1);
    assert_eq!(scan.remaining(&files).unwrap(), 4 * 5);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_scan_by_prism_goes_on_block_by_block() {
    let (simulation, probe, recorder) = (simulation(), probe(), recorder());
    let plan = simulation.plan_scattering_matrix(&probe, [1, 1]).unwrap();
    let told = AtomicUsize::new(0);
    let matrix = plan.build(|done, all| {
        assert!(done <= all && all == 2 * plan.beams());
        told.fetch_max(done, Ordering::Relaxed);
    });
    assert_eq!(told.into_inner(), 2 * plan.beams());
    assert_eq!(plan.bytes(), matrix.bytes() as f64);
    let scan = RasterScan {
        engine: &matrix,
        probe: &probe,
        foci: &[Focus::SHARP],
        raster: Raster::over(Point::default(), 6.0, 1.5, 0.09).unwrap(),
        recorder: &recorder,
    };
    let [rows, columns] = [scan.raster.rows(), scan.raster.columns()];
    assert_eq!([rows, columns], [67, 17]);
    let [whole, broken] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let files = |folder: &Path| ScanFiles {
        disk_limit: 1 << 30,
        ..files(folder, 7)
    };
    let go_on = |_: usize, _: usize| ControlFlow::Continue(());
    let images = scan.run(&files(whole.path()), go_on).unwrap();
    let stop = |done: usize, _: usize| match done {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let stopped = scan.run(&files(broken.path()), stop).unwrap_err();
    assert!(
        matches!(stopped, Error::Interrupted { done: 1, total: 2 }),
        "{stopped}"
    );
    assert_eq!(scan.remaining(&files(broken.path())).unwrap(), 3 * 17);
    assert_eq!(scan.run(&files(broken.path()), go_on).unwrap(), images);
    assert_eq!(contents(broken.path()), contents(whole.path()));

    // its values are those of multislice, which does not go on with them
    let positions: Vec<_> = [0, 66].map(|row| scan.raster.row(row)).concat();
    let exact = simulation.record(&probe, &[Focus::SHARP], &positions, &recorder);
    let exact = exact.unwrap().mean();
    for (index, value) in exact.index_axis(Axis(0), 0).indexed_iter() {
        let row = if index.1 < 17 { 0 } else { 66 };
        let found = images.mean[[0, index.0, row, index.1 % 17]];
        assert!((found - value).abs() < 1e-6, "{found} {value}");
    }
    let other = RasterScan {
        engine: &simulation,
        ..scan
    };
    let refused = other.run(&files(broken.path()), go_on).unwrap_err();
    assert!(refused.to_string().contains("engine"), "{refused}");

    // a rehearsal has the same files, and is done in the same time whatever it shows
    let (rehearsal, building) = plan.rehearsal();
    assert!(building.as_nanos() > 0);
    assert_eq!(rehearsal.bytes(), matrix.bytes());
    let rehearsed = RasterScan {
        engine: &rehearsal,
        ..scan
    };
    assert_eq!(rehearsed.remaining(&files(whole.path())).unwrap(), 0);
    assert!(rehearsed.estimate(rows * columns).unwrap().as_nanos() > 0);
}
