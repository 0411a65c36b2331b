//! Figures: one file a figure, style in one place.
//!
//! Every figure is a plain struct of labels and numbers that implements [`Figure`]: fill it, call
//! [`save`](Figure::save) with a name that ends in `.png` or `.svg`. Sizes are print sizes (85 mm for a column, 180 mm for
//! a page), text is never below 7 pt, series differ by dash and marker as well as by a colour-blind-safe colour, and the
//! fonts are part of the crate.
//!
//! | figure | shows |
//! | --- | --- |
//! | [`QualityCurves`] | quality of the answer against dose, a panel per world |
//! | [`ParetoFronts`] | who is best at which dose, a panel per world |
//! | [`EpisodePanel`] | one episode: truth, dose, counts, posterior |
//! | [`FieldImage`] | one field with scale bar and colour bar |
//! | [`Micrograph`] | a scan image with scale bar, grey bar and how it was made |
//! | [`GrowthCurves`] | how a cost grows with a size, and the law it follows |
//! | [`TheoryFigure`] | measured points with their intervals on the curves of theory |
//! | [`ConvergenceFigure`] | how a study came to its best, against cost |
//! | [`SliceFigure`] | what a study believes along one parameter |
//! | [`MapFigure`] | what a study believes over two, and where it looks next |
//!
//! A figure of one's own draws on a [`Canvas`] in points.

mod axis;
pub mod canvas;
mod check;
mod encode;
pub mod episode_panel;
pub mod field_map;
pub mod figure;
mod font;
mod frame;
pub mod growth;
pub mod image;
mod label;
mod legend;
pub mod micrograph;
pub mod pareto;
pub mod quality_curves;
mod render;
pub mod study;
pub mod style;
pub mod theory;

pub use canvas::Canvas;
pub use episode_panel::{EpisodePanel, Site};
pub use field_map::FieldMap;
pub use figure::{Figure, Format};
pub use font::Weight;
pub use growth::{GrowthCurve, GrowthCurves, GrowthPanel};
pub use image::FieldImage;
pub use micrograph::Micrograph;
pub use pareto::{ParetoFronts, ParetoPanel, ParetoPoint};
pub use quality_curves::{Band, QualityCurve, QualityCurves, QualityPanel};
pub use study::{ConvergenceFigure, MapFigure, SliceFigure};
pub use style::{ColourMap, Strategy};
pub use theory::{MeasuredPoint, TheoryFigure, TheoryPanel, TheorySeries};
