//! Polar domains: stripes and twins of a ferroelectric beside a crystal that is not polar.

use super::Cells;
use super::keys::Keys;
use super::quantity::{Length, Share};
use crate::Result;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::Array2;
use rand::RngExt;
use serde::Deserialize;
use std::path::Path;

/// No domain is narrower than so many cells.
const NARROWEST: i64 = 3;
/// In the map of directions, the crystal that is not polar.
const MATRIX: u8 = 4;

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
/// let full = |sign: f64| variants.iter().position(|v| v.vector.iter().sum::<f64>() == sign).unwrap() as u8;
/// assert_eq!(variants[usize::from(full(1.0))].state, "PbTiO3, 1");
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
    /// Width of a domain.
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
        keys.range("rise", self.rise, 0.0, 16.0)
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
        let reach = self.rise.ceil() as usize + 1;
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

    /// The direction of each cell in quarter turns, or [`MATRIX`].
    fn directions(&self, cells: &Cells, seed: Seed) -> Array2<u8> {
        let mut stream = Stream::new(seed, Purpose::Polarisation, [0, 0]);
        let frame = Frame::draw(cells, &mut stream);
        let pick = stream.random::<f64>() * self.arrangements.len() as f64;
        let arrangement = self.arrangements.get(pick as usize).copied();
        let share = self.matrix_share.draw(&mut stream);
        let field = frame.depth - 2 * frame.margin;
        let interface = match share > 0.0 {
            true => frame.margin + (share * field as f64).round() as i64,
            false => -frame.depth, // out of sight
        };
        let terraces = self.terraces(&frame, &mut stream);
        // diagonals lead to the right or to the left as one goes away from the interface
        let mut slope = if stream.random() { 1 } else { -1 };
        if arrangement != Some(Arrangement::Twins) {
            slope = 0;
        }
        let first_up: bool = stream.random();
        let mut walls = self.walls(&frame, interface, slope, &mut stream);
        let mut map = Array2::from_elem(cells.dim(), MATRIX);
        for u in 0..frame.depth {
            if slope == 0 {
                jog(&mut walls, frame.edges[0] / self.jog, &mut stream);
            }
            for (v, terrace) in (0..frame.breadth).zip(&terraces) {
                let height = u - interface;
                if height < *terrace {
                    continue;
                }
                let number = walls.partition_point(|wall| wall + slope * u <= v);
                let odd = number % 2 == 1;
                let direction = match arrangement {
                    // P·n is kept where P = ±u goes on as ∓slope·v
                    Some(Arrangement::Twins) if odd && first_up == (slope < 0) => Direction::Right,
                    Some(Arrangement::Twins) if odd => Direction::Left,
                    Some(Arrangement::Twins) => Direction::along_depth(first_up),
                    Some(Arrangement::Closure) => {
                        closure(&walls, number, v, height, first_up ^ odd)
                    }
                    _ => Direction::along_depth(first_up ^ odd),
                };
                map[frame.cell(u, v)] = frame.quarter_turns(direction);
            }
        }
        map
    }

    /// Heights of the interface along it: 0, or a cell more or less.
    fn terraces(&self, frame: &Frame, stream: &mut Stream) -> Vec<i64> {
        let probability = self.terrace.map_or(0.0, |length| frame.edges[1] / length);
        let mut height: i64 = 0;
        let mut next = |_| {
            if stream.random::<f64>() < probability {
                height = match height {
                    0 if stream.random() => 1,
                    0 => -1,
                    _ => 0,
                };
            }
            height
        };
        (0..frame.breadth).map(&mut next).collect()
    }

    /// First cells behind the walls where u = 0, in rising order, far enough to both sides. One of them passes through the
    /// middle half of the field half way between the interface and the end of the field.
    fn walls(&self, frame: &Frame, interface: i64, slope: i64, stream: &mut Stream) -> Vec<i64> {
        let reach = 2 * (frame.breadth + frame.depth);
        let mut walls = vec![-reach];
        let mut last = -reach;
        while last < reach {
            let width = (self.domain.draw(stream) / frame.edges[1]).round() as i64;
            last += width.max(NARROWEST);
            walls.push(last);
        }
        let nearest = walls.iter().copied().min_by_key(|wall| wall.abs());
        let across = (frame.breadth - 2 * frame.margin) as f64;
        let middle = frame.margin + (across * (0.25 + 0.5 * stream.random::<f64>())) as i64;
        let half_way = (interface.max(frame.margin) + frame.depth - frame.margin) / 2;
        let shift = middle - slope * half_way - nearest.unwrap_or(0);
        walls.iter().map(|wall| wall + shift).collect()
    }
}

