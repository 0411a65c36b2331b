//! Inclusions: grains of other phases in a crystal, each a rounded patch with a wavy outline.

use super::Cells;
use super::keys::Keys;
use super::quantity::{Length, Share};
use crate::Result;
use crate::random::{Purpose, Stream};
use crate::units::{Point, Seed};
use ndarray::Array2;
use rand::RngExt;
use serde::Deserialize;
use std::f64::consts::TAU;
use std::path::Path;

/// Waves around an outline: 2 to 6 of them fit in once around.
const WAVES: std::ops::RangeInclusive<u32> = 2..=6;
/// Places tried for an inclusion before it is halved or given up.
const TRIES: usize = 500;
/// Times that the first inclusion of a class is halved where there is no room: down to a single cell.
const HALVINGS: usize = 32;
/// No radius is a larger share of the field's shorter side.
const WIDEST: f64 = 0.25;
/// With their distances counted in, inclusions cover no more of the field: beyond this they would no longer find room.
const CROWDED: f64 = 0.45;

/// Inclusions of one or more classes; label `k` belongs to the `k`-th class, 0 to the matrix.
///
/// An inclusion of equivalent radius R (the radius of the disc of its area) has the outline
/// r(φ) = R (1 + Σₖ aₖ cos(kφ + φₖ)) / √(1 + Σₖ aₖ²/2), k = 2 to 6, with normal aₖ ∝ 1/k and even φₖ: the Fourier
/// descriptors of particle shapes (Meloy, Powder Technology 17 (1977) 27). Inclusions lie anywhere without meeting; of
/// each class so many are drawn that its share of the field comes nearest to the one drawn for the specimen.
///
/// ```
/// use dosewise::{units::Seed, world::pattern::{Cells, InclusionClass, Inclusions, Length, Share}};
/// let class = InclusionClass {
///     share: Share { low: 0.1, high: 0.2 },
///     radius: Length { mean: 18.0, spread: 5.0 },
///     roughness: 0.15,
/// };
/// let inclusions = Inclusions { apart: 6.0, class: vec![class; 2] };
/// let cells = Cells::new([36, 36], [6.3, 6.3], 2)?;
/// let labels = inclusions.draw(&cells, Seed(1));
/// for class in 1..=2 {
///     assert!(cells.field(&labels).iter().any(|label| *label == class));
/// }
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusions {
    /// Least distance between inclusions, Å; without it they may touch.
    #[serde(default)]
    pub apart: f64,
    /// The classes.
    pub class: Vec<InclusionClass>,
}

/// Inclusions of one phase.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionClass {
    /// Share of the area of the field.
    pub share: Share,
    /// Equivalent radius.
    pub radius: Length,
    /// Root mean square of the outline's waves, as a share of the radius; without it discs.
    #[serde(default)]
    pub roughness: f64,
}

