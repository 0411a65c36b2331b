//! Points that fill a box evenly.

use crate::units::Seed;

/// Coordinates of one scrambled sequence; further coordinates take another scramble.
const DIMENSIONS: usize = 64;

/// `count` points of an Owen-scrambled Sobol sequence within [0, 1)^width, from number `first` on.
///
/// Owen (1998), *J. Complexity* 14, 466; scrambled as in Burley (2020), *J. Comput. Graph. Tech.* 9 (4).
pub(crate) fn sobol(width: usize, first: usize, count: usize, seed: Seed) -> Vec<Vec<f64>> {
    let scramble = (seed.0 ^ (seed.0 >> 32)) as u32;
    let coordinate = |i: usize, k: usize| {
        // The sequence holds 2¹⁶ points; after them another scramble begins.
        let padding = (k / DIMENSIONS + 31 * (i >> 16)) as u32;
        let seed = scramble.wrapping_add(padding.wrapping_mul(0x9E37_79B9));
        f64::from(sobol_burley::sample(
            i as u32 & 0xFFFF,
            (k % DIMENSIONS) as u32,
            seed,
        ))
    };
    (first..first + count)
        .map(|i| (0..width).map(|k| coordinate(i, k)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interval_gets_its_share() {
        let points = sobol(70, 0, 256, Seed(5));
        for k in [0, 1, 7, 63, 64, 69] {
            for slot in 0..16 {
                let low = slot as f64 / 16.0;
                let inside = points
                    .iter()
                    .filter(|p| (low..low + 1.0 / 16.0).contains(&p[k]));
                assert_eq!(inside.count(), 16, "coordinate {k}");
            }
        }
        assert_eq!(points[9], sobol(70, 9, 1, Seed(5))[0]);
        assert_ne!(points, sobol(70, 0, 256, Seed(6)));
    }
}
