//! The limit of all predecessors.

use crate::problem::{close, signal, uniform};
use dosewise::gp::{
    ExactGp, Kernel, Matern12, Matern32, Mean, Noise, Rbf, Surrogate, VecchiaGp, VecchiaOrdering,
};

#[test]
fn with_all_predecessors_it_is_the_exact_process() {
    let (n, m) = (120, 25);
    let x = uniform(n, 2, 1);
    let y = signal(&x);
    let places = uniform(m, 2, 2) * 1.2;
    let kernel = || Matern32::ard([0.3, 0.7]).scaled(1.3) + Rbf::isotropic(0.5).scaled(0.4);
    let known = Noise::Known((0..n).map(|i| 0.01 + 1e-3 * i as f64).collect());
    let trend = Mean::Linear {
        intercept: 0.3,
        slopes: vec![0.5, -0.2],
    };
    let bowl = Mean::custom("bowl", |x| x[0] * x[0] - x[1]);
    for (noise, mean) in [
        (Noise::Homoscedastic(0.02), trend),
        (known, Mean::Constant(0.2)),
        (Noise::Homoscedastic(1.0), bowl),
    ] {
        let exact = ExactGp::new(kernel(), noise.clone())
            .with_mean(mean.clone())
            .condition(&x, &y)
            .unwrap();
        for ordering in [
            VecchiaOrdering::MaxMin,
            VecchiaOrdering::Coordinate(1),
            VecchiaOrdering::AsGiven,
        ] {
            let gp = VecchiaGp::new(kernel(), noise.clone())
                .with_mean(mean.clone())
                .with_neighbours(n - 1)
                .with_prediction_neighbours(n)
                .with_ordering(ordering)
                .condition(&x, &y)
                .unwrap();
            let likelihood = exact.log_marginal_likelihood();
            close(gp.log_marginal_likelihood(), likelihood, 1e-9);
            let gradient = gp.log_marginal_likelihood_gradient().unwrap();
            for (found, expected) in gradient
                .iter()
                .zip(exact.log_marginal_likelihood_gradient())
            {
                close(*found, expected, 1e-9);
            }
            let (found, expected) = (
                gp.marginals(places.view()).unwrap(),
                exact.marginals(places.view()).unwrap(),
            );
            let (together, truth) = (
                gp.joint(places.view()).unwrap(),
                exact.joint(places.view()).unwrap(),
            );
            for i in 0..m {
                close(found.mean[i], expected.mean[i], 1e-8);
                close(found.variance[i], expected.variance[i], 1e-8);
                close(together.mean[i], expected.mean[i], 1e-8);
                for j in 0..m {
                    let (found, expected) = (together.covariance[[i, j]], truth.covariance[[i, j]]);
                    close(found, expected, 1e-8);
                }
            }
            let place = places.row(3).to_vec();
            let (found, expected) = (gp.slopes(&place).unwrap(), exact.slopes(&place).unwrap());
            close(found.mean, expected.mean, 1e-8);
            close(found.variance, expected.variance, 1e-8);
            for c in 0..2 {
                close(found.of_mean[c], expected.of_mean[c], 1e-6);
                close(found.of_variance[c], expected.of_variance[c], 1e-6);
            }
        }
    }
}

#[test]
fn as_many_neighbours_as_there_can_be_are_all_of_them() {
    let (x, places) = (uniform(40, 2, 3), uniform(7, 2, 4));
    let y = signal(&x);
    let kernel = || Matern32::isotropic(0.4).scaled(1.1);
    let exact = ExactGp::new(kernel(), Noise::Homoscedastic(0.05))
        .condition(&x, &y)
        .unwrap();
    let mut gp = VecchiaGp::new(kernel(), Noise::Homoscedastic(0.05))
        .with_neighbours(usize::MAX)
        .with_prediction_neighbours(usize::MAX)
        .condition(x.slice(ndarray::s![..30, ..]), &y[..30])
        .unwrap();
    gp.append_many(x.slice(ndarray::s![30.., ..]), &y[30..], None)
        .unwrap();
    let likelihood = exact.log_marginal_likelihood();
    close(gp.log_marginal_likelihood(), likelihood, 1e-10);
    let text = serde_json::to_string(&gp).unwrap();
    let again: VecchiaGp = serde_json::from_str(&text).unwrap();
    for gp in [gp, again] {
        let found = gp.joint(places.view()).unwrap();
        let marginals = gp.marginals(places.view()).unwrap();
        let expected = exact.joint(places.view()).unwrap();
        for i in 0..7 {
            close(marginals.mean[i], expected.mean[i], 1e-9);
            for j in 0..7 {
                close(found.covariance[[i, j]], expected.covariance[[i, j]], 1e-9);
            }
        }
    }
}

#[test]
fn one_neighbour_is_enough_for_a_markov_process() {
    // Matérn 1/2 on a line without noise is the Ornstein–Uhlenbeck process: given the last value, earlier ones tell
    // nothing more.
    let x = uniform(200, 1, 3);
    let y = signal(&x);
    let (kernel, noise) = (
        Matern12::isotropic(0.4).scaled(0.7),
        Noise::Known(vec![0.0; 200]),
    );
    let exact = ExactGp::new(kernel.clone(), noise.clone())
        .condition(&x, &y)
        .unwrap();
    let gp = VecchiaGp::new(kernel, noise)
        .with_neighbours(1)
        .with_ordering(VecchiaOrdering::Coordinate(0))
        .condition(&x, &y)
        .unwrap();
    close(
        gp.log_marginal_likelihood(),
        exact.log_marginal_likelihood(),
        1e-9,
    );
    let gradient = gp.log_marginal_likelihood_gradient().unwrap();
    for (found, expected) in gradient
        .iter()
        .zip(exact.log_marginal_likelihood_gradient())
    {
        close(*found, expected, 1e-9);
    }
}
