//! Replays the marks of a page through plotters' backends: one drawing, two file formats.

use super::canvas::{Anchor, Canvas, Mark, Place, TextFormat};
use super::encode::{Outcome, base64, png};
use super::font;
use super::style::Colour;
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontFamily, FontTransform, RGBAColor, RGBColor, ShapeStyle, TextStyle,
};
use std::fmt::Write as _;
use std::path::Path;

/// SVG units per point. plotters knows whole units only, so curves must be drawn much larger than they are shown.
const SVG_UNITS: f64 = 20.0;

/// Sub-pixels per pixel and axis: the bitmap is drawn this much larger and averaged, because plotters hardly smooths edges.
const OVERSAMPLING: usize = 3;

/// plotters divides the size by this before it writes an SVG `font-size`.
const SVG_FONT_RATIO: f64 = 1.24;

/// plotters lowers an SVG text anchored at its top by this many em to reach the baseline.
const SVG_BASELINE: f64 = 0.76;

/// A plotters backend with the scale and the habits of its format.
struct Pen<B> {
    backend: B,
    /// Backend units per point.
    scale: f64,
    /// Whether the backend is a bitmap, which needs help with letters and joints.
    bitmap: bool,
}

fn colour(colour: Colour, opacity: f64) -> RGBAColor {
    RGBColor(colour.0, colour.1, colour.2).mix(opacity)
}

impl<B: DrawingBackend> Pen<B> {
    /// Nearest backend unit; the clamp keeps any input within what the rasteriser can walk through.
    fn unit(&self, points: f64) -> i32 {
        (points * self.scale).round().clamp(-1e5, 1e5) as i32
    }

    fn place(&self, (x, y): Place) -> (i32, i32) {
        (self.unit(x), self.unit(y))
    }

    fn fill(&mut self, points: &[Place], style: RGBAColor) -> Outcome {
        let corners: Vec<_> = points.iter().map(|&p| self.place(p)).collect();
        self.backend
            .fill_polygon(corners, &style)
            .map_err(|e| e.to_string())
    }

    fn stroke(&mut self, points: &[Place], width: f64, colour: RGBAColor) -> Outcome {
        if !self.bitmap {
            let style = ShapeStyle {
                color: colour,
                filled: false,
                stroke_width: self.unit(width).max(1).unsigned_abs(),
            };
            let corners: Vec<_> = points.iter().map(|&p| self.place(p)).collect();
            return self
                .backend
                .draw_path(corners, &style)
                .map_err(|e| e.to_string());
        }
        // plotters turns a wide path into one self-crossing outline, which leaves holes at tight bends: draw each piece as
        // its own bar with round joints instead.
        let half = width / 2.0;
        for pair in points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            if length > 0.0 {
                let (nx, ny) = (half * (a.1 - b.1) / length, half * (b.0 - a.0) / length);
                let bar = [
                    (a.0 + nx, a.1 + ny),
                    (b.0 + nx, b.1 + ny),
                    (b.0 - nx, b.1 - ny),
                    (a.0 - nx, a.1 - ny),
                ];
                self.fill(&bar, colour)?;
            }
        }
        for &(x, y) in points.iter().skip(1).take(points.len().saturating_sub(2)) {
            let disc: Vec<Place> = (0..16)
                .map(|i| f64::from(i) * std::f64::consts::TAU / 16.0)
                .map(|angle| (x + half * angle.cos(), y + half * angle.sin()))
                .collect();
            self.fill(&disc, colour)?;
        }
        Ok(())
    }

    fn band(&mut self, edges: &[(f64, f64, f64)], colour: RGBAColor) -> Outcome {
        if !self.bitmap {
            let top = edges.iter().map(|&(x, top, _)| (x, top));
            let bottom = edges.iter().rev().map(|&(x, _, bottom)| (x, bottom));
            let points: Vec<_> = top.chain(bottom).collect();
            return self.fill(&points, colour);
        }
        // One column of sub-pixels at a time: every pixel is blended exactly once, whatever the shape.
        for pair in edges.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let (first, last) = (self.unit(a.0), self.unit(b.0));
            for column in first..last {
                let t = f64::from(column - first) / f64::from(last - first);
                let top = self.unit(a.1 + t * (b.1 - a.1));
                let bottom = self.unit(a.2 + t * (b.2 - a.2));
                self.backend
                    .draw_line(
                        (column, top.min(bottom)),
                        (column, top.max(bottom)),
                        &colour,
                    )
                    .map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str, (x, y): Place, format: &TextFormat) -> Outcome {
        let em = format.size * self.scale;
        let (size, baseline) = if self.bitmap {
            // plotters puts the baseline half a line height below the top.
            (em * font::LINE_HEIGHT, em * font::LINE_HEIGHT / 2.0)
        } else {
            (em * SVG_FONT_RATIO, em * SVG_BASELINE)
        };
        let transform = if format.upward {
            FontTransform::Rotate270
        } else {
            FontTransform::None
        };
        let anchor = match format.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let ink = colour(format.colour, 1.0);
        let style = |h: HPos| {
            let font = (FontFamily::Name(font::FAMILY), size, format.weight.style());
            TextStyle::from(font)
                .color(&ink)
                .transform(transform.clone())
                .pos(Pos::new(h, VPos::Top))
        };
        // Place of the pen `along` the baseline, with the step from the baseline to the top of the line.
        let place = |along: f64| {
            let (x, y) = (x * self.scale, y * self.scale);
            let (x, y) = if format.upward {
                (x - baseline, y - along)
            } else {
                (x + along, y - baseline)
            };
            (x.round() as i32, y.round() as i32)
        };
        if !self.bitmap {
            let at = place(0.0);
            return self
                .backend
                .draw_text(text, &style(anchor), at)
                .map_err(|e| e.to_string());
        }
        let width = font::width(text, em, format.weight);
        let mut pen = match format.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        let style = style(HPos::Left);
        for character in text.chars() {
            let glyph = font::glyph(character, format.weight);
            let at = place(pen + glyph.bearing * em);
            self.backend
                .draw_text(character.encode_utf8(&mut [0; 4]), &style, at)
                .map_err(|e| e.to_string())?;
            pen += glyph.advance * em;
        }
        Ok(())
    }

    /// Draws any mark except a picture.
    fn mark(&mut self, mark: &Mark) -> Outcome {
        match mark {
            Mark::Stroke {
                points,
                width,
                colour: c,
            } => self.stroke(points, *width, colour(*c, 1.0)),
            Mark::Fill {
                points,
                colour: c,
                opacity,
            } => self.fill(points, colour(*c, *opacity)),
            Mark::Band {
                edges,
                colour: c,
                opacity,
            } => self.band(edges, colour(*c, *opacity)),
            Mark::Text {
                text,
                place,
                format,
            } => self.text(text, *place, format),
            Mark::Image { .. } => Ok(()),
        }
    }
}

