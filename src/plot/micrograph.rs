//! A scan image as a figure: scale bar, grey levels between stated values, how it was made.

use super::canvas::Canvas;
use super::check;
use super::field_map::{ColourScale, FieldMap};
use super::figure::Figure;
use super::image::page;
use super::style::{COLUMN_WIDTH_MM, ColourMap};
use crate::error::{Error, Result};
use crate::stem::ScanImage;

/// A scan image with its name, how it was made, a scale bar of a round length and a bar of its grey levels. Pixels need
/// not be square.
///
/// ```
/// use dosewise::plot::{Figure, Micrograph};
/// use dosewise::stem::output::{Quantity, ScanImage};
/// let values = ndarray::Array2::from_shape_fn((40, 60), |(y, x)| (y + x) as f64);
/// let image = ScanImage::new("MoS₂", values, [0.2, 0.1], Quantity::Electrons);
/// let mut figure = Micrograph::new(image);
/// figure.limits = Some((10.0, 90.0)); // black at 10 and below, white at 90 and above
/// let (width, height) = figure.draw()?.size();
/// assert!(height > 1.3 * width); // 40 rows of 0.2 Å by 60 columns of 0.1 Å
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Micrograph {
    /// The image.
    pub image: ScanImage,
    /// Values shown black and white; if there are none, round values around all.
    pub limits: Option<(f64, f64)>,
    /// Colours.
    pub colour_map: ColourMap,
    /// Width of the figure, mm.
    pub width_mm: f64,
}

impl Micrograph {
    /// A grey picture of column width.
    pub fn new(image: ScanImage) -> Self {
        Self {
            image,
            limits: None,
            colour_map: ColourMap::Grey,
            width_mm: COLUMN_WIDTH_MM,
        }
    }

    fn limits_of(&self, map: &FieldMap) -> Result<ColourScale> {
        let Some((low, high)) = self.limits else {
            return Ok(ColourScale::rounded(map, self.colour_map));
        };
        check::interval("limits", (low, high))?;
        // nearer together, the bar would have to end elsewhere
        if high - low <= 1e-6 * low.abs().max(high.abs()) {
            let found = format!("({low}, {high})");
            let rule = "a lower value below the upper one, by a millionth at least";
            return Err(Error::argument("limits", found, rule));
        }
        Ok(ColourScale::between(map, (low, high), self.colour_map))
    }
}

impl Figure for Micrograph {
    /// Lays out text, picture and bar.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty or very long image, infinite values, a pixel outside 1e-6 to 1e6 Å, limits that do
    /// not differ, a width outside 30 to 300 mm.
    fn draw(&self) -> Result<Canvas> {
        self.image.check()?;
        let [pixel_y, pixel_x] = self.image.pixel_size;
        let map = FieldMap::new(self.image.values.clone(), pixel_x);
        map.check("image")?;
        let (rows, columns) = self.image.values.dim();
        let extent = (rows as f64 * pixel_y, columns as f64 * pixel_x);
        let ratio = extent.0 / extent.1;
        if !(0.02..=50.0).contains(&ratio) {
            let found = format!("{} × {} Å", extent.0, extent.1);
            return Err(Error::argument("image", found, "sides at most 50 to 1"));
        }
        let quantity = &self.image.quantity;
        let label = match quantity.unit() {
            "" => quantity.name().to_owned(),
            unit => format!("{} ({unit})", quantity.name()),
        };
        let lines: Vec<String> = [self.image.name.clone(), self.image.caption()]
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect();
        let scale = self.limits_of(&map)?;
        page(&map, extent, &scale, &lines, &label, self.width_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::canvas::Mark;
    use crate::stem::output::Quantity;
    use crate::stem::{AnnularDetector, Beam};
    use ndarray::Array2;

    fn micrograph() -> Micrograph {
        let values = Array2::from_shape_fn((20, 40), |(y, x)| 1e-3 * (y + x) as f64);
        let mut image = ScanImage::new("gold", values, [0.5, 0.5], Quantity::BeamFraction);
        image.detector = Some("HAADF".to_owned());
        image.angles = Some(AnnularDetector::new(60.0, 200.0).unwrap());
        image.beam = Some(Beam::new(200.0).unwrap());
        Micrograph::new(image)
    }

    fn texts(figure: &Micrograph) -> Vec<String> {
        let canvas = figure.draw().unwrap();
        let text = |mark: &Mark| match mark {
            Mark::Text { text, .. } => Some(text.clone()),
            _ => None,
        };
        canvas.marks.iter().filter_map(text).collect()
    }

    #[test]
    fn name_caption_scale_bar_and_levels_are_told() {
        let told = texts(&micrograph()).join("|");
        let wanted = "gold|HAADF 60–200 mrad, 200 keV|5 Å|0.00|";
        assert!(told.starts_with(wanted), "{told}");
        assert!(told.ends_with("0.06|fraction of the beam"), "{told}");
    }

    #[test]
    fn stated_limits_are_the_ends_of_the_grey_levels() {
        let figure = Micrograph {
            limits: Some((0.01, 0.03)),
            ..micrograph()
        };
        let canvas = figure.draw().unwrap();
        let Some(Mark::Image { pixels, .. }) = canvas
            .marks
            .iter()
            .find(|mark| matches!(mark, Mark::Image { .. }))
        else {
            panic!("no picture");
        };
        // grey at (0, x) is 255 (x/1000 − 0.01)/0.02
        for (x, grey) in [(0, 0), (10, 0), (14, 51), (20, 128), (30, 255), (39, 255)] {
            assert_eq!(pixels[3 * x], grey, "{x}");
        }
        let told = texts(&figure);
        assert!(
            told.contains(&"0.010".to_owned()) && told.contains(&"0.030".to_owned()),
            "{told:?}"
        );
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_by_name() {
        let message = |change: fn(&mut Micrograph)| {
            let mut figure = micrograph();
            change(&mut figure);
            figure.draw().unwrap_err().to_string()
        };
        assert!(message(|f| f.limits = Some((1.0, 1.0))).contains("limits"));
        assert!(message(|f| f.limits = Some((0.0, f64::NAN))).contains("limits"));
        assert!(message(|f| f.width_mm = f64::NAN).contains("width_mm"));
        assert!(message(|f| f.image.pixel_size = [0.0, 1.0]).contains("pixel_size"));
        assert!(message(|f| f.image.pixel_size = [100.0, 0.1]).contains("sides"));
        assert!(message(|f| f.image.values = Array2::zeros((0, 3))).contains("values"));
    }
}
