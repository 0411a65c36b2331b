//! Networks: every gradient against finite differences, every refusal by name, the same bits whatever the threads.

use dosewise::Error;
use dosewise::network::{Activation, Gradient, Layer, Network, Padding, Pooling, Shape};
use dosewise::units::Seed;
use ndarray::{Array2, Array3, Array4};
use proptest::prelude::*;

/// Numbers without a pattern that rectifiers or maxima could meet at their kinks.
fn scattered(n: usize, shape: Shape) -> Array2<f64> {
    Array2::from_shape_fn((n, shape.len()), |(i, k)| {
        let at = (i * shape.len() + k) as f64;
        (12.9898 * (at + 1.0)).sin() + 0.3 * (1.3 * at).cos()
    })
}

/// Σ cos(example + 2 · output) · output: an objective whose slopes all differ.
fn slopes(outputs: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(outputs.dim(), |(i, k)| (i as f64 + 2.0 * k as f64).cos())
}

fn objective(network: &Network, batch: &Array2<f64>) -> f64 {
    let outputs = network.forward(batch).unwrap();
    (&outputs * &slopes(&outputs)).sum()
}

fn gradient(network: &Network, batch: &Array2<f64>) -> Gradient {
    let pass = network.pass(batch).unwrap();
    let outputs = pass.outputs().to_owned();
    network.backward(&pass, slopes(&outputs).view()).unwrap()
}

/// Largest difference to central differences, relative to the largest slope.
fn disagreement(network: &Network, batch: &Array2<f64>) -> f64 {
    const STEP: f64 = 1e-5;
    let found = gradient(network, batch);
    let mut network = network.clone();
    let mut worst: f64 = 0.0;
    for k in 0..network.weights().len() {
        let kept = network.weights()[k];
        let mut at = |value: f64| {
            network.weights_mut()[k] = value;
            objective(&network, batch)
        };
        let slope = (at(kept + STEP) - at(kept - STEP)) / (2.0 * STEP);
        at(kept);
        worst = worst.max((slope - found.weights[k]).abs());
    }
    for (place, of_input) in found.inputs.indexed_iter() {
        let at = |change: f64| {
            let mut moved = batch.clone();
            moved[place] += change;
            objective(&network, &moved)
        };
        let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        worst = worst.max((slope - of_input).abs());
    }
    let all = found.weights.iter().chain(&found.inputs);
    worst / all.fold(1.0, |most: f64, slope| most.max(slope.abs()))
}

/// Biases that are not zero, so that their part in everything is seen.
fn stirred(mut network: Network) -> Network {
    for (k, weight) in network.weights_mut().iter_mut().enumerate() {
        *weight += 0.1 * (2.3 * k as f64).sin();
    }
    network
}

#[test]
fn gradients_of_every_layer_match_finite_differences() {
    let image = Shape::image(2, 5, 4);
    let same = Layer::Convolution {
        channels: 3,
        size: 3,
        padding: Padding::Same,
    };
    let valid = Layer::Convolution {
        channels: 2,
        size: 3,
        padding: Padding::Valid,
    };
    let wide = Layer::Convolution {
        channels: 2,
        size: 7,
        padding: Padding::Same,
    };
    for (input, layer) in [
        (Shape::vector(6), Layer::Dense { outputs: 4 }),
        (image, same),
        (image, valid),
        (image, wide),
        (image, Layer::Activation(Activation::Relu)),
        (image, Layer::Activation(Activation::Tanh)),
        (image, Layer::Activation(Activation::Silu)),
        (
            image,
            Layer::Pool {
                kind: Pooling::Average,
                size: 2,
            },
        ),
        (
            image,
            Layer::Pool {
                kind: Pooling::Max,
                size: 2,
            },
        ),
        (image, Layer::GlobalPool(Pooling::Average)),
        (image, Layer::GlobalPool(Pooling::Max)),
        (image, Layer::Flatten),
    ] {
        let network = Network::builder(input).layer(layer).build(Seed(2)).unwrap();
        let found = disagreement(&stirred(network), &scattered(3, input));
        assert!(found < 1e-8, "{layer:?}: {found:e}");
    }
}

