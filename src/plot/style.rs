//! The look of every figure: sizes in points at print size, colours, dashes, markers, colour maps.

/// Points in a millimetre.
pub const POINTS_PER_MM: f64 = 72.0 / 25.4;
/// Width of a one-column figure, mm.
pub const COLUMN_WIDTH_MM: f64 = 85.0;
/// Width of a figure over both columns, mm.
pub const PAGE_WIDTH_MM: f64 = 180.0;
/// Resolution of PNG files, dots per inch at print size.
pub const PNG_DPI: f64 = 300.0;

/// Size of axis titles, legends and panel titles, pt.
pub const LABEL_SIZE: f64 = 8.0;
/// Size of tick labels and notes, pt: the smallest text of any figure.
pub const TICK_SIZE: f64 = 7.0;
/// Size of the bold panel letters, pt.
pub const LETTER_SIZE: f64 = 9.0;
/// Width of curves, pt.
pub const CURVE_WIDTH: f64 = 1.2;
/// Width of frames and ticks, pt.
pub const FRAME_WIDTH: f64 = 0.6;
/// Size of markers on curves, pt across.
pub const MARKER_SIZE: f64 = 4.4;

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Black, for text, frames and the oracle.
pub const BLACK: Colour = Colour(0, 0, 0);
/// White, for paper and the inside of hollow markers.
pub const WHITE: Colour = Colour(255, 255, 255);
/// Grey of grid lines.
pub const GRID: Colour = Colour(226, 226, 226);
/// Grey of places without a measurement.
pub const UNVISITED: Colour = Colour(222, 222, 222);
/// Vermillion of Okabe and Ito: faults and misses.
pub const VERMILLION: Colour = Colour(213, 94, 0);
/// Bluish green of Okabe and Ito: what is right.
pub const GREEN: Colour = Colour(0, 158, 115);
/// Blue of Okabe and Ito.
pub const BLUE: Colour = Colour(0, 114, 178);
/// Reddish purple of Okabe and Ito.
pub const PURPLE: Colour = Colour(204, 121, 167);

/// Colours of data series, in order of use: those of M. Okabe and K. Ito, "Color Universal Design" (2008), told apart
/// with any common colour vision. Their yellow is left out because it vanishes on white paper; a wine red and an indigo follow.
pub const PALETTE: [Colour; 8] = [
    BLUE,
    VERMILLION,
    GREEN,
    PURPLE,
    Colour(86, 180, 233),
    Colour(230, 159, 0),
    Colour(120, 28, 70),
    Colour(70, 50, 190),
];

/// What a configuration may do; decides the dash of its curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Chooses the next dose from what it has seen: solid.
    #[default]
    Adaptive,
    /// Follows a plan made beforehand: dashed.
    Fixed,
    /// Knows the truth and bounds what is possible: dotted, black.
    Oracle,
}

/// Pattern of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dash {
    /// Unbroken.
    #[default]
    Solid,
    /// Long dashes.
    Dashed,
    /// Short dots.
    Dotted,
}

impl Dash {
    /// Lengths of stroke and gap, pt; `None` for an unbroken line.
    pub fn pattern(self) -> Option<(f64, f64)> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some((4.2, 2.0)),
            Self::Dotted => Some((1.2, 1.6)),
        }
    }
}

impl Strategy {
    /// The dash that stands for this strategy.
    pub fn dash(self) -> Dash {
        match self {
            Self::Adaptive => Dash::Solid,
            Self::Fixed => Dash::Dashed,
            Self::Oracle => Dash::Dotted,
        }
    }
}

/// Shape of a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ▼
    InvertedTriangle,
    /// ⬟
    Pentagon,
    /// ★
    Star,
    /// ▶
    RightTriangle,
    /// ◀
    LeftTriangle,
}

/// Markers in order of use.
pub const MARKERS: [Marker; 9] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::InvertedTriangle,
    Marker::Pentagon,
    Marker::Star,
    Marker::RightTriangle,
    Marker::LeftTriangle,
];

impl Marker {
    /// Corners of the marker around the origin, y downward, within a unit circle.
    pub fn outline(self) -> Vec<(f64, f64)> {
        let ring = |count: usize, start: f64, radius: f64| -> Vec<(f64, f64)> {
            (0..count)
                .map(|i| {
                    let angle = (start + 360.0 * i as f64 / count as f64).to_radians();
                    (radius * angle.cos(), radius * angle.sin())
                })
                .collect()
        };
        match self {
            Self::Circle => ring(40, 0.0, 1.0),
            Self::Square => ring(4, 45.0, 1.22),
            Self::Triangle => ring(3, -90.0, 1.28),
            Self::Diamond => ring(4, 0.0, 1.28),
            Self::InvertedTriangle => ring(3, 90.0, 1.28),
            Self::Pentagon => ring(5, -90.0, 1.12),
            Self::Star => ring(5, -90.0, 1.4)
                .into_iter()
                .zip(ring(5, -54.0, 0.6))
                .flat_map(|(tip, notch)| [tip, notch])
                .collect(),
            Self::RightTriangle => ring(3, 0.0, 1.28),
            Self::LeftTriangle => ring(3, 180.0, 1.28),
        }
    }
}

/// Everything that tells one series from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesStyle {
    /// Colour of line, band and markers.
    pub colour: Colour,
    /// Pattern of the line.
    pub dash: Dash,
    /// Shape of the markers.
    pub marker: Marker,
}

