//! A field of values as colours: the picture, its scale bar and its colour bar.

use super::axis::{Axis, number};
use super::canvas::{Anchor, Canvas, Place, TextFormat};
use super::check;
use super::font::Weight;
use super::frame::fitted;
use super::style::{BLACK, Colour, ColourMap, Dash, FRAME_WIDTH, LABEL_SIZE, TICK_SIZE, WHITE};
use crate::error::{Error, Result};
use ndarray::Array2;

/// A field sampled on square pixels, `[row, column]` = `[y, x]`, first row on top as in a scan image.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldMap {
    /// The values; NaN marks a place without one, drawn in neutral grey.
    pub values: Array2<f64>,
    /// Side of a pixel, Å.
    pub pixel_size: f64,
}

impl FieldMap {
    /// A field from its values and its pixel size in Å.
    pub fn new(values: Array2<f64>, pixel_size: f64) -> Self {
        Self { values, pixel_size }
    }

    /// The same from single precision.
    pub fn from_f32(values: &Array2<f32>, pixel_size: f64) -> Self {
        Self::new(values.mapv(f64::from), pixel_size)
    }

    /// Height and width, Å.
    pub fn extent(&self) -> (f64, f64) {
        let (rows, columns) = self.values.dim();
        (
            rows as f64 * self.pixel_size,
            columns as f64 * self.pixel_size,
        )
    }

    pub(crate) fn check(&self, name: &str) -> Result<()> {
        check::positive(&format!("{name}.pixel_size"), self.pixel_size)?;
        let (rows, columns) = self.values.dim();
        let ratio = rows as f64 / columns as f64;
        if !(0.02..=50.0).contains(&ratio) || rows > 65_536 || columns > 65_536 {
            return Err(Error::argument(
                format!("{name}.values"),
                format!("an array of {rows} × {columns}"),
                "1 to 65536 rows and columns, sides at most 50 to 1",
            ));
        }
        for ((row, column), &value) in self.values.indexed_iter() {
            if !value.is_nan() {
                check::number(&format!("{name}.values[{row}, {column}]"), value)?;
            }
        }
        Ok(())
    }
}

/// How values become colours.
#[derive(Debug, Clone)]
pub(crate) struct ColourScale {
    axis: Axis,
    map: ColourMap,
    /// Whether some values lie above the scale; the bar then ends in a point.
    clipped: bool,
}

impl ColourScale {
    /// From the smallest to the largest value of `field`; on a logarithmic scale, from the smallest above zero.
    pub(crate) fn over(field: &FieldMap, map: ColourMap, log: bool) -> Self {
        let shown = |v: &f64| !v.is_nan() && (!log || *v > 0.0);
        let values = || field.values.iter().copied().filter(shown);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        let low = values().fold(f64::INFINITY, f64::min);
        if low > high {
            return Self::new(0.0, 1.0, map);
        }
        if log {
            let (axis, clipped) = (Axis::log(low, high), false);
            Self { axis, map, clipped }
        } else if low > 0.0 && low < 0.03 * high {
            // So near to zero that the bar may as well start there, with a round label.
            Self::new(0.0, high, map)
        } else {
            Self::new(low, high, map)
        }
    }

    /// Linear like [`ColourScale::over`], but ends where `share` of the values lie below, so that a few bright pixels do
    /// not leave all others dark.
    pub(crate) fn over_most(field: &FieldMap, map: ColourMap, share: f64) -> Self {
        let whole = Self::over(field, map, false);
        let mut values: Vec<f64> = field
            .values
            .iter()
            .copied()
            .filter(|v| !v.is_nan())
            .collect();
        let rank = (share * values.len() as f64) as usize;
        if rank >= values.len() {
            return whole;
        }
        let high = *values.select_nth_unstable_by(rank, f64::total_cmp).1;
        // Nothing is gained by cutting a little off, and nothing would be left of a nearly constant field.
        if high - whole.axis.low < 0.9 * (whole.axis.high - whole.axis.low) && high > whole.axis.low
        {
            Self {
                clipped: true,
                ..Self::new(whole.axis.low, high, map)
            }
        } else {
            whole
        }
    }

    /// A linear scale between two values.
    pub(crate) fn new(low: f64, high: f64, map: ColourMap) -> Self {
        Self {
            axis: Axis::linear(low, high, 3),
            map,
            clipped: false,
        }
    }