/// The page as RGB pixels at `dpi`: (width, height, bytes).
pub(crate) fn bitmap(canvas: &Canvas, dpi: f64) -> Outcome<(u32, u32, Vec<u8>)> {
    font::register();
    let pixels = |points: f64| (points * dpi / 72.0).round().max(1.0) as usize;
    let (width, height) = (pixels(canvas.width), pixels(canvas.height));
    let (wide, high) = (width * OVERSAMPLING, height * OVERSAMPLING);
    if wide.saturating_mul(high) > 400_000_000 {
        return Err(format!("a page of {width} × {height} pixels is too large"));
    }
    let mut fine = vec![255_u8; wide * high * 3];
    let size = (wide as u32, high as u32);
    let scale = dpi / 72.0 * OVERSAMPLING as f64;
    for mark in &canvas.marks {
        if let Mark::Image {
            corner,
            size: (w, h),
            columns,
            rows,
            pixels,
        } = mark
        {
            let span = |start: f64, length: f64, limit: usize| {
                let first = (start * scale).round().max(0.0) as usize;
                let last = ((start + length) * scale).round().max(0.0) as usize;
                (first.min(limit), last.min(limit))
            };
            let (left, right) = span(corner.0, *w, wide);
            let (top, bottom) = span(corner.1, *h, high);
            for y in top..bottom {
                let row = (y - top) * rows / (bottom - top);
                for x in left..right {
                    let from = 3 * (row * columns + (x - left) * columns / (right - left));
                    let to = 3 * (y * wide + x);
                    fine[to..to + 3].copy_from_slice(&pixels[from..from + 3]);
                }
            }
        } else {
            let mut pen = Pen {
                backend: BitMapBackend::with_buffer(&mut fine, size),
                scale,
                bitmap: true,
            };
            pen.mark(mark)?;
        }
    }
    let mut coarse = Vec::with_capacity(width * height * 3);
    let area = (OVERSAMPLING * OVERSAMPLING) as u32;
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let mut sum = 0;
                for dy in 0..OVERSAMPLING {
                    let start = ((y * OVERSAMPLING + dy) * wide + x * OVERSAMPLING) * 3 + channel;
                    for dx in 0..OVERSAMPLING {
                        sum += u32::from(fine[start + 3 * dx]);
                    }
                }
                coarse.push(((sum + area / 2) / area) as u8);
            }
        }
    }
    Ok((width as u32, height as u32, coarse))
}

