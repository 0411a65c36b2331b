//! Polar domains: stripes and twins of a ferroelectric beside a crystal that is not polar.

mod domains;

use super::Cells;
use super::keys::Keys;
use super::quantity::{Length, Share};
use crate::Result;
use crate::units::Seed;
use domains::{MATRIX, NARROWEST};
use ndarray::Array2;
use serde::Deserialize;
use std::path::Path;

/// Widest region over which the polarisation rises, cells.
const GENTLEST: f64 = 16.0;

/// A ferroelectric such as PbTiO₃, divided into domains, on one side of a straight or stepped interface; on the other side
/// a crystal that is not polar, such as SrTiO₃.
///
/// The interface lies across one of the axes, with the ferroelectric on either side of it. Within the ferroelectric no wall
/// carries a net charge (P·n is the same on both sides) but for the jogs, a cell wide, of walls of 180°. Near walls and
/// the interface the polarisation rises linearly from 0 over [`rise`](Polar::rise) cells and is rounded to the states that
/// there are.
///
/// ```
/// use dosewise::{units::Seed, world::pattern::{Arrangement, Cells, Length, Polar, Share}};
/// let polar = Polar {
///     matrix: "SrTiO3".into(),
///     polar: ["PbTiO3, 0", "PbTiO3, 1/2", "PbTiO3, 1"].map(String::from).to_vec(),
///     matrix_share: Share { low: 0.2, high: 0.4 },
///     arrangements: vec![Arrangement::Stripes],
///     domain: Length { mean: 35.0, spread: 8.0 },
///     jog: 40.0,
///     terrace: None,
///     rise: 2.0,
/// };
/// let labels = polar.draw(&Cells::new([40, 40], [3.905, 3.905], 2)?, Seed(1));
/// let variants = polar.variants();
/// assert!(labels.iter().any(|label| variants[usize::from(*label)].state == "PbTiO3, 1"));
/// assert!(labels.iter().any(|label| *label == 0));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polar {
    /// State that is not polar, on the other side of the interface.
    pub matrix: String,
    /// States of the ferroelectric, polarised along +x: the first not at all, the last in full, those between in even
    /// steps.
    pub polar: Vec<String>,
    /// Share of the field that the matrix has; `[0, 0]` without any.
    pub matrix_share: Share,
    /// The arrangements of domains, one of which is drawn for each specimen.
    pub arrangements: Vec<Arrangement>,
    /// Width of a domain along the interface.
    pub domain: Length,
    /// Mean distance along a wall of 180° between its jogs of one cell, Å.
    pub jog: f64,
    /// Mean length of the terraces of an interface with steps of one cell, Å; without it the interface is straight.
    pub terrace: Option<f64>,
    /// Width of the region over which the polarisation rises beside a wall, in cells.
    pub rise: f64,
}

/// How the domains of a ferroelectric lie to one another and to the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// Stripes polarised towards the interface and away from it in turn; walls of 180° with jogs (Streiffer et al., Phys.
    /// Rev. Lett. 89 (2002) 067601).
    Stripes,
    /// Twins polarised across the interface and along it in turn; walls of 90° on diagonals (a and c domains of films).
    Twins,
    /// Stripes whose flux is closed at the interface: by wedges polarised along it, with walls of 90° (Tang et al., Science
    /// 348 (2015) 547).
    Closure,
}

/// What a label stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// State of the material.
    pub state: String,
    /// Quarter turns of the state from x towards y.
    pub quarter_turns: u8,
    /// Polarisation `[y, x]` in units of the full one.
    pub vector: [f64; 2],
}

