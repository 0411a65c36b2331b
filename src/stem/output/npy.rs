//! NumPy's array files, written and read.
//!
//! Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays", and the module `numpy.lib.format`.

use super::file_float::{FileFloat, append_values};
use crate::whole_file::write_whole;
use crate::{Error, Result};
use ndarray::{ArrayD, ArrayRef, Dimension, IxDyn, ShapeBuilder};
use std::path::Path;

/// First bytes of every file.
const MAGIC: &[u8] = b"\x93NUMPY";

/// Most axes of an array of NumPy (`NPY_MAXDIMS`, version 2).
const MOST_AXES: usize = 64;

/// The types that [`read_npy`] understands, for messages.
const TYPES: &str = "real numbers: f4, f8, i1 to i8 or u1 to u8";

/// Writes an array of `f32` or `f64` of any shape to an NPY file (version 1.0), the last axis fastest.
///
/// # Errors
/// [`Error::Argument`] for more than 64 axes, which NumPy would not read; [`Error::Io`] if the file cannot be written:
/// one that was there before is then untouched.
///
/// ```
/// use dosewise::stem::output::{read_npy, write_npy};
/// let folder = tempfile::tempdir().unwrap();
/// let file = folder.path().join("counts.npy");
/// write_npy(&file, &ndarray::array![[0.0, 1.5], [3.0, f64::NAN]])?;
/// let counts = read_npy(&file)?;
/// assert_eq!((counts.shape(), counts[[0, 1]]), (&[2, 2][..], 1.5));
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn write_npy<T: FileFloat, D: Dimension>(
    file: impl AsRef<Path>,
    values: &ArrayRef<T, D>,
) -> Result<()> {
    if values.ndim() > MOST_AXES {
        let rule = format!("at most {MOST_AXES} axes");
        return Err(Error::argument(
            "values",
            format!("{} axes", values.ndim()),
            rule,
        ));
    }
    write_whole(file.as_ref(), &encode(values))
}

fn encode<T: FileFloat, D: Dimension>(values: &ArrayRef<T, D>) -> Vec<u8> {
    let sizes: String = values.shape().iter().map(|n| format!("{n}, ")).collect();
    let header = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
        T::TYPE,
        // a single size needs its comma to be a tuple
        if values.ndim() == 1 {
            sizes.trim_end()
        } else {
            sizes.trim_end_matches(", ")
        }
    );
    // Blanks and a line end bring the values to a multiple of 64 bytes.
    let length = (MAGIC.len() + 4 + header.len() + 1).next_multiple_of(64) - MAGIC.len() - 4;
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{header:<0$}\n", length - 1).into_bytes());
    append_values(values.iter(), &mut bytes);
    bytes
}

/// Reads an NPY file of real numbers (floats of 4 or 8 bytes, integers of 1 to 8) of any shape and either order; integers
/// beyond 2⁵³ become the nearest `f64`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read. [`Error::Parse`] if it is not an NPY file of version 1 to 3, if its numbers
/// are of another type, or if it has not exactly the bytes that its shape asks for; nothing is allocated by what the
/// header claims. The header counts as line 1.
pub fn read_npy(file: impl AsRef<Path>) -> Result<ArrayD<f64>> {
    let file = file.as_ref();
    let bytes = std::fs::read(file).map_err(|error| Error::io(file, error))?;
    decode(&bytes).map_err(|Refusal { found, allowed }| Error::parse(file, 1, found, allowed))
}

/// Why a file cannot be read.
struct Refusal {
    found: String,
    allowed: String,
}

fn refusal(found: impl Into<String>, allowed: impl Into<String>) -> Refusal {
    Refusal {
        found: found.into(),
        allowed: allowed.into(),
    }
}