/// The page as an SVG document of the right print size, each picture embedded as one PNG.
pub(crate) fn svg(canvas: &Canvas, scratch: &Path) -> Outcome<String> {
    font::register();
    let size = (
        (canvas.width * SVG_UNITS).ceil() as u32,
        (canvas.height * SVG_UNITS).ceil() as u32,
    );
    let mm = |points: f64| points / super::style::POINTS_PER_MM;
    // Round joints keep noisy curves from growing spikes; shapes inherit them from the root.
    let mut document = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.3}mm\" height=\"{:.3}mm\" viewBox=\"0 0 {} {}\" \
         stroke-linejoin=\"round\">\n<rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n",
        mm(canvas.width),
        mm(canvas.height),
        size.0,
        size.1
    );
    for marks in canvas.marks.chunk_by(|a, b| is_image(a) == is_image(b)) {
        if is_image(&marks[0]) {
            for mark in marks {
                document += &embedded(mark, scratch)?;
            }
            continue;
        }
        let mut part = String::new();
        let mut pen = Pen {
            backend: SVGBackend::with_string(&mut part, size),
            scale: SVG_UNITS,
            bitmap: false,
        };
        for mark in marks {
            pen.mark(mark)?;
        }
        pen.backend.present().map_err(|e| e.to_string())?;
        drop(pen);
        // Keep what stands between the root tags of this part; the document has its own root.
        let inner = part
            .split_once('\n')
            .and_then(|(_, rest)| rest.trim_end().strip_suffix("</svg>"))
            .ok_or("the SVG backend wrote no root element")?;
        document += inner;
    }
    document += "</svg>\n";
    Ok(document)
}

fn is_image(mark: &Mark) -> bool {
    matches!(mark, Mark::Image { .. })
}

fn embedded(mark: &Mark, scratch: &Path) -> Outcome<String> {
    let Mark::Image {
        corner,
        size,
        columns,
        rows,
        pixels,
    } = mark
    else {
        return Ok(String::new());
    };
    let side = |n: usize| u32::try_from(n).map_err(|_| format!("{n} pixels a side are too many"));
    let file = png((side(*columns)?, side(*rows)?), pixels, scratch)?;
    let unit = |points: f64| (points * SVG_UNITS).round();
    let mut tag = String::new();
    let _ = writeln!(
        tag,
        "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
         style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
        unit(corner.0),
        unit(corner.1),
        unit(size.0),
        unit(size.1),
        base64(&file)
    );
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::super::font::Weight;
    use super::*;

    #[test]
    fn a_filled_square_has_its_size_and_colour() {
        let mut canvas = Canvas::new(72.0, 36.0);
        canvas.rectangle((18.0, 9.0), (36.0, 18.0), Colour(10, 20, 30), 1.0);
        let (width, height, pixels) = bitmap(&canvas, 100.0).unwrap();
        assert_eq!((width, height), (100, 50));
        let at = |x: usize, y: usize| &pixels[3 * (y * 100 + x)..3 * (y * 100 + x) + 3];
        assert_eq!(at(50, 25), [10, 20, 30]);
        assert_eq!(at(10, 25), [255, 255, 255]);
        let dark = pixels.chunks(3).filter(|p| p[0] < 128).count();
        assert!((dark as f64 - 50.0 * 25.0).abs() < 100.0, "{dark}");
    }

    #[test]
    fn letters_stand_on_their_baseline_and_fill_their_width() {
        let mut canvas = Canvas::new(200.0, 60.0);
        canvas.text("HxH", (100.0, 40.0), TextFormat::new(24.0, Anchor::Middle));
        let (width, _, pixels) = bitmap(&canvas, 144.0).unwrap();
        let dark: Vec<(usize, usize)> = pixels
            .chunks(3)
            .enumerate()
            .filter(|(_, p)| p[0] < 128)
            .map(|(i, _)| (i % width as usize, i / width as usize))
            .collect();
        let bottom = dark.iter().map(|p| p.1).max().unwrap() as f64 / 2.0;
        let top = dark.iter().map(|p| p.1).min().unwrap() as f64 / 2.0;
        assert!((bottom - 40.0).abs() < 1.2, "{bottom}");
        assert!(
            (bottom - top - 24.0 * font::CAP_HEIGHT).abs() < 1.5,
            "{top}"
        );
        let left = dark.iter().map(|p| p.0).min().unwrap() as f64 / 2.0;
        let right = dark.iter().map(|p| p.0).max().unwrap() as f64 / 2.0;
        let ink = font::width("HxH", 24.0, Weight::Regular)
            - 48.0 * font::glyph('H', Weight::Regular).bearing;
        assert!((right - left - ink).abs() < 1.5, "{left} {right} {ink}");
        assert!(((left + right) / 2.0 - 100.0).abs() < 0.8);
    }
}
