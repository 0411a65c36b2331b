//! A scan image with everything needed to read it: pixel size, quantity, detector, beam, dose.

use super::{Axis, ZarrBlocks, tiff, write_npy};
use crate::stem::{AnnularDetector, Beam};
use crate::units::Dose;
use crate::whole_file::write_whole;
use crate::{Error, Result};
use ndarray::{Array2, Axis as ArrayAxis, stack};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What the numbers of an image are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    /// The fraction of the beam that reaches the detector.
    BeamFraction,
    /// Counts of the detector.
    Counts,
    /// Electrons on the detector.
    Electrons,
    /// Anything else.
    Other {
        /// What it is, e.g. `centre of mass along x`.
        name: String,
        /// Its unit, e.g. `mrad`; empty if it has none.
        unit: String,
    },
}

impl Quantity {
    /// What is measured.
    pub fn name(&self) -> &str {
        match self {
            Self::BeamFraction => "fraction of the beam",
            Self::Counts => "counts",
            Self::Electrons => "electrons",
            Self::Other { name, .. } => name,
        }
    }

    /// Its unit; empty for a fraction and for counts.
    pub fn unit(&self) -> &str {
        match self {
            Self::BeamFraction | Self::Counts => "",
            Self::Electrons => "e⁻",
            Self::Other { unit, .. } => unit,
        }
    }
}

/// A scan image, simulated or recorded, with what is known of it.
///
/// ```
/// use dosewise::stem::output::{Quantity, ScanImage, read_npy};
/// use dosewise::stem::{AnnularDetector, Beam};
/// let folder = tempfile::tempdir().unwrap();
/// let values = ndarray::Array2::from_shape_fn((4, 6), |(y, x)| (y + x) as f64);
/// let mut image = ScanImage::new("SrTiO3 [001]", values, [0.2, 0.2], Quantity::BeamFraction);
/// image.detector = Some("HAADF".to_string());
/// image.angles = Some(AnnularDetector::new(80.0, 200.0)?);
/// image.beam = Some(Beam::new(300.0)?);
/// assert_eq!(image.caption(), "HAADF 80–200 mrad, 300 keV");
/// for name in ["image.tif", "image.npy", "image.zarr"] {
///     image.save(folder.path().join(name))?;
/// }
/// assert_eq!(read_npy(folder.path().join("image.npy"))?, image.values.into_dyn());
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScanImage {
    /// What it shows.
    pub name: String,
    /// The values, `[row, column]` = `[y, x]`; NaN where nothing was measured.
    pub values: Array2<f64>,
    /// Height and width of a pixel, Å.
    pub pixel_size: [f64; 2],
    /// What the values are.
    pub quantity: Quantity,
    /// Name of the detector.
    pub detector: Option<String>,
    /// Angles between which the detector collects.
    pub angles: Option<AnnularDetector>,
    /// The beam.
    pub beam: Option<Beam>,
    /// Thickness of the specimen, Å.
    pub thickness: Option<f64>,
    /// Dose of the scan.
    pub dose: Option<Dose>,
}

impl ScanImage {
    /// An image of which no more is known; the other fields are there to be filled in.
    pub fn new(
        name: impl Into<String>,
        values: Array2<f64>,
        pixel_size: [f64; 2],
        quantity: Quantity,
    ) -> Self {
        Self {
            name: name.into(),
            values,
            pixel_size,
            quantity,
            detector: None,
            angles: None,
            beam: None,
            thickness: None,
            dose: None,
        }
    }

