//! TIFF pages of 32-bit floats that ImageJ shows with its pixels in Å.
//!
//! Sources: Adobe, *TIFF Revision 6.0* (1992), sections 2, 3 and 19 (sample format); ImageJ's own writer for the text by
//! which it knows unit, number of images and grey levels.

use super::ScanImage;
use crate::{Error, Result};
use std::fmt::Write;

/// Types of values in a directory.
#[derive(Clone, Copy)]
enum Kind {
    Ascii = 2,
    Short = 3,
    Long = 4,
    Rational = 5,
}

/// One entry of a directory.
struct Entry {
    tag: u16,
    kind: Kind,
    count: u32,
    bytes: Vec<u8>,
}

impl Entry {
    fn short(tag: u16, value: u16) -> Self {
        Self::new(tag, Kind::Short, 1, value.to_le_bytes().to_vec())
    }

    fn long(tag: u16, value: u32) -> Self {
        Self::new(tag, Kind::Long, 1, value.to_le_bytes().to_vec())
    }

    fn rational(tag: u16, (numerator, denominator): (u32, u32)) -> Self {
        let bytes = [numerator.to_le_bytes(), denominator.to_le_bytes()].concat();
        Self::new(tag, Kind::Rational, 1, bytes)
    }

    fn text(tag: u16, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        Self::new(tag, Kind::Ascii, bytes.len() as u32, bytes)
    }

    fn new(tag: u16, kind: Kind, count: u32, bytes: Vec<u8>) -> Self {
        Self {
            tag,
            kind,
            count,
            bytes,
        }
    }
}

/// The bytes of a TIFF file with a page for each image; all are of the same size, as `ScanImage` has checked.
///
/// The values of all pages come first and without gaps, because ImageJ reads a stack from the place of the first page.
pub(super) fn encode(images: &[ScanImage]) -> Result<Vec<u8>> {
    let (rows, columns) = images.first().map_or((0, 0), |image| image.values.dim());
    let texts: Vec<[String; 2]> = (0..images.len())
        .map(|number| [description(images, number), ascii(&images[number].name)])
        .collect();
    let text: usize = texts.iter().flatten().map(String::len).sum();
    let (page, limit) = (4 * rows as u128 * columns as u128, u128::from(u32::MAX));
    let size = (page + 1024) * images.len() as u128 + text as u128;
    if size > limit {
        return Err(Error::argument(
            "images",
            format!("{size} bytes"),
            format!("at most {limit} bytes in a TIFF file; Zarr holds more"),
        ));
    }
    let page = page as u32;
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((8 + page * images.len() as u32).to_le_bytes());
    for value in images.iter().flat_map(|image| &image.values) {
        bytes.extend((*value as f32).to_le_bytes());
    }
    for (number, (image, [description, name])) in images.iter().zip(&texts).enumerate() {
        let [per_y, per_x] = image.pixel_size.map(|pixel| rational(1.0 / pixel));
        let entries = [
            Entry::long(256, columns as u32),
            Entry::long(257, rows as u32),
            Entry::short(258, 32), // bits of a value
            Entry::short(259, 1),  // not compressed
            Entry::short(262, 1),  // low is black
            Entry::text(270, description),
            Entry::long(273, 8 + number as u32 * page),
            Entry::short(277, 1), // one value a pixel
            Entry::long(278, rows as u32),
            Entry::long(279, page),
            Entry::rational(282, per_x),
            Entry::rational(283, per_y),
            Entry::text(285, name),
            Entry::short(296, 1), // no unit that TIFF knows: the description has it
            Entry::text(305, concat!("dosewise ", env!("CARGO_PKG_VERSION"))),
            Entry::short(339, 3), // floating point
        ];
        append_directory(&mut bytes, &entries, number + 1 == images.len());
    }
    Ok(bytes)
}

/// Appends a directory with its longer values behind it, and where the next one begins.
fn append_directory(bytes: &mut Vec<u8>, entries: &[Entry], last: bool) {
    bytes.extend((entries.len() as u16).to_le_bytes());
    let first = bytes.len() + 12 * entries.len() + 4;
    let mut behind = Vec::new();
    for entry in entries {
        bytes.extend(entry.tag.to_le_bytes());
        bytes.extend((entry.kind as u16).to_le_bytes());
        bytes.extend(entry.count.to_le_bytes());
        if entry.bytes.len() <= 4 {
            let mut value = [0; 4];
            value[..entry.bytes.len()].copy_from_slice(&entry.bytes);
            bytes.extend(value);
        } else {
            bytes.extend(((first + behind.len()) as u32).to_le_bytes());
            behind.extend(&entry.bytes);
            behind.resize(behind.len().next_multiple_of(2), 0);
        }
    }
    let next = if last { 0 } else { first + behind.len() };
    bytes.extend((next as u32).to_le_bytes());
    bytes.extend(behind);
}