impl Inclusions {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        let keys = Keys { file, table: key };
        keys.range("apart", self.apart, 0.0, 1000.0)?;
        if !(1..=16).contains(&self.class.len()) {
            return Err(keys.refused("class", self.class.len(), "1 to 16 classes"));
        }
        let mut covered = 0.0;
        for (index, class) in self.class.iter().enumerate() {
            let table = keys.key(&format!("class[{index}]"));
            let keys = Keys {
                file,
                table: &table,
            };
            (class.radius).check(file, &keys.key("radius"), 1.0, 1e4)?;
            keys.range("roughness", class.roughness, 0.0, 0.3)?;
            (class.share).check(file, &keys.key("share"), 1e-3, CROWDED)?;
            covered += class.share.high * (1.0 + 0.5 * self.apart / class.radius.mean).powi(2);
            if covered > CROWDED {
                let found = format!(
                    "{}, which with `apart` and the classes before it takes up {covered:.2}",
                    class.share.high
                );
                let allowed = format!("{CROWDED} of the field in all");
                return Err(keys.refused("share[1]", found, allowed));
            }
        }
        Ok(())
    }

    /// Refuses inclusions that are too large for the field.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check_cells(&self, cells: &Cells, file: &Path, key: &str) -> Result<()> {
        let widest = WIDEST * cells.shorter_side();
        for (index, class) in self.class.iter().enumerate() {
            if class.radius.mean > widest {
                let table = format!("{key}.class[{index}].radius");
                let allowed = format!("at most {widest:.1} Å, a quarter of the field");
                let keys = Keys {
                    file,
                    table: &table,
                };
                return Err(keys.refused("mean", class.radius.mean, allowed));
            }
        }
        Ok(())
    }

    /// The label of each cell. Every class has an inclusion with its middle in the field. Radii above a quarter of the
    /// field's shorter side are cut to that.
    pub fn draw(&self, cells: &Cells, seed: Seed) -> Array2<u8> {
        let mut labels = Array2::zeros(cells.dim());
        let [rows, columns] = cells.field_dim();
        let mut classes: Vec<(Stream, f64)> = (self.class.iter().zip(0_u64..))
            .map(|(class, index)| {
                let mut stream = Stream::new(seed, Purpose::Inclusions, [index, 0]);
                let cells_wanted = class.share.draw(&mut stream) * (rows * columns) as f64;
                (stream, cells_wanted)
            })
            .collect();
        // one of each class before all others, so that none is left without room
        for (index, class) in self.class.iter().enumerate() {
            let (stream, missing) = &mut classes[index];
            let mut shape = Shape::draw(class, cells, stream);
            let mut apart = self.apart;
            for _ in 0..HALVINGS {
                if shape.settle(&labels, cells, Region::Field, apart, stream) {
                    break;
                }
                shape.radius *= 0.5;
                apart *= 0.5;
            }
            *missing -= shape.paint(&mut labels, cells, index as u8 + 1);
        }
        for (index, class) in self.class.iter().enumerate() {
            let (stream, missing) = &mut classes[index];
            loop {
                let mut shape = Shape::draw(class, cells, stream);
                let found = shape.settle(&labels, cells, Region::Anywhere, self.apart, stream);
                if !found || shape.area_in_field(cells) > 2.0 * *missing {
                    break; // no room, or further from the share than without it
                }
                *missing -= shape.paint(&mut labels, cells, index as u8 + 1);
            }
        }
        labels
    }
}

/// Where the middle of an inclusion may lie.
#[derive(Clone, Copy, PartialEq)]
enum Region {
    Field,
    /// Wherever the inclusion reaches the lattice.
    Anywhere,
}

/// One inclusion.
struct Shape {
    centre: Point,
    /// Equivalent radius, Å.
    radius: f64,
    /// Amplitude and phase of each wave.
    waves: Vec<(f64, f64)>,
}

impl Shape {
    fn draw(class: &InclusionClass, cells: &Cells, stream: &mut Stream) -> Self {
        let radius = (class.radius.draw(stream)).min(WIDEST * cells.shorter_side());
        // mean square of the sum: Σ variance/2 = roughness²
        let norm: f64 = WAVES.map(|k| f64::from(k).powi(-2)).sum();
        let scale = class.roughness * (2.0 / norm).sqrt();
        let mut wave = |k: u32| {
            (
                scale / f64::from(k) * stream.normal(),
                TAU * stream.random::<f64>(),
            )
        };
        let waves: Vec<(f64, f64)> = WAVES.map(&mut wave).collect();
        Self {
            centre: Point::default(),
            radius,
            waves,
        }
    }

    /// Tries places until one is free of other inclusions; whether one was found.
    fn settle(
        &mut self,
        labels: &Array2<u8>,
        cells: &Cells,
        region: Region,
        apart: f64,
        stream: &mut Stream,
    ) -> bool {
        (0..TRIES).any(|_| {
            let mut along = |length: usize, edge: f64| {
                let before = match region {
                    Region::Field => -(cells.margin as f64) * edge,
                    Region::Anywhere => self.reach(),
                };
                stream.random::<f64>() * (length as f64 * edge + 2.0 * before) - before
            };
            let (y, x) = (
                along(cells.rows, cells.height),
                along(cells.columns, cells.width),
            );
            self.centre = Point::new(y, x);
            self.covered(cells, apart).all(|at| labels[at] == 0)
        })
    }

