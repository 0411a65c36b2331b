//! Small pieces of an image around places of interest.

use crate::error::{Error, Result};
use crate::network::Batch;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

/// Numbers beyond this would overflow when squared.
const LARGEST: f64 = 1e150;

/// What to do where a patch would reach beyond the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edge {
    /// Mirror the image at its outermost pixels, which are not repeated.
    #[default]
    Reflect,
    /// Refuse the place.
    Refuse,
}

/// Square patches of odd side cut from one image: what a deep kernel sees of a place.
///
/// The image is first brought to mean zero and variance one, as a whole, so that patches keep their brightness relative
/// to each other. Pixels are counted `[row, column]` from the upper left.
///
/// ```
/// use dosewise::gp::{Edge, Patches};
/// use ndarray::Array2;
/// let image = Array2::from_shape_fn((20, 30), |(y, x)| (y * x) as f64);
/// let patches = Patches::cut(&image, &[[0, 0], [10, 29]], 5, Edge::Reflect)?;
/// assert_eq!(patches.view().dim(), (2, 5, 5));
/// assert_eq!(patches.view()[[0, 0, 3]], patches.view()[[0, 4, 1]]); // mirrored at the corner
/// assert!(Patches::cut(&image, &[[0, 0]], 5, Edge::Refuse).is_err());
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    values: Array3<f64>,
    centres: Vec<[usize; 2]>,
}

impl Patches {
    /// The patches of `side` × `side` pixels around `centres`, in their order.
    ///
    /// # Errors
    /// [`Error::Argument`] if `side` is even, the image holds a number that is not finite or is the same everywhere, a centre
    /// lies outside it, a patch reaches beyond it with [`Edge::Refuse`], or half a side is not smaller than the image with
    /// [`Edge::Reflect`].
    pub fn cut<'i>(
        image: impl Into<ArrayView2<'i, f64>>,
        centres: &[[usize; 2]],
        side: usize,
        edge: Edge,
    ) -> Result<Self> {
        let image = image.into();
        let half = check_side(image, side, edge)?;
        let (mean, deviation) = level_and_spread(image)?;
        for centre in centres {
            check_centre(image, *centre, half, edge)?;
        }
        let (height, width) = image.dim();
        let values = Array3::from_shape_fn((centres.len(), side, side), |(n, v, u)| {
            let row = mirrored(centres[n][0] + v, half, height);
            let column = mirrored(centres[n][1] + u, half, width);
            (image[[row, column]] - mean) / deviation
        });
        Ok(Self {
            values,
            centres: centres.to_vec(),
        })
    }

    /// The patches, n × side × side.
    pub fn view(&self) -> ArrayView3<'_, f64> {
        self.values.view()
    }

    /// The patches as rows of side² numbers, as [`Surrogate`](crate::gp::Surrogate) takes them.
    pub fn rows(&self) -> Array2<f64> {
        let (n, side, _) = self.values.dim();
        let values = self.values.iter().copied().collect();
        Array2::from_shape_vec((n, side * side), values).expect("n patches of side² numbers")
    }

    /// The pixels that they were cut around.
    pub fn centres(&self) -> &[[usize; 2]] {
        &self.centres
    }

    /// Side of a patch, pixels.
    pub fn side(&self) -> usize {
        self.values.dim().1
    }

    /// Number of patches.
    pub fn len(&self) -> usize {
        self.centres.len()
    }

    /// Whether there is no patch.
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// The patches at `indices`, in their order.
    ///
    /// # Errors
    /// [`Error::Argument`] if an index is not below their number.
    pub fn select(&self, indices: &[usize]) -> Result<Self> {
        if let Some(bad) = indices.iter().find(|&&i| i >= self.len()) {
            return Err(Error::argument(
                "indices",
                bad,
                format!("below {}", self.len()),
            ));
        }
        Ok(Self {
            values: self.values.select(Axis(0), indices),
            centres: indices.iter().map(|&i| self.centres[i]).collect(),
        })
    }
}

impl<'a> From<&'a Patches> for Batch<'a> {
    fn from(patches: &'a Patches) -> Self {
        patches.view().into()
    }
}

/// Half the side, rounded down.
fn check_side(image: ArrayView2<'_, f64>, side: usize, edge: Edge) -> Result<usize> {
    let (height, width) = image.dim();
    let half = side / 2;
    let fits = match edge {
        Edge::Reflect => half < height && half < width,
        Edge::Refuse => side <= height && side <= width,
    };
    if side % 2 == 1 && fits {
        return Ok(half);
    }
    let allowed = format!("an odd number that suits an image of {height} × {width} pixels");
    Err(Error::argument("side", side, allowed))
}

