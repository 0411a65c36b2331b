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
