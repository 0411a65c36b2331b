//! The growing Cholesky factor against the matrix it came from.

use dosewise::Error;
use dosewise::linalg::Cholesky;

/// A well-conditioned covariance with no structure that a wrong index could hide behind.
fn covariance(i: usize, j: usize) -> f64 {
    let distance = (i as f64 - j as f64).abs();
    (-0.3 * distance).exp() * (1.0 + 0.1 * ((i * j) as f64).sin())
        + if i == j { 1.0 + 0.05 * i as f64 } else { 0.0 }
}

fn factor(size: usize) -> Cholesky {
    Cholesky::factor(size, &mut |j, column| {
        for (i, c) in column.iter_mut().enumerate() {
            *c = covariance(j + i, j);
        }
    })
    .unwrap()
}

fn largest_difference(a: &Cholesky, b: &Cholesky) -> f64 {
    assert_eq!(a.size(), b.size());
    let n = a.size();
    let pairs = (0..n).flat_map(|i| (0..=i).map(move |j| (i, j)));
    pairs
        .map(|(i, j)| (a.entry(i, j).unwrap() - b.entry(i, j).unwrap()).abs())
        .fold(0.0, f64::max)
}

#[test]
fn product_of_the_factor_is_the_matrix() {
    let factor = factor(70);
    assert_eq!(factor.jitter(), 0.0);
    for i in 0..70 {
        for j in 0..=i {
            let product: f64 = (0..=j)
                .map(|k| factor.entry(i, k).unwrap() * factor.entry(j, k).unwrap())
                .sum();
            assert!((product - covariance(i, j)).abs() < 1e-12);
        }
    }
}

#[test]
fn rows_and_blocks_append_to_the_full_factor() {
    let full = factor(45);
    let mut by_rows = factor(3);
    for i in 3..45 {
        let mut cross: Vec<f64> = (0..i).map(|j| covariance(i, j)).collect();
        by_rows.append(&mut cross, covariance(i, i)).unwrap();
    }
    assert!(largest_difference(&full, &by_rows) < 1e-13);

    let mut by_block = factor(20);
    let mut cross: Vec<f64> = (0..20)
        .flat_map(|j| (20..45).map(move |i| covariance(i, j)))
        .collect();
    by_block
        .append_block(&mut cross, 25, &mut |j, column| {
            for (i, c) in column.iter_mut().enumerate() {
                *c = covariance(20 + j + i, 20 + j);
            }
        })
        .unwrap();
    assert!(largest_difference(&full, &by_block) < 1e-13);
}

#[test]
fn solves_and_inverse_undo_the_matrix() {
    // Fewer rows than the inverse takes at a time, as many, and a few blocks with a rest.
    for n in [40, 64, 150] {
        undo(n);
    }
}

fn undo(n: usize) {
    let factor = factor(n);
    let truth: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
    let mut b: Vec<f64> = (0..n)
        .map(|i| {
            (0..n)
                .map(|j| covariance(i.max(j), i.min(j)) * truth[j])
                .sum()
        })
        .collect();
    let right = b.clone();
    factor.solve(&mut b).unwrap();
    let (mut inverse, mut work) = (Vec::new(), Vec::new());
    factor.inverse(&mut inverse, &mut work);
    for i in 0..n {
        assert!((b[i] - truth[i]).abs() < 1e-12);
        let by_inverse: f64 = (0..n)
            .map(|j| inverse[i.min(j) * n + i.max(j)] * right[j])
            .sum();
        assert!((by_inverse - truth[i]).abs() < 1e-12);
    }
    // Many right-hand sides, row-major, equal one at a time.
    let mut many: Vec<f64> = (0..n * 3).map(|k| (k as f64 * 0.7).sin()).collect();
    let mut one: Vec<f64> = (0..n).map(|i| many[i * 3 + 1]).collect();
    factor.forward_many(&mut many, 3).unwrap();
    factor.forward(&mut one).unwrap();
    for i in 0..n {
        assert!((many[i * 3 + 1] - one[i]).abs() < 1e-13);
    }
    factor.backward_many(&mut many, 3).unwrap();
    factor.backward(&mut one).unwrap();
    let diagonal = factor.inverse_diagonal().unwrap();
    for i in 0..n {
        assert!((many[i * 3 + 1] - one[i]).abs() < 1e-12);
        assert!((diagonal[i] - inverse[i * n + i]).abs() < 1e-12 * diagonal[i]);
    }
    assert!(factor.backward_many(&mut many, 2).is_err());
    factor.backward_many(&mut [], 0).unwrap();
}

