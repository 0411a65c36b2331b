//! Ruddlesden-Popper faults: walls along the cube axes at which a crystal goes on half a cell aside.

use super::Cells;
use super::keys::Keys;
use super::quantity::{Length, Share};
use crate::Result;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::{Array2, ArrayView1, Axis, Slice};
use rand::RngExt;
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;

/// Rectangles tried in a row without success before the share is left as it is.
const TRIES: usize = 200;
/// No rectangle is a larger share of the field, in either direction.
const WIDEST: f64 = 0.5;

/// Domains of a crystal (0) and of the same crystal shifted by half a cell along both axes (1), as rectangles and unions of
/// them.
///
/// Labels stand on half lattice planes p = 0, 1, 2, ... in both directions; a wall lies between two planes. At a fault of
/// the perovskite CsPbBr₃ both sides end with a plane of caesium and bromine (as in CsPbBr₃ nanocrystals: Akkerman et al.,
/// ACS Energy Lett. 3 (2018) 2030); these are the even planes of domain 0 and the odd ones of domain 1. The rectangles are
/// therefore laid from an odd plane to an odd one; a wall between two domains is an edge of a rectangle, so the rule
/// holds for every union of them.
///
/// ```
/// use dosewise::{units::Seed, world::pattern::{Cells, Faults, Length, Share}};
/// let faults = Faults {
///     share: Share { low: 0.2, high: 0.4 },
///     size: Length { mean: 60.0, spread: 20.0 },
///     through: 0.2,
///     thinnest: 15.0,
/// };
/// let planes = Cells::new([80, 80], [2.935, 2.935], 4)?;
/// let labels = faults.draw(&planes, Seed(1));
/// for row in labels.rows() {
///     for p in 1..row.len() {
///         if row[p - 1] != row[p] {
///             assert_eq!(p % 2, usize::from(row[p])); // domain 0 begins with an even plane, domain 1 with an odd one
///         }
///     }
/// }
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Share of the field that is shifted.
    pub share: Share,
    /// Edges of a rectangle.
    pub size: Length,
    /// Share of the rectangles that reach through the whole specimen in one of the two directions.
    pub through: f64,
    /// No domain is thinner between two walls, Å.
    pub thinnest: f64,
}

impl Faults {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        let keys = Keys { file, table: key };
        (self.share).check(file, &keys.key("share"), 0.01, 0.5)?;
        self.size.check(file, &keys.key("size"), 1.0, 1e4)?;
        keys.range("through", self.through, 0.0, 1.0)?;
        keys.range("thinnest", self.thinnest, 0.0, self.size.mean)
    }

    /// Refuses domains that are too large for the field.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check_cells(&self, planes: &Cells, file: &Path, key: &str) -> Result<()> {
        let widest = WIDEST * planes.shorter_side();
        if self.size.mean > widest {
            let allowed = format!("at most {widest:.1} Å, half of the field");
            let keys = Keys { file, table: key };
            return Err(keys.refused("size.mean", self.size.mean, allowed));
        }
        Ok(())
    }

    /// The domain of each half plane; `planes` has a row and a column for each. Both domains are met in the field. Edges
    /// above half the field are cut to that.
    pub fn draw(&self, planes: &Cells, seed: Seed) -> Array2<u8> {
        let mut stream = Stream::new(seed, Purpose::Faults, [0, 0]);
        let mut labels = Array2::zeros(planes.dim());
        let [rows, columns] = planes.field_dim();
        let shifted = |map: &Array2<u8>| planes.field(map).iter().filter(|l| **l == 1).count();
        let wanted = self.share.draw(&mut stream) * (rows * columns) as f64;
        let (mut reached, mut failures) = (0, 0);
        while failures < TRIES && (reached as f64) < wanted {
            let mut grown = labels.clone();
            let [down, across] = self.rectangle(planes, &mut stream);
            (grown.slice_axis_mut(Axis(0), Slice::from(down)))
                .slice_axis_mut(Axis(1), Slice::from(across))
                .fill(1);
            let now = shifted(&grown);
            let nearer = now > reached && (now as f64 - wanted) < wanted - reached as f64;
            if (nearer || (reached == 0 && now > 0)) && self.thick_enough(&grown, planes) {
                (labels, reached, failures) = (grown, now, 0);
            } else {
                failures += 1;
            }
        }
        labels
    }

    /// Rows and columns of a rectangle from an odd plane to an odd one, cut at the edges of the specimen.
    fn rectangle(&self, planes: &Cells, stream: &mut Stream) -> [Range<usize>; 2] {
        let through = (stream.random::<f64>() < self.through).then(|| stream.random::<bool>());
        let [rows, columns] = planes.field_dim();
        let mut along = |length: usize, field: usize, edge: f64| {
            // 2n + 1 planes from an odd one to an odd one are n cells
            let extent = self.size.draw(stream).max(self.thinnest) / edge;
            let cells = (0.5 * extent).min(0.5 * WIDEST * field as f64).round();
            let places = 0.5 * length as f64 + cells;
            let begin = 2.0 * ((stream.random::<f64>() * places).floor() - cells) + 1.0;
            let plane = |p: f64| (p.max(0.0) as usize).min(length);
            plane(begin)..plane(begin + 2.0 * cells + 1.0)
        };
        let down = along(planes.rows, rows, planes.height);
        let across = along(planes.columns, columns, planes.width);
        match through {
            Some(true) => [0..planes.rows, across],
            Some(false) => [down, 0..planes.columns],
            None => [down, across],
        }
    }

    fn thick_enough(&self, labels: &Array2<u8>, planes: &Cells) -> bool {
        let least = |edge: f64| (self.thinnest / edge).ceil() as usize;
        (labels.rows().into_iter()).all(|row| thinnest_run(row) >= least(planes.width))
            && (labels.columns().into_iter())
                .all(|column| thinnest_run(column) >= least(planes.height))
    }
}

