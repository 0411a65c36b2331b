//! Which option of a fit belongs to which hyper-parameter.

use super::kernel::Parameter;
use crate::error::{Error, Result};

/// The first entry of `given` for each parameter.
///
/// An entry goes by the whole name (`term0.lengthscale[1]`), by the name without its index (`term0.lengthscale`), or by
/// what follows a dot of either (`lengthscale`). An entry that fits no parameter is refused: it is surely misspelt.
pub(super) fn assign<T: Copy>(
    argument: &str,
    given: &[(String, T)],
    parameters: &[Parameter],
) -> Result<Vec<Option<T>>> {
    for (entry, _) in given {
        if !parameters.iter().any(|p| stands_for(entry, &p.name)) {
            let names: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
            return Err(Error::argument(
                argument,
                format!("`{entry}`"),
                format!("names out of {names:?}, which may lose their prefix and index"),
            ));
        }
    }
    let first = |parameter: &Parameter| {
        let mut matching = given.iter().filter(|(e, _)| stands_for(e, &parameter.name));
        matching.next().map(|(_, option)| *option)
    };
    Ok(parameters.iter().map(first).collect())
}

fn stands_for(entry: &str, name: &str) -> bool {
    let ends_so = |name: &str| {
        let before = name.strip_suffix(entry);
        !entry.is_empty() && before.is_some_and(|b| b.is_empty() || b.ends_with('.'))
    };
    let without_index = match name.rfind('[') {
        Some(bracket) if name.ends_with(']') => &name[..bracket],
        _ => name,
    };
    ends_so(name) || ends_so(without_index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_lose_prefix_and_index() {
        let name = "term0.factor1.lengthscale[2]";
        for entry in [
            name,
            "term0.factor1.lengthscale",
            "factor1.lengthscale[2]",
            "lengthscale[2]",
            "lengthscale",
        ] {
            assert!(stands_for(entry, name), "{entry}");
        }
        for entry in [
            "",
            "scale",
            "lengthscale[1]",
            "[2]",
            "term0",
            "term1.factor1.lengthscale",
        ] {
            assert!(!stands_for(entry, name), "{entry}");
        }
        assert!(stands_for("noise variance", "noise variance"));
        assert!(!stands_for("variance", "noise variance"));
    }
}
