//! Figures with realistic data: files of the right size, labels in place, pictures embedded whole.
//!
//! `DOSEWISE_FIGURES=folder cargo test --test plot_figures` keeps the figures for a look.

use dosewise::plot::{
    Band, EpisodePanel, FieldImage, FieldMap, Figure, ParetoFronts, ParetoPanel, ParetoPoint,
    QualityCurve, QualityCurves, QualityPanel, Site, Strategy,
};
use ndarray::Array2;
use std::path::{Path, PathBuf};

/// A small generator of numbers in [0, 1), so that the pictures never change.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 11) as f64) / (1_u64 << 53) as f64
    }
}

const CONFIGURATIONS: [(&str, Strategy, f64); 9] = [
    ("gittins + site likelihood", Strategy::Adaptive, 0.16),
    ("straddle + site likelihood", Strategy::Adaptive, 0.21),
    ("entropy + CNN", Strategy::Adaptive, 0.27),
    ("integrated variance", Strategy::Adaptive, 0.34),
    ("raster, single pass", Strategy::Fixed, 0.75),
    ("raster, interleaved", Strategy::Fixed, 0.52),
    ("Sobol", Strategy::Fixed, 0.6),
    ("random", Strategy::Fixed, 0.65),
    ("oracle", Strategy::Oracle, 0.08),
];

fn quality_panel(title: &str, budget: f64, curves: usize, seed: u64) -> QualityPanel {
    let mut stream = Stream(seed);
    let curves = CONFIGURATIONS
        .iter()
        .rev()
        .take(curves)
        .rev()
        .map(|&(label, strategy, half)| {
            let dose: Vec<f64> = (0..=80).map(|k| budget * f64::from(k) / 80.0).collect();
            let ceiling = 0.97 - 0.25 * half * stream.next();
            let quality: Vec<f64> = dose
                .iter()
                .map(|d| {
                    let t = d / budget / half;
                    (ceiling * (t * t / (1.0 + t * t)) + 0.015 * (stream.next() - 0.5))
                        .clamp(0.0, 1.0)
                })
                .collect();
            let spread: Vec<f64> = quality
                .iter()
                .map(|q| 0.02 + 0.12 * q * (1.0 - q))
                .collect();
            let shifted = |sign: f64| {
                quality
                    .iter()
                    .zip(&spread)
                    .map(|(q, s)| (q + sign * s).clamp(0.0, 1.0))
                    .collect()
            };
            QualityCurve {
                label: label.to_owned(),
                strategy,
                band: Some(Band {
                    lower: shifted(-1.0),
                    upper: shifted(1.0),
                }),
                dose,
                quality,
            }
        })
        .collect();
    QualityPanel {
        title: title.to_owned(),
        budget: Some(budget),
        curves,
    }
}

fn quality_curves() -> QualityCurves {
    QualityCurves {
        panels: vec![
            quality_panel("MoS₂ vacancies, level 2", 24_000.0, 9, 1),
            quality_panel("graphene edges, level 1", 5_000.0, 9, 2),
            quality_panel("SrTiO₃ strain, level 3", 850.0, 9, 3),
        ],
        log_dose: false,
        dose_label: None,
        note: Some("mean of 40 episodes; bands: 95 % bootstrap intervals of the mean".to_owned()),
    }
}

fn pareto() -> ParetoFronts {
    let panel = |title: &str, seed: u64, scale: f64| {
        let mut stream = Stream(seed);
        let points = CONFIGURATIONS
            .iter()
            .map(|&(label, strategy, half)| {
                let dose = scale * (0.15 + half + 0.3 * stream.next());
                let quality = 0.86 - 0.75 * half + 0.2 * (stream.next() - 0.3);
                ParetoPoint {
                    label: label.to_owned(),
                    strategy,
                    dose,
                    quality,
                    dose_interval: Some((0.93 * dose, 1.08 * dose)),
                    quality_interval: Some((quality - 0.03, quality + 0.03)),
                }
            })
            .collect();
        ParetoPanel {
            title: title.to_owned(),
            points,
        }
    };
    ParetoFronts {
        panels: vec![
            panel("MoS₂ vacancies, level 2", 11, 20_000.0),
            panel("graphene edges, level 1", 5, 4_000.0),
            panel("SrTiO₃ strain, level 3", 8, 700.0),
        ],
        quality_label: "DEC-AUC".to_owned(),
        note: Some("bars: 95 % bootstrap intervals".to_owned()),
        ..ParetoFronts::default()
    }
}

