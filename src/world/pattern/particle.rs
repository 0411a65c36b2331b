//! Particles: columns of atoms within a facetted outline, with terraces and a rough surface.

use super::Cells;
use super::keys::Keys;
use super::quantity::{Length, Share};
use super::scattered::poisson;
use crate::Result;
use crate::random::{Purpose, Stream};
use crate::units::{Point, Seed};
use nalgebra::Vector2;
use rand::RngExt;
use serde::Deserialize;
use std::path::Path;

/// Directions of rows that facets follow.
const ROWS: usize = 3;
/// Vectors shorter than this are none, Å.
const SHORTEST: f64 = 0.1;

/// A particle on a film: a dome of columns, cut by facets along the densest rows of columns.
///
/// At the place p from the middle, with ρ the greatest of |p|/R and n·p/d over the facets (unit normal n, distance d), a
/// column has round(T √(1 − ρ²)) atoms; the edges of terraces, straight and along dense rows, take atoms off beyond them;
/// columns then gain an atom or lose one at random. The outermost row of a facet may end midway.
///
/// ```
/// use dosewise::{units::Seed, world::pattern::{Cells, Length, Particle, Share}};
/// use nalgebra::Vector2;
/// let particle = Particle {
///     radius: Length { mean: 14.0, spread: 1.5 }, aside: 2.0, tallest: 10, cut: Share { low: 0.0, high: 0.3 },
///     terraces: 2, step: 2, broken_rows: 0.5, adatoms: 0.15, vacancies: 0.15, support_density: 0.5,
/// };
/// let cells = Cells::new([16, 12], [2.884, 4.078], 1)?;
/// let kinds = [Vector2::zeros(), Vector2::new(2.039, 1.442)]; // gold along [110]
/// let columns = particle.draw(&cells, &kinds, Seed(1));
/// assert!(columns.iter().all(|column| (1..=10).contains(&column.atoms)));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Particle {
    /// Radius of its face.
    pub radius: Length,
    /// How far its middle may lie from that of the field in each direction, Å.
    pub aside: f64,
    /// Atoms of the tallest column.
    pub tallest: usize,
    /// Share of the radius that a facet cuts off, drawn for each facet.
    pub cut: Share,
    /// Edges of terraces.
    pub terraces: usize,
    /// Most atoms that a column loses beyond the edge of a terrace; the number is drawn for each edge.
    pub step: usize,
    /// Probability that the outermost row of a facet ends midway.
    pub broken_rows: f64,
    /// Probability that a column has an atom more; next to the outline, that one atom stands there.
    pub adatoms: f64,
    /// Probability that a column has an atom less.
    pub vacancies: f64,
    /// Atoms of the film in each Å².
    pub support_density: f64,
}

/// A column of a particle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which of the columns of a period it is.
    pub kind: usize,
    /// Row and column of its period in the lattice of [`Cells`].
    pub cell: [i32; 2],
    /// Atoms behind one another.
    pub atoms: usize,
}

