//! One axis: its range, its ticks, its numbers as text.

use super::canvas::Canvas;
use super::font::Weight;
use super::style::TICK_SIZE;

/// One axis: its ends, its scale and its ticks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) log: bool,
    /// Whether the ticks were given rather than chosen.
    pub(crate) named: bool,
    /// Values that carry a label.
    pub(crate) ticks: Vec<(f64, String)>,
    /// Values that carry a short tick only.
    pub(crate) minor: Vec<f64>,
}

impl Axis {
    /// A linear axis that ends exactly at `low` and `high`, with about `wanted` ticks.
    pub(crate) fn linear(low: f64, high: f64, wanted: usize) -> Self {
        let (low, high) = widened(low, high);
        let step = round_step((high - low) / wanted.max(1) as f64);
        Self {
            low,
            high,
            log: false,
            named: false,
            ticks: linear_ticks(low, high, step),
            minor: Vec::new(),
        }
    }

    /// A linear axis whose ends are moved outward to the next tick.
    pub(crate) fn rounded(low: f64, high: f64, wanted: usize) -> Self {
        let (low, high) = widened(low, high);
        let step = round_step((high - low) / wanted.max(1) as f64);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Self {
            low,
            high,
            log: false,
            named: false,
            ticks: linear_ticks(low, high, step),
            minor: Vec::new(),
        }
    }

    /// A logarithmic axis from `low` to `high`, both above zero.
    pub(crate) fn log(low: f64, high: f64) -> Self {
        // Ends that no quantity reaches, so that the number of decades stays countable.
        let (low, high) = (low.clamp(1e-100, 1e100), high.clamp(1e-100, 1e101));
        let high = if high > low * 1.001 { high } else { low * 10.0 };
        let decades = high.log10() - low.log10();
        let exponents = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
        let inside = |v: f64| v >= low * (1.0 - 1e-9) && v <= high * (1.0 + 1e-9);
        let stride = 1 + (decades / 6.0) as i32;
        let mut ticks = Vec::new();
        let mut minor = Vec::new();
        for exponent in exponents {
            for digit in 1..10 {
                let value = f64::from(digit) * 10_f64.powi(exponent);
                if !inside(value) {
                    continue;
                }
                let labelled = if decades >= 2.0 {
                    digit == 1 && exponent.rem_euclid(stride) == 0
                } else {
                    matches!(digit, 1 | 2 | 5) || (decades < 1.0 && digit != 7 && digit != 9)
                };
                if labelled && decades >= 2.0 {
                    ticks.push((value, format!("10{}", superscript(exponent))));
                } else if labelled {
                    ticks.push((value, number(value, value, value)));
                } else if stride == 1 {
                    minor.push(value);
                }
            }
        }
        if ticks.len() < 2 {
            ticks = linear_ticks(low, high, round_step((high - low) / 5.0));
        }
        Self {
            low,
            high,
            log: true,
            named: false,
            ticks,
            minor,
        }
    }

    /// A linear axis with ticks of one's own.
    pub(crate) fn named(low: f64, high: f64, ticks: Vec<(f64, String)>) -> Self {
        Self {
            low,
            high,
            log: false,
            named: true,
            ticks,
            minor: Vec::new(),
        }
    }

    /// The same axis with as many ticks as have room for their labels side by side on `room` points.
    pub(crate) fn fitted_to(self, room: f64) -> Self {
        const BETWEEN: f64 = 7.0;
        let crowded = |axis: &Self| {
            axis.ticks.windows(2).any(|pair| {
                let half =
                    |i: usize| Canvas::text_width(&pair[i].1, TICK_SIZE, Weight::Regular) / 2.0;
                let apart = room * (axis.fraction(pair[1].0) - axis.fraction(pair[0].0));
                apart < half(0) + half(1) + BETWEEN
            })
        };
        if self.log || self.named {
            return self;
        }
        (2..=6)
            .rev()
            .map(|wanted| Self::linear(self.low, self.high, wanted))
            .find(|axis| !crowded(axis))
            .unwrap_or(self)
    }

    /// Where `value` lies between the ends, 0 to 1, clamped.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        let fraction = if self.log {
            (value.max(self.low).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        fraction.clamp(0.0, 1.0)
    }
}

