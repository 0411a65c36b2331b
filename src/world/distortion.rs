//! Where the beam truly hits: drift, kicks of the stage, jitter, lag after the flyback, hum of the mains.

use crate::Result;
use crate::random::{Purpose, Stream, StreamKey};
use crate::units::{Point, Seed};
use crate::world::definition::in_range;
use crate::world::stretch::Stretch;
use rand::RngExt;
use serde::Deserialize;
use std::f64::consts::TAU;
use std::path::Path;

/// Kicks that are drawn at most.
const MOST_KICKS: usize = 1000;

/// Imperfections of the scan: a world file's `[scan]`. What is left out does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanSettings {
    /// Time that the beam needs to settle on a new position, µs.
    pub settle_us: f64,
    /// Time that the beam needs to fly back at the end of a line, µs.
    pub flyback_us: f64,
    /// Speed of the specimen drift when the episode starts, Å/s.
    pub drift_speed: f64,
    /// Time constant with which the drift dies out, s.
    pub drift_decay: f64,
    /// Mean time between sudden shifts of the stage, s; none without it.
    pub kick_interval: Option<f64>,
    /// Length of such a shift, Å.
    pub kick_length: f64,
    /// Standard deviation of the offset of a scan line, Å per axis.
    pub line_jitter: f64,
    /// Standard deviation of the offset of a single probe position, Å per axis.
    pub pixel_jitter: f64,
    /// How far the beam lags behind at the beginning of a line, Å.
    pub flyback_length: f64,
    /// Positions after which the lag has fallen to 1/e.
    pub flyback_positions: f64,
    /// Amplitude of the hum of the mains, Å.
    pub hum_amplitude: f64,
    /// Its frequency, Hz.
    pub hum_hz: f64,
}

impl Default for ScanSettings {
    /// A scan without imperfections.
    fn default() -> Self {
        Self {
            settle_us: 0.0,
            flyback_us: 0.0,
            drift_speed: 0.0,
            drift_decay: 60.0,
            kick_interval: None,
            kick_length: 0.0,
            line_jitter: 0.0,
            pixel_jitter: 0.0,
            flyback_length: 0.0,
            flyback_positions: 10.0,
            hum_amplitude: 0.0,
            hum_hz: 50.0,
        }
    }
}

impl ScanSettings {
    /// Refuses values out of range; `key` is the path of this table.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the file and the key.
    pub fn check(&self, file: &Path, key: &str) -> Result<()> {
        let range = |name: &str, value, low, high| {
            in_range(file, &format!("{key}.{name}"), value, low, high)
        };
        range("settle_us", self.settle_us, 0.0, 1e6)?;
        range("flyback_us", self.flyback_us, 0.0, 1e6)?;
        range("drift_speed", self.drift_speed, 0.0, 10.0)?;
        range("drift_decay", self.drift_decay, 1e-3, 1e6)?;
        if let Some(interval) = self.kick_interval {
            range("kick_interval", interval, 1e-3, 1e6)?;
        }
        range("kick_length", self.kick_length, 0.0, 20.0)?;
        range("line_jitter", self.line_jitter, 0.0, 1.0)?;
        range("pixel_jitter", self.pixel_jitter, 0.0, 1.0)?;
        range("flyback_length", self.flyback_length, 0.0, 20.0)?;
        range("flyback_positions", self.flyback_positions, 0.1, 1e4)?;
        range("hum_amplitude", self.hum_amplitude, 0.0, 2.0)?;
        range("hum_hz", self.hum_hz, 1.0, 1e4)
    }

    /// How far the beam lags behind at the n-th position of a line, counted from zero, Å along x.
    pub fn lag(&self, position: usize) -> f64 {
        self.flyback_length * (-(position as f64) / self.flyback_positions).exp()
    }

