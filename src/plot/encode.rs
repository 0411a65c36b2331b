//! Pixels and bytes as files and text: PNG, its print resolution, base64.

use plotters::backend::{BitMapBackend, DrawingBackend};
use std::path::Path;

/// Failures are told in words; whoever knows the file turns them into an error.
pub(crate) type Outcome<T = ()> = std::result::Result<T, String>;

/// RGB pixels as the bytes of a PNG file; `scratch` is a folder for a passing file, because plotters writes only to paths.
pub(crate) fn png(size: (u32, u32), pixels: &[u8], scratch: &Path) -> Outcome<Vec<u8>> {
    let file = tempfile::Builder::new()
        .prefix(".dosewise-")
        .suffix(".png")
        .tempfile_in(scratch)
        .map_err(|e| e.to_string())?;
    let mut backend = BitMapBackend::new(file.path(), size);
    backend
        .blit_bitmap((0, 0), size, pixels)
        .and_then(|()| backend.present())
        .map_err(|e| e.to_string())?;
    std::fs::read(file.path()).map_err(|e| e.to_string())
}

/// Adds the print resolution to a PNG file (chunk `pHYs`, PNG specification 11.3.5.3), so that it opens at its true size.
pub(crate) fn with_resolution(png: &[u8], dpi: f64) -> Outcome<Vec<u8>> {
    // Signature (8 bytes) and header chunk (25 bytes) always come first.
    let (head, rest) = png.split_at_checked(33).ok_or("the encoder wrote no PNG")?;
    let per_metre = ((dpi / 0.0254).round() as u32).to_be_bytes();
    let mut chunk = b"pHYs".to_vec();
    chunk.extend(per_metre);
    chunk.extend(per_metre);
    chunk.push(1);
    let mut bytes = head.to_vec();
    bytes.extend(9_u32.to_be_bytes());
    bytes.extend(&chunk);
    bytes.extend(crc32(&chunk).to_be_bytes());
    bytes.extend(rest);
    Ok(bytes)
}

/// CRC-32 of the PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| {
            (c >> 1) ^ (0xEDB8_8320 & (c & 1).wrapping_neg())
        })
    })
}

/// Base64 (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |w, i| {
            w << 8 | u32::from(group.get(i).copied().unwrap_or(0))
        });
        for i in 0..4 {
            let digit = (word >> (18 - 6 * i)) & 63;
            text.push(if i <= group.len() {
                char::from(DIGITS[digit as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn crc_matches_the_check_value() {
        // Check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