/// Planes of the thinnest domain between two walls; `usize::MAX` with fewer than two walls.
fn thinnest_run(line: ArrayView1<'_, u8>) -> usize {
    let mut walls = (1..line.len()).filter(|p| line[p - 1] != line[*p]);
    let Some(mut last) = walls.next() else {
        return usize::MAX;
    };
    let mut thinnest = usize::MAX;
    for wall in walls {
        thinnest = thinnest.min(wall - last);
        last = wall;
    }
    thinnest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "share = [0.2, 0.45]
        size = { mean = 45.0, spread = 18.0 }
        through = 0.2
        thinnest = 15.0";

    fn shifted(labels: &Array2<u8>, planes: &Cells) -> f64 {
        let field = planes.field(labels);
        field.iter().map(|l| f64::from(*l)).sum::<f64>() / field.len() as f64
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn domains_begin_and_end_with_their_planes(
            seed: u64, size in 20.0..80.0, through in 0.0..1.0, thinnest in 0.0..20.0, rows in 60_usize..90,
        ) {
            let faults = Faults {
                share: Share { low: 0.1, high: 0.5 },
                size: Length { mean: size, spread: 0.4 * size },
                through,
                thinnest,
            };
            let planes = Cells::new([rows, 71], [2.935, 2.9], 3).unwrap();
            let labels = faults.draw(&planes, Seed(seed));
            for line in labels.rows().into_iter().chain(labels.columns()) {
                for p in 1..line.len() {
                    if line[p - 1] != line[p] {
                        prop_assert_eq!((p - 1) % 2, usize::from(line[p - 1]));
                        prop_assert_eq!(p % 2, usize::from(line[p]));
                    }
                }
                prop_assert!(thinnest_run(line) >= (thinnest / 2.935).ceil() as usize);
            }
            let share = shifted(&labels, &planes);
            prop_assert!(share > 0.0 && share < 0.8, "{}", share);
        }
    }

    #[test]
    fn shares_and_rectangles_are_those_of_the_settings() {
        let faults: Faults = toml::from_str(TEXT).unwrap();
        let planes = Cells::new([84, 84], [2.935, 2.935], 4).unwrap();
        faults.check(Path::new("w"), "faults").unwrap();
        faults
            .check_cells(&planes, Path::new("w"), "faults")
            .unwrap();
        let mut mean = 0.0;
        for seed in 0..100 {
            let labels = faults.draw(&planes, Seed(seed));
            assert_eq!(labels, faults.draw(&planes, Seed(seed)));
            mean += shifted(&labels, &planes) / 100.0;
        }
        assert!((mean - 0.325).abs() < 0.025, "{mean}");
        let mut stream = Stream::new(Seed(1), Purpose::Faults, [1, 0]);
        let (mut whole, mut length, mut through) = (0.0, 0.0, 0.0);
        for _ in 0..4000 {
            let [down, across] = faults.rectangle(&planes, &mut stream);
            through += f64::from(u8::from(down.len() == 84 || across.len() == 84)) / 4000.0;
            if down.start > 0 && down.end < 84 {
                (whole, length) = (whole + 1.0, length + 2.935 * down.len() as f64);
            }
        }
        // 2n + 1 planes are a plane more than n cells; those cut at the edge are long ones
        assert!((length / whole - 46.0).abs() < 4.0, "{}", length / whole);
        assert!((through - 0.2).abs() < 0.03, "{through}");
    }

    #[test]
    fn what_cannot_be_laid_out_is_refused() {
        let planes = Cells::new([40, 40], [2.9, 2.9], 4).unwrap();
        let refused = |change: &dyn Fn(&mut Faults)| {
            let mut faults: Faults = toml::from_str(TEXT).unwrap();
            change(&mut faults);
            let file = Path::new("w.toml");
            (faults.check(file, "faults"))
                .and_then(|()| faults.check_cells(&planes, file, "faults"))
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&|f| f.through = 1.5).contains("`faults.through`: found 1.5"));
        assert!(refused(&|f| f.through = f64::NAN).contains("found NaN"));
        assert!(refused(&|f| f.thinnest = 50.0).contains("`faults.thinnest`: found 50"));
        assert!(refused(&|f| f.share.high = 0.6).contains("`faults.share[1]`: found 0.6"));
        assert!(
            refused(&|f| f.size.mean = f64::INFINITY).contains("`faults.size.mean`: found inf")
        );
        assert!(refused(&|f| f.size.mean = 47.0).contains("at most 46.4 Å, half of the field"));
        assert!(toml::from_str::<Faults>(&format!("{TEXT}\ncolour = 1")).is_err());
    }
}
