//! Figures: one file a figure, style in one place.