    /// A linear scale between two stated values, the bar of which tells if some values lie above.
    pub(crate) fn between(field: &FieldMap, (low, high): (f64, f64), map: ColourMap) -> Self {
        Self {
            clipped: field.values.iter().any(|&value| value > high),
            ..Self::new(low, high, map)
        }
    }

    /// A linear scale that takes in all values of `field` and ends at round numbers.
    pub(crate) fn rounded(field: &FieldMap, map: ColourMap) -> Self {
        let whole = Self::over(field, map, false);
        Self {
            axis: Axis::rounded(whole.axis.low, whole.axis.high, 4),
            ..whole
        }
    }

    /// Colour of a value; values a logarithmic scale cannot show get the grey of places without a value.
    pub(crate) fn colour(&self, value: f64) -> Colour {
        if value.is_nan() || (self.axis.log && value <= 0.0) {
            return self.map.colour(f64::NAN);
        }
        self.map.colour(self.axis.fraction(value))
    }

    /// A horizontal colour bar with ticks and title below it, [`BAR_HEIGHT`] points high in all.
    pub(crate) fn draw_bar_below(
        &self,
        canvas: &mut Canvas,
        corner: Place,
        full_width: f64,
        label: &str,
    ) {
        const HEIGHT: f64 = 6.0;
        const POINT: f64 = 7.0;
        const LEAN: f64 = 5.5;
        let width = full_width - if self.clipped { POINT } else { 0.0 };
        // Several equal rows, because some viewers blur a picture by half a row beyond its edge.
        let row: Vec<u8> = (0..256)
            .map(|i| self.map.colour(f64::from(i) / 255.0))
            .flat_map(|c| [c.0, c.1, c.2])
            .collect();
        canvas.image(corner, (width, HEIGHT), (16, 256), row.repeat(16));
        let (right, below) = (corner.0 + width, corner.1 + HEIGHT);
        if self.clipped {
            let tip = (right + POINT, corner.1 + HEIGHT / 2.0);
            let point = [(right, corner.1), tip, (right, below)];
            canvas.polygon(&point, self.map.colour(1.0), 1.0);
            let outline = [
                (right, corner.1),
                tip,
                (right, below),
                (corner.0, below),
                corner,
                (right, corner.1),
                tip,
            ];
            canvas.line(&outline, FRAME_WIDTH, BLACK, Dash::Solid);
        } else {
            canvas.frame(corner, (width, HEIGHT), FRAME_WIDTH, BLACK);
        }
        let axis = self.axis.clone().fitted_to(width);
        let format = TextFormat::new(TICK_SIZE, Anchor::Middle);
        let mut free_from = f64::NEG_INFINITY;
        for (value, text) in &axis.ticks {
            let x = corner.0 + width * axis.fraction(*value);
            canvas.line(
                &[(x, below), (x, below + 2.4)],
                FRAME_WIDTH,
                BLACK,
                Dash::Solid,
            );
            // Labels at the ends lean inward, so that they do not run into the next panel.
            let half = Canvas::text_width(text, TICK_SIZE, Weight::Regular) / 2.0;
            let middle = x
                .min(corner.0 + full_width - half + LEAN)
                .max(corner.0 + half - LEAN);
            if middle - half > free_from {
                canvas.text(text, (middle, below + 9.6), format);
                free_from = middle + half + 3.0;
            }
        }
        for value in &axis.minor {
            let x = corner.0 + width * axis.fraction(*value);
            canvas.line(
                &[(x, below), (x, below + 1.5)],
                0.8 * FRAME_WIDTH,
                BLACK,
                Dash::Solid,
            );
        }
        let format = TextFormat::new(LABEL_SIZE, Anchor::Middle);
        let label = fitted(label, full_width + 8.0, format);
        canvas.text(label, (corner.0 + full_width / 2.0, below + 20.0), format);
    }
}

/// Room that [`ColourScale::draw_bar_below`] needs, pt.
pub(crate) const BAR_HEIGHT: f64 = 29.0;

/// Draws `field` into a rectangle with a frame.
pub(crate) fn draw_field(
    canvas: &mut Canvas,
    corner: Place,
    size: (f64, f64),
    field: &FieldMap,
    scale: &ColourScale,
) {
    let shown = reduced(&field.values);
    let pixels = shown
        .iter()
        .map(|&v| scale.colour(v))
        .flat_map(|c| [c.0, c.1, c.2])
        .collect();
    canvas.image(corner, size, shown.dim(), pixels);
    canvas.frame(corner, size, FRAME_WIDTH, BLACK);
}