#[test]
fn the_condition_number_is_estimated_from_below() {
    let diagonal = |entries: &[f64]| {
        let fill = &mut |j: usize, column: &mut [f64]| {
            column.fill(0.0);
            column[0] = entries[j];
        };
        Cholesky::factor(entries.len(), fill).unwrap()
    };
    assert_eq!(Cholesky::default().condition_number(), 1.0);
    for (entries, truth) in [
        (vec![3.0], 1.0),
        (vec![2.0; 50], 1.0),
        (vec![1e-9, 4.0, 1.0], 4e9),
        (vec![1e8, 1e-8], 1e16),
        // Eigenvalues crowded at both ends.
        ((1..=200).map(f64::from).collect(), 200.0),
    ] {
        let ratio = diagonal(&entries).condition_number() / truth;
        assert!((0.9..1.0 + 1e-12).contains(&ratio), "{entries:?}: {ratio}");
    }
}

#[test]
fn singular_matrices_get_a_reported_jitter_and_indefinite_ones_an_error() {
    let ones = Cholesky::factor(5, &mut |_, column| column.fill(2.0)).unwrap();
    assert!(ones.jitter() > 0.0 && ones.jitter() < 1e-6);
    let indefinite = Cholesky::factor(2, &mut |j, column| {
        column.copy_from_slice(&[[1.0, 3.0], [1.0, 0.0]][j][..2 - j]);
    });
    assert!(matches!(
        indefinite,
        Err(Error::NotPositiveDefinite {
            size: 2,
            pivot: 1,
            ..
        })
    ));
    let not_a_number = Cholesky::factor(2, &mut |_, column| column.fill(f64::NAN));
    assert!(matches!(
        not_a_number,
        Err(Error::NotPositiveDefinite { .. })
    ));
    let mut factor = factor(2);
    let mut duplicate = vec![covariance(1, 0), covariance(1, 1)];
    assert!(factor.append(&mut duplicate, covariance(1, 1)).is_err());
    assert_eq!(factor.size(), 2);
    assert!(matches!(
        factor.forward(&mut [1.0; 3]),
        Err(Error::Argument { .. })
    ));
}

#[test]
fn a_rank_one_update_is_the_factor_of_the_updated_matrix() {
    let n = 40;
    let v: Vec<f64> = (0..n).map(|i| (i as f64 * 0.9).sin() * 3.0).collect();
    let mut updated = factor(n);
    updated.update(&mut v.clone()).unwrap();
    let anew = Cholesky::factor(n, &mut |j, column| {
        for (i, c) in column.iter_mut().enumerate() {
            *c = covariance(j + i, j) + v[j + i] * v[j];
        }
    })
    .unwrap();
    assert!(largest_difference(&updated, &anew) < 1e-13);
    assert!(updated.update(&mut [1.0]).is_err());
    assert!(updated.update(&mut vec![f64::NAN; n]).is_err());
    assert_eq!(largest_difference(&updated, &updated.clone()), 0.0);
}

#[test]
fn backward_solves_of_many_columns_are_those_of_each() {
    let (n, columns) = (30, 7);
    let factor = factor(n);
    let mut many: Vec<f64> = (0..n * columns).map(|i| (i as f64 * 0.37).cos()).collect();
    let before = many.clone();
    factor.backward_many(&mut many, columns).unwrap();
    for c in 0..columns {
        let mut one: Vec<f64> = (0..n).map(|i| before[i * columns + c]).collect();
        factor.backward(&mut one).unwrap();
        for i in 0..n {
            assert!((many[i * columns + c] - one[i]).abs() < 1e-13);
        }
    }
    assert!(factor.backward_many(&mut [0.0], 2).is_err());
    factor.backward_many(&mut [], 0).unwrap();
}