fn decode(bytes: &[u8]) -> Result<ArrayD<f64>, Refusal> {
    let (header, values) = split(bytes)?;
    let entry = |key: &str| {
        entry(header, key)
            .ok_or_else(|| refusal("a header without it", format!("the entry '{key}'")))
    };
    let descr = entry("descr")?;
    let number =
        Number::of(descr).ok_or_else(|| refusal(format!("numbers of type {descr}"), TYPES))?;
    let columns_first = match entry("fortran_order")? {
        "True" => true,
        "False" => false,
        other => {
            return Err(refusal(
                format!("'fortran_order': {other}"),
                "True or False",
            ));
        }
    };
    let shape_text = entry("shape")?;
    let shape = shape(shape_text).ok_or_else(|| {
        refusal(
            format!("'shape': {shape_text}"),
            "sizes in parentheses, separated by commas",
        )
    })?;
    let wanted = (shape.iter()).try_fold(number.size, |n, &size| n.checked_mul(size));
    if wanted != Some(values.len()) {
        return Err(refusal(
            format!("{} bytes of values", values.len()),
            format!(
                "as many as the shape {shape_text} of {} bytes each asks for",
                number.size
            ),
        ));
    }
    let values = (values.chunks_exact(number.size))
        .map(|bytes| number.read(bytes))
        .collect();
    ArrayD::from_shape_vec(IxDyn(&shape).set_f(columns_first), values)
        .map_err(|error| refusal(format!("the shape {shape_text}"), error.to_string()))
}

/// The header and the values.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), Refusal> {
    let rest = (bytes.strip_prefix(MAGIC)).ok_or_else(|| {
        refusal(
            "another kind of file",
            "an NPY file, which begins with \\x93NUMPY",
        )
    })?;
    let cut = || refusal("a file that ends within its header", "a whole header");
    let ([major, _minor], rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return Err(refusal(format!("format version {major}"), "1 to 3")),
    };
    let (header, values) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header)
        .map_err(|error| refusal(error.to_string(), "a header of text"))?;
    Ok((header, values))
}

/// The text of an entry of the header, which is a Python dictionary: the inside of a string, a tuple or a word.
fn entry<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let after = ['\'', '"'].iter().find_map(|quote| {
        let (_, after) = header.split_once(&format!("{quote}{key}{quote}"))?;
        after.trim_start().strip_prefix(':')
    })?;
    let text = after.trim_start();
    let end = match text.chars().next()? {
        quote @ ('\'' | '"') => return text[1..].split(quote).next(),
        '(' => text.find(')')? + 1,
        _ => text.find([',', '}'])?,
    };
    Some(text[..end].trim_end())
}

fn shape(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?.trim();
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    (inner.split(','))
        .map(|size| size.trim().parse().ok())
        .collect()
}

/// How the bytes of a value are to be read.
#[derive(Debug, Clone, Copy)]
struct Number {
    kind: u8,
    size: usize,
    highest_first: bool,
}

impl Number {
    /// From NumPy's type string: byte order, kind, bytes.
    fn of(descr: &str) -> Option<Self> {
        let &[order, kind, size] = descr.as_bytes() else {
            return None;
        };
        let size = usize::from(size.wrapping_sub(b'0'));
        let known = match kind {
            b'f' => matches!(size, 4 | 8),
            b'i' | b'u' => matches!(size, 1 | 2 | 4 | 8),
            _ => false,
        };
        (known && b"<>|".contains(&order)).then_some(Self {
            kind,
            size,
            highest_first: order == b'>',
        })
    }

