//! A field as a figure of its own, with scale bar, colour bar and title.

use super::canvas::Canvas;
use super::field_map::{BAR_HEIGHT, ColourScale, FieldMap, draw_field, draw_scale_bar};
use super::figure::Figure;
use super::frame::draw_title;
use super::style::{COLUMN_WIDTH_MM, ColourMap, POINTS_PER_MM};
use crate::error::{Error, Result};

/// One field with scale bar, colour bar and an optional title.
///
/// ```
/// use dosewise::plot::{Figure, FieldImage, FieldMap};
/// let map = FieldMap::new(ndarray::Array2::from_shape_fn((40, 60), |(y, x)| (y + x) as f64), 0.2);
/// let figure = FieldImage::new(map, "annular dark field signal");
/// assert!(figure.draw()?.size().0 > 240.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FieldImage {
    /// The field.
    pub map: FieldMap,
    /// Title of the colour bar, with unit.
    pub label: String,
    /// Title above the picture.
    pub title: Option<String>,
    /// Colours.
    pub colour_map: ColourMap,
    /// Whether colours follow the logarithm; values of 0 and below are then grey.
    pub log_scale: bool,
    /// Width of the figure, mm.
    pub width_mm: f64,
}

impl FieldImage {
    /// A grey, linear picture of column width.
    pub fn new(map: FieldMap, label: impl Into<String>) -> Self {
        Self {
            map,
            label: label.into(),
            title: None,
            colour_map: ColourMap::Grey,
            log_scale: false,
            width_mm: COLUMN_WIDTH_MM,
        }
    }
}

impl Figure for FieldImage {
    /// Lays out picture and bars.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty or very long array, infinite values, a pixel size not above 0, a width outside 30
    /// to 300 mm.
    fn draw(&self) -> Result<Canvas> {
        self.map.check("map")?;
        let scale = if self.log_scale {
            ColourScale::over(&self.map, self.colour_map, true)
        } else {
            ColourScale::over_most(&self.map, self.colour_map, 0.995)
        };
        let title = self.title.as_slice();
        page(
            &self.map,
            self.map.extent(),
            &scale,
            title,
            &self.label,
            self.width_mm,
        )
    }
}

/// Lays out lines of text, the field with its scale bar, and the colour bar with its label, one below the other;
/// `extent` is the height and width of the field, Å.
pub(crate) fn page(
    map: &FieldMap,
    (height, width): (f64, f64),
    scale: &ColourScale,
    lines: &[String],
    label: &str,
    width_mm: f64,
) -> Result<Canvas> {
    if !(30.0..=300.0).contains(&width_mm) {
        return Err(Error::argument("width_mm", width_mm, "30 to 300 mm"));
    }
    const MARGIN: f64 = 6.0;
    const LINE: f64 = 12.0;
    let page = width_mm * POINTS_PER_MM;
    let room = page - 2.0 * MARGIN;
    // Tall fields are narrowed rather than let to run off the page.
    let shown = room.min(1.6 * room * width / height);
    let size = (shown, shown * height / width);
    let top = 4.0 + LINE * lines.len() as f64;
    let mut canvas = Canvas::new(page, top + size.1 + 4.0 + BAR_HEIGHT);
    let corner = ((page - size.0) / 2.0, top);
    for (number, line) in lines.iter().enumerate() {
        let base = top - 5.0 - LINE * (lines.len() - 1 - number) as f64;
        let room = page - corner.0 - MARGIN;
        draw_title(&mut canvas, (corner.0, base), room, None, line);
    }
    draw_field(&mut canvas, corner, size, map, scale);
    draw_scale_bar(&mut canvas, corner, size, width);
    let bar = size.0.max(100.0).min(room);
    let start = ((page - bar) / 2.0, top + size.1 + 4.0);
    scale.draw_bar_below(&mut canvas, start, bar, label);
    Ok(canvas)
}
