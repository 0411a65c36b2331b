//! The model over two parameters, or over an image.

use super::belief::Belief;
use super::dimension::Dimension;
use super::study::Study;
use super::trial::Trial;
use super::value::{Setting, Value};
use crate::error::{Error, Result};
use ndarray::Array2;

/// One direction of a [`StudyMap`].
#[derive(Debug, Clone, PartialEq)]
pub struct MapAxis {
    /// The parameter, or `row` or `column` of a pixel.
    pub name: String,
    /// Whether it matters by its logarithm.
    pub log: bool,
    /// The numbers looked at, rising.
    pub values: Vec<f64>,
}

/// The model over two parameters, the others as in one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyMap {
    /// To the right.
    pub x: MapAxis,
    /// Upward, or downward over an image.
    pub y: MapAxis,
    /// The parameter of pixels, if the map is over an image: `y` counts its rows, `x` its columns.
    pub image: Option<String>,
    /// The setting the map goes through.
    pub through: Setting,
    /// What the model says, `[y, x]`; `None` where a setting breaks an inequality or a mask.
    pub beliefs: Array2<Option<Belief>>,
    /// All trials, also those elsewhere in the space.
    pub trials: Vec<Trial>,
}

/// Settings looked at along each direction.
const SIDE: usize = 61;

impl StudyMap {
    /// Where a trial lies on the map: the numbers of `x` and `y`.
    pub fn place(&self, trial: &Trial) -> Option<(f64, f64)> {
        let setting = trial.setting();
        match &self.image {
            Some(name) => {
                let (row, column) = setting.pixel(name).ok()?;
                Some((column as f64, row as f64))
            }
            None => {
                let number = |axis: &MapAxis| setting.get(&axis.name).ok()?.number();
                Some((number(&self.x)?, number(&self.y)?))
            }
        }
    }
}

impl Study {
    /// Mean, variance and acquisition over two parameters that are numbers, through the incumbent.
    ///
    /// ```
    /// use dosewise::optimize::{Observation, Problem, Space, Study};
    /// let space = Space::new().float("x", -1.0..=1.0)?.log_float("y", 0.1..=10.0)?;
    /// let mut study = Study::in_memory(Problem::minimise(space))?;
    /// for trial in study.ask_many(8)? {
    ///     let value = trial.float("x")?.powi(2) + trial.float("y")?.ln().powi(2);
    ///     study.tell(trial.id(), Observation::new(value))?;
    /// }
    /// let map = study.map("x", "y")?;
    /// let centre = map.beliefs[[30, 30]].as_ref().expect("no inequality");
    /// let corner = map.beliefs[[0, 0]].as_ref().expect("no inequality");
    /// assert!(centre.mean < corner.mean && corner.setting.float("y")? == 0.1);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Study::beliefs`]; [`Error::Argument`] also if a parameter does not exist or is no number, or both are one.
    pub fn map(&self, x: &str, y: &str) -> Result<StudyMap> {
        if x == y {
            return Err(Error::argument(
                "y",
                format!("`{y}`"),
                "another parameter than x",
            ));
        }
        let line = |name: &str| -> Result<(MapAxis, Vec<Value>)> {
            let dimension = self.problem().space.dimension(name)?;
            let values = dimension.line(SIDE).unwrap_or_default();
            let numbers: Option<Vec<f64>> = values.iter().map(Value::number).collect();
            let numbers = numbers
                .filter(|numbers| !numbers.is_empty())
                .ok_or_else(|| {
                    let allowed = "a parameter of numbers; choices are shown by a slice";
                    Error::argument(name, "a parameter without an order or of pixels", allowed)
                })?;
            let axis = MapAxis {
                name: name.to_owned(),
                log: matches!(dimension, Dimension::LogFloat { .. }),
                values: numbers,
            };
            Ok((axis, values))
        };
        let ((x, columns), (y, rows)) = (line(x)?, line(y)?);
        let names = (x.name.clone(), y.name.clone());
        self.map_of((x, y, None), |through, row, column| {
            let setting = through.with(&names.0, columns[column].clone());
            setting.with(&names.1, rows[row].clone())
        })
    }

    /// Mean, variance and acquisition over the image of a parameter of pixels, through the incumbent. Of a large image
    /// every k-th row and column is looked at.
    ///
    /// # Errors
    /// As [`Study::beliefs`]; [`Error::Argument`] also if there is no such parameter, or it is not one of pixels.
    pub fn pixel_map(&self, parameter: &str) -> Result<StudyMap> {
        let dimension = self.problem().space.dimension(parameter)?;
        let Dimension::Pixel { rows, columns, .. } = dimension else {
            let found = "a parameter that is no pixel";
            return Err(Error::argument(parameter, found, "a parameter of pixels"));
        };
        let step = rows.max(columns).div_ceil(SIDE);
        let axis = |name: &str, count: usize| MapAxis {
            name: name.to_owned(),
            log: false,
            values: (0..count).step_by(step).map(|i| i as f64).collect(),
        };
        let (x, y) = (axis("column", *columns), axis("row", *rows));
        let image = Some(parameter.to_owned());
        self.map_of((x, y, image), |through, row, column| {
            let (row, column) = (step * row, step * column);
            through.with(parameter, Value::Pixel { row, column })
        })
    }

    fn map_of(
        &self,
        (x, y, image): (MapAxis, MapAxis, Option<String>),
        setting: impl Fn(&Setting, usize, usize) -> Setting,
    ) -> Result<StudyMap> {
        let space = &self.problem().space;
        self.with_beliefs(|model, believed| {
            let through = self.centre(model);
            let shape = (y.values.len(), x.values.len());
            let settings = Array2::from_shape_fn(shape, |(row, column)| {
                let setting = setting(&through, row, column);
                space.check(&setting).is_ok().then_some(setting)
            });
            let shown = settings.iter().flatten().cloned().collect();
            let mut beliefs = believed(shown)?.into_iter();
            let beliefs = settings.map(|setting| setting.as_ref().and_then(|_| beliefs.next()));
            Ok(StudyMap {
                x,
                y,
                image,
                through,
                beliefs,
                trials: self.trials().to_vec(),
            })
        })
    }
}
