//! Smooth look-up of band-limited images between their pixels.

/// Keys' cubic convolution weights (a = −1/2) for the four samples around a fractional offset `t` in [0, 1)
/// (Keys, IEEE Trans. ASSP 29 (1981) 1153, doi 10.1109/TASSP.1981.1163711).
pub(crate) fn cubic_weights(t: f64) -> [f64; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (-t3 + 2.0 * t2 - t),
        0.5 * (3.0 * t3 - 5.0 * t2 + 2.0),
        0.5 * (-3.0 * t3 + 4.0 * t2 + t),
        0.5 * (t3 - t2),
    ]
}

/// Value at (`row`, `column`) in pixel units; `index` maps integer pixel coordinates to a sample.
pub(crate) fn bicubic(row: f64, column: f64, sample: impl Fn(isize, isize) -> f64) -> f64 {
    let (row0, column0) = (row.floor(), column.floor());
    let (weights_y, weights_x) = (cubic_weights(row - row0), cubic_weights(column - column0));
    let (row0, column0) = (row0 as isize - 1, column0 as isize - 1);
    let mut sum = 0.0;
    for (dy, wy) in (0..).zip(weights_y) {
        let mut line = 0.0;
        for (dx, wx) in (0..).zip(weights_x) {
            line += wx * sample(row0 + dy, column0 + dx);
        }
        sum += wy * line;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reproduces_quadratics_exactly_and_samples_at_pixels() {
        let f = |y: f64, x: f64| 1.0 + 0.5 * y - 0.25 * x + 0.1 * y * y - 0.3 * x * y + 0.2 * x * x;
        let sample = |row: isize, column: isize| f(row as f64, column as f64);
        for (y, x) in [(2.0, 3.0), (2.3, 3.9), (-1.75, 0.5)] {
            assert!((bicubic(y, x, sample) - f(y, x)).abs() < 1e-12);
        }
    }
}