/// Largest number of series a figure can tell apart.
pub const MAX_SERIES: usize = 24;

/// Styles for a list of series, in order: the strategy sets the dash, the order among non-oracles sets colour and marker,
/// oracles are black. No two of the first [`MAX_SERIES`] agree in colour, dash and marker.
///
/// ```
/// use dosewise::plot::style::{series_styles, BLACK, Dash, Strategy};
/// let styles = series_styles(&[Strategy::Adaptive, Strategy::Fixed, Strategy::Oracle]);
/// assert_eq!(styles[1].dash, Dash::Dashed);
/// assert_eq!(styles[2].colour, BLACK);
/// assert_ne!(styles[0].colour, styles[1].colour);
/// ```
pub fn series_styles(strategies: &[Strategy]) -> Vec<SeriesStyle> {
    let mut coloured = 0;
    let mut oracles = 0;
    strategies
        .iter()
        .map(|&strategy| {
            let (colour, order) = if strategy == Strategy::Oracle {
                oracles += 1;
                // Taken from the end, so that an oracle shares no marker with the first curves.
                (BLACK, MARKERS.len() - oracles % MARKERS.len())
            } else {
                coloured += 1;
                (PALETTE[(coloured - 1) % PALETTE.len()], coloured - 1)
            };
            SeriesStyle {
                colour,
                dash: strategy.dash(),
                marker: MARKERS[order % MARKERS.len()],
            }
        })
        .collect()
}

/// Map from a number in [0, 1] to a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColourMap {
    /// Black to white, as microscopes show counts.
    #[default]
    Grey,
    /// Dark blue to yellow, perceptually even (S. van der Walt and N. Smith, 2015).
    Viridis,
    /// Blue to yellow, even with and without red-green vision (J. R. Nuñez et al., PLoS ONE 13, e0199239, 2018).
    Cividis,
}

// Every sixteenth of the published 256-entry tables.
#[rustfmt::skip]
const VIRIDIS: [Colour; 17] = [
    Colour(68, 1, 84), Colour(72, 24, 106), Colour(71, 45, 123), Colour(66, 64, 134), Colour(59, 82, 139), Colour(51, 99, 141),
    Colour(44, 114, 142), Colour(38, 130, 142), Colour(33, 145, 140), Colour(31, 160, 136), Colour(40, 174, 128), Colour(63, 188, 115),
    Colour(94, 201, 98), Colour(132, 212, 75), Colour(173, 220, 48), Colour(216, 226, 25), Colour(253, 231, 37),
];
#[rustfmt::skip]
const CIVIDIS: [Colour; 17] = [
    Colour(0, 34, 78), Colour(0, 46, 106), Colour(26, 56, 111), Colour(50, 67, 109), Colour(67, 78, 108), Colour(83, 90, 109),
    Colour(97, 101, 111), Colour(111, 112, 115), Colour(125, 124, 120), Colour(140, 136, 120), Colour(155, 148, 118), Colour(171, 160, 114),
    Colour(188, 174, 108), Colour(205, 187, 99), Colour(222, 201, 88), Colour(240, 216, 70), Colour(254, 232, 56),
];

impl ColourMap {
    /// Colour at `fraction`, clamped to [0, 1]; NaN gives the grey of unvisited places.
    ///
    /// ```
    /// use dosewise::plot::style::{Colour, ColourMap};
    /// assert_eq!(ColourMap::Grey.colour(1.0), Colour(255, 255, 255));
    /// assert_eq!(ColourMap::Viridis.colour(-3.0), Colour(68, 1, 84));
    /// ```
    pub fn colour(self, fraction: f64) -> Colour {
        if fraction.is_nan() {
            return UNVISITED;
        }
        let stops: &[Colour] = match self {
            Self::Grey => &[BLACK, WHITE],
            Self::Viridis => &VIRIDIS,
            Self::Cividis => &CIVIDIS,
        };
        let place = fraction.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let below = (place as usize).min(stops.len() - 2);
        let (a, b, t) = (stops[below], stops[below + 1], place - below as f64);
        let mix = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
        Colour(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn series_are_told_apart() {
        let mut strategies = vec![Strategy::Adaptive; MAX_SERIES - 2];
        strategies.extend([Strategy::Fixed, Strategy::Oracle]);
        let styles = series_styles(&strategies);
        let distinct: HashSet<_> = styles
            .iter()
            .map(|s| (s.colour, s.dash, s.marker))
            .collect();
        assert_eq!(distinct.len(), strategies.len());
    }

    #[test]
    fn luminance_of_maps_grows() {
        let luminance =
            |c: Colour| 0.2126 * f64::from(c.0) + 0.7152 * f64::from(c.1) + 0.0722 * f64::from(c.2);
        for map in [ColourMap::Grey, ColourMap::Viridis, ColourMap::Cividis] {
            let values: Vec<f64> = (0..=64)
                .map(|i| luminance(map.colour(f64::from(i) / 64.0)))
                .collect();
            assert!(values.windows(2).all(|w| w[1] > w[0] - 1.0), "{map:?}");
        }
        assert_eq!(ColourMap::Viridis.colour(f64::NAN), UNVISITED);
    }

    #[test]
    fn no_text_is_smaller_than_seven_points() {
        for size in [LABEL_SIZE, TICK_SIZE, LETTER_SIZE] {
            assert!(size >= 7.0);
        }
    }
}