/// A hexagonal lattice of bright columns, some of them dimmed, with its sites.
fn lattice(rows: usize, columns: usize, pixel: f64) -> (Array2<f64>, Vec<Site>) {
    let mut stream = Stream(42);
    let spacing = 3.18;
    let (height, width) = (rows as f64 * pixel, columns as f64 * pixel);
    let mut sites = Vec::new();
    for row in 0..=(height / (0.866 * spacing)) as usize {
        for column in 0..=(width / spacing) as usize {
            let y = (row as f64 + 0.4) * 0.866 * spacing;
            let x = (column as f64 + 0.3 + 0.5 * (row % 2) as f64) * spacing;
            if y < height && x < width {
                let is_defect = stream.next() < 0.1;
                let blur = 0.5 * stream.next();
                let probability = if is_defect {
                    1.0 - blur * 1.3
                } else {
                    blur * blur * 2.3
                };
                let probability = probability.clamp(0.0, 1.0);
                sites.push(Site {
                    y,
                    x,
                    probability,
                    is_defect,
                    is_flagged: probability > 0.5,
                });
            }
        }
    }
    let values = Array2::from_shape_fn((rows, columns), |(r, c)| {
        let (y, x) = ((r as f64 + 0.5) * pixel, (c as f64 + 0.5) * pixel);
        sites
            .iter()
            .map(|s| {
                let square = (s.y - y).powi(2) + (s.x - x).powi(2);
                let height = if s.is_defect { 0.025 } else { 0.06 };
                height * (-square / 0.7).exp()
            })
            .sum()
    });
    (values, sites)
}

fn episode() -> EpisodePanel {
    let (truth, sites) = lattice(128, 128, 0.25);
    let mut stream = Stream(7);
    let mut dose = Array2::zeros((128, 128));
    for (i, site) in sites.iter().enumerate() {
        let doubt = 1.0 - (2.0 * site.probability - 1.0).abs();
        if i % 11 == 3 {
            continue;
        }
        let visit = 30.0 * (1.0 + 60.0 * doubt * doubt) * (0.5 + stream.next());
        for ((r, c), d) in dose.indexed_iter_mut() {
            let (y, x) = ((r as f64 + 0.5) * 0.25, (c as f64 + 0.5) * 0.25);
            if (y - site.y).hypot(x - site.x) < 1.45 {
                *d += visit;
            }
        }
    }
    let measured = Array2::from_shape_fn((128, 128), |at| {
        let electrons = dose[at] * 0.0625;
        if electrons == 0.0 {
            f64::NAN
        } else {
            let noise = (stream.next() + stream.next() + stream.next() - 1.5) * 2.0;
            let mean: f64 = electrons * truth[at];
            ((mean + mean.sqrt() * noise).round().max(0.0)) / electrons
        }
    });
    EpisodePanel {
        title: Some(
            "MoS₂ vacancies, level 2, seed 7: gittins + site likelihood, 24 000 e⁻ Å⁻²".into(),
        ),
        truth: FieldMap::new(truth, 0.25),
        truth_label: "fraction scattered".into(),
        dose: FieldMap::new(dose, 0.25),
        log_dose: true,
        measured: FieldMap::new(measured, 0.25),
        measured_label: "counts per electron".into(),
        sites,
        colour_map: Default::default(),
    }
}

fn field_image() -> FieldImage {
    let (values, _) = lattice(150, 200, 0.2);
    let map = FieldMap::new(values, 0.2);
    FieldImage {
        title: Some("MoS₂ vacancies, level 2, seed 7".into()),
        ..FieldImage::new(map, "annular dark field signal / incident electron")
    }
}

/// Where to draw: a temporary folder, or one that stays when its name is in the environment.
fn folder() -> (PathBuf, tempfile::TempDir) {
    let temporary = tempfile::tempdir().unwrap();
    let path = std::env::var_os("DOSEWISE_FIGURES")
        .map_or_else(|| temporary.path().to_path_buf(), PathBuf::from);
    (path, temporary)
}

fn png_size(file: &Path) -> (u32, u32) {
    let bytes = std::fs::read(file).unwrap();
    let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(&bytes[1..4], b"PNG");
    (side(16), side(20))
}

/// Saves a figure both ways, checks what holds for any of them and returns the SVG text.
fn drawn(figure: &dyn Figure, name: &str, width_mm: f64) -> String {
    let (folder, _guard) = folder();
    let [png, svg] = figure
        .save_png_and_svg(&folder.join("new").join(name))
        .unwrap();
    let (width, height) = figure.draw().unwrap().size();
    let pixels = |points: f64| (points / 72.0 * 300.0).round() as u32;
    assert_eq!(png_size(&png), (pixels(width), pixels(height)));
    assert_eq!(pixels(width), (width_mm / 25.4 * 300.0).round() as u32);
    assert!(
        std::fs::read(&png)
            .unwrap()
            .windows(4)
            .any(|w| w == b"pHYs")
    );
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(text.contains(&format!("width=\"{width_mm:.3}mm\"")));
    assert_eq!(text.matches("<svg").count(), 1);
    assert_eq!(text.matches("</svg>").count(), 1);
    assert!(text.len() < 1_500_000, "{name}: {} bytes", text.len());
    // The white page is the only rectangle: no picture is drawn pixel by pixel.
    assert_eq!(text.matches("<rect").count(), 1);
    let sizes = text.split("font-size=\"").skip(1).map(|t| {
        let size: f64 = t.split('"').next().unwrap().parse().unwrap();
        size / 20.0
    });
    assert!(sizes.fold(f64::INFINITY, f64::min) > 6.99);
    text
}

