//! Transforms on their own: there and back, and what they refuse.

use super::{close, counts, in_units, kernel, scaled, scattered};
use dosewise::Error;
use dosewise::gp::{
    Affine, InputScaling, Noise, OutputScaling, ScaledGp, Scaling, Surrogate, Transform,
};
use ndarray::{Array2, array};

#[test]
fn transforms_are_undone() {
    let x = in_units(&scattered(9));
    let y = counts(&scattered(9));
    for inputs in [
        InputScaling::None,
        InputScaling::UnitBox,
        InputScaling::ZScore,
    ] {
        let transform =
            Transform::learn(&Scaling::new([inputs], OutputScaling::Standardise), &x, &y);
        let transform = transform.unwrap();
        let there = transform.points(&x).unwrap();
        let back = transform.original_points(&there).unwrap();
        for (a, b) in back.iter().zip(&x) {
            assert!((a - b).abs() <= 1e-15 * b.abs());
        }
        let point = x.row(4).to_vec();
        assert_eq!(transform.point(&point).unwrap(), there.row(4).to_vec());
        assert!(close(
            &transform.original_point(&there.row(4).to_vec()).unwrap(),
            &point,
            1e-10
        ));
        let noise = Noise::Known(vec![1.0, 1e12]);
        let Noise::Known(back) = transform.original_noise(&transform.noise(&noise)) else {
            panic!("known noise stays known")
        };
        assert!((back[0] - 1.0).abs() < 1e-14 && (back[1] / 1e12 - 1.0).abs() < 1e-14);
        assert!(transform.point(&[1.0]).is_err() && transform.points(&array![[1.0]]).is_err());
        assert!(transform.original_points(&array![[1.0]]).is_err());
    }
    let mut scaled = Transform::learn(&Scaling::default(), &x, &y)
        .unwrap()
        .points(&x)
        .unwrap();
    let bounds =
        |values: &Array2<f64>| values.fold((1.0_f64, 0.0_f64), |(l, h), &v| (l.min(v), h.max(v)));
    assert_eq!(bounds(&scaled), (0.0, 1.0));
    scaled.mapv_inplace(|v| v - 0.5);
    assert!(scaled.iter().all(|v| v.abs() <= 0.5));
}

#[test]
fn unusable_scalings_are_refused() {
    let (x, y) = (scattered(3), [1.0, 2.0, 3.0]);
    let within =
        |low, high| Scaling::new([InputScaling::Within { low, high }], OutputScaling::None);
    let given =
        |shift, scale| Scaling::new([InputScaling::None], OutputScaling::Given { shift, scale });
    for scaling in [
        within(1.0, 1.0),
        within(1.0, 0.0),
        within(f64::NAN, 1.0),
        within(0.0, f64::INFINITY),
        given(0.0, 0.0),
        given(0.0, -1.0),
        given(f64::NAN, 1.0),
        given(0.0, f64::INFINITY),
        given(0.0, 1e-200),
        Scaling::new([], OutputScaling::None),
        Scaling::new([InputScaling::None; 3], OutputScaling::None),
    ] {
        let learned = Transform::learn(&scaling, &x, &y);
        let argument = match learned {
            Err(Error::Argument { argument, .. }) => argument,
            other => panic!("{other:?}"),
        };
        assert_eq!(argument, "scaling", "{scaling:?}");
        let gp = ScaledGp::new(kernel(), Noise::Homoscedastic(0.1), scaling);
        assert!(gp.clone().condition(&x, &y).is_err());
        assert!(gp.posterior(&x).is_err());
    }
    let default = Scaling::default();
    assert!(Transform::learn(&default, &x, &y[1..]).is_err());
    assert!(Transform::learn(&default, &array![[f64::NAN]], &[1.0]).is_err());
    assert!(Transform::learn(&default, &array![[1.0]], &[f64::INFINITY]).is_err());
    let gp = || ScaledGp::new(kernel(), Noise::Known(vec![0.1; 2]), Scaling::default());
    assert!(gp().condition(&x, &y).is_err());
    assert!(gp().condition(&Array2::zeros((0, 2)), &[]).is_err());
    let gp = scaled(4);
    assert!(gp.posterior(&array![[1.0]]).is_err() && gp.slopes(&[1.0]).is_err());
    assert!(gp.posterior(&array![[1.0, f64::NAN]]).is_err());
    assert!(gp.slopes(&[f64::NAN, 1.0]).is_err());
    // A box of width zero is no box, one value is.
    let one = Transform::learn(&default, &array![[3.0, 4.0]], &[5.0]).unwrap();
    let shifted = |shift| Affine { shift, scale: 1.0 };
    assert_eq!(one.inputs(), [shifted(3.0), shifted(4.0)]);
    // Of outputs, one says no more than how large they are.
    let (shift, scale) = (5.0, 5.0);
    assert_eq!(one.outputs(), Affine { shift, scale });
}
