//! How many numbers an example has, and how they are arranged.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Channels × height × width of one example, stored channel by channel and row by row.
///
/// ```
/// use dosewise::network::Shape;
/// assert_eq!(Shape::image(2, 5, 7).to_string(), "2 × 5 × 7");
/// assert_eq!(Shape::vector(3).len(), 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Number of channels.
    pub channels: usize,
    /// Number of rows of a channel.
    pub height: usize,
    /// Number of pixels of a row.
    pub width: usize,
}

impl Shape {
    /// An image of several channels.
    pub const fn image(channels: usize, height: usize, width: usize) -> Self {
        Self {
            channels,
            height,
            width,
        }
    }

    /// A vector: that many channels of one pixel.
    pub const fn vector(length: usize) -> Self {
        Self::image(length, 1, 1)
    }

    /// Numbers in an example; the largest `usize` where there are more.
    pub const fn len(self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }

    /// Whether there is no number at all.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether every channel is one pixel.
    pub const fn is_vector(self) -> bool {
        self.height == 1 && self.width == 1
    }

    /// Pixels of a channel.
    pub(super) const fn pixels(self) -> usize {
        self.height * self.width
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.channels, self.height, self.width)
    }
}