    /// How the image was made, in one line: detector and angles, beam, dose, thickness, as far as they are known.
    pub fn caption(&self) -> String {
        let angles = self
            .angles
            .map(|annulus| format!("{}–{} mrad", annulus.inner_mrad(), annulus.outer_mrad()));
        let detector = [self.detector.clone(), angles];
        let detector = detector.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let parts = [
            (!detector.is_empty()).then_some(detector),
            self.beam.map(|beam| beam.to_string()),
            self.dose.map(|dose| dose.to_string()),
            self.thickness
                .map(|thickness| format!("{thickness} Å thick")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Writes the image to a `.tif`, `.npy` or `.zarr`, as the name says; see the [module](self::super) for what opens
    /// them. TIFF holds the values as 32-bit floats. A Zarr folder that is there already must be one of this image.
    ///
    /// # Errors
    /// [`Error::Argument`] for another ending, an empty image, values that are infinite or beyond the largest `f32`,
    /// a pixel outside 1e-6 to 1e6 Å, a thickness or dose that is not finite, more than 4 GiB in a TIFF; otherwise as
    /// [`ZarrBlocks::create`]; [`Error::Io`].
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        save(std::slice::from_ref(self), file.as_ref(), false)
    }

    /// Writes images of one size, pixel and quantity as a stack, first axis over the images: several detectors,
    /// thicknesses or frames. Where only the thickness rises from one to the next, that is the name of the axis.
    ///
    /// # Errors
    /// [`Error::Argument`] for no images or such as do not fit together; otherwise as [`ScanImage::save`].
    pub fn save_stack(images: &[Self], file: impl AsRef<Path>) -> Result<()> {
        save(images, file.as_ref(), true)
    }

    /// Refuses an image that no file or figure can show.
    pub(crate) fn check(&self) -> Result<()> {
        if self.values.is_empty() {
            let (rows, columns) = self.values.dim();
            let found = format!("{rows} × {columns} pixels");
            return Err(Error::argument("values", found, "at least one pixel"));
        }
        for pixel in self.pixel_size {
            if !(1e-6..=1e6).contains(&pixel) {
                return Err(Error::argument("pixel_size", pixel, "1e-6..=1e6 Å"));
            }
        }
        let largest = f64::from(f32::MAX);
        for ((row, column), &value) in self.values.indexed_iter() {
            if value.abs() > largest {
                let place = format!("values[{row}, {column}]");
                let rule = format!("NaN or a number within ±{largest:e}");
                return Err(Error::argument(place, value, rule));
            }
        }
        for (name, number) in [
            ("thickness", self.thickness),
            ("dose", self.dose.map(|d| d.0)),
        ] {
            if let Some(number) = number.filter(|number| !number.is_finite()) {
                return Err(Error::argument(name, number, "a finite number"));
            }
        }
        Ok(())
    }

    /// All that is known but the values, for files.
    pub(super) fn description(&self) -> Map<String, Value> {
        let entries = [
            ("name", json!(self.name)),
            ("long_name", json!(self.quantity.name())),
            ("units", json!(self.quantity.unit())),
            ("pixel_size", json!(self.pixel_size)),
            ("pixel_units", json!("Å")),
            ("detector", json!(self.detector)),
            (
                "inner_angle_mrad",
                json!(self.angles.map(AnnularDetector::inner_mrad)),
            ),
            (
                "outer_angle_mrad",
                json!(self.angles.map(AnnularDetector::outer_mrad)),
            ),
            ("energy_kev", json!(self.beam.map(Beam::energy_kev))),
            ("thickness_angstrom", json!(self.thickness)),
            ("dose_electrons_per_square_angstrom", json!(self.dose)),
        ];
        (entries.into_iter())
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

fn save(images: &[ScanImage], file: &Path, stacked: bool) -> Result<()> {
    let Some(first) = images.first() else {
        return Err(Error::argument("images", "none", "at least one"));
    };
    for (number, image) in images.iter().enumerate() {
        image.check()?;
        let same = |image: &ScanImage| (image.values.dim(), image.pixel_size);
        if same(image) != same(first) || image.quantity != first.quantity {
            return Err(Error::argument(
                format!("images[{number}]"),
                format!("{:?}, {:?}", same(image), image.quantity),
                format!("{:?}, {:?} as in the first", same(first), first.quantity),
            ));
        }
    }
    let ending = file.extension().and_then(|ending| ending.to_str());
    match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("tif" | "tiff") => write_whole(file, &tiff::encode(images)?),
        Some("npy") => save_npy(images, file, stacked),
        Some("zarr") => save_zarr(images, file, stacked),
        _ => Err(Error::argument(
            "file",
            file.display(),
            "a name that ends in .tif, .npy or .zarr",
        )),
    }
}

/// What is known of an image or a stack of them, and the axes.
fn description(images: &[ScanImage], stacked: bool) -> Map<String, Value> {
    let first = images[0].description();
    if !stacked {
        return first;
    }
    let all: Vec<_> = images.iter().map(ScanImage::description).collect();
    // what they share stands in front, the rest with each
    let shared = |key: &String, value: &Value| all.iter().all(|one| one.get(key) == Some(value));
    let mut told: Map<_, _> = first
        .into_iter()
        .filter(|(key, value)| shared(key, value))
        .collect();
    told.insert("images".to_owned(), json!(all));
    told
}

fn axes(images: &[ScanImage], stacked: bool) -> Result<Vec<Axis>> {
    let first = &images[0];
    let (rows, columns) = first.values.dim();
    let [pixel_y, pixel_x] = first.pixel_size;
    let thicknesses: Vec<_> = images.iter().filter_map(|image| image.thickness).collect();
    let rising = thicknesses.windows(2).all(|pair| pair[0] < pair[1]);
    let over_images = if thicknesses.len() == images.len() && rising {
        Axis {
            name: "thickness".to_owned(),
            unit: "Å".to_owned(),
            places: thicknesses,
        }
    } else {
        Axis::regular("image", "", images.len(), 1.0)?
    };
    let mut axes = if stacked {
        vec![over_images]
    } else {
        Vec::new()
    };
    axes.push(Axis::regular("y", "Å", rows, pixel_y)?);
    axes.push(Axis::regular("x", "Å", columns, pixel_x)?);
    Ok(axes)
}

/// The values go last: with them there, so is what explains them.
fn save_npy(images: &[ScanImage], file: &Path, stacked: bool) -> Result<()> {
    let mut known = description(images, stacked);
    let axes = (axes(images, stacked)?.into_iter())
        .map(|axis| json!({"name": axis.name, "units": axis.unit, "places": axis.places}));
    known.insert("axes".to_owned(), axes.collect());
    let mut beside = file.as_os_str().to_owned();
    beside.push(".json");
    let text = format!("{:#}\n", Value::Object(known));
    write_whole(&PathBuf::from(beside), text.as_bytes())?;
    if !stacked {
        return write_npy(file, &images[0].values);
    }
    let views: Vec<_> = images.iter().map(|image| image.values.view()).collect();
    let values = stack(ArrayAxis(0), &views)
        .map_err(|error| Error::argument("images", error, "images of one size"))?;
    write_npy(file, &values)
}

fn save_zarr(images: &[ScanImage], folder: &Path, stacked: bool) -> Result<()> {
    let axes = axes(images, stacked)?;
    let (rows, columns) = images[0].values.dim();
    let block = if stacked {
        vec![1, rows, columns]
    } else {
        vec![rows, columns]
    };
    let blocks = ZarrBlocks::create(folder, &axes, &block, &description(images, stacked))?;
    for (number, image) in images.iter().enumerate() {
        if stacked {
            let values = image.values.view().insert_axis(ArrayAxis(0));
            blocks.write_block(&[number, 0, 0], &values)?;
        } else {
            blocks.write_block(&[0, 0], &image.values)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::output::read_npy;
    use ndarray::array;

    fn image() -> ScanImage {
        let values = array![[1.0, 2.0, 3.0], [4.0, 5.0, f64::NAN]];
        ScanImage {
            detector: Some("ABF".to_owned()),
            thickness: Some(12.0),
            dose: Some(Dose(500.0)),
            ..ScanImage::new("wedge", values, [0.5, 0.25], Quantity::Counts)
        }
    }

    fn read_json(file: PathBuf) -> Value {
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    #[test]
    fn a_stack_over_thickness_has_that_axis_and_tells_what_is_shared() {
        let folder = tempfile::tempdir().unwrap();
        let thicker = ScanImage {
            thickness: Some(20.0),
            values: image().values * 2.0,
            ..image()
        };
        let stack = [image(), thicker];
        ScanImage::save_stack(&stack, folder.path().join("s.npy")).unwrap();
        let values = read_npy(folder.path().join("s.npy")).unwrap();
        assert_eq!((values.shape(), values[[1, 1, 0]]), (&[2, 2, 3][..], 8.0));
        let known = read_json(folder.path().join("s.npy.json"));
        assert_eq!(known["axes"][0]["name"], json!("thickness"));
        assert_eq!(known["axes"][0]["places"], json!([12.0, 20.0]));
        assert_eq!(known["axes"][2]["places"], json!([0.0, 0.25, 0.5]));
        assert_eq!(known["detector"], json!("ABF"));
        assert_eq!(known["thickness_angstrom"], Value::Null);
        assert_eq!(known["images"][1]["thickness_angstrom"], json!(20.0));
        ScanImage::save_stack(&stack, folder.path().join("s.zarr")).unwrap();
        let second = std::fs::read(folder.path().join("s.zarr/values/1.0.0")).unwrap();
        assert_eq!(second[24..32], 8.0_f64.to_le_bytes());
        let equal = [image(), image()];
        ScanImage::save_stack(&equal, folder.path().join("t.npy")).unwrap();
        let known = read_json(folder.path().join("t.npy.json"));
        assert_eq!(known["axes"][0]["name"], json!("image"));
    }

    #[test]
    fn a_zarr_folder_of_another_image_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image.zarr");
        image().save(&file).unwrap();
        image().save(&file).unwrap();
        let other = ScanImage {
            dose: Some(Dose(9.0)),
            ..image()
        };
        let message = other.save(&file).unwrap_err().to_string();
        assert!(message.contains("found 500.0, allowed is 9.0"), "{message}");
    }

    #[test]
    fn images_that_no_file_can_hold_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |change: fn(&mut ScanImage), name: &str| {
            let mut image = image();
            change(&mut image);
            let error = image.save(folder.path().join(name)).unwrap_err();
            assert!(matches!(error, Error::Argument { .. }), "{error}");
            error.to_string()
        };
        for (message, named) in [
            (refused(|_| (), "image.bmp"), ".tif, .npy or .zarr"),
            (refused(|i| i.values = array![[]], "i.tif"), "1 × 0 pixels"),
            (
                refused(|i| i.values[[1, 0]] = 1e39, "i.tif"),
                "values[1, 0]",
            ),
            (
                refused(|i| i.values[[0, 2]] = f64::INFINITY, "i.npy"),
                "values[0, 2]",
            ),
            (
                refused(|i| i.pixel_size[1] = 0.0, "i.npy"),
                "pixel_size: found 0",
            ),
            (
                refused(|i| i.pixel_size[0] = f64::NAN, "i.zarr"),
                "pixel_size: found NaN",
            ),
            (refused(|i| i.dose = Some(Dose(f64::NAN)), "i.zarr"), "dose"),
        ] {
            assert!(message.contains(named), "{message}");
        }
        let none = ScanImage::save_stack(&[], folder.path().join("i.tif"));
        assert!(none.unwrap_err().to_string().contains("none"));
        let mut other = image();
        other.pixel_size = [0.5, 0.5];
        let mixed = ScanImage::save_stack(&[image(), other], folder.path().join("i.tif"));
        assert!(mixed.unwrap_err().to_string().contains("images[1]"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
