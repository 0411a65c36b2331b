//! How polar domains lie on the lattice: the direction of each cell.

use super::super::Cells;
use super::{Arrangement, Polar};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::Array2;
use rand::RngExt;

/// No domain is narrower than so many cells.
pub(super) const NARROWEST: i64 = 3;
/// In the map of directions, the crystal that is not polar.
pub(super) const MATRIX: u8 = 4;

impl Polar {
    /// The direction of each cell in quarter turns, or [`MATRIX`].
    pub(super) fn directions(&self, cells: &Cells, seed: Seed) -> Array2<u8> {
        let mut stream = Stream::new(seed, Purpose::Polarisation, [0, 0]);
        let frame = Frame::draw(cells, &mut stream);
        let pick = stream.random::<f64>() * self.arrangements.len() as f64;
        let arrangement = self.arrangements.get(pick as usize).copied();
        let share = self.matrix_share.draw(&mut stream);
        let [depth, field] = [frame.depth, frame.breadth].map(|cells| cells - 2 * frame.margin);
        let interface = match share > 0.0 {
            true => frame.margin + (share * depth as f64).round() as i64,
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
        let straight = walls.clone();
        let mut map = Array2::from_elem(cells.dim(), MATRIX);
        for u in 0..frame.depth {
            if slope == 0 {
                let probability = frame.edges[0] / self.jog;
                jog(
                    &mut walls,
                    &straight,
                    field / 4 - 1,
                    probability,
                    &mut stream,
                );
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
            last += width.clamp(NARROWEST, reach);
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

/// Moves each wall by a cell with this probability, where its neighbours leave room and it stays within `farthest` cells
/// of its straight course.
fn jog(walls: &mut [i64], straight: &[i64], farthest: i64, probability: f64, stream: &mut Stream) {
    for k in 0..walls.len() {
        if stream.random::<f64>() >= probability {
            continue;
        }
        let moved = walls[k] + if stream.random() { 1 } else { -1 };
        let room = |other: Option<&i64>| other.is_none_or(|w| (w - moved).abs() >= NARROWEST);
        let left = k.checked_sub(1).and_then(|left| walls.get(left));
        if room(left) && room(walls.get(k + 1)) && (moved - straight[k]).abs() <= farthest {
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

#[cfg(test)]
mod tests {
    use super::super::tests::{cells, polar};
    use super::*;

    /// Faces between polar cells of different directions: numbers of faces of 180°, of those that carry a charge, of
    /// corners of staircases of 90°, and of those whose two faces do not cancel.
    fn charges(directions: &Array2<u8>) -> [f64; 4] {
        const STEPS: [[i64; 2]; 4] = [[0, 1], [1, 0], [0, -1], [-1, 0]]; // of direction n, as [y, x]
        let (rows, columns) = directions.dim();
        let mut counts = [0.0; 4];
        for ((row, column), own) in directions.indexed_iter().filter(|(_, d)| **d != MATRIX) {
            let neighbour = |step: [i64; 2]| {
                let (y, x) = (row as i64 + step[0], column as i64 + step[1]);
                let inside = (0..rows as i64).contains(&y) && (0..columns as i64).contains(&x);
                let other = inside.then(|| directions[[y as usize, x as usize]]);
                other.filter(|other| other != own && *other != MATRIX)
            };
            let flux = |direction: u8, step: [i64; 2]| {
                let p = STEPS[usize::from(direction)];
                p[0] * step[0] + p[1] * step[1]
            };
            for n in 0..4 {
                let (step, next) = (STEPS[n], STEPS[(n + 1) % 4]);
                let Some(other) = neighbour(step) else {
                    continue;
                };
                if own.abs_diff(other) == 2 {
                    counts[0] += 1.0;
                    counts[1] += f64::from(u8::from(flux(*own, step) != 0));
                } else if neighbour(next) == Some(other) {
                    counts[2] += 1.0;
                    let sum = |d: u8| flux(d, step) + flux(d, next);
                    counts[3] += f64::from(u8::from(sum(*own) != sum(other)));
                }
            }
        }
        counts
    }

    #[test]
    fn walls_carry_no_charge_but_at_jogs() {
        for arrangement in [
            Arrangement::Stripes,
            Arrangement::Twins,
            Arrangement::Closure,
        ] {
            let mut counts = [0.0; 4];
            for seed in 0..30 {
                let directions = polar(arrangement).directions(&cells(), Seed(seed));
                for (sum, count) in counts.iter_mut().zip(charges(&directions)) {
                    *sum += count;
                }
            }
            let [straight, jogs, corners, charged] = counts;
            match arrangement {
                // a jog every 40 Å is one of 10.2 faces along the wall, and a face more
                Arrangement::Stripes => {
                    assert!((jogs / straight - 0.09).abs() < 0.02, "{counts:?}");
                    assert_eq!(corners, 0.0);
                }
                Arrangement::Twins => {
                    assert_eq!([straight, charged], [0.0, 0.0]);
                    assert!(corners > 9000.0, "{counts:?}");
                }
                Arrangement::Closure => {
                    assert!(jogs < 0.12 * straight, "{counts:?}");
                    assert!(corners > 500.0 && charged < 0.05 * corners, "{counts:?}");
                }
            }
        }
    }

    #[test]
    fn shares_widths_and_presence_are_as_stated() {
        for arrangement in [Arrangement::Stripes, Arrangement::Twins] {
            let (mut mean, mut walls, mut length) = (0.0, 0.0, 0.0);
            for seed in 0..80 {
                let polar = polar(arrangement);
                let cells = cells();
                let directions = polar.directions(&cells, Seed(seed));
                let field = cells.field(&directions);
                let is_matrix = |d: &&u8| **d == MATRIX;
                let share = field.iter().filter(is_matrix).count() as f64 / field.len() as f64;
                assert!(share > 0.1 && share < 0.45, "{share}");
                mean += share / 80.0;
                let present = |d: u8| field.iter().any(|other| *other == d);
                assert_eq!((0..4).filter(|d| present(*d)).count(), 2, "seed {seed}");
                for line in field.rows().into_iter().chain(field.columns()) {
                    if line.iter().any(|d| *d == MATRIX) {
                        continue; // along the interface only
                    }
                    length += 3.905 * line.len() as f64;
                    walls += (1..line.len()).filter(|v| line[v - 1] != line[*v]).count() as f64;
                }
            }
            assert!((mean - 0.275).abs() < 0.03, "{mean}");
            assert!((length / walls - 35.0).abs() < 4.0, "{}", length / walls);
        }
    }

    #[test]
    fn a_wall_stays_in_the_field_however_often_it_jogs() {
        let restless = Polar {
            jog: 1.0,
            ..polar(Arrangement::Stripes)
        };
        let narrow = Cells::new([60, 22], [3.905, 3.905], 3).unwrap();
        for seed in 0..100 {
            let directions = restless.directions(&narrow, Seed(seed));
            let field = narrow.field(&directions);
            let present = (0..4).filter(|d| field.iter().any(|other| other == d));
            assert_eq!(present.count(), 2, "seed {seed}");
        }
    }
}