    /// Standard deviation per axis by which a position misses its aim at random, Å: jitter of line and position, and the hum,
    /// whose phase nobody knows (half of its mean square along each axis on average over its direction).
    #[inline(always)]
    pub fn jitter(&self) -> f64 {
        let hum = 0.5 * self.hum_amplitude;
        self.line_jitter.hypot(self.pixel_jitter).hypot(hum)
    }
}

/// The displacements of one episode: functions of time, place and number of the visit, never of what happened elsewhere.
///
/// The specimen drifts by v₀τ(1 − exp(−t/τ)) in one direction and by a step of fixed length in any direction at each kick, whose
/// times are a Poisson process. A line is displaced as a whole, a position by itself; at the n-th position of a line the beam
/// lags by L·exp(−n/n₀) along it; hum moves it along one direction as a sine of the time. The shapes are those that vendors'
/// manuals and image-registration papers describe; the numbers of worlds are design choices.
#[derive(Debug, Clone)]
pub(super) struct Distortion {
    settings: ScanSettings,
    line_jitter: StreamKey,
    pixel_jitter: StreamKey,
    drift: Point,
    hum: Point,
    /// In turns.
    hum_phase: f64,
    /// Times of the kicks with the sum of all up to each, and how many there had been when it was last asked.
    kicks: Vec<(f64, Point)>,
    kicked: usize,
    /// Lag at the first positions of a line, Å.
    lags: Vec<f64>,
}

fn along(angle: f64, length: f64) -> Point {
    Point::new(length * angle.sin(), length * angle.cos())
}

impl Distortion {
    pub(super) fn new(settings: &ScanSettings, seed: Seed) -> Self {
        let angle = |purpose, key| TAU * Stream::new(seed, purpose, [key, 0]).random::<f64>();
        let mut kicks = Vec::new();
        if let Some(interval) = settings
            .kick_interval
            .filter(|_| settings.kick_length > 0.0)
        {
            let mut stream = Stream::new(seed, Purpose::Kicks, [0, 0]);
            let (mut time, mut sum) = (0.0, Point::default());
            while kicks.len() < MOST_KICKS {
                time += interval * stream.exponential();
                sum = sum + along(TAU * stream.random::<f64>(), settings.kick_length);
                kicks.push((time, sum));
            }
        }
        let lags = (0..).map(|n| settings.lag(n));
        Self {
            // what is below a thousandth of an Å is nothing
            lags: lags.take_while(|lag| *lag > 1e-3).collect(),
            drift: along(
                angle(Purpose::Drift, 0),
                settings.drift_speed * settings.drift_decay,
            ),
            hum: along(angle(Purpose::Hum, 0), settings.hum_amplitude),
            hum_phase: angle(Purpose::Hum, 1) / TAU,
            line_jitter: StreamKey::new(seed, Purpose::LineJitter),
            pixel_jitter: StreamKey::new(seed, Purpose::PixelJitter),
            settings: *settings,
            kicks,
            kicked: 0,
        }
    }

    /// How far a scan line is displaced as a whole: `line` is the place where it begins and how often that was visited before.
    pub(super) fn of_line(&self, line: [u64; 2]) -> Point {
        jitter(self.line_jitter, line, self.settings.line_jitter)
    }

    /// Moves the beam of each visit to where it truly is, besides what displaces its whole line.
    pub(super) fn displace(&mut self, stretch: &mut Stretch) {
        let Stretch {
            truly,
            times,
            keys,
            numbers,
            along,
            ..
        } = stretch;
        let settings = &self.settings;
        if settings.pixel_jitter > 0.0 {
            for (place, visit) in truly.iter_mut().zip(keys.iter().zip(&*numbers)) {
                let visit = [*visit.0, *visit.1];
                *place = *place + jitter(self.pixel_jitter, visit, settings.pixel_jitter);
            }
        }
        if settings.drift_speed > 0.0 {
            for (place, time) in truly.iter_mut().zip(&*times) {
                let share = 1.0 - (-time / settings.drift_decay).exp();
                *place = *place + Point::new(share * self.drift.y, share * self.drift.x);
            }
        }
        if settings.hum_amplitude > 0.0 {
            for (place, time) in truly.iter_mut().zip(&*times) {
                let swing = sine_of_turns(settings.hum_hz * time + self.hum_phase);
                *place = *place + Point::new(swing * self.hum.y, swing * self.hum.x);
            }
        }
        // a beam that jumps from place to place has no line along which it could lag
        if let Some(lags) = along.and_then(|first| self.lags.get(first..)) {
            for (place, lag) in truly.iter_mut().zip(lags) {
                place.x -= lag;
            }
        }
        if !self.kicks.is_empty() {
            for (place, time) in truly.iter_mut().zip(&*times) {
                *place = *place + self.kicked(*time);
            }
        }
    }