/// What ImageJ reads of the first page, and for every page a line of JSON with all that is known of it.
fn description(images: &[ScanImage], number: usize) -> String {
    let mut text = String::new();
    if number == 0 {
        let values = || images.iter().flat_map(|image| &image.values);
        let low = values().copied().fold(f64::INFINITY, f64::min);
        let high = values().copied().fold(f64::NEG_INFINITY, f64::max);
        text += "ImageJ=1.11a\n";
        if images.len() > 1 {
            write!(text, "images={0}\nslices={0}\nloop=false\n", images.len())
                .expect("text grows without fail");
        }
        if low < high {
            writeln!(text, "min={low}\nmax={high}").expect("text grows without fail");
        }
        text += "unit=Å\n";
    }
    let known = serde_json::Value::Object(images[number].description());
    ascii(&format!("{text}dosewise={known}\n"))
}

/// TIFF knows seven bits; for the rest ImageJ and JSON both understand escapes of four hexadecimal digits.
fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'\n' | b' '..=b'~')) => plain.push(char::from(byte)),
            _ => write!(plain, "\\u{unit:04X}").expect("text grows without fail"),
        }
    }
    plain
}

/// The continued fraction of a positive `value` as far as 32 bits hold it: 0.1 becomes 1/10.
fn rational(value: f64) -> (u32, u32) {
    let (mut before, mut best) = ((0_u32, 1_u32), (1_u32, 0_u32));
    let mut rest = value;
    loop {
        let whole = rest.floor();
        let next = |before: u32, best: u32| {
            let sum = whole * f64::from(best) + f64::from(before);
            (sum <= f64::from(u32::MAX)).then_some(sum as u32)
        };
        let (Some(numerator), Some(denominator)) = (next(before.0, best.0), next(before.1, best.1))
        else {
            return best;
        };
        (before, best) = (best, (numerator, denominator));
        let off = f64::from(numerator) / f64::from(denominator) - value;
        if off.abs() <= 1e-14 * value {
            return best;
        }
        rest = 1.0 / (rest - whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::output::Quantity;
    use ndarray::array;
    use proptest::prelude::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn short(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
    }

    /// Where the value of a tag stands in the directory at `at`.
    fn value_of(bytes: &[u8], at: usize, tag: u16) -> usize {
        (0..usize::from(short(bytes, at)))
            .map(|entry| at + 2 + 12 * entry)
            .find(|&entry| short(bytes, entry) == tag)
            .unwrap()
            + 8
    }

    #[test]
    fn a_reader_that_follows_the_standard_finds_everything() {
        let image = |scale: f64| {
            let values = array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] * scale;
            ScanImage::new("MoS₂", values, [0.1, 0.25], Quantity::Electrons)
        };
        let bytes = encode(&[image(1.0), image(2.0)]).unwrap();
        assert_eq!(&bytes[..4], b"II*\0");
        let first = word(&bytes, 4) as usize;
        let count = usize::from(short(&bytes, first));
        let tags: Vec<_> = (0..count)
            .map(|entry| short(&bytes, first + 2 + 12 * entry))
            .collect();
        assert!(tags.is_sorted(), "the standard asks for rising tags");
        let second = word(&bytes, first + 2 + 12 * count) as usize;
        assert!(first.is_multiple_of(2) && second.is_multiple_of(2));
        for (directory, scale) in [(first, 1.0), (second, 2.0)] {
            let value = |tag| value_of(&bytes, directory, tag);
            assert_eq!(word(&bytes, value(256)), 3);
            assert_eq!(word(&bytes, value(257)), 2);
            assert_eq!(word(&bytes, value(279)), 24);
            let start = word(&bytes, value(273)) as usize;
            for pixel in 0..6 {
                let found = f32::from_bits(word(&bytes, start + 4 * pixel));
                assert_eq!(f64::from(found), scale * pixel as f64);
            }
            for (tag, ratio) in [(282, (4, 1)), (283, (10, 1))] {
                let at = word(&bytes, value(tag)) as usize;
                assert_eq!((word(&bytes, at), word(&bytes, at + 4)), ratio);
            }
        }
        assert_eq!(word(&bytes, second + 2 + 12 * count), 0, "no third page");
        let text = &bytes[word(&bytes, value_of(&bytes, first, 270)) as usize..];
        let head = b"ImageJ=1.11a\nimages=2\nslices=2\nloop=false\nmin=0\nmax=10\nunit=\\u00C5\n";
        assert!(text.starts_with(head), "{}", String::from_utf8_lossy(text));
        assert!(bytes.windows(10).any(|part| part == b"MoS\\u2082\0"));
    }

    #[test]
    fn round_pixels_give_small_fractions() {
        assert_eq!(rational(1.0 / 0.05), (20, 1));
        assert_eq!(rational(1.0 / 0.3), (10, 3));
        assert_eq!(rational(1e-6), (1, 1_000_000));
        assert_eq!(rational(1e6), (1_000_000, 1));
    }

    proptest! {
        #[test]
        fn fractions_are_near_their_number(exponent in -6.0..6.0_f64) {
            let value = 10_f64.powf(exponent);
            let (numerator, denominator) = rational(value);
            let off = f64::from(numerator) / f64::from(denominator) / value - 1.0;
            prop_assert!(off.abs() < 1e-8, "{value}: {numerator}/{denominator}");
        }
    }
}
