//! Gaussian-process surrogates.