fn check_centre(
    image: ArrayView2<'_, f64>,
    centre: [usize; 2],
    half: usize,
    edge: Edge,
) -> Result<()> {
    let (height, width) = image.dim();
    let margin = match edge {
        Edge::Reflect => 0,
        Edge::Refuse => half,
    };
    let inside = |at: usize, size: usize| (margin..size - margin).contains(&at);
    if inside(centre[0], height) && inside(centre[1], width) {
        return Ok(());
    }
    let allowed = format!(
        "rows {margin}..{} and columns {margin}..{}",
        height - margin,
        width - margin
    );
    Err(Error::argument("centres", format!("{centre:?}"), allowed))
}

/// Mean and standard deviation of all pixels.
fn level_and_spread(image: ArrayView2<'_, f64>) -> Result<(f64, f64)> {
    if let Some(bad) = image.iter().find(|v| !(-LARGEST..=LARGEST).contains(*v)) {
        let allowed = "finite numbers up to 1e150 in magnitude";
        return Err(Error::argument("image", bad, allowed));
    }
    let count = image.len() as f64;
    let mean = image.iter().map(|v| v / count).sum::<f64>();
    let deviation = (image.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    if deviation > 1e-14 * mean.abs() && deviation > 0.0 {
        return Ok((mean, deviation));
    }
    let allowed = "an image whose pixels differ";
    Err(Error::argument(
        "image",
        format!("{mean} everywhere"),
        allowed,
    ))
}

/// The pixel at `position − half` on a line of `size` pixels, mirrored at both ends.
fn mirrored(position: usize, half: usize, size: usize) -> usize {
    let inside = position.abs_diff(half);
    if inside < size {
        inside
    } else {
        2 * (size - 1) - inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_mirrored_without_repeating_them() {
        let places: Vec<usize> = (0..7).map(|position| mirrored(position, 2, 3)).collect();
        assert_eq!(places, [2, 1, 0, 1, 2, 1, 0]);
    }

    #[test]
    fn patches_are_pieces_of_the_standardised_image() {
        let image = Array2::from_shape_fn((9, 11), |(y, x)| ((y * 11 + x) as f64).sqrt() * 1e4);
        let patches = Patches::cut(&image, &[[4, 5], [1, 9]], 3, Edge::Refuse).unwrap();
        let mean = image.mean().unwrap();
        let deviation = image.std(0.0);
        let expected = |y: usize, x: usize| (image[[y, x]] - mean) / deviation;
        assert!((patches.view()[[0, 0, 2]] - expected(3, 6)).abs() < 1e-12);
        assert!((patches.view()[[1, 2, 0]] - expected(2, 8)).abs() < 1e-12);
        assert_eq!(patches.rows()[[1, 6]], patches.view()[[1, 2, 0]]);
        let chosen = patches.select(&[1, 1]).unwrap();
        assert_eq!(chosen.centres(), [[1, 9], [1, 9]]);
        assert_eq!(chosen.view()[[0, 2, 0]], patches.view()[[1, 2, 0]]);
        assert!(patches.select(&[2]).is_err());
    }

    #[test]
    fn impossible_patches_are_refused() {
        let image = Array2::from_shape_fn((6, 8), |(y, x)| (y + x) as f64);
        let refused = |image: &Array2<f64>, centre: [usize; 2], side: usize, edge: Edge| {
            Patches::cut(image, &[centre], side, edge).is_err()
        };
        assert!(
            refused(&image, [2, 2], 4, Edge::Reflect) && refused(&image, [2, 2], 0, Edge::Reflect)
        );
        assert!(
            refused(&image, [6, 2], 3, Edge::Reflect) && refused(&image, [2, 8], 3, Edge::Reflect)
        );
        assert!(
            refused(&image, [0, 2], 3, Edge::Refuse) && refused(&image, [2, 7], 3, Edge::Refuse)
        );
        assert!(
            refused(&image, [2, 2], 13, Edge::Reflect) && refused(&image, [2, 2], 7, Edge::Refuse)
        );
        assert!(
            !refused(&image, [5, 7], 11, Edge::Reflect)
                && !refused(&image, [1, 6], 3, Edge::Refuse)
        );
        assert!(refused(&Array2::ones((6, 8)), [2, 2], 3, Edge::Reflect));
        assert!(refused(
            &Array2::from_elem((6, 8), f64::NAN),
            [2, 2],
            3,
            Edge::Reflect
        ));
        assert!(refused(&Array2::zeros((0, 0)), [0, 0], 1, Edge::Reflect));
    }
}
