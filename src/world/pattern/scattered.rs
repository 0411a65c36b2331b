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
