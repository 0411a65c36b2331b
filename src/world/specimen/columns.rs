//! Columns that the beam wears: when each atom goes.

use super::Departure;
use crate::random::{Purpose, Stream};
use crate::stem::{Charge, Fluence};
use crate::units::{Point, Seed};
use crate::world::illumination::{EDGE, FixedPlace, Illumination};
use crate::world::site::Hypothesis;
use crate::world::stretch::Stretch;
use std::ops::Range;

/// Side of the squares in which columns are looked up, Å.
const SQUARE: f64 = 2.0;

/// How worn the columns of a specimen are that the budget can wear down at all.
///
/// They are kept square by square of the field and row by row of squares, so that those near a beam or a scan line are a few runs
/// of the lists.
#[derive(Debug, Clone)]
pub(super) struct Wear {
    /// Corner of the first square in the field, Å.
    corner: Point,
    /// Squares along y and x.
    shape: [usize; 2],
    /// Where the run of a square starts; one more than squares.
    starts: Vec<u32>,
    /// Numbers of the columns in the specimen.
    numbers: Vec<u32>,
    /// Places in the crystal.
    places: Vec<FixedPlace>,
    /// In the field, Å.
    field: Vec<Point>,
    worn: Vec<Worn>,
    /// For each column the doses at which atoms go after the next one, the earliest last.
    waiting: Vec<Vec<Fluence>>,
}

/// How worn a column is.
#[derive(Debug, Clone, Copy)]
struct Worn {
    fluence: Fluence,
    /// The dose at which the next atom goes.
    next: Fluence,
}

/// A column that may be worn.
pub(super) struct Candidate<'h> {
    /// In the field, Å.
    pub place: Point,
    /// In the crystal, Å.
    pub crystal: Point,
    pub hypothesis: &'h Hypothesis,
}

