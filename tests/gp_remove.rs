//! Forgetting measurements against conditioning anew on the others.

use dosewise::Error;
use dosewise::gp::{
    ExactGp, Kernel, Linear, Matern52, Mean, Noise, Persist, Rbf, Removed, Tracked, White,
};
use ndarray::{Array2, Axis, array};
use proptest::prelude::*;

fn place(i: usize) -> [f64; 2] {
    let i = i as f64 + 0.5;
    [(i * 0.754_877_666).fract(), (i * 0.569_840_291).fract()]
}

fn scattered(from: usize, to: usize) -> Array2<f64> {
    Array2::from_shape_fn((to - from, 2), |(i, k)| place(from + i)[k])
}

fn outcome(i: usize) -> f64 {
    let x = place(i);
    (6.0 * x[0]).sin() + (4.0 * x[1]).cos() + (i as f64 * 1.7).sin() / 10.0
}

fn variance(i: usize) -> f64 {
    0.01 + 0.02 * (i as f64 * 0.31).fract()
}

fn kernel() -> impl Kernel {
    Matern52::ard([0.3, 0.5]).scaled(1.4) + Linear::isotropic(0.3)
}

fn prior(shared: bool) -> ExactGp {
    let noise = if shared {
        Noise::Homoscedastic(0.02)
    } else {
        Noise::Known(Vec::new())
    };
    let slopes = vec![0.3, -0.2];
    let intercept = 0.1;
    ExactGp::new(kernel(), noise).with_mean(Mean::Linear { intercept, slopes })
}

