//! Point defects at random places or in clusters.

use super::keys::Keys;
use crate::random::{Purpose, Stream};
use crate::units::{Point, Seed};
use crate::{Error, Result};
use rand::RngExt;
use serde::Deserialize;
use std::path::Path;

/// How defects cluster: a defect belongs to a cluster, or with probability `background` to none.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clusters {
    /// Number of clusters in the field.
    pub number: u32,
    /// Standard deviation of a cluster's extent, Å per axis.
    pub radius: f64,
    /// Share of the defects that lie outside clusters.
    pub background: f64,
}

impl Clusters {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        let keys = Keys { file, table: key };
        keys.range("number", f64::from(self.number), 1.0, 1000.0)?;
        keys.range("radius", self.radius, 0.1, 50.0)?;
        keys.range("background", self.background, 0.0, 1.0)
    }
}

/// A kind of defect, and the columns that may have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class<'a> {
    /// Numbers of the columns among all places.
    pub hosts: &'a [usize],
    /// Mean share of the hosts that have the defect.
    pub density: f64,
}

/// Point defects on the columns of a field from (0, 0) to (height, width) and of the margin around it.
///
/// Of each class there is a Poisson number on distinct columns, at random or in clusters; a column has at most one defect.
/// Clusters lie in the field and end at its edge, so that the mean density in the field is the stated one; the margin
/// around it holds background only.
///
/// ```
/// use dosewise::{units::{Point, Seed}, world::pattern::{Class, Scatter}};
/// let places: Vec<Point> = (0..400).map(|i| Point::new(f64::from(i / 20), f64::from(i % 20))).collect();
/// let hosts: Vec<usize> = (0..400).collect();
/// let scatter = Scatter::new([19.0, 19.0], None)?;
/// let defects = scatter.draw(&places, &[Class { hosts: &hosts, density: 0.1 }], Seed(1));
/// let number = defects.iter().flatten().count(); // Poisson, mean 40
/// assert!((15..65).contains(&number));
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scatter {
    height: f64,
    width: f64,
    clusters: Option<Clusters>,
}

impl Scatter {
    /// Scattering over a field of `[height, width]` Å.
    ///
    /// # Errors
    /// [`Error::Argument`] for a side that is not positive and finite, and for clusters that [`Clusters::check`] refuses.
    pub fn new([height, width]: [f64; 2], clusters: Option<Clusters>) -> Result<Self> {
        for (name, side) in [("height", height), ("width", width)] {
            if !(side.is_finite() && side > 0.0) {
                return Err(Error::argument(name, side, "positive and finite"));
            }
        }
        if let Some(clusters) = &clusters
            && let Err(Error::Config {
                key,
                found,
                allowed,
                ..
            }) = clusters.check(Path::new(""), "clusters")
        {
            return Err(Error::argument(key, found, allowed));
        }
        Ok(Self {
            height,
            width,
            clusters,
        })
    }