fn deep(activation: Activation, kind: Pooling) -> Network {
    let network = Network::builder(Shape::image(2, 8, 7))
        .convolution(3, 3, Padding::Same)
        .activation(activation)
        .pool(kind, 2)
        .convolution(4, 3, Padding::Valid)
        .activation(activation)
        .flatten()
        .dense(5)
        .activation(activation)
        .dense(2)
        .build(Seed(7));
    stirred(network.unwrap())
}

#[test]
fn gradients_through_many_layers_match_finite_differences() {
    for activation in [Activation::Relu, Activation::Tanh, Activation::Silu] {
        for kind in [Pooling::Average, Pooling::Max] {
            let network = deep(activation, kind);
            let found = disagreement(&network, &scattered(4, network.input()));
            assert!(found < 1e-7, "{activation:?} {kind:?}: {found:e}");
        }
    }
}

#[test]
fn results_do_not_depend_on_threads_or_on_neighbours_in_the_batch() {
    let network = deep(Activation::Silu, Pooling::Max);
    let batch = scattered(150, network.input());
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| (network.forward(&batch).unwrap(), gradient(&network, &batch)))
    };
    let (one, several) = (with(1), with(5));
    assert_eq!(one.0, several.0);
    assert_eq!(one.1, several.1);
    let alone = network
        .forward(
            batch
                .rows()
                .into_iter()
                .nth(77)
                .unwrap()
                .insert_axis(ndarray::Axis(0)),
        )
        .unwrap();
    assert_eq!(alone.row(0), one.0.row(77));
}

#[test]
fn arrays_of_any_layout_mean_the_same() {
    let network = deep(Activation::Tanh, Pooling::Average);
    let rows = scattered(3, network.input());
    let images = rows.to_shape((3, 2, 8, 7)).unwrap().to_owned();
    let turned = Array4::from_shape_fn((3, 2, 7, 8), |(n, c, x, y)| images[[n, c, y, x]]);
    let expected = network.forward(&rows).unwrap();
    assert_eq!(network.forward(&images).unwrap(), expected);
    assert_eq!(
        network
            .forward(turned.view().permuted_axes([0, 1, 3, 2]))
            .unwrap(),
        expected
    );
    assert_eq!(
        network.forward(&Array2::zeros((0, 112))).unwrap().dim(),
        (0, 2)
    );
}

#[test]
fn weights_start_as_large_as_he_and_glorot_say() {
    let spread = |network: &Network, count: usize| {
        let factors = &network.weights()[..count];
        factors.iter().map(|w| w * w).sum::<f64>() / count as f64
    };
    let build = |activation| {
        let layers = Network::builder(Shape::vector(200))
            .dense(100)
            .activation(activation);
        layers.build(Seed(3)).unwrap()
    };
    // 20 000 squares of normal deviates scatter by 1 %.
    for (activation, expected) in [
        (Activation::Relu, 2.0 / 200.0),
        (Activation::Silu, 2.0 / 200.0),
        (Activation::Tanh, 2.0 / 300.0),
    ] {
        let network = build(activation);
        assert!((spread(&network, 20_000) / expected - 1.0).abs() < 0.04);
        assert!(network.weights()[20_000..].iter().all(|b| *b == 0.0));
    }
    let filters = Network::builder(Shape::image(20, 5, 5)).convolution(30, 3, Padding::Same);
    let filters = filters.activation(Activation::Relu).build(Seed(4)).unwrap();
    assert!((spread(&filters, 5400) * 90.0 - 1.0).abs() < 0.08);
    assert_eq!(build(Activation::Relu), build(Activation::Relu));
}

#[test]
fn shrinking_spares_the_biases() {
    let mut network = stirred(deep(Activation::Relu, Pooling::Max));
    let before = network.weights().to_vec();
    network.shrink(0.5);
    // The first filters are 3 · 2 · 9 factors, then 3 biases.
    assert!((0..54).all(|k| network.weights()[k] == 0.5 * before[k]));
    assert_eq!(network.weights()[54..57], before[54..57]);
}

