//! Which pixels of an image may be tried.

use crate::error::{Error, Result};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// The allowed pixels of an image. In files: one text a row, `#` for an allowed pixel and `.` for another.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Mask {
    width: usize,
    /// Number of allowed pixels before each row, and at last of all.
    before: Vec<usize>,
    /// Their columns, row by row, rising within each.
    columns: Vec<usize>,
}

impl Mask {
    /// The pixels that are `true`.
    ///
    /// # Errors
    /// [`Error::Argument`] if none is, or there are more than 2³¹ pixels.
    pub fn new<'a>(allowed: impl Into<ArrayView2<'a, bool>>) -> Result<Self> {
        let allowed = allowed.into();
        let (rows, width) = allowed.dim();
        if rows.saturating_mul(width) > 1 << 31 {
            let found = format!("{rows} × {width}");
            return Err(Error::argument("mask", found, "at most 2³¹ pixels"));
        }
        let (mut before, mut columns) = (vec![0], Vec::new());
        for row in allowed.rows() {
            let open = row.iter().enumerate().filter(|(_, allowed)| **allowed);
            columns.extend(open.map(|(column, _)| column));
            before.push(columns.len());
        }
        if columns.is_empty() {
            return Err(Error::argument("mask", "no allowed pixel", "at least one"));
        }
        Ok(Self {
            width,
            before,
            columns,
        })
    }

    /// Rows and columns of the image.
    pub fn shape(&self) -> (usize, usize) {
        (self.before.len() - 1, self.width)
    }

    /// Number of allowed pixels.
    pub fn count(&self) -> usize {
        self.columns.len()
    }

    /// Whether a pixel is allowed.
    pub fn contains(&self, row: usize, column: usize) -> bool {
        row + 1 < self.before.len() && self.row(row).binary_search(&column).is_ok()
    }

    /// The allowed pixel number `index`, row by row.
    pub(super) fn nth(&self, index: usize) -> Option<(usize, usize)> {
        let column = *self.columns.get(index)?;
        Some((
            self.before.partition_point(|before| *before <= index) - 1,
            column,
        ))
    }

    /// The allowed pixel of two uniform deviates within [0, 1): a row by its share of the allowed pixels, then one of its
    /// columns, so that evenly spread deviates give evenly spread pixels.
    pub(super) fn sample(&self, deviates: [f64; 2]) -> (usize, usize) {
        let place = |deviate: f64, count: usize| ((deviate * count as f64) as usize).min(count - 1);
        let index = place(deviates[0], self.count());
        let row = self.before.partition_point(|before| *before <= index) - 1;
        let open = self.row(row);
        (row, open[place(deviates[1], open.len())])
    }

    /// The allowed pixel nearest to a place, which counts in pixels.
    pub(super) fn nearest(&self, row: f64, column: f64) -> (usize, usize) {
        let mut best = (f64::INFINITY, (0, 0));
        let rows = self.before.len() - 1;
        let middle = (row.round().max(0.0) as usize).min(rows - 1);
        for away in 0..rows {
            // Rows further away than the best pixel hold no better one.
            if away as f64 - 1.0 > best.0 {
                break;
            }
            let above = middle.checked_sub(away);
            let below = (away > 0).then_some(middle + away).filter(|r| *r < rows);
            for r in above.into_iter().chain(below) {
                let open = self.row(r);
                let right = open.partition_point(|c| (*c as f64) < column);
                for &c in &open[right.saturating_sub(1)..(right + 1).min(open.len())] {
                    let distance = (r as f64 - row).hypot(c as f64 - column);
                    if distance < best.0 {
                        best = (distance, (r, c));
                    }
                }
            }
        }
        best.1
    }

    fn row(&self, row: usize) -> &[usize] {
        &self.columns[self.before[row]..self.before[row + 1]]
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, columns) = self.shape();
        write!(f, "{} of {rows} × {columns} pixels", self.count())
    }
}

impl From<Mask> for Vec<String> {
    fn from(mask: Mask) -> Self {
        let row = |row| {
            let mut text = vec!['.'; mask.width];
            mask.row(row).iter().for_each(|column| text[*column] = '#');
            text.into_iter().collect()
        };
        (0..mask.before.len() - 1).map(row).collect()
    }
}

impl TryFrom<Vec<String>> for Mask {
    type Error = Error;

    fn try_from(rows: Vec<String>) -> Result<Self> {
        let width = rows.first().map_or(0, |row| row.chars().count());
        let mut allowed = ndarray::Array2::from_elem((rows.len(), width), false);
        for (r, row) in rows.iter().enumerate() {
            if row.chars().count() != width || row.contains(|c| c != '#' && c != '.') {
                let wanted = format!("{width} characters `#` or `.`");
                return Err(Error::argument(
                    format!("mask[{r}]"),
                    format!("`{row}`"),
                    wanted,
                ));
            }
            let open = row.chars().enumerate().filter(|(_, c)| *c == '#');
            open.for_each(|(c, _)| allowed[[r, c]] = true);
        }
        Self::new(&allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    fn mask(cells: &[bool], width: usize) -> Option<Mask> {
        let rows = cells.len() / width;
        let cells = cells[..rows * width].to_vec();
        Mask::new(&Array2::from_shape_vec((rows, width), cells).unwrap()).ok()
    }

    proptest! {
        #[test]
        fn a_mask_is_the_list_of_its_pixels(
            cells in prop::collection::vec(any::<bool>(), 1..120), width in 1..9_usize,
            at in prop::array::uniform2(-2.0..14.0_f64), deviates in prop::array::uniform2(0.0..1.0_f64),
        ) {
            let Some(mask) = mask(&cells, width) else { return Ok(()); };
            let (rows, columns) = mask.shape();
            let all = || (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c)));
            let open: Vec<_> = all().filter(|(r, c)| cells[r * width + c]).collect();
            let listed: Vec<_> = (0..=open.len()).map_while(|i| mask.nth(i)).collect();
            prop_assert_eq!(&listed, &open);
            prop_assert!(all().all(|(r, c)| mask.contains(r, c) == cells[r * width + c]));
            prop_assert!(!mask.contains(rows, 0) && !mask.contains(0, columns));
            let (r, c) = mask.sample(deviates);
            prop_assert!(mask.contains(r, c));
            let distance = |(r, c): (usize, usize)| (r as f64 - at[0]).hypot(c as f64 - at[1]);
            let least = open.iter().map(|p| distance(*p)).fold(f64::INFINITY, f64::min);
            prop_assert_eq!(distance(mask.nearest(at[0], at[1])), least);
            let text: Vec<String> = mask.clone().into();
            prop_assert_eq!(Mask::try_from(text).unwrap(), mask);
        }
    }

    #[test]
    fn faulty_masks_are_refused() {
        for rows in [&[][..], &["..", ".."], &["#", "##"], &["#x"]] {
            let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
            assert!(Mask::try_from(rows.clone()).is_err(), "{rows:?}");
        }
    }
}
