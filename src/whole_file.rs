//! Files that are whole or not there: what is written appears under its name only once it is complete.

use crate::error::{Error, Result};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file by way of a temporary one beside it, so that no reader and no crash ever meets half of it. Missing
/// folders are made.
///
/// # Errors
/// [`Error::Io`]; a file that was there before is then untouched.
pub(crate) fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder)?;
        let mut temporary = temporary_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.flush()?;
        temporary.persist(file).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source: io::Error| Error::io(file, source))
}

/// A temporary file that, once renamed, has the permissions of any other new file.
fn temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".dosewise-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The system takes the user's mask off these.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/numbers.txt");
        write_whole(&file, b"1 2 3").unwrap();
        write_whole(&file, b"4").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"4");
        let entries = std::fs::read_dir(file.parent().unwrap()).unwrap();
        assert_eq!(entries.count(), 1);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let message = write_whole(folder.path(), b"1").unwrap_err().to_string();
        let name = folder.path().file_name().unwrap().to_string_lossy();
        assert!(message.contains(&*name), "{message}");
    }
}
