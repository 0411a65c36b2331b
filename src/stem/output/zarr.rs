//! Arrays larger than the memory, block by block in a Zarr folder.

use super::file_float::{FileFloat, append_values, read_values};
use super::zarr_metadata::{Axis, VALUES, conflict, description};
use crate::whole_file::write_whole;
use crate::{Error, Result};
use ndarray::{ArrayD, ArrayRef, Dimension, IxDyn, Slice, indices};
use serde_json::{Map, Value};
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Most blocks of an array: each is a file of the same folder.
const MOST_BLOCKS: usize = 1_000_000;
/// Most bytes of a block, which is put together in memory.
const MOST_BYTES: usize = 1 << 30;

/// An array with axes and units in a Zarr folder (version 2, not compressed), written block by block: 4D data never lie in
/// memory whole, and what an interrupted run has written is kept.
///
/// The folder holds the array `values` and, for each axis, the array of its places. The description is written first;
/// from then on the file of a block is there exactly when the block is finished, and readers see NaN where none is.
/// Blocks may be written in any order and from several threads.
///
/// ```
/// use dosewise::stem::output::{Axis, ZarrBlocks};
/// use ndarray::Array4;
/// let folder = tempfile::tempdir().unwrap();
/// let axes = [
///     Axis::regular("y", "Å", 3, 0.2)?, // the probe
///     Axis::regular("x", "Å", 5, 0.2)?,
///     Axis::regular("ky", "mrad", 8, 1.5)?, // the camera
///     Axis::regular("kx", "mrad", 8, 1.5)?,
/// ];
/// let about = serde_json::Map::from_iter([("quantity".to_string(), "diffraction pattern".into())]);
/// let create = || ZarrBlocks::<f32>::create(folder.path().join("scan.zarr"), &axes, &[1, 4, 8, 8], &about);
/// let blocks = create()?;
/// assert_eq!(blocks.block_range(&[2, 1, 0, 0])?, [2..3, 4..5, 0..8, 0..8]); // cut off by the end of the array
/// blocks.write_block(&[2, 1, 0, 0], &Array4::from_elem((1, 1, 8, 8), 0.5))?;
/// drop(blocks); // and here the power fails
/// assert_eq!(create()?.missing_blocks()?.len(), 5);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ZarrBlocks<T> {
    folder: PathBuf,
    shape: Vec<usize>,
    block: Vec<usize>,
    number: PhantomData<T>,
}

impl<T: FileFloat> ZarrBlocks<T> {
    /// A new folder, or one that `create` has made before with the same axes, blocks and attributes: then its finished
    /// blocks are kept. `block` is the size of a block along each axis; `attributes` are free, `units` and `long_name`
    /// being those that other programs look for. Whatever decides the values (specimen, settings, seed) belongs in them, so
    /// that blocks of two different computations never meet.
    ///
    /// # Errors
    /// [`Error::Argument`] without axes, for an axis of a bad or repeated name, for 0 or more than 2²⁴ places, for
    /// a block of size 0, above 1 GiB or larger than the array, for more than 10⁶ blocks, and for a folder that holds
    /// anything else; [`Error::Config`] for a folder with another array, naming what differs; [`Error::Io`].
    pub fn create(
        folder: impl AsRef<Path>,
        axes: &[Axis],
        block: &[usize],
        attributes: &Map<String, Value>,
    ) -> Result<Self> {
        for (number, axis) in axes.iter().enumerate() {
            axis.check()?;
            if axes[..number].iter().any(|other| other.name == axis.name) {
                return Err(Error::argument("axes, name", &axis.name, "each name once"));
            }
        }
        let blocks = Self {
            folder: folder.as_ref().to_path_buf(),
            shape: axes.iter().map(|axis| axis.places.len()).collect(),
            block: block.to_vec(),
            number: PhantomData,
        };
        blocks.check()?;
        blocks.describe(description::<T>(axes, block, attributes))?;
        Ok(blocks)
    }

