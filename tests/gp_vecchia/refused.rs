//! Input that is refused.

use crate::problem::uniform;
use dosewise::gp::{FitOptions, Matern52, Noise, Surrogate, VecchiaGp, VecchiaOrdering};
use dosewise::{Error, Result};
use ndarray::{Array2, array};

#[test]
fn unusable_input_is_refused_by_name() {
    fn refused<T>(outcome: Result<T>, expected: &str) {
        match outcome {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
            Err(other) => panic!("expected a refusal of {expected}, found {other}"),
            Ok(_) => panic!("expected a refusal of {expected}"),
        }
    }
    let shared = || VecchiaGp::new(Matern52::isotropic(0.3), Noise::Homoscedastic(0.1));
    let x = uniform(4, 2, 9);
    let y = [0.1, 0.2, 0.3, 0.4];
    refused(shared().condition(&x, &y[..3]), "y");
    refused(shared().condition(&Array2::zeros((0, 2)), &[]), "y");
    refused(shared().condition(&Array2::zeros((4, 0)), &y), "x");
    refused(shared().condition(&x, &[0.1, f64::NAN, 0.3, 0.4]), "y");
    refused(shared().condition(&(&x / 0.0), &y), "x");
    refused(shared().with_neighbours(0).condition(&x, &y), "neighbours");
    let none = shared().with_prediction_neighbours(0).condition(&x, &y);
    refused(none, "prediction_neighbours");
    for ordering in [
        VecchiaOrdering::Coordinate(2),
        VecchiaOrdering::Given(vec![0, 1, 2]),
        VecchiaOrdering::Given(vec![0, 1, 2, 2]),
    ] {
        refused(
            shared().with_ordering(ordering).condition(&x, &y),
            "ordering",
        );
    }
    let known = VecchiaGp::new(Matern52::isotropic(0.3), Noise::Known(vec![0.1; 3]));
    refused(known.condition(&x, &y), "noise");
    let wrong = VecchiaGp::new(Matern52::ard([0.3]), Noise::Homoscedastic(0.1));
    refused(wrong.condition(&x, &y), "kernel");
    refused(shared().refit(&FitOptions::default()), "y");

    let mut gp = shared().condition(&x, &y).unwrap();
    refused(gp.marginals(array![[0.0]].view()), "points");
    refused(gp.joint(array![[0.0, f64::INFINITY]].view()), "points");
    refused(gp.slopes(&[f64::NAN, 0.0]), "point");
    refused(gp.append(&[0.1], 1.0, None), "x");
    refused(gp.append(&[0.1, 0.2], f64::INFINITY, None), "y");
    refused(gp.append(&[0.1, 0.2], 1.0, 0.1), "noise_variance");
    refused(gp.append_many(&x, &y[1..], None), "y");
    let blind = gp.clone().with_prediction_neighbours(0);
    refused(blind.marginals(x.view()), "prediction_neighbours");
    assert_eq!(gp.len(), 4);
    assert_eq!(gp.conditioned_on(4), None);
    assert!(
        gp.marginals(Array2::zeros((0, 2)).view())
            .unwrap()
            .mean
            .is_empty()
    );
    assert_eq!(
        gp.joint(Array2::zeros((0, 2)).view())
            .unwrap()
            .covariance
            .len(),
        0
    );
}