impl Wear {
    /// Draws for every atom at risk the dose at which it goes, exponential with mean 1/σ.
    pub(super) fn new<'h>(
        columns: impl Iterator<Item = Candidate<'h>>,
        illumination: &Illumination,
        budget: Charge,
        seed: Seed,
    ) -> Self {
        // An atom that would stay under all that the beam may deliver in the brightest spot need not be watched.
        let most = Fluence::of_steps(budget, illumination.peak());
        let mut watched = Vec::new();
        for (number, column) in columns.enumerate() {
            let sigma = column.hypothesis.cross_section;
            let atoms = (0..column.hypothesis.at_risk()).filter_map(|atom| {
                let key = [number as u64, atom as u64];
                let waiting = Stream::new(seed, Purpose::DamageThreshold, key).exponential();
                let threshold = Fluence::from_dose(waiting / sigma);
                (sigma > 0.0 && threshold <= most).then_some(threshold)
            });
            let mut thresholds: Vec<Fluence> = atoms.collect();
            thresholds.sort_by(|a, b| b.cmp(a));
            if let Some(next) = thresholds.pop() {
                watched.push((number as u32, column, next, thresholds));
            }
        }
        let least = |of: fn(&Point) -> f64| {
            let all = watched.iter().map(|(_, column, ..)| of(&column.place));
            all.fold(f64::INFINITY, f64::min)
        };
        let corner = Point::new(least(|p| p.y), least(|p| p.x));
        let square = |place: Point| {
            let from = place - corner;
            // not negative, so that truncation is the floor
            [(from.y / SQUARE) as usize, (from.x / SQUARE) as usize]
        };
        let extent = |axis: usize| {
            let all = watched
                .iter()
                .map(|(_, column, ..)| square(column.place)[axis]);
            all.max().map_or(0, |most| most + 1)
        };
        let shape = [extent(0), extent(1)];
        let index = |place: Point| {
            let [row, column] = square(place);
            row * shape[1] + column
        };
        watched.sort_by_cached_key(|(number, column, ..)| (index(column.place), *number));
        let mut starts = vec![0; shape[0] * shape[1] + 1];
        for (_, column, ..) in &watched {
            starts[index(column.place) + 1] += 1;
        }
        for square in 1..starts.len() {
            starts[square] += starts[square - 1];
        }
        let mut wear = Self {
            corner,
            shape,
            starts,
            numbers: Vec::with_capacity(watched.len()),
            places: Vec::with_capacity(watched.len()),
            field: Vec::with_capacity(watched.len()),
            worn: Vec::with_capacity(watched.len()),
            waiting: Vec::with_capacity(watched.len()),
        };
        for (number, column, next, thresholds) in watched {
            wear.numbers.push(number);
            wear.places.push(column.crystal.into());
            wear.field.push(column.place);
            wear.worn.push(Worn {
                fluence: Fluence::default(),
                next,
            });
            wear.waiting.push(thresholds);
        }
        wear
    }

    /// Whether no column can ever change.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Lets the visits of a stretch pass; appends the atoms that go.
    pub(super) fn pass(
        &mut self,
        illumination: &Illumination,
        stretch: &Stretch,
        departures: &mut Vec<Departure>,
    ) {
        match stretch.along {
            Some(_) => self.pass_line(illumination, stretch, departures),
            None => {
                for (visit, truly) in stretch.truly.iter().enumerate() {
                    let [rows, columns] = self.squares([*truly; 2]);
                    for row in rows {
                        for column in self.run(row, &columns) {
                            self.pass_one(column, illumination, stretch, visit, departures);
                        }
                    }
                }
            }
        }
    }

    /// Column by column, each of which meets the visits of a line one after the other.
    fn pass_line(
        &mut self,
        illumination: &Illumination,
        stretch: &Stretch,
        departures: &mut Vec<Departure>,
    ) {
        let bounds = Bounds::of(stretch);
        let [rows, columns] = self.squares(bounds.corners);
        for row in rows {
            let run = self.run(row, &columns);
            let fields = &self.field[run.clone()];
            let places = &self.places[run.clone()];
            let mut crossing = Vec::new();
            let columns = run.clone().zip(fields.iter().zip(places));
            for ((column, (field, place)), worn) in columns.zip(&mut self.worn[run]) {
                let visits = bounds.visits_near(*field);
                // the same charge each time: what a column meets can be added up first
                let steps = illumination.sum(&stretch.aims[visits.clone()], *place);
                let after = worn.fluence + Fluence::of_steps(stretch.charge, steps);
                if after < worn.next {
                    worn.fluence = after;
                } else {
                    crossing.push((column, visits));
                }
            }
            for (column, visits) in crossing {
                for visit in visits {
                    self.pass_one(column, illumination, stretch, visit, departures);
                }
            }
        }
    }

    /// Lets one visit wear one column.
    #[inline]
    fn pass_one(
        &mut self,
        column: usize,
        illumination: &Illumination,
        stretch: &Stretch,
        visit: usize,
        departures: &mut Vec<Departure>,
    ) {
        // no look at whether it is zero: for a third it is, and the processor cannot foresee for which
        let intensity = illumination.between(stretch.aims[visit], self.places[column]);
        let step = Fluence::of_steps(stretch.charge, u64::from(intensity));
        let worn = &mut self.worn[column];
        let before = worn.fluence;
        worn.fluence = before + step;
        if worn.fluence < worn.next {
            return;
        }
        while let Some(share) = before.crossing(step, worn.next) {
            departures.push(Departure {
                visit,
                share,
                what: self.numbers[column] as usize,
            });
            worn.next = self.waiting[column].pop().unwrap_or(Fluence::NEVER);
        }
    }

    /// The squares whose columns beams between two corners of the field may reach: their rows and columns.
    fn squares(&self, [low, high]: [Point; 2]) -> [Range<usize>; 2] {
        let range = |low: f64, high: f64, limit: usize| {
            // casts send what is negative or not a number to zero
            let first = ((low - EDGE) / SQUARE) as usize;
            let end = ((high + EDGE) / SQUARE + 1.0).floor() as usize;
            first.min(limit)..end.min(limit)
        };
        let (low, high) = (low - self.corner, high - self.corner);
        [
            range(low.y, high.y, self.shape[0]),
            range(low.x, high.x, self.shape[1]),
        ]
    }

    /// Where the columns of neighbouring squares of a row are in the lists.
    fn run(&self, row: usize, columns: &Range<usize>) -> Range<usize> {
        let start = |column: usize| self.starts[row * self.shape[1] + column] as usize;
        start(columns.start)..start(columns.end)
    }
}

/// Where the visits of a line are.
struct Bounds {
    /// The smallest and the largest y and x of them, Å.
    corners: [Point; 2],
    /// Where the first one was sent along the line, Å, and places of the line a Å.
    first: f64,
    per_angstrom: f64,
    /// The least and the most by which one misses its aim along the line, Å.
    misses: [f64; 2],
    number: usize,
    /// How many of them may reach one column.
    together: usize,
}

