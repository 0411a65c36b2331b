//! Places where a kernel has no number, or one too large: an error, and never a variance of zero.

use dosewise::gp::{
    ExactGp, HeteroscedasticGp, InducingPoints, Kernel, LaplaceGp, Likelihood, Linear, Noise,
    Parameter, PointsView, Polynomial, Rbf, SparseGp, Surrogate, VecchiaGp,
};
use dosewise::{Error, Result};
use ndarray::array;

/// A kernel of the user's own that is no number beyond 2.
#[derive(Debug, Clone)]
struct Torn;

impl Kernel for Torn {
    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        for (value, other) in out.iter_mut().zip(others.coordinate(0)) {
            let beyond = point[0].max(*other) > 2.0;
            *value = if beyond {
                f64::NAN
            } else {
                (-(point[0] - other).abs()).exp()
            };
        }
    }
    fn variance(&self, _: &[f64]) -> f64 {
        1.0
    }
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }
    fn set_log_parameters(&mut self, _: &[f64]) -> Result<()> {
        Ok(())
    }
    fn accumulate_gradient(&self, _: &[f64], _: PointsView<'_>, _: &[f64], _: &mut [f64]) -> f64 {
        0.0
    }
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

#[test]
fn no_number_is_no_certainty() {
    let (x, y) = (array![[1.0], [0.5]], [1.0, 0.0]);
    // Far out the variance of the polynomial overflows.
    let polynomial = || Box::new(Polynomial::isotropic(16, 1.0)) as Box<dyn Kernel>;
    let torn = || Box::new(Torn) as Box<dyn Kernel>;
    for (kernel, place) in [(polynomial(), 1e20), (torn(), 3.0)] {
        let known = || Noise::Known(vec![0.1; 2]);
        let counts = Likelihood::Poisson {
            exposure: vec![1.0; 2],
        };
        let inducing = InducingPoints::greedy(2);
        let gp = || {
            ExactGp::new(kernel.clone(), known())
                .condition(&x, &y)
                .unwrap()
        };
        let fantasy = gp();
        let fantasy = fantasy.fantasize(&array![[0.7]], Some(&[0.1])).unwrap();
        let sparse = SparseGp::new(kernel.clone(), Noise::Homoscedastic(0.1), inducing);
        let uneven = HeteroscedasticGp::new(kernel.clone(), Rbf::isotropic(1.0), 0.1);
        let models: [Box<dyn Surrogate + '_>; 6] = [
            Box::new(gp()),
            Box::new(fantasy.believer()),
            Box::new(
                VecchiaGp::new(kernel.clone(), known())
                    .condition(&x, &y)
                    .unwrap(),
            ),
            Box::new(
                LaplaceGp::new(kernel.clone(), counts)
                    .condition(&x, &y)
                    .unwrap(),
            ),
            Box::new(uneven.condition(&x, &y).unwrap()),
            Box::new(sparse.condition(&x, &y).unwrap()),
        ];
        for model in models {
            assert!(model.marginals(array![[0.2], [0.9]].view()).is_ok());
            let refused = model.marginals(array![[0.2], [place]].view());
            let named =
                matches!(&refused, Err(Error::Argument { argument, .. }) if argument == "points");
            assert!(named, "{model:?} {refused:?}");
            assert!(model.joint(array![[place]].view()).is_err());
        }
        assert!(gp().track(&array![[0.2], [place]]).is_err());
    }
}

#[test]
fn candidates_that_cannot_follow_a_measurement_take_it_back() {
    let mut tracked = ExactGp::new(Linear::isotropic(1.0), Noise::Known(vec![]))
        .track(&array![[1e150], [1.0]])
        .unwrap();
    // A slope of 10²²⁵ has no value at 10¹⁵⁰.
    assert!(tracked.observe(&[1e-75], 1e150, 0.0).is_err());
    assert!(tracked.gp().is_empty() && tracked.mean() == [0.0, 0.0]);
    tracked.observe(&[2.0], 4.0, 0.0).unwrap();
    assert!((tracked.mean()[1] - 2.0).abs() < 1e-14 && tracked.variance()[1] < 1e-14);
}