#[test]
fn files_keep_every_bit_and_refuse_what_is_not_theirs() {
    let network = deep(Activation::Silu, Pooling::Average);
    let text = serde_json::to_string(&network).unwrap();
    let again: Network = serde_json::from_str(&text).unwrap();
    assert_eq!(again, network);
    let batch = scattered(5, network.input());
    assert_eq!(
        again.forward(&batch).unwrap(),
        network.forward(&batch).unwrap()
    );
    for (from, to, named) in [
        ("network 1", "network 2", "network 2"),
        ("\"size\":3", "\"size\":4", "layers[0].size"),
        ("\"outputs\":5", "\"outputs\":6", "weights"),
        ("\"weights\":[", "\"weights\":[0.5,", "weights"),
    ] {
        let refused = serde_json::from_str::<Network>(&text.replacen(from, to, 1)).unwrap_err();
        assert!(refused.to_string().contains(named), "{refused}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let named = |network: Result<Network, Error>| match network.unwrap_err() {
        Error::Argument { argument, .. } => argument,
        other => panic!("{other}"),
    };
    let image = || Network::builder(Shape::image(1, 4, 4));
    assert_eq!(
        named(
            Network::builder(Shape::image(1, 0, 4))
                .dense(1)
                .build(Seed(0))
        ),
        "input"
    );
    assert_eq!(
        named(
            Network::builder(Shape::image(9, usize::MAX, 4))
                .flatten()
                .build(Seed(0))
        ),
        "input"
    );
    assert_eq!(named(image().build(Seed(0))), "layers");
    assert_eq!(named(image().dense(2).build(Seed(0))), "layers[0].dense");
    assert_eq!(
        named(image().flatten().dense(0).build(Seed(0))),
        "layers[1].outputs"
    );
    assert_eq!(
        named(image().flatten().dense(usize::MAX).build(Seed(0))),
        "layers[1]"
    );
    assert_eq!(
        named(image().convolution(1, 5, Padding::Valid).build(Seed(0))),
        "layers[0].size"
    );
    assert_eq!(
        named(image().convolution(1, 2, Padding::Same).build(Seed(0))),
        "layers[0].size"
    );
    assert_eq!(
        named(image().pool(Pooling::Max, 5).build(Seed(0))),
        "layers[0].size"
    );
    assert_eq!(
        named(image().pool(Pooling::Max, 0).build(Seed(0))),
        "layers[0].size"
    );

    let network = image().flatten().dense(2).build(Seed(0)).unwrap();
    assert!(network.forward(&Array3::zeros((2, 4, 5))).is_err());
    assert!(network.forward(&Array4::zeros((2, 2, 4, 2))).is_err());
    assert!(network.forward(&Array2::zeros((2, 15))).is_err());
    let mut batch = Array2::zeros((2, 16));
    for bad in [f64::NAN, f64::INFINITY, 1e200] {
        batch[[1, 3]] = bad;
        assert!(network.pass(&batch).is_err());
    }
    batch[[1, 3]] = 0.0;
    let pass = network.pass(&batch).unwrap();
    assert!(
        network
            .backward(&pass, Array2::zeros((2, 3)).view())
            .is_err()
    );
    let other = image().flatten().dense(3).dense(2).build(Seed(0)).unwrap();
    assert!(other.backward(&pass, Array2::zeros((2, 2)).view()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A rectified network is homogeneous: with zero biases, larger inputs give as much larger outputs.
    #[test]
    fn rectified_networks_scale_with_their_inputs(seed in 0u64..1000, factor in 0.1f64..10.0) {
        let network = Network::builder(Shape::image(1, 6, 6))
            .convolution(2, 3, Padding::Same)
            .activation(Activation::Relu)
            .pool(Pooling::Max, 2)
            .global_pool(Pooling::Average)
            .dense(3)
            .build(Seed(seed))
            .unwrap();
        let batch = scattered(2, network.input());
        let (once, more) = (network.forward(&batch).unwrap(), network.forward(&(&batch * factor)).unwrap());
        prop_assert!((&once * factor - more).iter().all(|d| d.abs() < 1e-12 * (1.0 + factor)));
    }
}