/// Ends that differ, so that every value has a place between them.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let scale = low.abs().max(high.abs());
    if high - low > 1e-9 * scale && high > low {
        (low, high)
    } else if scale == 0.0 {
        (0.0, 1.0)
    } else {
        (low - 0.05 * scale, low + 0.05 * scale)
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten that is not below `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|d| d * power >= raw * (1.0 - 1e-9))
        .unwrap_or(10.0);
    digit * power
}

fn linear_ticks(low: f64, high: f64, step: f64) -> Vec<(f64, String)> {
    let slack = 1e-6 * step;
    let largest = low.abs().max(high.abs());
    let first = ((low - slack) / step).ceil();
    (0..100)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|&v| v <= high + slack)
        .map(|v| {
            let v = if v.abs() < slack { 0.0 } else { v };
            (v, number(v, step, largest))
        })
        .collect()
}

/// `value` as a tick label with the decimals that multiples of `step` need: true minus sign, thin spaces between groups
/// of three digits, powers of ten on axes whose `largest` value would be unreadable in plain digits.
pub(crate) fn number(value: f64, step: f64, largest: f64) -> String {
    if (1e-3..1e6).contains(&largest) {
        return plain(value, step);
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = (value.abs().log10() + 1e-9).floor() as i32;
    let power = format!("10{}", superscript(exponent));
    let mantissa = (100.0 * value / 10_f64.powi(exponent)).round() / 100.0;
    match mantissa {
        1.0 => power,
        -1.0 => format!("−{power}"),
        _ => format!("{}×{power}", plain(mantissa, mantissa)),
    }
}

fn plain(value: f64, step: f64) -> String {
    let decimals = (0..=6)
        .find(|&d| {
            let scaled = step.abs() * 10_f64.powi(d);
            scaled >= 0.5 && (scaled - scaled.round()).abs() < 1e-6 * scaled
        })
        .unwrap_or(6) as usize;
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut text = String::new();
    if value < 0.0 && digits.chars().any(|c| c.is_ascii_digit() && c != '0') {
        text.push('−');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && whole.len() > 4 && (whole.len() - i).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text + rest
}

/// An integer in superscript digits.
pub(crate) fn superscript(number: i32) -> String {
    number
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            '9' => '⁹',
            _ => '⁰',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, t)| t.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(
            labels(&Axis::linear(0.0, 1.0, 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(&Axis::linear(0.0, 23000.0, 5)),
            [
                "0",
                "5000",
                "10\u{2009}000",
                "15\u{2009}000",
                "20\u{2009}000"
            ]
        );
        assert_eq!(
            labels(&Axis::rounded(-1.3, 1.2, 3)),
            ["−2", "−1", "0", "1", "2"]
        );
        assert_eq!(
            labels(&Axis::linear(0.0, 4e-5, 2)),
            ["0", "2×10⁻⁵", "4×10⁻⁵"]
        );
        assert_eq!(
            labels(&Axis::linear(0.0, 1e6, 4)),
            ["0", "2.5×10⁵", "5×10⁵", "7.5×10⁵", "10⁶"]
        );
    }

    #[test]
    fn log_ticks_are_powers_or_one_two_five() {
        assert_eq!(labels(&Axis::log(1.0, 1e3)), ["10⁰", "10¹", "10²", "10³"]);
        assert_eq!(labels(&Axis::log(10.0, 120.0)), ["10", "20", "50", "100"]);
        assert!(Axis::log(3.1, 3.9).ticks.len() >= 2);
        let axis = Axis::log(1.0, 100.0);
        assert!((axis.fraction(10.0) - 0.5).abs() < 1e-12);
        assert_eq!(axis.fraction(-5.0), 0.0);
    }

    #[test]
    fn degenerate_ranges_still_have_ticks() {
        for (low, high) in [
            (0.0, 0.0),
            (5.0, 5.0),
            (-3.0, -3.0),
            (1e100, 1e100),
            (1e-90, 2e-90),
        ] {
            for axis in [Axis::linear(low, high, 4), Axis::rounded(low, high, 4)] {
                assert!(axis.ticks.len() > 1, "{low} {axis:?}");
                assert!(axis.high > axis.low && axis.fraction(low).is_finite());
            }
        }
        for (low, high) in [(0.0, 0.0), (1e-308, f64::INFINITY), (1e100, 1e100)] {
            assert!(Axis::log(low, high).ticks.len() > 1, "{low} {high}");
        }
    }

    #[test]
    fn ticks_make_room_for_their_labels() {
        let wide = Axis::linear(0.0, 24_000.0, 5).fitted_to(400.0);
        assert_eq!(wide.ticks.len(), 5);
        let narrow = Axis::linear(0.0, 24_000.0, 5).fitted_to(100.0);
        assert_eq!(labels(&narrow), ["0", "10\u{2009}000", "20\u{2009}000"]);
    }
}
