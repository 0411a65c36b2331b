//! What an argument that is one number may be.

use crate::error::{Error, Result};

pub(super) fn finite(argument: &str, value: f64) -> Result<()> {
    refuse_unless(value.is_finite(), argument, value, "a finite number")
}

pub(super) fn positive(argument: &str, value: f64) -> Result<()> {
    let sound = value.is_finite() && value > 0.0;
    refuse_unless(sound, argument, value, "a finite number above 0")
}

pub(super) fn not_negative(argument: &str, value: f64) -> Result<()> {
    let sound = value.is_finite() && value >= 0.0;
    refuse_unless(sound, argument, value, "a finite number, 0 or more")
}

fn refuse_unless(sound: bool, argument: &str, value: f64, allowed: &str) -> Result<()> {
    if sound {
        return Ok(());
    }
    Err(Error::argument(argument, value, allowed))
}
