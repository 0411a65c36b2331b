//! Which answer counts for which place.

use super::belief::Belief;
use crate::error::{Error, Result};
use crate::units::Point;
use crate::world::neighbourhood::Neighbourhood;

/// Largest extent of the places, Å: twice the largest field of a world.
const LARGEST_EXTENT: f64 = 1000.0;
/// Where the search for the nearest neighbour begins, Å.
const FIRST_RADIUS: f64 = 3.0;
/// Reach of a place without neighbours, Å.
const LONE_REACH: f64 = 1.0;

/// The places of a truth. A place reaches half way to its nearest neighbour, so no two reach the same point: every answer is
/// within reach of one place at most, and matching one to one leaves only the choice among the answers of one place.
#[derive(Debug, Clone)]
pub(super) struct Places {
    positions: Vec<Point>,
    reaches: Vec<f64>,
    longest_reach: f64,
    neighbourhood: Neighbourhood,
}

impl Places {
    pub(super) fn new(positions: &[Point]) -> Result<Self> {
        for (index, place) in positions.iter().enumerate() {
            let step = *place - positions[0];
            // also false for a position that is not finite
            if !(step.y.abs() <= LARGEST_EXTENT && step.x.abs() <= LARGEST_EXTENT) {
                let found = format!("({}, {}) Å", place.y, place.x);
                let allowed = format!("within {LARGEST_EXTENT} Å of the first place");
                return Err(Error::argument(
                    format!("truth.positions[{index}]"),
                    found,
                    allowed,
                ));
            }
        }
        let mut places = Self {
            positions: positions.to_vec(),
            reaches: Vec::new(),
            longest_reach: 0.0,
            neighbourhood: Neighbourhood::new(positions),
        };
        for (index, place) in positions.iter().enumerate() {
            let spacing = places.distance_to_nearest_other(index);
            if spacing == 0.0 {
                let found = format!("a second place at ({}, {}) Å", place.y, place.x);
                let name = format!("truth.positions[{index}]");
                return Err(Error::argument(name, found, "distinct places"));
            }
            let reach = if spacing.is_finite() {
                0.5 * spacing
            } else {
                LONE_REACH
            };
            places.reaches.push(reach);
            places.longest_reach = places.longest_reach.max(reach);
        }
        Ok(places)
    }

    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    fn distance_to_nearest_other(&self, index: usize) -> f64 {
        let place = self.positions[index];
        let mut radius = FIRST_RADIUS;
        loop {
            let candidates = self.neighbourhood.candidates(place, radius);
            let nearest = candidates
                .filter(|&other| other != index)
                .map(|other| self.positions[other].distance(place))
                .fold(f64::INFINITY, f64::min);
            if nearest <= radius || radius > 4.0 * LARGEST_EXTENT {
                return nearest;
            }
            radius *= 2.0;
        }
    }

    fn reaches(&self, place: usize, position: Point) -> bool {
        self.positions[place].distance(position) < self.reaches[place]
    }

    /// The place that reaches `position`; `guess` is tried first.
    fn at(&self, position: Point, guess: usize) -> Option<usize> {
        if guess < self.len() && self.reaches(guess, position) {
            return Some(guess);
        }
        self.neighbourhood
            .candidates(position, self.longest_reach)
            .find(|&place| self.reaches(place, position))
    }

    /// The place of each answer. A list in the order of the places, gaps allowed, is followed without looking places up.
    pub(super) fn of<B: Belief>(&self, answers: &[B]) -> Vec<Option<usize>> {
        let mut guess = 0;
        let place_of = |answer: &B| {
            let place = self.at(answer.position(), guess);
            guess = place.map_or(guess, |found| found + 1);
            place
        };
        answers.iter().map(place_of).collect()
    }