impl Bounds {
    fn of(stretch: &Stretch) -> Self {
        let number = stretch.len();
        let mut corners = [
            Point::new(f64::INFINITY, f64::INFINITY),
            Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY),
        ];
        let mut misses = [f64::INFINITY, f64::NEG_INFINITY];
        for (truly, place) in stretch.truly.iter().zip(&stretch.places) {
            let miss = truly.x - place.x;
            misses = [misses[0].min(miss), misses[1].max(miss)];
            let [low, high] = corners;
            corners = [
                Point::new(low.y.min(truly.y), low.x.min(truly.x)),
                Point::new(high.y.max(truly.y), high.x.max(truly.x)),
            ];
        }
        let first = stretch.places.first().map_or(0.0, |place| place.x);
        let last = stretch.places.last().map_or(0.0, |place| place.x);
        let per_angstrom = match last > first {
            true => (number - 1) as f64 / (last - first),
            false => 0.0,
        };
        let reach = (2.0 * EDGE + misses[1] - misses[0]) * per_angstrom;
        Self {
            corners,
            first,
            per_angstrom,
            misses,
            number,
            together: (reach as usize + 2).min(number),
        }
    }

    /// As many visits, among them all that may reach a column of the field; none where the line passes it by. The number is the same
    /// for all columns, because a processor foresees the end of loops of one length.
    #[inline]
    fn visits_near(&self, place: Point) -> Range<usize> {
        let [low, high] = self.corners;
        if low.y - place.y >= EDGE || place.y - high.y >= EDGE {
            return 0..0;
        }
        let from = (place.x - EDGE - self.misses[1] - self.first) * self.per_angstrom;
        // what is negative becomes zero; processors convert to signed integers in one step
        let from = (from.max(0.0) as i64 as usize).min(self.number - self.together);
        from..from + self.together
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::{Aberrations, Beam, Probe};
    use crate::world::site::Hypothesis;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    /// In the frame of the field, which is that of the crystal here.
    static ILLUMINATION: LazyLock<Illumination> = LazyLock::new(|| {
        let aberrations = Aberrations::default().with("C21", 300.0, 0.4).unwrap();
        let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, aberrations).unwrap();
        Illumination::new(&probe, 0.3).unwrap()
    });

    /// Two atoms a column.
    fn hypothesis(cross_section: f64) -> Hypothesis {
        Hypothesis {
            class: None,
            number: 2.0,
            prior: 1.0,
            chain: vec![0, 1, 2],
            cross_section,
        }
    }

    fn wear(places: &[Point], cross_section: f64) -> Wear {
        let hypothesis = hypothesis(cross_section);
        let columns = places.iter().map(|place| Candidate {
            place: *place,
            crystal: *place + Point::new(20.0, 20.0),
            hypothesis: &hypothesis,
        });
        Wear::new(columns, &ILLUMINATION, Charge::from_electrons(1e6), Seed(3))
    }

    /// Visits sent to a line, which truly go where they are displaced to.
    fn line(start: Point, stride: f64, misses: &[(f64, f64)], along: Option<usize>) -> Stretch {
        let mut stretch = Stretch::default();
        stretch.begin(Charge::from_electrons(40.0), along);
        for (n, (y, x)) in misses.iter().enumerate() {
            let place = start + Point::new(0.0, n as f64 * stride);
            stretch.places.push(place);
            stretch.truly.push(place + Point::new(*y, *x));
        }
        let crystal = stretch.truly.iter().map(|p| *p + Point::new(20.0, 20.0));
        stretch.crystal = crystal.collect();
        stretch.aims = stretch
            .crystal
            .iter()
            .map(|p| FixedPlace::from(*p))
            .collect();
        stretch
    }

    proptest! {
        #[test]
        fn columns_meet_all_that_reaches_them(
            places in prop::collection::vec((-8.0..40.0_f64, -8.0..30.0_f64), 1..60),
            start in (-3.0..44.0_f64, -6.0..20.0_f64),
            stride in 0.02..3.0_f64,
            misses in prop::collection::vec((-2.0..2.0_f64, -4.0..1.0_f64), 1..40),
        ) {
            let places: Vec<Point> = places.into_iter().map(|(y, x)| Point::new(y, x)).collect();
            let start = Point::new(start.0, start.1);
            let passed = |along| {
                // all are watched, and many atoms go
                let mut wear = wear(&places, 1e-2);
                let stretch = line(start, stride, &misses, along);
                let mut departures = Vec::new();
                wear.pass(&ILLUMINATION, &stretch, &mut departures);
                let mut gone: Vec<_> = (departures.iter())
                    .map(|d| (d.visit, d.what, d.share.to_bits()))
                    .collect();
                gone.sort_unstable();
                let mut fluences: Vec<_> =
                    wear.numbers.iter().zip(&wear.worn).map(|(n, w)| (*n, w.fluence)).collect();
                fluences.sort_unstable();
                (gone, fluences)
            };
            let (together, one_by_one) = (passed(Some(0)), passed(None));
            prop_assert_eq!(&together, &one_by_one);
            let stretch = line(start, stride, &misses, None);
            for (number, fluence) in together.1 {
                let column = FixedPlace::from(places[number as usize] + Point::new(20.0, 20.0));
                let steps = stretch.aims.iter().map(|aim| ILLUMINATION.between(*aim, column));
                let all = steps.map(u64::from).sum();
                prop_assert_eq!(fluence, Fluence::of_steps(stretch.charge, all));
            }
        }
    }

    #[test]
    fn atoms_that_no_budget_reaches_are_not_watched() {
        let places: Vec<Point> = (0..400)
            .map(|n| Point::new(f64::from(n / 20), f64::from(n % 20)))
            .collect();
        assert!(wear(&places, 0.0).is_empty());
        assert!(wear(&[], 1.0).is_empty());
        let peak = Fluence::of_steps(Charge::from_electrons(1e6), ILLUMINATION.peak()).dose();
        let watched = wear(&places, 0.1 / peak).numbers.len() as f64;
        // either of two atoms: 1 - exp(-2 * 0.1)
        let expected = 400.0 * (1.0 - (-0.2_f64).exp());
        assert!(
            (watched - expected).abs() < 4.0 * expected.sqrt(),
            "{watched}"
        );
        assert!(wear(&places, f64::NAN).is_empty());
    }
}