/// The field with blocks of pixels averaged when it has more of them than print can show.
fn reduced(values: &Array2<f64>) -> Array2<f64> {
    const MOST: usize = 1500;
    let (rows, columns) = values.dim();
    let block = rows.max(columns).div_ceil(MOST);
    if block <= 1 {
        return values.clone();
    }
    Array2::from_shape_fn((rows.div_ceil(block), columns.div_ceil(block)), |(r, c)| {
        let (mut sum, mut count) = (0.0, 0);
        for y in r * block..((r + 1) * block).min(rows) {
            for x in c * block..((c + 1) * block).min(columns) {
                if !values[[y, x]].is_nan() {
                    sum += values[[y, x]];
                    count += 1;
                }
            }
        }
        if count > 0 {
            sum / f64::from(count)
        } else {
            f64::NAN
        }
    })
}

/// Draws a white scale bar of a round length on a dark plate in the lower left corner of a picture.
pub(crate) fn draw_scale_bar(canvas: &mut Canvas, corner: Place, size: (f64, f64), width: f64) {
    let length = round_length(0.33 * width);
    let bar = size.0 * length / width;
    let text = if length < 100.0 {
        format!("{} Å", number(length, length, length))
    } else {
        format!("{} nm", number(length / 10.0, length / 10.0, length))
    };
    let format = TextFormat::new(TICK_SIZE, Anchor::Middle).coloured(WHITE);
    let inner = bar.max(Canvas::text_width(&text, TICK_SIZE, Weight::Regular));
    let (plate, high) = ((inner + 6.0, 15.0), corner.1 + size.1);
    if plate.0 + 6.0 > size.0 || plate.1 + 6.0 > size.1 {
        return;
    }
    let at = (corner.0 + 3.0, high - plate.1 - 3.0);
    canvas.rectangle(at, plate, BLACK, 0.62);
    let middle = at.0 + plate.0 / 2.0;
    canvas.text(text, (middle, at.1 + 8.0), format);
    canvas.rectangle((middle - bar / 2.0, at.1 + 10.6), (bar, 1.8), WHITE, 1.0);
}

/// The largest of 1, 2, 5 times a power of ten that is not above `limit`.
fn round_length(limit: f64) -> f64 {
    let power = 10_f64.powf(limit.log10().floor());
    let digit = [5.0, 2.0, 1.0]
        .into_iter()
        .find(|d| d * power <= limit * (1.0 + 1e-9))
        .unwrap_or(1.0);
    digit * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_bars_are_round() {
        for (limit, length) in [(4.0, 2.0), (5.0, 5.0), (19.0, 10.0), (0.7, 0.5), (1.0, 1.0)] {
            assert!((round_length(limit) - length).abs() < 1e-9, "{limit}");
        }
    }

    #[test]
    fn large_fields_are_averaged_and_keep_their_mean() {
        let field = Array2::from_shape_fn((3000, 1500), |(y, x)| (y + 2 * x) as f64);
        let small = reduced(&field);
        assert_eq!(small.dim(), (1500, 750));
        assert!((small.mean().unwrap() - field.mean().unwrap()).abs() < 1e-6);
    }

    #[test]
    fn a_few_bright_pixels_do_not_set_the_scale() {
        let mut values = Array2::from_shape_fn((20, 20), |(y, x)| (y + x) as f64);
        let plain = FieldMap::new(values.clone(), 1.0);
        assert!(!ColourScale::over_most(&plain, ColourMap::Grey, 0.99).clipped);
        values[[3, 3]] = 1e4;
        let scale = ColourScale::over_most(&FieldMap::new(values, 1.0), ColourMap::Grey, 0.99);
        assert!(scale.clipped && scale.axis.high <= 38.0);
        let flat = FieldMap::new(Array2::zeros((4, 4)), 1.0);
        assert!(!ColourScale::over_most(&flat, ColourMap::Grey, 0.99).clipped);
    }

    #[test]
    fn a_logarithmic_scale_shows_zero_as_unvisited() {
        let field = FieldMap::new(ndarray::array![[0.0, 1.0], [10.0, f64::NAN]], 1.0);
        let scale = ColourScale::over(&field, ColourMap::Viridis, true);
        assert_eq!(scale.colour(0.0), super::super::style::UNVISITED);
        assert_eq!(scale.colour(1.0), ColourMap::Viridis.colour(0.0));
        assert_eq!(scale.colour(10.0), ColourMap::Viridis.colour(1.0));
    }
}