impl Particle {
    /// Refuses values out of range; `key` is the path of this table, `tallest` what the material offers.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, tallest: usize, file: &Path, key: &str) -> Result<()> {
        let keys = Keys { file, table: key };
        self.radius.check(file, &keys.key("radius"), 5.0, 1000.0)?;
        keys.range("aside", self.aside, 0.0, 1000.0)?;
        keys.range("tallest", self.tallest as f64, 3.0, tallest as f64)?;
        self.cut.check(file, &keys.key("cut"), 0.0, 0.5)?;
        keys.range("terraces", self.terraces as f64, 0.0, 100.0)?;
        keys.range("step", self.step as f64, 1.0, 100.0)?;
        if 2 * self.terraces * self.step > self.tallest {
            let found = format!("{} on {} terraces", self.step, self.terraces);
            let allowed = "steps that take at most half of the tallest column together";
            return Err(keys.refused("step", found, allowed));
        }
        keys.range("broken_rows", self.broken_rows, 0.0, 1.0)?;
        keys.range("adatoms", self.adatoms, 0.0, 0.5)?;
        keys.range("vacancies", self.vacancies, 0.0, 0.5)?;
        keys.range("support_density", self.support_density, 0.0, 100.0)
    }

    /// Refuses a particle that may lie outside the field.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check_cells(&self, cells: &Cells, file: &Path, key: &str) -> Result<()> {
        let farthest = 0.5 * cells.shorter_side();
        let keys = Keys { file, table: key };
        keys.range("aside", self.aside, 0.0, farthest)
    }

    /// The columns, period by period; `kinds` are the places (x, y) of the columns within a period, Å. What lies beyond the
    /// lattice is left out.
    pub fn draw(&self, cells: &Cells, kinds: &[Vector2<f64>], seed: Seed) -> Vec<Standing> {
        let mut stream = Stream::new(seed, Purpose::Particle, [0, 0]);
        let dome = Dome::draw(self, cells, kinds, &mut stream);
        let [height, width] = cells.edges();
        let (rows, columns) = cells.dim();
        let mut found = Vec::new();
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
            let corner = Vector2::new(column as f64 * width, row as f64 * height);
            for (kind, offset) in kinds.iter().enumerate() {
                let key = [1 + kind as u64, (row * columns + column) as u64];
                let mut own = Stream::new(seed, Purpose::Particle, key);
                let place = corner + offset - dome.middle;
                let mut atoms = dome.height(place);
                let (gains, loses) = (own.random::<f64>(), own.random::<f64>());
                if gains < self.adatoms && (atoms > 0 || dome.is_beside(place)) {
                    atoms = (atoms + 1).min(self.tallest);
                }
                if loses < self.vacancies {
                    atoms = atoms.saturating_sub(1);
                }
                if atoms > 0 {
                    let cell = [row as i32, column as i32];
                    found.push(Standing { kind, cell, atoms });
                }
            }
        }
        found
    }

    /// Places of the atoms of the film from the first cell of the margin on: a Poisson number of them, anywhere on the
    /// lattice.
    pub fn draw_support(&self, cells: &Cells, seed: Seed) -> Vec<Point> {
        let mut stream = Stream::new(seed, Purpose::Support, [0, 0]);
        let [edge_y, edge_x] = cells.edges();
        let (rows, columns) = cells.dim();
        let (height, width) = (rows as f64 * edge_y, columns as f64 * edge_x);
        let number = poisson(&mut stream, self.support_density * height * width);
        let mut along = |length: f64| length * stream.random::<f64>();
        (0..number)
            .map(|_| Point::new(along(height), along(width)))
            .collect()
    }
}

/// The particle before single atoms come and go.
struct Dome<'a> {
    settings: &'a Particle,
    middle: Vector2<f64>,
    radius: f64,
    facets: Vec<Facet>,
    /// Edges of terraces: unit normal, distance from the middle (Å), atoms less beyond.
    terraces: Vec<(Vector2<f64>, f64, usize)>,
    /// Distance of nearest columns, Å.
    nearest: f64,
}

/// A side of the outline.
struct Facet {
    normal: Vector2<f64>,
    /// From the middle, Å.
    distance: f64,
    /// Distance of the rows along it, Å.
    spacing: f64,
    /// Where its outermost row ends, Å from the foot of the normal.
    end: f64,
}

