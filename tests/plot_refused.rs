//! Data that cannot be drawn is named; a save that fails leaves nothing behind.

use dosewise::Error;
use dosewise::plot::{
    Band, EpisodePanel, FieldImage, FieldMap, Figure, ParetoFronts, ParetoPanel, ParetoPoint,
    QualityCurve, QualityCurves, QualityPanel, Site,
};
use ndarray::Array2;

fn quality_curves() -> QualityCurves {
    let curve = QualityCurve {
        label: "raster".into(),
        dose: (0..10).map(f64::from).collect(),
        quality: (0..10).map(|k| f64::from(k) / 10.0).collect(),
        ..QualityCurve::default()
    };
    let panel = QualityPanel {
        title: "world".into(),
        budget: None,
        curves: vec![curve; 3],
    };
    QualityCurves {
        panels: vec![panel; 3],
        ..QualityCurves::default()
    }
}

fn pareto() -> ParetoFronts {
    let point = |k: usize| ParetoPoint {
        label: format!("configuration {k}"),
        dose: 1.0 + k as f64,
        quality: 0.1 * k as f64,
        ..ParetoPoint::default()
    };
    let panel = ParetoPanel {
        title: "world".into(),
        points: (0..5).map(point).collect(),
    };
    ParetoFronts {
        panels: vec![panel; 3],
        ..ParetoFronts::default()
    }
}

fn field() -> FieldMap {
    FieldMap::new(
        Array2::from_shape_fn((128, 128), |(y, x)| (y + x) as f64),
        0.25,
    )
}

fn field_image() -> FieldImage {
    FieldImage::new(field(), "signal")
}

fn episode() -> EpisodePanel {
    let site = |k: usize| Site {
        y: k as f64,
        x: 3.0,
        probability: 0.1 * k as f64,
        ..Site::default()
    };
    EpisodePanel {
        title: None,
        truth: field(),
        truth_label: "signal".into(),
        dose: field(),
        log_dose: false,
        measured: field(),
        measured_label: "counts".into(),
        sites: (0..8).map(site).collect(),
        colour_map: Default::default(),
    }
}

/// The figures that the tests below spoil are drawn as long as they are whole.
#[test]
fn whole_figures_are_drawn() {
    let figures: [&dyn Figure; 4] = [&quality_curves(), &pareto(), &episode(), &field_image()];
    for figure in figures {
        assert!(figure.draw().is_ok());
    }
}

fn refused(figure: &dyn Figure, argument: &str) {
    let folder = tempfile::tempdir().unwrap();
    match figure.save(&folder.path().join("figure.png")) {
        Err(Error::Argument {
            argument: found, ..
        }) => assert_eq!(found, argument),
        other => panic!("{argument}: {other:?}"),
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn bad_curves_are_named() {
    let spoil = |change: fn(&mut QualityCurves)| {
        let mut figure = quality_curves();
        change(&mut figure);
        figure
    };
    refused(&QualityCurves::default(), "panels");
    refused(&spoil(|f| f.panels[1].curves.clear()), "panels[1].curves");
    refused(
        &spoil(|f| f.panels[0].budget = Some(f64::NAN)),
        "panels[0].budget",
    );
    refused(
        &spoil(|f| f.panels[0].curves[2].dose.clear()),
        "panels[0].curves[2].dose",
    );
    refused(
        &spoil(|f| f.panels[0].curves[2].quality[7] = f64::NAN),
        "panels[0].curves[2].quality[7]",
    );
    refused(
        &spoil(|f| f.panels[0].curves[0].dose[5] = 0.0),
        "panels[0].curves[0].dose[5]",
    );
    refused(
        &spoil(|f| f.panels[0].curves[0].band = Some(Band::default())),
        "panels[0].curves[0].band.lower",
    );
    refused(
        &spoil(|f| {
            f.panels[0].curves = (0..25)
                .map(|i| QualityCurve {
                    label: i.to_string(),
                    dose: vec![0.0],
                    quality: vec![0.0],
                    ..Default::default()
                })
                .collect();
        }),
        "panels[0].curves",
    );
}

#[test]
fn bad_points_are_named() {
    let mut figure = pareto();
    figure.panels[0].points[3].quality = f64::INFINITY;
    refused(&figure, "panels[0].points[3].quality");
    let mut figure = pareto();
    figure.log_dose = true;
    figure.panels[2].points[0].dose_interval = Some((0.0, 5.0));
    refused(&figure, "panels[2].points[0].dose");
    figure.panels[2].points[0].dose_interval = Some((5.0, 1.0));
    refused(&figure, "panels[2].points[0].dose_interval");
}

#[test]
fn bad_fields_are_named() {
    let mut figure = episode();
    figure.dose = FieldMap::new(Array2::zeros((0, 4)), 0.25);
    refused(&figure, "dose.values");
    figure.dose = FieldMap::new(Array2::zeros((64, 64)), 0.25);
    refused(&figure, "dose");
    figure.dose = FieldMap::new(Array2::from_elem((64, 64), -1.0), 0.5);
    refused(&figure, "dose.values[0, 0]");
    let mut figure = episode();
    figure.sites[4].probability = f64::NAN;
    refused(&figure, "sites[4].probability");
    let mut figure = episode();
    figure.measured.values[[1, 2]] = f64::INFINITY;
    refused(&figure, "measured.values[1, 2]");
    let mut image = field_image();
    image.map.pixel_size = 0.0;
    refused(&image, "map.pixel_size");
}

#[test]
fn a_failed_save_leaves_nothing_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let figure = field_image();
    // A folder stands where the file should go.
    let taken = folder.path().join("taken.png");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("old"), "kept").unwrap();
    assert!(matches!(figure.save(&taken), Err(Error::Io { .. })));
    assert_eq!(std::fs::read_to_string(taken.join("old")).unwrap(), "kept");
    // A file stands where the folder should be.
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    assert!(matches!(
        figure.save(&blocked.join("field.svg")),
        Err(Error::Io { .. })
    ));
    assert!(matches!(
        figure.save(&folder.path().join("field.pdf")),
        Err(Error::Argument { .. })
    ));
    // A page no printer has room for.
    let huge = dosewise::plot::Canvas::new(1e7, 1e7);
    assert!(matches!(
        huge.save(&folder.path().join("huge.png")),
        Err(Error::Figure { .. })
    ));
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["file", "taken.png"]);
}