    /// For every place the number of the answer that counts: the nearest within reach. Of two at the same distance the one
    /// with the smaller [`Belief::values`], so that the order of the list decides nothing.
    pub(super) fn matched<B: Belief>(&self, answers: &[B]) -> Vec<Option<usize>> {
        let mut matched: Vec<Option<usize>> = vec![None; self.len()];
        for (index, place) in self.of(answers).into_iter().enumerate() {
            let Some(place) = place else { continue };
            let counts = matched[place].is_none_or(|rival| {
                let distance =
                    |answer: usize| answers[answer].position().distance(self.positions[place]);
                let (own, other) = (distance(index), distance(rival));
                own < other || (own == other && answers[index].values() < answers[rival].values())
            });
            if counts {
                matched[place] = Some(index);
            }
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::task::NumberBelief;
    use proptest::prelude::*;

    fn answer(y: f64, x: f64) -> NumberBelief {
        NumberBelief {
            position: Point::new(y, x),
            number: 0.0,
            variance: 1.0,
        }
    }

    /// Every pair within half the distance to the nearest neighbour, without bins or guesses.
    fn obvious(positions: &[Point], answer: &NumberBelief) -> Vec<usize> {
        let spacing = |i: usize| {
            let others = (0..positions.len()).filter(|&j| j != i);
            others
                .map(|j| positions[i].distance(positions[j]))
                .fold(f64::INFINITY, f64::min)
        };
        (0..positions.len())
            .filter(|&i| positions[i].distance(answer.position) < 0.5 * spacing(i))
            .collect()
    }

    proptest! {
        #[test]
        fn an_answer_is_within_reach_of_one_place_at_most(
            places in prop::collection::vec((0.0..60.0_f64, 0.0..60.0_f64), 2..40),
            answers in prop::collection::vec((-5.0..65.0_f64, -5.0..65.0_f64), 0..40),
        ) {
            let positions: Vec<Point> = places.into_iter().map(|(y, x)| Point::new(y, x)).collect();
            let answers: Vec<NumberBelief> = answers.into_iter().map(|(y, x)| answer(y, x)).collect();
            let places = Places::new(&positions).unwrap();
            for (answer, place) in answers.iter().zip(places.of(&answers)) {
                let wanted = obvious(&positions, answer);
                prop_assert!(wanted.len() <= 1);
                prop_assert_eq!(place, wanted.first().copied());
            }
        }
    }

    #[test]
    fn the_nearest_answer_counts_and_ties_are_settled_by_content() {
        let positions: Vec<Point> = (0..4)
            .map(|i| Point::new(0.0, 4.0 * f64::from(i)))
            .collect();
        let places = Places::new(&positions).unwrap();
        let mut answers = vec![
            answer(0.0, 8.5),
            answer(0.0, 7.9),
            answer(0.5, 0.0),
            answer(-0.5, 0.0),
        ];
        answers[2].number = 2.0;
        answers[3].number = 1.0;
        assert_eq!(places.matched(&answers), [Some(3), None, Some(1), None]);
        answers.reverse();
        assert_eq!(places.matched(&answers), [Some(0), None, Some(2), None]);
        // half way between two places nobody reaches
        assert_eq!(
            places.of(&[answer(0.0, 2.0), answer(0.0, 1.999)]),
            [None, Some(0)]
        );
    }

    #[test]
    fn one_place_or_none() {
        let lone = Places::new(&[Point::new(5.0, 5.0)]).unwrap();
        assert_eq!(
            lone.of(&[answer(5.0, 5.9), answer(5.0, 6.1)]),
            [Some(0), None]
        );
        let none = Places::new(&[]).unwrap();
        assert_eq!(none.of(&[answer(1e300, -1e300)]), [None]);
        assert!(none.matched(&[answer(0.0, 0.0)]).is_empty());
    }

    #[test]
    fn impossible_places_are_refused() {
        let at = |x| Point::new(0.0, x);
        for (positions, index) in [
            (vec![at(f64::NAN)], 0),
            (vec![at(0.0), at(f64::INFINITY)], 1),
            (vec![at(0.0), at(2000.0)], 1),
            (vec![at(0.0), at(1.0), at(1.0)], 1),
        ] {
            let message = Places::new(&positions).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("truth.positions[{index}]: ")),
                "{message}"
            );
        }
    }
}