    fn read(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.highest_first {
            word[..self.size].reverse();
        }
        let bits = u64::from_le_bytes(word);
        match (self.kind, self.size) {
            (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
            (b'f', _) => f64::from_bits(bits),
            (b'u', _) => bits as f64,
            _ => {
                let unused = 64 - 8 * self.size;
                // back and forth, so that the sign fills the upper bits
                (((bits << unused) as i64) >> unused) as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    /// A file with this header and these values.
    fn file(header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    fn message(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("micrograph.npy");
        std::fs::write(&name, bytes).unwrap();
        let error = read_npy(&name).unwrap_err();
        assert!(matches!(error, Error::Parse { .. }), "{error}");
        error.to_string()
    }

    #[test]
    fn the_bytes_are_those_that_numpy_writes() {
        // numpy.save of numpy.array([[1.0], [-2.0]], dtype="<f4")
        let bytes = encode(&array![[1.0_f32], [-2.0]]);
        let header =
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
        assert!(bytes.starts_with(header));
        assert_eq!(bytes[128..], [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]);
        assert!(bytes[header.len()..127].iter().all(|&byte| byte == b' '));
        assert_eq!(bytes[127], b'\n');
        let line = encode(&array![1.0]);
        assert!(String::from_utf8_lossy(&line).contains("'shape': (1,), }"));
        let point = encode(&ndarray::arr0(1.0));
        assert!(String::from_utf8_lossy(&point).contains("'shape': (), }"));
    }

    #[test]
    fn integers_other_byte_orders_and_columns_first_are_read() {
        let cases: [(&str, &[u8], f64); 6] = [
            ("|i1", &[0xFE], -2.0),
            ("|u1", &[0xFE], 254.0),
            (">u2", &[1, 2], 258.0),
            ("<i4", &[0xFF; 4], -1.0),
            ("<u8", &[0, 1, 0, 0, 0, 0, 0, 0], 256.0),
            (">f4", &[0xC0, 0, 0, 0], -2.0),
        ];
        for (descr, value, expected) in cases {
            let header = format!("{{\"descr\": \"{descr}\", 'shape': ( ), 'fortran_order':False}}");
            let read = decode(&file(&header, value)).ok().unwrap();
            assert_eq!(read, ndarray::arr0(expected).into_dyn(), "{descr}");
        }
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
        let read = decode(&file(header, &[1, 2, 3, 4, 5, 6])).ok().unwrap();
        assert_eq!(read, array![[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]].into_dyn());
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_is_wrong() {
        let with = |descr: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")
        };
        for (bytes, named) in [
            (b"P5 2 2 255 ".to_vec(), "begins with"),
            (b"\x93NUMPY\x09\x00".to_vec(), "version 9"),
            (b"\x93NUMPY\x01\x00\xFF\xFF{".to_vec(), "within its header"),
            (file("{}", &[]), "'descr'"),
            (file(&with("'<c16'", "(1,)"), &[0; 16]), "type <c16"),
            (file(&with("[('a', '<f4')]", "(1,)"), &[0; 4]), "type [('a'"),
            (file(&with("'<f8'", "(2, -1)"), &[]), "(2, -1)"),
            (file(&with("'<f8'", "(2, 3)"), &[0; 47]), "47 bytes"),
            (file(&with("'<f8'", "(2, 3)"), &[0; 49]), "49 bytes"),
            (
                file(&with("'<f8'", "(4294967296, 4294967296)"), &[]),
                "0 bytes of values, allowed is as many as the shape (4294967296, 4294967296)",
            ),
            (
                file(&with("'|u1'", "(0, 4294967296, 4294967296)"), &[]),
                "the shape (0,",
            ),
        ] {
            let message = message(&bytes);
            assert!(message.contains(named), "{message}");
        }
        let missing = read_npy("no/such/file.npy").unwrap_err();
        assert!(matches!(missing, Error::Io { .. }));
    }

    proptest! {
        #[test]
        fn any_shape_comes_back(shape in prop::collection::vec(0_usize..5, 0..5), seed: u32) {
            let mut next = seed;
            let values = ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
                next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from_bits(next)
            });
            let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            for bytes in [encode(&values), encode(&values.mapv(f64::from))] {
                let read = decode(&bytes).ok().unwrap();
                prop_assert_eq!(read.shape(), &shape[..]);
                prop_assert!(read.iter().zip(&values).all(|(&a, &b)| same(a, f64::from(b))));
            }
            let turned = decode(&encode(&values.t())).ok().unwrap();
            prop_assert!(turned.t().iter().zip(&values).all(|(&a, &b)| same(a, f64::from(b))));
        }

        #[test]
        fn a_cut_or_damaged_file_is_refused_without_panic(
            length in 0_usize..152,
            place in 0_usize..152,
            byte: u8,
        ) {
            let mut bytes = encode(&array![[1.0, 2.0, 3.0]]);
            prop_assert_eq!(bytes.len(), 152);
            prop_assert!(decode(&bytes[..length]).is_err());
            bytes[place] = byte;
            let _ = decode(&bytes);
        }
    }
}