    /// The sum of all kicks until a time. Times mostly grow, so that the search begins where the last one ended.
    fn kicked(&mut self, time: f64) -> Point {
        while (self.kicks.get(self.kicked)).is_some_and(|(at, _)| *at <= time) {
            self.kicked += 1;
        }
        while self.kicked > 0 && self.kicks[self.kicked - 1].0 > time {
            self.kicked -= 1;
        }
        match self.kicked {
            0 => Point::default(),
            number => self.kicks[number - 1].1,
        }
    }
}

/// sin(2πx) to 1e-11 from sums and products alone, which processors do for several visits at once; |x| below 2⁵¹.
#[inline]
fn sine_of_turns(x: f64) -> f64 {
    /// Adding and subtracting it rounds to a whole number.
    const ROUND: f64 = 1.5 * (1_u64 << 52) as f64;
    let part = x - ((x + ROUND) - ROUND);
    // sin(π − a) = sin(a) brings the angle within a quarter of a turn
    let beyond = 0.5_f64.copysign(part) - part;
    let angle = TAU * if part.abs() > 0.25 { beyond } else { part };
    let square = angle * angle;
    // Taylor's series
    const TERMS: [f64; 9] = [
        1.0,
        -1.0 / 6.0,
        1.0 / 120.0,
        -1.0 / 5_040.0,
        1.0 / 362_880.0,
        -1.0 / 39_916_800.0,
        1.0 / 6_227_020_800.0,
        -1.0 / 1_307_674_368_000.0,
        1.0 / 355_687_428_096_000.0,
    ];
    angle * (TERMS.iter().rev()).fold(0.0, |sum, term| sum * square + term)
}

