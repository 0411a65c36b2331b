//! Acquisition functions over candidates (place, dose).