#[test]
fn quality_curves_of_three_worlds() {
    let text = drawn(&quality_curves(), "quality_curves", 180.0);
    for label in [
        "dose / e⁻ Å⁻²",
        "quality q",
        "(a)",
        "(c)",
        "oracle",
        "20\u{2009}000",
        "95 %",
    ] {
        assert!(text.contains(label), "{label}");
    }
    for (label, ..) in CONFIGURATIONS {
        assert_eq!(
            text.matches(&format!(">\n{label}\n<")).count(),
            1,
            "{label}"
        );
    }
}

#[test]
fn quality_curves_of_one_world_on_a_logarithmic_axis() {
    let mut figure = quality_curves();
    figure.panels.truncate(1);
    figure.log_dose = true;
    let text = drawn(&figure, "quality_curves_one", 85.0);
    assert!(!text.contains("(a)") && text.contains("1000"));
}

#[test]
fn quality_curves_of_five_worlds() {
    let mut figure = quality_curves();
    figure.panels.extend([
        quality_panel(
            "a title that is much too long for the panel it stands above",
            1e6,
            4,
            4,
        ),
        quality_panel("zeolite", 3.5, 3, 5),
    ]);
    drawn(&figure, "quality_curves_five", 180.0);
}

#[test]
fn quality_curves_of_fifteen_worlds_and_of_many_configurations() {
    let mut figure = quality_curves();
    figure.panels = (0..15)
        .map(|i| quality_panel(&format!("world {i}"), 40.0 * 3_f64.powi(i), 9, i as u64))
        .collect();
    drawn(&figure, "quality_curves_fifteen", 180.0);
    figure.panels.truncate(2);
    for panel in &mut figure.panels {
        let more = panel.curves.clone().into_iter().chain(panel.curves.clone());
        let more = more.take(15).enumerate().map(|(i, mut curve)| {
            curve.label = format!("configuration {i}");
            curve.quality.iter_mut().for_each(|q| *q *= 0.05 * i as f64);
            curve.band = None;
            curve
        });
        panel.curves.extend(more);
    }
    drawn(&figure, "quality_curves_many", 180.0);
}

#[test]
fn pareto_fronts_of_three_worlds() {
    let text = drawn(&pareto(), "pareto", 180.0);
    assert!(text.contains("DEC-AUC"));
    let mut one = pareto();
    one.panels.truncate(1);
    one.log_dose = true;
    drawn(&one, "pareto_one", 85.0);
}

#[test]
fn an_episode_in_four_panels() {
    let text = drawn(&episode(), "episode", 180.0);
    // Three fields and four colour bars.
    assert_eq!(text.matches("<image").count(), 7);
    for label in [
        "(d)",
        "defect found",
        "defect missed",
        "false alarm",
        "10 Å",
        "dose / e⁻ Å⁻²",
    ] {
        assert!(text.contains(label), "{label}");
    }
}

#[test]
fn an_episode_on_an_oblong_field() {
    for (name, rows, columns) in [("episode_wide", 60, 200), ("episode_tall", 200, 70)] {
        let mut figure = episode();
        let (truth, sites) = lattice(rows, columns, 0.3);
        figure.truth = FieldMap::new(truth, 0.3);
        figure.measured = figure.truth.clone();
        figure.dose = FieldMap::new(Array2::from_elem((rows / 2, columns / 2), 150.0), 0.6);
        figure.log_dose = name == "episode_wide";
        figure.sites = sites;
        drawn(&figure, name, 180.0);
    }
}

#[test]
fn a_field_with_its_bars() {
    let text = drawn(&field_image(), "field", 85.0);
    assert_eq!(text.matches("<image").count(), 2);
    assert!(text.contains("10 Å"));
}

#[test]
fn awkward_but_legal_data_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    for (i, values) in [
        Array2::from_elem((1, 1), 0.0),
        Array2::from_elem((3, 40), f64::NAN),
        Array2::from_elem((40, 2), -7.5),
        Array2::from_elem((2, 2), 1e99),
    ]
    .into_iter()
    .enumerate()
    {
        let mut image = FieldImage::new(FieldMap::new(values, 0.1), "");
        image.log_scale = i % 2 == 1;
        image.save(&folder.path().join(format!("{i}.svg"))).unwrap();
        image.save(&folder.path().join(format!("{i}.png"))).unwrap();
    }
    let mut curves = quality_curves();
    curves.log_dose = true;
    curves.panels.truncate(1);
    curves.panels[0].curves.truncate(1);
    curves.panels[0].curves[0].dose = vec![0.0; 81];
    curves.save(&folder.path().join("zero.png")).unwrap();
    let mut empty = episode();
    empty.sites.clear();
    empty.save(&folder.path().join("empty.png")).unwrap();
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.png", "b.png"].map(|name| folder.path().join(name));
    std::thread::scope(|scope| {
        for file in &files {
            scope.spawn(|| pareto().save(file).unwrap());
        }
    });
    assert_eq!(
        std::fs::read(&files[0]).unwrap(),
        std::fs::read(&files[1]).unwrap()
    );
}