/// The process conditioned on these measurements, in this order, from nothing.
fn anew(ids: &[usize], shared: bool) -> ExactGp {
    let rows = ids.iter().flat_map(|&i| place(i)).collect();
    let x = Array2::from_shape_vec((ids.len(), 2), rows).unwrap();
    let y: Vec<f64> = ids.iter().map(|&i| outcome(i)).collect();
    let slopes = vec![0.3, -0.2];
    let intercept = 0.1;
    let noise = if shared {
        Noise::Homoscedastic(0.02)
    } else {
        Noise::Known(ids.iter().map(|&i| variance(i)).collect())
    };
    ExactGp::new(kernel(), noise)
        .with_mean(Mean::Linear { intercept, slopes })
        .condition(&x, &y)
        .unwrap()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

fn equal(found: &ExactGp, truth: &ExactGp, tolerance: f64) {
    let places = scattered(1000, 1025);
    assert_eq!(found.targets(), truth.targets());
    assert_eq!(found.noise(), truth.noise());
    for i in 0..truth.len() {
        assert_eq!(
            found.points().view().point(i),
            truth.points().view().point(i)
        );
    }
    let (a, b) = (
        found.posterior(&places).unwrap(),
        truth.posterior(&places).unwrap(),
    );
    assert!(close(a.mean(), b.mean(), tolerance));
    assert!(close(a.variance(), b.variance(), tolerance));
    let (a, b) = (found.posterior_mean(&places), truth.posterior_mean(&places));
    assert!(close(&a.unwrap(), &b.unwrap(), tolerance));
    let (a, b) = (
        found.log_marginal_likelihood(),
        truth.log_marginal_likelihood(),
    );
    assert!((a - b).abs() <= 100.0 * tolerance, "{a} {b}");
    let gradient = found.log_marginal_likelihood_gradient();
    assert!(close(
        &gradient,
        &truth.log_marginal_likelihood_gradient(),
        1e4 * tolerance
    ));
    assert_eq!(found.jitter(), truth.jitter());
}

/// One change to a set of measurements.
#[derive(Debug, Clone)]
enum Step {
    Append,
    AppendMany(usize),
    Remove(f64),
    RemoveMany(Vec<f64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        3 => Just(Step::Append),
        2 => (1..6_usize).prop_map(Step::AppendMany),
        4 => (0.0..1.0).prop_map(Step::Remove),
        2 => prop::collection::vec(0.0..1.0, 0..16).prop_map(Step::RemoveMany),
        // So many that all is factored again.
        1 => prop::collection::vec(0.0..1.0, 60..100).prop_map(Step::RemoveMany),
    ];
    prop::collection::vec(one, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(4),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_of_changes_equals_conditioning_anew(
        shared in any::<bool>(),
        start in 1..90_usize,
        steps in steps(),
    ) {
        let mut ids: Vec<usize> = (0..start).collect();
        let mut gp = anew(&ids, shared);
        let mut next = start;
        let known = |i: usize| (!shared).then(|| variance(i));
        for step in steps {
            match step {
                Step::Append => {
                    gp.append(&place(next), outcome(next), known(next)).unwrap();
                    ids.push(next);
                    next += 1;
                }
                Step::AppendMany(count) => {
                    let more: Vec<usize> = (next..next + count).collect();
                    let y: Vec<f64> = more.iter().map(|&i| outcome(i)).collect();
                    let variances: Vec<f64> = more.iter().map(|&i| variance(i)).collect();
                    let variances = (!shared).then_some(variances.as_slice());
                    gp.append_many(&scattered(next, next + count), &y, variances).unwrap();
                    ids.extend(more);
                    next += count;
                }
                Step::Remove(share) if !ids.is_empty() => {
                    let index = (share * ids.len() as f64) as usize;
                    let id = ids.remove(index);
                    let removed = gp.remove(index).unwrap();
                    let noise_variance = known(id).unwrap_or(0.02);
                    let truth = Removed {
                        point: place(id).to_vec(),
                        target: outcome(id),
                        noise_variance,
                    };
                    prop_assert_eq!(removed, truth);
                }
                Step::Remove(_) => prop_assert!(gp.remove(0).is_err()),
                Step::RemoveMany(shares) => {
                    let at = |share: &f64| (share * ids.len() as f64) as usize;
                    let mut indices: Vec<usize> = Vec::new();
                    for index in shares.iter().map(at).filter(|&i| i < ids.len()) {
                        if !indices.contains(&index) {
                            indices.push(index);
                        }
                    }
                    let removed = gp.remove_many(&indices).unwrap();
                    let targets: Vec<f64> = removed.iter().map(|r| r.target).collect();
                    let truth: Vec<f64> = indices.iter().map(|&i| outcome(ids[i])).collect();
                    prop_assert_eq!(targets, truth);
                    let mut index = 0;
                    ids.retain(|_| {
                        index += 1;
                        !indices.contains(&(index - 1))
                    });
                }
            }
            prop_assert_eq!(gp.len(), ids.len());
        }
        if ids.is_empty() {
            let place = array![[0.3, 0.4]];
            let (a, b) = (gp.posterior(&place).unwrap(), prior(shared));
            let b = b.posterior(&place).unwrap();
            prop_assert_eq!((a.mean(), a.variance()), (b.mean(), b.variance()));
        } else {
            equal(&gp, &anew(&ids, shared), 1e-10);
        }
    }
}

#[test]
fn a_window_that_slides_for_long_keeps_its_digits() {
    let mut gp = anew(&(0..60).collect::<Vec<_>>(), false);
    for i in 60..1060 {
        gp.append(&place(i), outcome(i), variance(i)).unwrap();
        // The oldest mostly, one in the middle now and then.
        gp.remove(if i % 5 == 0 { 30 } else { 0 }).unwrap();
    }
    let rows = (0..60).map(|i| gp.points().view().point(i));
    let x = Array2::from_shape_vec((60, 2), rows.flatten().collect()).unwrap();
    let fresh = ExactGp::new(kernel(), gp.noise().clone())
        .with_mean(gp.mean().clone())
        .condition(&x, gp.targets())
        .unwrap();
    equal(&gp, &fresh, 1e-11);
    // And a file of it is accepted, whose parts are checked against each other.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("window.json");
    gp.save(&file).unwrap();
    equal(&ExactGp::load(&file).unwrap(), &gp, 0.0);
}

#[test]
fn jitter_goes_with_the_copy_that_needed_it() {
    let x = array![[0.1, 0.2], [0.7, 0.3], [0.1, 0.2], [0.5, 0.9]];
    let kernel = || Rbf::isotropic(0.4).scaled(2.0);
    let mut gp = ExactGp::new(kernel(), Noise::Known(vec![0.0; 4]))
        .condition(&x, &[1.0, -1.0, 1.0, 0.5])
        .unwrap();
    assert!(gp.jitter() > 0.0);
    gp.remove(1).unwrap();
    assert!(gp.jitter() > 0.0);
    gp.remove_many(&[1]).unwrap();
    assert_eq!(gp.jitter(), 0.0);
    let rest = ExactGp::new(kernel(), Noise::Known(vec![0.0; 2]))
        .condition(&x.select(Axis(0), &[0, 3]), &[1.0, 0.5])
        .unwrap();
    equal(&gp, &rest, 1e-14);
}

#[test]
fn what_cannot_be_removed_is_refused_and_changes_nothing() {
    let mut gp = anew(&[0, 1, 2, 3, 4], false);
    let refused = |outcome: dosewise::Result<Vec<Removed>>| {
        assert!(
            matches!(outcome, Err(Error::Argument { .. })),
            "{outcome:?}"
        );
    };
    refused(gp.remove(5).map(|removed| vec![removed]));
    refused(gp.remove_many(&[0, 5]));
    refused(gp.remove_many(&[3, 1, 3]));
    equal(&gp, &anew(&[0, 1, 2, 3, 4], false), 0.0);
    assert!(gp.remove_many(&[]).unwrap().is_empty());
    equal(&gp, &anew(&[0, 1, 2, 3, 4], false), 0.0);
    assert!(prior(true).remove(0).is_err());
    // What was removed can be given back.
    let removed = gp.remove(4).unwrap();
    gp.append(&removed.point, removed.target, removed.noise_variance)
        .unwrap();
    equal(&gp, &anew(&[0, 1, 2, 3, 4], false), 1e-12);
}

fn equals_rebuilt(tracked: &Tracked, candidates: &Array2<f64>, tolerance: f64) {
    let rebuilt = tracked.gp().clone().track(candidates).unwrap();
    assert!(close(tracked.mean(), rebuilt.mean(), tolerance));
    assert!(close(tracked.variance(), rebuilt.variance(), tolerance));
    let middle = candidates.nrows() / 2;
    let (a, b) = (tracked.covariances(middle), rebuilt.covariances(middle));
    assert!(close(&a.unwrap(), &b.unwrap(), tolerance));
}

#[test]
fn tracked_candidates_forget() {
    // More candidates than one tile.
    let candidates = scattered(5000, 6100);
    let mut tracked = anew(&(0..40).collect::<Vec<_>>(), false)
        .track(&candidates)
        .unwrap();
    let mut ids: Vec<usize> = (0..40).collect();
    for (step, next) in (40..160).enumerate() {
        if step % 3 == 0 {
            let index = (next * 7) % candidates.nrows();
            let y = outcome(next);
            tracked.observe_candidate(index, y, variance(next)).unwrap();
        } else {
            tracked
                .observe(&place(next), outcome(next), variance(next))
                .unwrap();
        }
        ids.push(next);
        let index = [0, 40, 17, 1][step % 4];
        let removed = tracked.forget(index).unwrap();
        assert_eq!(removed.target, outcome(ids.remove(index)));
        if step % 40 == 0 {
            equals_rebuilt(&tracked, &candidates, 1e-11);
        }
    }
    equals_rebuilt(&tracked, &candidates, 1e-11);
    assert!(tracked.forget(40).is_err());
    for _ in 0..40 {
        tracked.forget(0).unwrap();
    }
    let empty = prior(false).track(&candidates).unwrap();
    assert!(close(tracked.mean(), empty.mean(), 1e-15));
    assert!(close(tracked.variance(), empty.variance(), 1e-15));
    // No candidates at all.
    let mut none = anew(&[0, 1], false).track(&Array2::zeros((0, 2))).unwrap();
    assert_eq!(none.forget(0).unwrap().target, outcome(0));
}

#[test]
fn tracked_candidates_forget_where_jitter_was_needed() {
    let candidates = scattered(0, 30);
    let mut tracked = ExactGp::new(Rbf::isotropic(0.5) + White::new(1e-6), Noise::Known(vec![]))
        .track(&candidates)
        .unwrap();
    for index in [3, 8, 3, 20] {
        tracked
            .observe_candidate(index, outcome(index), 0.0)
            .unwrap();
    }
    assert!(tracked.gp().jitter() > 0.0);
    tracked.forget(0).unwrap();
    assert_eq!(tracked.gp().jitter(), 0.0);
    equals_rebuilt(&tracked, &candidates, 1e-12);
}