impl<'a> Dome<'a> {
    fn draw(
        settings: &'a Particle,
        cells: &Cells,
        kinds: &[Vector2<f64>],
        stream: &mut Stream,
    ) -> Self {
        let [height, width] = cells.edges();
        let (rows, columns) = cells.dim();
        let mut aside = || settings.aside * (2.0 * stream.random::<f64>() - 1.0);
        let middle = Vector2::new(
            0.5 * columns as f64 * width + aside(),
            0.5 * rows as f64 * height + aside(),
        );
        let radius = settings.radius.draw(stream);
        let dense = dense_rows(kinds, [height, width]);
        let mut facets = Vec::new();
        for row in dense.iter().flat_map(|row| [*row, -row]) {
            let distance = radius * (1.0 - settings.cut.draw(stream));
            let broken = stream.random::<f64>() < settings.broken_rows;
            let end = radius * (stream.random::<f64>() - 0.5);
            facets.push(Facet {
                normal: Vector2::new(row.y, -row.x).normalize(),
                distance,
                spacing: height * width / (kinds.len() as f64 * row.norm()),
                end: if broken { end } else { f64::INFINITY },
            });
        }
        let mut terraces = Vec::new();
        for _ in 0..if facets.is_empty() {
            0
        } else {
            settings.terraces
        } {
            let side = (stream.random::<f64>() * facets.len() as f64) as usize;
            let distance = 0.6 * radius * (2.0 * stream.random::<f64>() - 1.0);
            let step = 1 + (stream.random::<f64>() * settings.step as f64) as usize;
            terraces.push((facets[side].normal, distance, step));
        }
        Self {
            settings,
            middle,
            radius,
            facets,
            terraces,
            nearest: dense.first().map_or(0.0, |row| row.norm()),
        }
    }

    /// Share of the way to the outline, 1 upon it.
    fn share(&self, place: Vector2<f64>) -> f64 {
        (self.facets.iter())
            .map(|facet| facet.normal.dot(&place) / facet.distance)
            .fold(place.norm() / self.radius, f64::max)
    }

    /// Atoms of a column at a place from the middle.
    fn height(&self, place: Vector2<f64>) -> usize {
        let share = self.share(place);
        if share.is_nan() || share >= 1.0 || self.facets.iter().any(|f| f.lacks(place)) {
            return 0;
        }
        let dome = (self.settings.tallest as f64 * (1.0 - share * share).sqrt()).round() as usize;
        let lost: usize = (self.terraces.iter())
            .filter(|(normal, distance, _)| normal.dot(&place) > *distance)
            .map(|(_, _, step)| step)
            .sum();
        dome.max(1).saturating_sub(lost)
    }

    /// Whether a place without a column has one next to it, towards the middle.
    fn is_beside(&self, place: Vector2<f64>) -> bool {
        let inward = place * (1.0 - self.nearest / place.norm()).max(0.0);
        self.height(inward) > 0
    }
}

impl Facet {
    /// Whether a place lies in the part of the outermost row that is missing.
    fn lacks(&self, place: Vector2<f64>) -> bool {
        let along = Vector2::new(-self.normal.y, self.normal.x).dot(&place);
        along > self.end && self.normal.dot(&place) > self.distance - self.spacing
    }
}