    /// For each place the number of the class of its defect, if it has one. A class beyond the others leaves their defects
    /// where they are. Numbers of hosts beyond the places are passed over.
    pub fn draw(&self, places: &[Point], classes: &[Class<'_>], seed: Seed) -> Vec<Option<usize>> {
        let mut stream = Stream::new(seed, Purpose::Defects, [0, 0]);
        let centres: Vec<Point> = (0..self.clusters.map_or(0, |c| c.number))
            .map(|_| {
                let y = stream.random::<f64>() * self.height;
                Point::new(y, stream.random::<f64>() * self.width)
            })
            .collect();
        let mut defects = vec![None; places.len()];
        for (index, class) in classes.iter().enumerate() {
            let mut stream = Stream::new(seed, Purpose::Defects, [1, index as u64]);
            let hosts = class.hosts.iter().filter(|i| **i < places.len());
            let mut free: Vec<usize> = hosts.clone().copied().collect();
            let background = self.clusters.map_or(1.0, |c| c.background);
            let scattered = background * free.len() as f64;
            let inside = hosts.filter(|i| self.holds(places[**i])).count();
            let gathered = (1.0 - background) * inside as f64;
            free.retain(|i| defects[*i].is_none());
            let mean = class.density.clamp(0.0, 1.0) * (scattered + gathered);
            for _ in 0..poisson(&mut stream, mean) {
                if free.is_empty() {
                    break;
                }
                let chosen = match self.clusters {
                    Some(clusters)
                        if stream.random::<f64>() * (scattered + gathered) >= scattered =>
                    {
                        self.in_cluster(&clusters, &centres, places, &free, &mut stream)
                    }
                    _ => any(free.len(), &mut stream),
                };
                defects[free.remove(chosen)] = Some(index);
            }
        }
        defects
    }

    /// Which of the free columns is nearest to a place drawn from a cluster.
    fn in_cluster(
        &self,
        clusters: &Clusters,
        centres: &[Point],
        places: &[Point],
        free: &[usize],
        stream: &mut Stream,
    ) -> usize {
        let centre = centres[any(centres.len(), stream)];
        let place = Point::new(
            normal_within(stream, centre.y, clusters.radius, self.height),
            normal_within(stream, centre.x, clusters.radius, self.width),
        );
        let away = |at: &usize| places[free[*at]].distance(place);
        let inside = (0..free.len()).filter(|at| self.holds(places[free[*at]]));
        let nearest = inside.min_by(|a, b| away(a).total_cmp(&away(b)));
        nearest.unwrap_or(0)
    }

    fn holds(&self, place: Point) -> bool {
        (0.0..=self.height).contains(&place.y) && (0.0..=self.width).contains(&place.x)
    }
}

/// One of `number`, each as likely.
fn any(number: usize, stream: &mut Stream) -> usize {
    (stream.random::<f64>() * number as f64) as usize % number
}

/// A normal deviate on the condition that it lies within 0 to `length`, where its `mean` lies too.
fn normal_within(stream: &mut Stream, mean: f64, deviation: f64, length: f64) -> f64 {
    loop {
        let value = mean + deviation * stream.normal();
        if (0.0..=length).contains(&value) {
            return value;
        }
    }
}

/// A Poisson deviate by counting unit-rate arrivals.
pub(super) fn poisson(stream: &mut Stream, mean: f64) -> usize {
    let mut time = stream.exponential();
    let mut count = 0;
    while time < mean {
        count += 1;
        time += stream.exponential();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTERS: Clusters = Clusters {
        number: 3,
        radius: 4.0,
        background: 0.2,
    };

    /// A square lattice of 1.5 Å over a field of 60 Å and 6 Å around it.
    fn places() -> Vec<Point> {
        let at = |i: i32| -6.0 + 1.5 * f64::from(i);
        (0..49 * 49)
            .map(|i| Point::new(at(i / 49), at(i % 49)))
            .collect()
    }

    /// Mean and variance of the number in the field, mean number in the margin, mean number of pairs within 6 Å.
    fn numbers(clusters: Option<Clusters>) -> [f64; 4] {
        let (places, specimens) = (places(), 200);
        let all: Vec<usize> = (0..places.len()).collect();
        let scatter = Scatter::new([60.0, 60.0], clusters).unwrap();
        let class = Class {
            hosts: &all,
            density: 0.02,
        };
        let mut sums = [0.0; 4];
        for seed in 0..specimens {
            let defects = scatter.draw(&places, &[class], Seed(seed));
            let found: Vec<Point> = (places.iter().zip(&defects))
                .filter(|(_, defect)| defect.is_some())
                .map(|(place, _)| *place)
                .collect();
            let (inside, beyond): (Vec<Point>, Vec<Point>) =
                found.iter().partition(|place| scatter.holds(**place));
            let pairs = inside
                .iter()
                .enumerate()
                .map(|(i, a)| inside[..i].iter().filter(|b| a.distance(**b) < 6.0).count() as f64);
            let number = inside.len() as f64;
            let own = [number, number * number, beyond.len() as f64, pairs.sum()];
            for (sum, value) in sums.iter_mut().zip(own) {
                *sum += value / specimens as f64;
            }
        }
        sums[1] -= sums[0] * sums[0];
        sums
    }

    #[test]
    fn clusters_gather_defects_without_adding_any() {
        let sites = 41.0 * 41.0; // in the field
        let [mean, variance, beyond, by_chance] = numbers(None);
        let error = (0.02 * sites / 200.0_f64).sqrt();
        assert!((mean - 0.02 * sites).abs() < 4.0 * error, "{mean}");
        assert!(
            variance > 0.65 * mean && variance < 1.35 * mean,
            "{variance}"
        );
        assert!((beyond - 0.02 * (2401.0 - sites)).abs() < 1.1, "{beyond}");
        let [mean, _, beyond, pairs] = numbers(Some(CLUSTERS));
        assert!((mean - 0.02 * sites).abs() < 4.0 * error, "{mean}");
        assert!(
            (beyond - 0.2 * 0.02 * (2401.0 - sites)).abs() < 0.5,
            "{beyond}"
        );
        assert!(pairs > 3.0 * by_chance, "{pairs} against {by_chance}");
    }

    #[test]
    fn a_column_has_one_defect_and_another_class_moves_none() {
        let places = places();
        let even: Vec<usize> = (0..places.len()).step_by(2).collect();
        let scatter = Scatter::new([60.0, 60.0], Some(CLUSTERS)).unwrap();
        let class = |density| Class {
            hosts: &even,
            density,
        };
        let one = scatter.draw(&places, &[class(0.3)], Seed(1));
        let two = scatter.draw(&places, &[class(0.3), class(0.3)], Seed(1));
        let first = |defects: &[Option<usize>]| -> Vec<bool> {
            defects.iter().map(|d| *d == Some(0)).collect()
        };
        assert_eq!(first(&one), first(&two));
        assert!(two.iter().skip(1).step_by(2).all(Option::is_none));
        let full = scatter.draw(&places, &[class(1.0), class(1.0)], Seed(1));
        assert!(full.iter().flatten().count() <= even.len());
    }

    #[test]
    fn what_is_no_field_and_no_cluster_is_refused() {
        let refused = |field, clusters| Scatter::new(field, clusters).unwrap_err().to_string();
        assert!(refused([0.0, 1.0], None).starts_with("height: found 0"));
        assert!(refused([1.0, f64::NAN], None).starts_with("width: found NaN"));
        let none = Clusters {
            number: 0,
            ..CLUSTERS
        };
        assert!(refused([1.0, 1.0], Some(none)).starts_with("clusters.number: found 0"));
        let file = Path::new("w.toml");
        let wide = Clusters {
            radius: 80.0,
            ..CLUSTERS
        };
        let error = wide
            .check(file, "defects.clusters")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`defects.clusters.radius`: found 80, allowed is 0.1 to 50"));
        let scatter = Scatter::new([1.0, 1.0], None).unwrap();
        let hosts = [0, 7];
        for density in [f64::NAN, -1.0] {
            let class = Class {
                hosts: &hosts,
                density,
            };
            assert_eq!(scatter.draw(&[Point::default()], &[class], Seed(1)), [None]);
        }
    }
}
