//! Whether the stage has been kicked, judged by what a kick would have done to the image.

use crate::units::Point;
use crate::world::{Briefing, Frame};
use std::f64::consts::TAU;

/// Directions in which a kick is tried.
const DIRECTIONS: usize = 16;
/// Odds of a kick, against none, at which it is believed.
const ODDS: f64 = 3.0;
/// Smallest expected fraction of electrons detected; no place is perfectly dark.
const DARKEST: f64 = 1e-9;

/// The odds that the stage has just been kicked in each of several directions.
///
/// Kicks have a known length and come as a Poisson process (a world's `[scan]`), so that the odds of one in direction k obey
/// w_k ← (w_k + h/K) · L_k/L₀ at every frame, with the chance h of a kick since the last one and the likelihoods L of the
/// frame with and without it: the recursion of Shiryaev (Theory Probab. Appl. 8 (1963) 22) for a change at an unknown time.
#[derive(Debug, Clone)]
pub(super) struct KickWatch {
    steps: Vec<Point>,
    odds: Vec<f64>,
    interval: f64,
    time: f64,
}

impl KickWatch {
    /// `None` for a world whose stage is not kicked.
    pub(super) fn new(briefing: &Briefing) -> Option<Self> {
        let length = briefing.scan.kick_length;
        let interval = briefing.scan.kick_interval.filter(|_| length > 0.0)?;
        let step = |n: usize| {
            let (sine, cosine) = (TAU * n as f64 / DIRECTIONS as f64).sin_cos();
            Point::new(length * sine, length * cosine)
        };
        Some(Self {
            steps: (0..DIRECTIONS).map(step).collect(),
            odds: vec![0.0; DIRECTIONS],
            interval,
            time: 0.0,
        })
    }

    /// Looks at a frame of visits that hit `shift` beside their aim if there was no kick. `image` is the fraction of electrons
    /// expected at a place. The kick, if there most likely was one; then all begins anew.
    pub(super) fn look(
        &mut self,
        frame: &Frame,
        shift: Point,
        briefing: &Briefing,
        image: impl Fn(Point) -> f64,
    ) -> Option<Point> {
        let end = *frame.time.last()?;
        let chance = -(-(end - self.time).max(0.0) / self.interval).exp_m1();
        self.time = self.time.max(end);
        let mut log_ratios = vec![0.0; DIRECTIONS];
        for (index, aim) in frame.positions.iter().enumerate() {
            let (mut place, electrons) = (*aim + shift, frame.electrons[index]);
            if let Some(position) = frame.position_in_line(index) {
                place.x -= briefing.scan.lag(position);
            }
            let signal = frame.signal[index];
            // the shifted Poisson law, in which noise of variance v is v more electrons of which the mean is known
            let variance = briefing.reading_noise(signal).powi(2);
            let seen = (signal + variance).max(0.0);
            let expected = |place: Point| electrons * image(place).max(DARKEST) + variance;
            let still = expected(place);
            for (sum, step) in log_ratios.iter_mut().zip(&self.steps) {
                let kicked = expected(place + *step);
                *sum += seen * (kicked / still).ln() - (kicked - still);
            }
        }
        for (odds, log_ratio) in self.odds.iter_mut().zip(log_ratios) {
            *odds = (*odds + chance / DIRECTIONS as f64) * log_ratio.clamp(-500.0, 500.0).exp();
        }
        let best = (0..DIRECTIONS).max_by(|&a, &b| self.odds[a].total_cmp(&self.odds[b]))?;
        if self.odds[best] < ODDS {
            return None;
        }
        self.odds.fill(0.0);
        Some(self.steps[best])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::Arrivals;
    use crate::units::Seed;
    use crate::world::World;

    /// A frame of the perfect crystal taken `shift` beside its aim.
    fn frame(world: &World, shift: Point, number: u64) -> Frame {
        let places = (0..900).map(|n| {
            let (row, column) = (f64::from(n / 30), f64::from(n % 30));
            Point::new(20.0 + row, 20.0 + column)
        });
        let mut frame = Frame::default();
        for (n, place) in places.enumerate() {
            let rate = 300.0 * world.briefing().perfect_image(place + shift);
            let arrivals = Arrivals::new(Seed(number), n as u64);
            frame.positions.push(place);
            frame.electrons.push(300.0);
            frame.signal.push(arrivals.between(0.0, rate) as f64);
            frame.time.push(0.1 * number as f64);
        }
        frame
    }

    #[test]
    fn a_kick_is_noticed_and_none_is_invented() {
        let world = World::load("worlds/mos2-l3.toml").unwrap();
        let briefing = world.briefing();
        let length = briefing.scan.kick_length;
        let mut watch = KickWatch::new(briefing).unwrap();
        let image = |place| briefing.perfect_image(place);
        let still = Point::default();
        for number in 1..6 {
            let seen = watch.look(&frame(&world, still, number), still, briefing, image);
            assert_eq!(seen, None, "frame {number}");
        }
        let kick = Point::new(length * 0.9_f64.sin(), length * 0.9_f64.cos());
        let found = (6..10)
            .find_map(|number| watch.look(&frame(&world, kick, number), still, briefing, image));
        let found = found.expect("a kick was noticed");
        assert!(found.distance(kick) < 0.5, "{found:?} for {kick:?}");
        let level_1 = World::load("worlds/mos2-l1.toml").unwrap();
        assert!(KickWatch::new(level_1.briefing()).is_none());
    }
}
