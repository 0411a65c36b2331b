//! The palette under simulated colour blindness.

use dosewise::plot::style::{BLACK, Colour, PALETTE, WHITE};

type Matrix = [[f64; 3]; 3];

/// Full deuteranopia and protanopia in linear RGB: G. M. Machado et al., IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009).
const VISIONS: [(&str, Matrix); 3] = [
    (
        "normal",
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ),
    (
        "deuteranopia",
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    ),
    (
        "protanopia",
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
    ),
];

fn times(matrix: &Matrix, v: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
}

/// CIELAB, D65 white, of a colour as seen with `vision`.
fn lab(colour: Colour, vision: &Matrix) -> [f64; 3] {
    let linear = [colour.0, colour.1, colour.2].map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    let seen = times(vision, linear).map(|c| c.clamp(0.0, 1.0));
    let xyz = times(
        &[
            [0.4124, 0.3576, 0.1805],
            [0.2126, 0.7152, 0.0722],
            [0.0193, 0.1192, 0.9505],
        ],
        seen,
    );
    let white = [0.95047, 1.0, 1.08883];
    let f: Vec<f64> = xyz
        .iter()
        .zip(white)
        .map(|(c, w)| c / w)
        .map(|t| {
            if t > 0.008856 {
                t.cbrt()
            } else {
                7.787 * t + 16.0 / 116.0
            }
        })
        .collect();
    [
        116.0 * f[1] - 16.0,
        500.0 * (f[0] - f[1]),
        200.0 * (f[1] - f[2]),
    ]
}

#[test]
fn colours_differ_for_everyone() {
    let mut colours = PALETTE.to_vec();
    colours.extend([BLACK, WHITE]);
    for (name, vision) in &VISIONS {
        for (i, &a) in colours.iter().enumerate() {
            for &b in &colours[..i] {
                let (la, lb) = (lab(a, vision), lab(b, vision));
                let distance = la
                    .iter()
                    .zip(lb)
                    .map(|(x, y)| (x - y).powi(2))
                    .sum::<f64>()
                    .sqrt();
                // The closest pair of the original eight colours has 17.9; 2.3 is just noticeable side by side.
                assert!(
                    distance > 17.0,
                    "{name}: {a:?} and {b:?} differ by {distance:.1}"
                );
            }
        }
    }
}