    fn check(&self) -> Result<()> {
        let (shape, block) = (&self.shape, &self.block);
        let fits = shape.len() == block.len()
            && !shape.is_empty()
            && (shape.iter().zip(block)).all(|(size, block)| (1..=*size).contains(block));
        if !fits {
            return Err(Error::argument(
                "block",
                format!("{block:?}"),
                format!("a size of 1 or more for each of the axes, which are {shape:?} long"),
            ));
        }
        let product = |sizes: &[usize], limit: usize| {
            (sizes.iter())
                .try_fold(1_usize, |n, &size| n.checked_mul(size))
                .filter(|&n| n <= limit)
        };
        if product(block, MOST_BYTES / size_of::<T>()).is_none() {
            let rule = format!("at most {MOST_BYTES} bytes in a block");
            return Err(Error::argument("block", format!("{block:?}"), rule));
        }
        if product(&self.counts(), MOST_BLOCKS).is_none() {
            let found = format!("{:?} blocks of {block:?}", self.counts());
            return Err(Error::argument(
                "block",
                found,
                format!("at most {MOST_BLOCKS} blocks"),
            ));
        }
        Ok(())
    }

    /// Writes the files that are missing and compares those that are there.
    fn describe(&self, files: Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
        let mut fresh = true;
        for (name, wanted) in files {
            let file = self.folder.join(name);
            match std::fs::read(&file) {
                Ok(found) if found == wanted => {}
                Ok(found) => return Err(conflict(&file, &found, &wanted)),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if fresh {
                        self.check_empty()?;
                    }
                    write_whole(&file, &wanted)?;
                }
                Err(error) => return Err(Error::io(&file, error)),
            }
            fresh = false;
        }
        Ok(())
    }

    /// A folder without description must be empty, but for what a crash may have left there.
    fn check_empty(&self) -> Result<()> {
        let failed = |error| Error::io(&self.folder, error);
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            if !name.to_string_lossy().starts_with(".dosewise-") {
                return Err(Error::argument(
                    "folder",
                    format!("{} with {}", self.folder.display(), name.display()),
                    "a new or empty folder, or one with the same array",
                ));
            }
        }
        Ok(())
    }

    /// Number of blocks along each axis.
    pub fn counts(&self) -> Vec<usize> {
        (self.shape.iter().zip(&self.block))
            .map(|(size, block)| size.div_ceil(*block))
            .collect()
    }

    /// The part of the array that a block covers, along each axis; the last block along an axis may be shorter.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such block.
    pub fn block_range(&self, index: &[usize]) -> Result<Vec<Range<usize>>> {
        let counts = self.counts();
        if index.len() != counts.len() || index.iter().zip(&counts).any(|(i, n)| i >= n) {
            return Err(Error::argument(
                "index",
                format!("{index:?}"),
                format!("an index for each axis, below {counts:?}"),
            ));
        }
        let ranges = index.iter().zip(&self.block).zip(&self.shape);
        Ok(ranges
            .map(|((index, block), size)| index * block..((index + 1) * block).min(*size))
            .collect())
    }

    /// Writes one block: it is finished when this returns, and not there before. A block that was there is replaced.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such block or its values have another shape than
    /// [`ZarrBlocks::block_range`] says; [`Error::Io`].
    pub fn write_block<D: Dimension>(
        &self,
        index: &[usize],
        values: &ArrayRef<T, D>,
    ) -> Result<()> {
        let shape: Vec<_> = self.block_range(index)?.iter().map(Range::len).collect();
        if values.shape() != shape {
            return Err(Error::argument(
                "values",
                format!("an array of {:?}", values.shape()),
                format!("{shape:?}, the size of block {index:?}"),
            ));
        }
        let mut bytes = Vec::new();
        if shape == self.block {
            append_values(values.iter(), &mut bytes);
        } else {
            // in files all blocks are of one size
            let mut whole = ArrayD::from_elem(IxDyn(&self.block), T::NAN);
            whole
                .slice_each_axis_mut(|axis| Slice::from(..shape[axis.axis.index()]))
                .assign(&values.view().into_dyn());
            append_values(whole.iter(), &mut bytes);
        }
        write_whole(&self.file(index), &bytes)
    }

    /// The values of a finished block, of the shape that [`ZarrBlocks::block_range`] says.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such block or its file was cut short; [`Error::Io`] if it is not finished.
    pub fn read_block(&self, index: &[usize]) -> Result<ArrayD<T>> {
        let shape: Vec<_> = self.block_range(index)?.iter().map(Range::len).collect();
        let file = self.file(index);
        let bytes = std::fs::read(&file).map_err(|error| Error::io(&file, error))?;
        let whole = read_values(&bytes)
            .and_then(|values| ArrayD::from_shape_vec(IxDyn(&self.block), values).ok());
        let Some(mut whole) = whole else {
            let found = format!("{} bytes in {}", bytes.len(), file.display());
            return Err(Error::argument("index", found, "a whole block"));
        };
        whole.slice_each_axis_inplace(|axis| Slice::from(..shape[axis.axis.index()]));
        Ok(whole)
    }

    /// The indices of the blocks that are not yet finished, the last axis fastest.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn missing_blocks(&self) -> Result<Vec<Vec<usize>>> {
        let length = (size_of::<T>() * self.block.iter().product::<usize>()) as u64;
        let mut missing = Vec::new();
        for index in indices(IxDyn(&self.counts())) {
            let file = self.file(index.slice());
            match file.metadata() {
                // another length comes from a copy that was cut short
                Ok(metadata) if metadata.len() == length => {}
                Ok(_) => missing.push(index.slice().to_vec()),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    missing.push(index.slice().to_vec());
                }
                Err(error) => return Err(Error::io(&file, error)),
            }
        }
        Ok(missing)
    }

    fn file(&self, index: &[usize]) -> PathBuf {
        let numbers: Vec<_> = index.iter().map(usize::to_string).collect();
        self.folder.join(VALUES).join(numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;
    use serde_json::json;

    fn axes(shape: &[usize]) -> Vec<Axis> {
        let name = |i: usize| format!("axis_{i}");
        (shape.iter().enumerate())
            .map(|(i, &count)| Axis::regular(&name(i), "Å", count, 0.5).unwrap())
            .collect()
    }

    fn attributes(seed: u64) -> Map<String, Value> {
        Map::from_iter([("seed".to_owned(), json!(seed))])
    }

    #[test]
    fn the_folder_is_what_the_specification_says() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("a/image.zarr");
        let blocks =
            ZarrBlocks::<f32>::create(&name, &axes(&[3, 2]), &[2, 2], &attributes(7)).unwrap();
        blocks
            .write_block(&[1, 0], &array![[1.0_f32, -2.0]])
            .unwrap();
        let read = blocks.read_block(&[1, 0]).unwrap();
        assert_eq!(read, array![[1.0_f32, -2.0]].into_dyn()); // the end of the array cuts it off
        assert!(matches!(blocks.read_block(&[0, 0]), Err(Error::Io { .. })));
        let json = |file: &str| -> Value {
            serde_json::from_slice(&std::fs::read(name.join(file)).unwrap()).unwrap()
        };
        assert_eq!(json(".zgroup"), json!({"zarr_format": 2}));
        let array = json("values/.zarray");
        assert_eq!(array["shape"], json!([3, 2]));
        assert_eq!(array["chunks"], json!([2, 2]));
        assert_eq!(array["dtype"], json!("<f4"));
        assert_eq!(array["fill_value"], json!("NaN"));
        let about = json!({"_ARRAY_DIMENSIONS": ["axis_0", "axis_1"], "seed": 7});
        assert_eq!(json("values/.zattrs"), about);
        assert_eq!(json("axis_0/.zattrs")["units"], json!("Å"));
        let places: Vec<u8> = [0.0_f64, 0.5, 1.0]
            .iter()
            .flat_map(|p| p.to_le_bytes())
            .collect();
        assert_eq!(std::fs::read(name.join("axis_0/0")).unwrap(), places);
        let block = std::fs::read(name.join("values/1.0")).unwrap();
        assert_eq!(block[..8], [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]);
        let padding = f32::from_le_bytes(block[8..12].try_into().unwrap());
        assert!(block.len() == 16 && padding.is_nan());
        assert!(!name.join("values/0.0").exists());
    }

    #[test]
    fn an_interrupted_run_goes_on_and_another_does_not_mix_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let create = |shape: &[usize], seed| {
            ZarrBlocks::<f64>::create(folder.path(), &axes(shape), &[1, 2], &attributes(seed))
        };
        let blocks = create(&[2, 3], 1).unwrap();
        assert_eq!(blocks.missing_blocks().unwrap().len(), 4);
        blocks.write_block(&[0, 1], &array![[1.0]]).unwrap();
        blocks.write_block(&[1, 0], &array![[2.0, 3.0]]).unwrap();
        let cut = folder.path().join("values/1.0");
        std::fs::write(&cut, [0; 15]).unwrap();
        std::fs::write(folder.path().join("values/.dosewise-x.part"), [0]).unwrap();
        let again = create(&[2, 3], 1).unwrap();
        assert_eq!(again.missing_blocks().unwrap(), [[0, 0], [1, 0], [1, 1]]);
        let other = create(&[2, 3], 2).unwrap_err();
        assert!(matches!(other, Error::Config { .. }));
        let message = other.to_string();
        assert!(
            message.contains("`seed`: found 1, allowed is 2"),
            "{message}"
        );
        let message = create(&[2, 4], 1).unwrap_err().to_string();
        assert!(message.contains("axis_1"), "{message}");
        // a crash between two files of the description
        std::fs::remove_file(folder.path().join("values/.zarray")).unwrap();
        assert_eq!(
            create(&[2, 3], 1).unwrap().missing_blocks().unwrap().len(),
            3
        );
    }

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("new.zarr");
        let message = |axes: &[Axis], block: &[usize]| {
            let made = ZarrBlocks::<f32>::create(&name, axes, block, &Map::new());
            made.unwrap_err().to_string()
        };
        assert!(message(&[], &[]).contains("block: found []"));
        assert!(message(&axes(&[3, 2]), &[2]).contains("[3, 2] long"));
        assert!(message(&axes(&[3, 2]), &[2, 0]).contains("[2, 0]"));
        assert!(message(&axes(&[3, 2]), &[2, 3]).contains("[2, 3]"));
        assert!(message(&axes(&[40_000, 40_000]), &[40_000, 40_000]).contains("bytes in a block"));
        assert!(message(&axes(&[2000, 2000]), &[1, 1]).contains("at most 1000000 blocks"));
        let twice = [axes(&[3]), axes(&[2])].concat();
        assert!(message(&twice, &[3, 2]).contains("each name once"));
        let mut bad = axes(&[3]);
        bad[0].name = "../x".to_owned();
        assert!(message(&bad, &[3]).contains("\"../x\""));
        assert!(!name.exists());
        assert!(Axis::regular("x", "Å", usize::MAX, 1.0).is_err());
        assert!(Axis::regular("x", "Å", 3, f64::NAN).is_err());

        std::fs::write(folder.path().join("thesis.txt"), "long").unwrap();
        let full = ZarrBlocks::<f32>::create(folder.path(), &axes(&[3]), &[1], &Map::new());
        assert!(full.unwrap_err().to_string().contains("thesis.txt"));

        let blocks = ZarrBlocks::<f64>::create(&name, &axes(&[3]), &[2], &Map::new()).unwrap();
        for (index, values) in [(2, array![0.0]), (1, array![0.0, 0.0])] {
            let error = blocks.write_block(&[index], &values).unwrap_err();
            assert!(matches!(error, Error::Argument { .. }));
        }
        assert_eq!(blocks.missing_blocks().unwrap().len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn blocks_put_together_are_the_array(
            (rows, height) in (1_usize..8).prop_flat_map(|n| (Just(n), 1..=n)),
            (columns, width) in (1_usize..8).prop_flat_map(|n| (Just(n), 1..=n)),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let shape = (rows, columns);
            let array = Array2::from_shape_fn(shape, |(y, x)| (10 * y + x) as f64);
            let blocks = ZarrBlocks::<f64>::create(
                folder.path(), &axes(&[rows, columns]), &[height, width], &Map::new(),
            ).unwrap();
            for index in blocks.missing_blocks().unwrap() {
                let range = blocks.block_range(&index).unwrap();
                let part = array.slice_each_axis(|axis| Slice::from(range[axis.axis.index()].clone()));
                blocks.write_block(&index, &part).unwrap();
            }
            prop_assert!(blocks.missing_blocks().unwrap().is_empty());
            let read = Array2::from_shape_fn(shape, |(y, x)| {
                let file = format!("values/{}.{}", y / height, x / width);
                let bytes = std::fs::read(folder.path().join(file)).unwrap();
                let at = 8 * (y % height * width + x % width);
                f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
            });
            prop_assert_eq!(read, array);
        }
    }
}