    /// Labels the cells; returns how many of them lie in the field.
    fn paint(&self, labels: &mut Array2<u8>, cells: &Cells, label: u8) -> f64 {
        for at in self.covered(cells, 0.0) {
            labels[at] = label;
        }
        self.area_in_field(cells)
    }

    fn area_in_field(&self, cells: &Cells) -> f64 {
        let inside = |at: &[usize; 2]| cells.in_field(*at);
        self.covered(cells, 0.0).filter(inside).count() as f64
    }

    /// Largest distance of the outline from the middle, or more.
    fn reach(&self) -> f64 {
        self.radius * (1.0 + self.waves.iter().map(|(a, _)| a.abs()).sum::<f64>())
    }

    /// The cells whose middle lies inside or no further than `beyond` (Å) outside, and the one that holds the middle of
    /// the inclusion.
    fn covered(&self, cells: &Cells, beyond: f64) -> impl Iterator<Item = [usize; 2]> {
        let reach = self.reach() + beyond;
        let along = |centre: f64, edge: f64, length: usize| {
            let first = ((centre - reach) / edge).floor().max(0.0) as usize;
            let last = ((centre + reach) / edge).ceil().max(0.0) as usize;
            first.min(length)..last.min(length)
        };
        let rows = along(self.centre.y, cells.height, cells.rows);
        let columns = along(self.centre.x, cells.width, cells.columns);
        let all = rows.flat_map(move |row| columns.clone().map(move |column| [row, column]));
        let (edge_y, edge_x) = (cells.height, cells.width);
        all.filter(move |[row, column]| {
            let y = (*row as f64 + 0.5) * edge_y - self.centre.y;
            let x = (*column as f64 + 0.5) * edge_x - self.centre.x;
            let own = y.abs() <= 0.5 * edge_y && x.abs() <= 0.5 * edge_x;
            own || y.hypot(x) <= self.outline(y.atan2(x)) + beyond
        })
    }

