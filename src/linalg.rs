//! The only caller of faer: dense linear algebra on `f64`.