/// Where the polarisation points in the frame of the interface.
#[derive(Clone, Copy)]
enum Direction {
    Away,
    Towards,
    /// To larger v.
    Right,
    Left,
}

impl Direction {
    fn along_depth(away: bool) -> Self {
        if away { Self::Away } else { Self::Towards }
    }
}

/// The lattice as seen from the interface: u counts cells across it, towards the ferroelectric, v along it.
struct Frame {
    depth: i64,
    breadth: i64,
    margin: i64,
    /// Edges of a cell along u and v, Å.
    edges: [f64; 2],
    /// Whether u counts rows.
    down: bool,
    /// Whether u counts from the last row or column.
    reversed: bool,
}

impl Frame {
    fn draw(cells: &Cells, stream: &mut Stream) -> Self {
        let (down, reversed) = (stream.random(), stream.random());
        let (rows, columns) = cells.dim();
        let [height, width] = cells.edges();
        let (depth, breadth, edges) = match down {
            true => (rows, columns, [height, width]),
            false => (columns, rows, [width, height]),
        };
        Self {
            depth: depth as i64,
            breadth: breadth as i64,
            margin: cells.margin() as i64,
            edges,
            down,
            reversed,
        }
    }

    /// Row and column of a cell.
    fn cell(&self, u: i64, v: i64) -> [usize; 2] {
        let u = if self.reversed { self.depth - 1 - u } else { u };
        let (u, v) = (u as usize, v as usize);
        if self.down { [u, v] } else { [v, u] }
    }

    /// A direction in quarter turns from +x towards +y.
    fn quarter_turns(&self, direction: Direction) -> u8 {
        let backward = match direction {
            Direction::Away => self.reversed,
            Direction::Towards => !self.reversed,
            Direction::Right => false,
            Direction::Left => true,
        };
        let across = matches!(direction, Direction::Away | Direction::Towards);
        u8::from(across == self.down) + 2 * u8::from(backward)
    }
}

/// Moves each wall by a cell with this probability, where its neighbours leave room.
fn jog(walls: &mut [i64], probability: f64, stream: &mut Stream) {
    for k in 0..walls.len() {
        if stream.random::<f64>() >= probability {
            continue;
        }
        let moved = walls[k] + if stream.random() { 1 } else { -1 };
        let room = |other: Option<&i64>| other.is_none_or(|w| (w - moved).abs() >= NARROWEST);
        if room(k.checked_sub(1).and_then(|left| walls.get(left))) && room(walls.get(k + 1)) {
            walls[k] = moved;
        }
    }
}

/// The direction of a cell in a stripe with walls `number - 1` and `number`, `height` cells above the interface: along it
/// within a wedge about the foot of a wall, from the stripe that points towards the interface to the one that points away.
/// The wedge reaches to the middle of the narrower stripe.
fn closure(walls: &[i64], number: usize, v: i64, height: i64, away: bool) -> Direction {
    let in_wedge = |wall: Option<usize>| {
        let Some([left, wall, right]) =
            wall.and_then(|k| walls.get(k.checked_sub(1)?..=k + 1)?.first_chunk::<3>())
        else {
            return false;
        };
        // twice the distances of the middle of the cell, in whole numbers
        let distance = (2 * (v - wall) + 1).abs() + 2 * height + 1;
        distance < (wall - left).min(right - wall)
    };
    if in_wedge(number.checked_sub(1)) {
        if away {
            Direction::Right
        } else {
            Direction::Left
        }
    } else if in_wedge(Some(number)) {
        if away {
            Direction::Left
        } else {
            Direction::Right
        }
    } else {
        Direction::along_depth(away)
    }
}