    /// Distance of the outline from the middle in a direction, Å.
    fn outline(&self, direction: f64) -> f64 {
        let (mut height, mut square) = (1.0, 1.0);
        for (k, (amplitude, phase)) in WAVES.zip(&self.waves) {
            height += amplitude * (f64::from(k) * direction + phase).cos();
            square += 0.5 * amplitude * amplitude;
        }
        self.radius * height.max(0.0) / f64::sqrt(square)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "apart = 6.0
        [[class]]
        share = [0.08, 0.2]
        radius = { mean = 16.0, spread = 4.0 }
        roughness = 0.15
        [[class]]
        share = [0.05, 0.1]
        radius = { mean = 12.0, spread = 3.0 }";

    fn cells() -> Cells {
        Cells::new([36, 40], [6.31, 6.31], 2).unwrap()
    }

    fn share(labels: &Array2<u8>, label: u8) -> f64 {
        let field = cells();
        let field = field.field(labels);
        field.iter().filter(|l| **l == label).count() as f64 / field.len() as f64
    }

    #[test]
    fn shares_are_those_of_the_settings_and_no_class_is_missing() {
        let inclusions: Inclusions = toml::from_str(TEXT).unwrap();
        inclusions.check(Path::new("w"), "inclusions").unwrap();
        inclusions
            .check_cells(&cells(), Path::new("w"), "inclusions")
            .unwrap();
        let specimens = 150;
        let mut means = [0.0; 2];
        for seed in 0..specimens {
            let labels = inclusions.draw(&cells(), Seed(seed));
            assert_eq!(labels, inclusions.draw(&cells(), Seed(seed)));
            for (mean, label) in means.iter_mut().zip(1..) {
                let share = share(&labels, label);
                assert!(share > 0.0, "seed {seed}, class {label}");
                *mean += share / specimens as f64;
            }
        }
        // half of a width of the interval, over the root of 150, is 0.003 and 0.001
        assert!((means[0] - 0.14).abs() < 0.012, "{means:?}");
        assert!((means[1] - 0.075).abs() < 0.006, "{means:?}");
    }

    #[test]
    fn discs_keep_their_distance() {
        let mut inclusions: Inclusions = toml::from_str(TEXT).unwrap();
        inclusions.class[0].roughness = 0.0;
        for seed in 0..10 {
            let labels = inclusions.draw(&cells(), Seed(seed));
            let of = |label: u8| {
                let all = labels.indexed_iter().filter(move |(_, l)| **l == label);
                all.map(|((row, column), _)| Point::new(row as f64, column as f64))
                    .collect::<Vec<_>>()
            };
            let (first, second) = (of(1), of(2));
            let distances = first
                .iter()
                .flat_map(|a| second.iter().map(|b| a.distance(*b)));
            assert!(6.31 * distances.fold(f64::INFINITY, f64::min) >= 6.0);
        }
    }

    #[test]
    fn the_equivalent_radius_is_that_of_the_disc_of_the_same_area() {
        let fine = Cells::new([400, 400], [1.0, 1.0], 0).unwrap();
        let class = InclusionClass {
            share: Share {
                low: 0.1,
                high: 0.1,
            },
            radius: Length {
                mean: 60.0,
                spread: 0.0,
            },
            roughness: 0.2,
        };
        let mut stream = Stream::new(Seed(2), Purpose::Inclusions, [9, 9]);
        let mut waves = 0.0;
        for _ in 0..20 {
            let mut shape = Shape::draw(&class, &fine, &mut stream);
            shape.centre = Point::new(200.0, 200.0);
            let area = shape.area_in_field(&fine);
            assert!((area / (std::f64::consts::PI * 3600.0) - 1.0).abs() < 0.02);
            waves += shape.waves.iter().map(|(a, _)| 0.5 * a * a).sum::<f64>() / 20.0;
        }
        assert!(
            waves.sqrt() > 0.14 && waves.sqrt() < 0.27,
            "{}",
            waves.sqrt()
        );
    }

    #[test]
    fn what_cannot_be_laid_out_is_refused() {
        let refused = |change: &dyn Fn(&mut Inclusions)| {
            let mut inclusions: Inclusions = toml::from_str(TEXT).unwrap();
            change(&mut inclusions);
            let file = Path::new("w.toml");
            (inclusions.check(file, "inclusions"))
                .and_then(|()| inclusions.check_cells(&cells(), file, "inclusions"))
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&|i| i.class.clear()).contains("`inclusions.class`: found 0"));
        assert!(refused(&|i| i.apart = f64::NAN).contains("`inclusions.apart`: found NaN"));
        assert!(
            refused(&|i| i.class[1].roughness = 0.5).contains("class[1].roughness`: found 0.5")
        );
        assert!(refused(&|i| i.class[0].share.low = 0.0).contains("class[0].share[0]`: found 0,"));
        assert!(
            refused(&|i| i.class[1].share.high = 0.3).contains("class[1].share[1]`: found 0.3,")
        );
        assert!(refused(&|i| i.class[0].radius.spread = 20.0).contains("class[0].radius.spread`"));
        assert!(refused(&|i| i.class[1].radius.mean = 90.0).contains("at most 50.5 Å"));
        assert!(toml::from_str::<Inclusions>("colour = 1").is_err());
    }

    #[test]
    fn one_of_each_class_even_where_none_has_room() {
        let mut inclusions: Inclusions = toml::from_str(TEXT).unwrap();
        inclusions.apart = f64::INFINITY;
        inclusions.class[0].radius.mean = 1e9;
        let labels = inclusions.draw(&cells(), Seed(1));
        assert!((1..=2).all(|label| share(&labels, label) > 0.0));
    }
}
