//! Lists of numbers in options.

use dosewise::{Error, Result};

/// All numbers of a list with commas.
pub fn all(option: &str, text: &str) -> Result<Vec<f64>> {
    let number = |part: &str| {
        part.trim().parse().map_err(|_| {
            let found = format!("`{part}` in `{text}`");
            Error::argument(option, found, "numbers between commas")
        })
    };
    text.split(',').map(number).collect()
}

/// Two numbers.
pub fn two(option: &str, text: &str) -> Result<[f64; 2]> {
    let numbers = all(option, text)?;
    <[f64; 2]>::try_from(numbers)
        .map_err(|_| Error::argument(option, format!("`{text}`"), "two numbers, y,x"))
}

/// Three whole numbers.
pub fn three<T: std::str::FromStr>(option: &str, text: &str) -> Result<[T; 3]> {
    let parts: Option<Vec<T>> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect();
    let three = parts.and_then(|parts| <[T; 3]>::try_from(parts).ok());
    three.ok_or_else(|| {
        let rule = "three whole numbers between commas, such as 1,1,0";
        Error::argument(option, format!("`{text}`"), rule)
    })
}
