//! Files by their paths, as the standard library reaches them.

use super::OsError;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A path as the system takes it.
#[derive(Debug)]
pub(crate) struct SystemPath(PathBuf);

impl SystemPath {
    /// A copy. Fails with [`OsError::no_memory`] where the heap is exhausted.
    pub(crate) fn new(path: &Path) -> Result<Self, OsError> {
        let mut copy = PathBuf::new();
        let room = path.as_os_str().len();
        copy.try_reserve_exact(room).map_err(|_| OsError::no_memory())?;
        copy.push(path);
        Ok(Self(copy))
    }

    /// Whether there is a regular file, at the end of symbolic links too.
    pub(crate) fn is_file(&self) -> io::Result<bool> {
        Ok(fs::metadata(&self.0)?.is_file())
    }

    /// Opens what is there, to be read.
    pub(crate) fn open(&self) -> io::Result<File> {
        File::open(&self.0)
    }

    /// Makes a file where there is none, to be written.
    pub(crate) fn create_new(&self) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(&self.0)
    }

    /// Gives the file another name, in the place of what has that.
    pub(crate) fn rename(&self, to: &Self) -> io::Result<()> {
        fs::rename(&self.0, &to.0)
    }

    /// Removes the name.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.0)
    }
}