impl Polar {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        let keys = Keys { file, table: key };
        if !(2..=32).contains(&self.polar.len()) {
            return Err(keys.refused("polar", self.polar.len(), "2 to 32 states"));
        }
        let names = || std::iter::once(&self.matrix).chain(&self.polar);
        for (index, state) in names().enumerate() {
            if names().take(index).any(|earlier| earlier == state) {
                let key = format!("polar[{}]", index - 1);
                return Err(keys.refused(&key, format!("{state:?} again"), "each state once"));
            }
        }
        if self.matrix_share.high != 0.0 {
            (self.matrix_share).check(file, &keys.key("matrix_share"), 0.05, 0.9)?;
        } else if self.matrix_share.low != 0.0 {
            return Err(keys.refused("matrix_share[0]", self.matrix_share.low, "0 where [1] is"));
        }
        if self.arrangements.is_empty() {
            return Err(keys.refused("arrangements", "none", "at least one"));
        }
        if self.arrangements.contains(&Arrangement::Closure) && self.matrix_share.high == 0.0 {
            let allowed = "stripes and twins without a matrix that they end at";
            return Err(keys.refused("arrangements", "closure", allowed));
        }
        self.domain.check(file, &keys.key("domain"), 1.0, 1e4)?;
        keys.range("jog", self.jog, 1.0, 1e6)?;
        if let Some(terrace) = self.terrace {
            keys.range("terrace", terrace, 1.0, 1e6)?;
        }
        keys.range("rise", self.rise, 0.0, GENTLEST)
    }

    /// Refuses domains of which the field does not hold two.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check_cells(&self, cells: &Cells, file: &Path, key: &str) -> Result<()> {
        let [height, width] = cells.edges();
        let narrowest = NARROWEST as f64 * height.max(width);
        let widest = 0.5 * cells.shorter_side();
        if !(narrowest..=widest).contains(&self.domain.mean) {
            let allowed =
                format!("{narrowest:.1} to {widest:.1} Å: {NARROWEST} cells to half the field");
            let keys = Keys { file, table: key };
            return Err(keys.refused("domain.mean", self.domain.mean, allowed));
        }
        Ok(())
    }

    /// What the labels stand for; the same for every specimen: the matrix, the state without polarisation, then the four
    /// directions of each of the others.
    pub fn variants(&self) -> Vec<Variant> {
        let variant = |state: &String, turns: u8, magnitude: f64| {
            let [y, x] = [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]][usize::from(turns)];
            Variant {
                state: state.clone(),
                quarter_turns: turns,
                vector: [magnitude * y, magnitude * x],
            }
        };
        let steps = self.polar.len().saturating_sub(1) as f64;
        let mut variants = vec![variant(&self.matrix, 0, 0.0)];
        for (step, state) in self.polar.iter().enumerate() {
            let turns = if step == 0 { 0..1 } else { 0..4 };
            variants.extend(turns.map(|turns| variant(state, turns, step as f64 / steps)));
        }
        variants
    }

    /// The label of each cell, a number in the list of [`Polar::variants`]. At least one wall, and the interface where there
    /// is a matrix, run through the field.
    pub fn draw(&self, cells: &Cells, seed: Seed) -> Array2<u8> {
        let directions = self.directions(cells, seed);
        let steps = self.polar.len().saturating_sub(1) as f64;
        Array2::from_shape_fn(cells.dim(), |at| match directions[at] {
            MATRIX => 0,
            turns => match (self.magnitude(&directions, at) * steps).round() as u8 {
                0 => 1,
                step => 2 + 4 * (step - 1) + turns,
            },
        })
    }

    /// The polarisation of a cell in units of the full one, before it is rounded: 0 at the nearest wall, which is half a
    /// cell nearer than the nearest cell beyond it.
    fn magnitude(&self, directions: &Array2<u8>, (row, column): (usize, usize)) -> f64 {
        let reach = self.rise.min(GENTLEST).ceil() as usize + 1;
        let (rows, columns) = directions.dim();
        let around =
            |at: usize, length: usize| at.saturating_sub(reach)..(at + reach + 1).min(length);
        let mut nearest = f64::INFINITY;
        for y in around(row, rows) {
            for x in around(column, columns) {
                if directions[[y, x]] != directions[[row, column]] {
                    let (dy, dx) = (y.abs_diff(row) as f64, x.abs_diff(column) as f64);
                    nearest = nearest.min(dy.hypot(dx));
                }
            }
        }
        if self.rise > 0.0 {
            ((nearest - 0.5) / self.rise).min(1.0)
        } else {
            1.0
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const TEXT: &str = "matrix = 'SrTiO3'
        polar = ['0', '1/4', '1/2', '3/4', '1']
        matrix_share = [0.15, 0.4]
        arrangements = ['stripes', 'twins', 'closure']
        domain = { mean = 35.0, spread = 8.0 }
        jog = 40.0
        terrace = 30.0
        rise = 2.0";

    pub(super) fn polar(arrangement: Arrangement) -> Polar {
        let polar: Polar = toml::from_str(TEXT).unwrap();
        polar.check(Path::new("w"), "polar").unwrap();
        Polar {
            arrangements: vec![arrangement],
            ..polar
        }
    }

    pub(super) fn cells() -> Cells {
        Cells::new([50, 46], [3.905, 3.905], 2).unwrap()
    }

    #[test]
    fn polarisation_rises_from_the_walls() {
        let polar = polar(Arrangement::Stripes);
        let variants = polar.variants();
        assert_eq!(variants.len(), 2 + 4 * 4);
        assert_eq!(variants[2 + 4 * 3 + 1].vector, [1.0, 0.0]); // in full, a quarter turn from x to y
        assert_eq!(variants[2 + 2].vector, [0.0, -0.25]);
        assert_eq!(
            (variants[5].state.as_str(), variants[5].quarter_turns),
            ("1/4", 3)
        );
        let directions = polar.directions(&cells(), Seed(3));
        let labels = polar.draw(&cells(), Seed(3));
        assert_eq!(labels, polar.draw(&cells(), Seed(3)));
        assert_ne!(labels, polar.draw(&cells(), Seed(4)));
        let mut full = 0;
        for ((row, column), label) in labels.indexed_iter() {
            let [y, x] = variants[usize::from(*label)].vector;
            let beside = |(r, c): (usize, usize)| {
                directions
                    .get((r, c))
                    .is_some_and(|d| *d != directions[[row, column]])
            };
            let at_wall = beside((row + 1, column))
                || beside((row, column + 1))
                || beside((row.wrapping_sub(1), column))
                || beside((row, column.wrapping_sub(1)));
            if directions[[row, column]] == MATRIX {
                assert_eq!(*label, 0);
            } else if at_wall {
                assert_eq!(y.hypot(x), 0.25);
            } else {
                full += usize::from(y.hypot(x) == 1.0);
            }
        }
        assert!(full > 500, "{full}");
    }

    #[test]
    fn what_cannot_be_laid_out_is_refused() {
        let refused = |change: &dyn Fn(&mut Polar)| {
            let mut polar: Polar = toml::from_str(TEXT).unwrap();
            change(&mut polar);
            let file = Path::new("w.toml");
            (polar.check(file, "polar"))
                .and_then(|()| polar.check_cells(&cells(), file, "polar"))
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&|p| p.polar.truncate(1)).contains("`polar.polar`: found 1"));
        assert!(refused(&|p| p.polar[2] = "0".into()).contains("polar[2]`: found \"0\" again"));
        assert!(refused(&|p| p.arrangements.clear()).contains("`polar.arrangements`: found none"));
        assert!(refused(&|p| p.matrix_share = [0.0, 0.0].into()).contains("found closure"));
        assert!(refused(&|p| p.matrix_share = [0.2, 0.0].into()).contains("matrix_share[0]`"));
        assert!(refused(&|p| p.matrix_share = [0.2, 0.95].into()).contains("matrix_share[1]`"));
        assert!(refused(&|p| p.jog = f64::NAN).contains("`polar.jog`: found NaN"));
        assert!(refused(&|p| p.terrace = Some(0.0)).contains("`polar.terrace`: found 0"));
        assert!(refused(&|p| p.rise = -1.0).contains("`polar.rise`: found -1"));
        assert!(refused(&|p| p.domain.mean = 90.0).contains("`polar.domain.mean`: found 90"));
        assert!(toml::from_str::<Polar>(&TEXT.replace("twins", "spirals")).is_err());
    }

    #[test]
    fn without_a_matrix_all_is_polar() {
        let polar = Polar {
            matrix_share: Share {
                low: 0.0,
                high: 0.0,
            },
            ..polar(Arrangement::Twins)
        };
        polar.check(Path::new("w"), "polar").unwrap();
        assert!(polar.draw(&cells(), Seed(5)).iter().all(|label| *label > 0));
    }
}