/// Vectors between neighbouring columns along the densest rows, the shortest first, no two of them parallel. The columns
/// are taken to form a lattice.
fn dense_rows(kinds: &[Vector2<f64>], [height, width]: [f64; 2]) -> Vec<Vector2<f64>> {
    let Some(origin) = kinds.first() else {
        return Vec::new();
    };
    let cells = (-2..=2).flat_map(|i| (-2..=2).map(move |j| (f64::from(i), f64::from(j))));
    let mut vectors: Vec<Vector2<f64>> = cells
        .flat_map(|(i, j)| {
            let corner = Vector2::new(j * width, i * height) - origin;
            kinds.iter().map(move |kind| corner + kind)
        })
        .filter(|vector| vector.norm() > SHORTEST)
        .collect();
    vectors.sort_by(|a, b| a.norm().total_cmp(&b.norm()));
    let mut rows: Vec<Vector2<f64>> = Vec::new();
    for vector in vectors {
        let parallel =
            |row: &Vector2<f64>| row.perp(&vector).abs() < 1e-3 * row.norm() * vector.norm();
        if rows.len() < ROWS && !rows.iter().any(parallel) {
            rows.push(vector);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "aside = 3.0
        radius = { mean = 17.0, spread = 1.5 }
        tallest = 10
        cut = [0.0, 0.3]
        terraces = 2
        step = 2
        broken_rows = 0.5
        adatoms = 0.12
        vacancies = 0.12
        support_density = 0.5";

    /// Gold along [110].
    fn kinds() -> [Vector2<f64>; 2] {
        [Vector2::zeros(), Vector2::new(2.039, 1.442)]
    }

    fn cells() -> Cells {
        Cells::new([22, 16], [2.884, 4.078], 1).unwrap()
    }

    fn place(column: &Standing) -> Vector2<f64> {
        let [row, across] = column.cell.map(f64::from);
        Vector2::new(4.078 * across, 2.884 * row) + kinds()[column.kind]
    }

    #[test]
    fn facets_follow_the_rows_of_gold() {
        let rows = dense_rows(&kinds(), [2.884, 4.078]);
        let mut angles: Vec<f64> = (rows.iter())
            .map(|row| (row.y / row.x).abs().atan().to_degrees())
            .collect();
        angles.sort_by(f64::total_cmp);
        // rows of {111} at 35.3° to [001], twice, and of {100} across it
        assert!((angles[0] - 35.26).abs() < 0.1 && (angles[1] - 35.26).abs() < 0.1);
        assert!((angles[2] - 90.0).abs() < 1e-9);
        assert!(dense_rows(&[], [1.0, 1.0]).is_empty());
    }

    #[test]
    fn without_anything_random_it_is_a_dome() {
        let settings: Particle = toml::from_str(TEXT).unwrap();
        let smooth = Particle {
            radius: Length {
                mean: 17.0,
                spread: 0.0,
            },
            aside: 0.0,
            cut: Share {
                low: 0.0,
                high: 0.0,
            },
            terraces: 0,
            broken_rows: 0.0,
            adatoms: 0.0,
            vacancies: 0.0,
            ..settings
        };
        let columns = smooth.draw(&cells(), &kinds(), Seed(1));
        let middle = Vector2::new(8.0 * 4.078, 11.0 * 2.884);
        // the hexagon about the circle does not cut it
        for column in &columns {
            let share = (place(column) - middle).norm() / 17.0;
            let atoms = (10.0 * (1.0 - share * share).sqrt()).round().max(1.0) as usize;
            assert_eq!(column.atoms, atoms);
        }
        let area = columns.len() as f64 * 2.884 * 4.078 / 2.0;
        assert!(
            (area / (std::f64::consts::PI * 17.0 * 17.0) - 1.0).abs() < 0.05,
            "{area}"
        );
    }

    #[test]
    fn heights_are_not_told_by_a_constant_or_by_neighbours() {
        let particle: Particle = toml::from_str(TEXT).unwrap();
        particle.check(10, Path::new("w"), "particle").unwrap();
        particle
            .check_cells(&cells(), Path::new("w"), "particle")
            .unwrap();
        let (mut constant, mut neighbours, mut number) = (0.0, 0.0, 0.0);
        for seed in 0..20 {
            let columns = particle.draw(&cells(), &kinds(), Seed(seed));
            assert_eq!(columns, particle.draw(&cells(), &kinds(), Seed(seed)));
            assert!(columns.iter().all(|c| (1..=10).contains(&c.atoms)));
            assert!(columns.len() > 50, "{}", columns.len());
            let mut heights: Vec<usize> = columns.iter().map(|c| c.atoms).collect();
            heights.sort_unstable();
            let median = heights[heights.len() / 2];
            for column in &columns {
                let near = columns.iter().filter(|other| {
                    let distance = (place(column) - place(other)).norm();
                    distance > 0.1 && distance < 3.0
                });
                let near: Vec<f64> = near.map(|c| c.atoms as f64).collect();
                constant += column.atoms.abs_diff(median) as f64;
                number += 1.0;
                if !near.is_empty() {
                    let mean = near.iter().sum::<f64>() / near.len() as f64;
                    neighbours += (column.atoms as f64 - mean.round()).abs();
                }
            }
        }
        let (constant, neighbours) = (constant / number, neighbours / number);
        assert!(constant > 1.7, "{constant}");
        assert!(neighbours > 0.5 && neighbours < constant, "{neighbours}");
    }

    #[test]
    fn adatoms_and_vacancies_are_as_frequent_as_stated() {
        let settings: Particle = toml::from_str(TEXT).unwrap();
        let bare = Particle {
            adatoms: 0.0,
            vacancies: 0.0,
            ..settings.clone()
        };
        let (mut more, mut fewer, mut beside, mut all) = (0.0, 0.0, 0.0, 0.0);
        for seed in 0..30 {
            let columns = settings.draw(&cells(), &kinds(), Seed(seed));
            for column in bare.draw(&cells(), &kinds(), Seed(seed)) {
                if (2..10).contains(&column.atoms) {
                    let same = |c: &&Standing| (c.kind, c.cell) == (column.kind, column.cell);
                    let atoms = columns.iter().find(same).unwrap().atoms;
                    more += f64::from(u8::from(atoms > column.atoms));
                    fewer += f64::from(u8::from(atoms < column.atoms));
                    all += 1.0;
                }
            }
            beside += columns.iter().filter(|c| c.atoms == 1).count() as f64;
        }
        // one without the other: 0.12 · 0.88, deviation 0.006 of 2700 columns
        assert!((more / all - 0.1056).abs() < 0.024, "{more} of {all}");
        assert!((fewer / all - 0.1056).abs() < 0.024, "{fewer} of {all}");
        assert!(beside > 30.0);
    }

    #[test]
    fn the_film_has_its_density() {
        let particle: Particle = toml::from_str(TEXT).unwrap();
        let area = 22.0 * 2.884 * 16.0 * 4.078;
        let numbers: Vec<f64> = (0..20)
            .map(|seed| particle.draw_support(&cells(), Seed(seed)).len() as f64)
            .collect();
        let mean = numbers.iter().sum::<f64>() / 20.0;
        let error = (0.5 * area / 20.0_f64).sqrt();
        assert!((mean - 0.5 * area).abs() < 4.0 * error, "{mean}");
        let atoms = particle.draw_support(&cells(), Seed(0));
        assert!(
            atoms
                .iter()
                .all(|a| a.y < 22.0 * 2.884 && a.x < 16.0 * 4.078)
        );
    }

    #[test]
    fn what_cannot_stand_is_refused() {
        let refused = |change: &dyn Fn(&mut Particle)| {
            let mut particle: Particle = toml::from_str(TEXT).unwrap();
            change(&mut particle);
            let file = Path::new("w.toml");
            (particle.check(10, file, "particle"))
                .and_then(|()| particle.check_cells(&cells(), file, "particle"))
                .unwrap_err()
                .to_string()
        };
        assert!(
            refused(&|p| p.tallest = 11)
                .contains("`particle.tallest`: found 11, allowed is 3 to 10")
        );
        assert!(refused(&|p| p.step = 3).contains("`particle.step`: found 3 on 2 terraces"));
        assert!(refused(&|p| p.adatoms = 0.6).contains("`particle.adatoms`: found 0.6"));
        assert!(refused(&|p| p.vacancies = f64::NAN).contains("`particle.vacancies`: found NaN"));
        assert!(refused(&|p| p.cut.high = 0.7).contains("`particle.cut[1]`: found 0.7"));
        assert!(refused(&|p| p.aside = 100.0).contains("`particle.aside`: found 100"));
        assert!(refused(&|p| p.support_density = f64::INFINITY).contains("support_density`"));
        assert!(toml::from_str::<Particle>(&format!("{TEXT}\ncolour = 1")).is_err());
        let particle: Particle = toml::from_str(TEXT).unwrap();
        assert!(particle.draw(&cells(), &[], Seed(1)).is_empty());
    }
}
