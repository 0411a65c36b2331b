//! Examples in the arrays people have them in.

use super::shape::Shape;
use crate::error::{Error, Result};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis};

/// Numbers beyond this would overflow when squared.
const LARGEST: f64 = 1e150;

/// Borrowed examples: n × channels × height × width, n × height × width (one channel), or n rows with one example each,
/// flattened channel by channel and row by row. Arrays and views turn into a batch by `From`.
///
/// ```
/// use dosewise::network::{Activation, Network, Shape};
/// use dosewise::units::Seed;
/// use ndarray::{Array2, Array3};
/// let network = Network::builder(Shape::image(1, 2, 3)).flatten().dense(1).build(Seed(0))?;
/// let images = Array3::from_shape_fn((4, 2, 3), |(n, y, x)| (n + y * x) as f64);
/// let rows = images.to_shape((4, 6)).unwrap().to_owned();
/// assert_eq!(network.forward(&images)?, network.forward(&rows)?);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batch<'a>(Layout<'a>);

#[derive(Debug, Clone)]
enum Layout<'a> {
    Images(ArrayView4<'a, f64>),
    Rows(ArrayView2<'a, f64>),
}

impl Batch<'_> {
    /// Number of examples.
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Images(images) => images.len_of(Axis(0)),
            Layout::Rows(rows) => rows.nrows(),
        }
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The examples as rows, if each has this shape and all numbers are finite.
    pub(crate) fn rows(&self, argument: &str, shape: Shape) -> Result<Array2<f64>> {
        let (found, fits) = match &self.0 {
            Layout::Images(images) => {
                let (_, channels, height, width) = images.dim();
                let found = Shape::image(channels, height, width);
                (found.to_string(), found == shape)
            }
            Layout::Rows(rows) => (rows.ncols().to_string(), rows.ncols() == shape.len()),
        };
        if !fits {
            let allowed = format!("{shape}, or rows of {}", shape.len());
            return Err(Error::argument(
                argument,
                format!("examples of {found} numbers"),
                allowed,
            ));
        }
        let values: Vec<f64> = match &self.0 {
            Layout::Images(images) => images.iter().copied().collect(),
            Layout::Rows(rows) => rows.iter().copied().collect(),
        };
        if let Some(bad) = values.iter().find(|v| !(-LARGEST..=LARGEST).contains(*v)) {
            let allowed = "finite numbers up to 1e150 in magnitude";
            return Err(Error::argument(argument, bad, allowed));
        }
        Ok(Array2::from_shape_vec((self.len(), shape.len()), values)
            .expect("as many numbers as the view"))
    }
}

impl<'a> From<ArrayView4<'a, f64>> for Batch<'a> {
    fn from(images: ArrayView4<'a, f64>) -> Self {
        Self(Layout::Images(images))
    }
}

impl<'a> From<ArrayView3<'a, f64>> for Batch<'a> {
    fn from(images: ArrayView3<'a, f64>) -> Self {
        Self(Layout::Images(images.insert_axis(Axis(1))))
    }
}

impl<'a> From<ArrayView2<'a, f64>> for Batch<'a> {
    fn from(rows: ArrayView2<'a, f64>) -> Self {
        Self(Layout::Rows(rows))
    }
}

impl<'a> From<&'a Array4<f64>> for Batch<'a> {
    fn from(images: &'a Array4<f64>) -> Self {
        images.view().into()
    }
}

impl<'a> From<&'a Array3<f64>> for Batch<'a> {
    fn from(images: &'a Array3<f64>) -> Self {
        images.view().into()
    }
}

impl<'a> From<&'a Array2<f64>> for Batch<'a> {
    fn from(rows: &'a Array2<f64>) -> Self {
        rows.view().into()
    }
}