/// Two normal deviates of a name.
fn jitter(root: StreamKey, [first, second]: [u64; 2], deviation: f64) -> Point {
    if deviation == 0.0 {
        return Point::default();
    }
    let mut stream = root.with_pair(first, second).stream();
    let [y, x] = [stream.quick_normal(), stream.quick_normal()];
    Point::new(deviation * y, deviation * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far the beam is from its aim; `visit` is the place and how often it was visited before.
    fn missed(by: &mut Distortion, time: f64, visit: [u64; 2], along: Option<usize>) -> Point {
        let mut stretch = Stretch {
            along,
            keys: vec![visit[0]],
            numbers: vec![visit[1]],
            times: vec![time],
            truly: vec![Point::default()],
            ..Stretch::default()
        };
        by.displace(&mut stretch);
        stretch.truly[0]
    }

    fn only(change: impl Fn(&mut ScanSettings)) -> Distortion {
        let mut settings = ScanSettings::default();
        change(&mut settings);
        Distortion::new(&settings, Seed(7))
    }

    #[test]
    fn a_perfect_scan_hits_its_aim() {
        let mut perfect = only(|_| ());
        assert_eq!(missed(&mut perfect, 3.0, [3, 4], Some(0)), Point::default());
        assert_eq!(perfect.of_line([1, 2]), Point::default());
    }

    #[test]
    fn drift_starts_at_its_speed_and_dies_out() {
        let mut drift = only(|s| (s.drift_speed, s.drift_decay) = (0.3, 20.0));
        let mut length = |time| {
            let d = missed(&mut drift, time, [0; 2], None);
            d.y.hypot(d.x)
        };
        assert!((length(1e-3) / 1e-3 - 0.3).abs() < 1e-4);
        assert!((length(20.0) - 6.0 * (1.0 - (-1.0_f64).exp())).abs() < 1e-12);
        assert!((length(1e6) - 6.0).abs() < 1e-12);
    }

    #[test]
    fn kicks_come_at_their_rate_and_are_of_one_length() {
        let (mut number, mut seeds) = (0, 0);
        for seed in 0..200 {
            let settings = ScanSettings {
                kick_interval: Some(4.0),
                kick_length: 2.0,
                ..ScanSettings::default()
            };
            let mut distortion = Distortion::new(&settings, Seed(seed));
            let kicks = distortion.kicks.clone();
            for n in [3, 0, 7, 6] {
                assert_eq!(distortion.kicked(kicks[n].0), kicks[n].1);
            }
            assert_eq!(distortion.kicked(0.0), Point::default());
            number += kicks.iter().filter(|(time, _)| *time < 40.0).count();
            seeds += 1;
            let (first, second) = (kicks[0].1, kicks[1].1 - kicks[0].1);
            assert!((first.y.hypot(first.x) - 2.0).abs() < 1e-12);
            assert!((second.y.hypot(second.x) - 2.0).abs() < 1e-12);
        }
        let expected = 10.0 * f64::from(seeds);
        assert!(
            (number as f64 - expected).abs() < 4.0 * expected.sqrt(),
            "{number}"
        );
    }

    #[test]
    fn jitter_has_its_deviation_and_depends_on_its_own_key_alone() {
        let mut jitter = only(|s| s.pixel_jitter = 0.05);
        let mut at = |key| missed(&mut jitter, 0.0, key, None);
        let n = 20_000;
        let squares: f64 = (0..n)
            .map(|k| at([k, 0]))
            .map(|d| d.y * d.y + d.x * d.x)
            .sum();
        assert!((squares / (2.0 * n as f64) / 0.0025 - 1.0).abs() < 0.03);
        let product: f64 = (0..n).map(|k| at([k, 0])).map(|d| d.y * d.x).sum();
        assert!((product / n as f64).abs() < 4.0 * 0.0025 / (n as f64).sqrt());
        let (first, second) = (at([5, 1]), at([5, 2]));
        assert_eq!(first, missed(&mut jitter, 77.0, [5, 1], Some(3)));
        assert_ne!(first, second);
    }

    #[test]
    fn sines_are_sines() {
        for n in -1000..1000 {
            let turns = 0.017_f64 * f64::from(n);
            assert!((sine_of_turns(turns) - (TAU * turns).sin()).abs() < 1e-11);
        }
        assert_eq!(sine_of_turns(0.5), 0.0);
    }

    #[test]
    fn lag_and_hum_follow_their_laws() {
        let mut lag = only(|s| (s.flyback_length, s.flyback_positions) = (3.0, 10.0));
        let mut x = |n| missed(&mut lag, 0.0, [0; 2], Some(n)).x;
        assert_eq!(x(0), -3.0);
        assert!((x(10) + 3.0 * (-1.0_f64).exp()).abs() < 1e-12);
        assert_eq!(missed(&mut lag, 0.0, [0; 2], None), Point::default());
        let mut hum = only(|s| s.hum_amplitude = 0.1);
        let mut at = |time| missed(&mut hum, time, [0; 2], None);
        assert!(at(0.0031).distance(at(0.0231)) < 1e-12); // a period of 20 ms
        let most = (0..200)
            .map(|n| at(1e-4 * f64::from(n)))
            .map(|d| d.y.hypot(d.x));
        assert!((most.fold(0.0, f64::max) - 0.1).abs() < 1e-4);
    }
}
