//! Whatever numbers come in, a figure is drawn or a typed error comes back.

use dosewise::Error;
use dosewise::plot::{
    Band, FieldImage, FieldMap, Figure, ParetoFronts, ParetoPanel, ParetoPoint, QualityCurve,
    QualityCurves, QualityPanel, Strategy as Kind,
};
use ndarray::Array2;
use proptest::prelude::*;

/// Any f64, with ordinary and awkward values more often than chance would bring.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        14 => 0.0..1.0_f64,
        6 => 0.0..1e5_f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -1.0, 1e-310, 1e-300, 1e99, -1e99, f64::MAX, f64::NAN, f64::INFINITY]),
    ]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn drawn_or_refused(figure: &dyn Figure) -> Result<(), TestCaseError> {
    match figure.draw() {
        Ok(canvas) => {
            let (width, height) = canvas.size();
            prop_assert!(width > 80.0 && height > 30.0 && width < 1000.0 && height < 3000.0);
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("figure.svg");
            canvas.save(&file).unwrap();
            let text = std::fs::read_to_string(file).unwrap();
            prop_assert!(!text.contains("NaN") && !text.contains("inf,"));
        }
        Err(error) => prop_assert!(matches!(error, Error::Argument { .. }), "{error}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn quality_curves(
        dose in prop::collection::vec(number(), 0..12),
        quality in prop::collection::vec(number(), 12),
        with_band in any::<bool>(),
        log_dose in any::<bool>(),
        budget in prop::option::of(number()),
        label in ".{0,40}",
    ) {
        let dose = sorted(dose);
        let quality = quality[..dose.len()].to_vec();
        let band = with_band.then(|| Band { lower: quality.clone(), upper: quality.clone() });
        let curve = QualityCurve { label: label.clone(), strategy: Kind::Fixed, dose, quality, band };
        let panel = QualityPanel { title: label.clone(), budget, curves: vec![curve] };
        drawn_or_refused(&QualityCurves { panels: vec![panel; 2], log_dose, dose_label: None, note: Some(label) })?;
    }

    #[test]
    fn pareto_fronts(
        points in prop::collection::vec((number(), number(), prop::option::of((number(), number()))), 0..12),
        log_dose in any::<bool>(),
    ) {
        let points = points
            .into_iter()
            .enumerate()
            .map(|(i, (dose, quality, quality_interval))| ParetoPoint {
                label: format!("configuration {}", i % 5),
                dose,
                quality,
                quality_interval,
                ..ParetoPoint::default()
            })
            .collect();
        let panels = vec![ParetoPanel { title: "world".into(), points }];
        drawn_or_refused(&ParetoFronts { panels, log_dose, ..ParetoFronts::default() })?;
    }

    #[test]
    fn fields(
        (rows, columns) in (0..=8_usize, 0..=8_usize),
        values in prop::collection::vec(number(), 64),
        pixel_size in number(),
        log_scale in any::<bool>(),
        width_mm in prop_oneof![Just(85.0), number()],
    ) {
        let values = Array2::from_shape_fn((rows, columns), |(y, x)| values[8 * y + x]);
        let image = FieldImage {
            log_scale,
            width_mm,
            ..FieldImage::new(FieldMap::new(values, pixel_size), "counts")
        };
        drawn_or_refused(&image)?;
    }
}
