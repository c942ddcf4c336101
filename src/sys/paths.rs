//! Files by their paths, for whom the heap may be exhausted: for a path of some hundred bytes the standard library
//! allocates, and ends the process if it cannot.

use super::{OsError, injection};
use core::mem::MaybeUninit;
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use libc::{open, stat};
#[cfg(any(target_os = "linux", target_os = "android"))]
use libc::{open64 as open, stat64 as stat};

/// A path as the system takes it: ended by a NUL.
#[derive(Debug)]
pub(crate) struct SystemPath(Vec<u8>);

fn checked(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

impl SystemPath {
    /// A copy. Fails with [`OsError::no_memory`] where the heap is exhausted.
    pub(crate) fn new(path: &Path) -> Result<Self, OsError> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.contains(&0) {
            return Err(OsError::INVALID);
        }
        let mut text = Vec::new();
        let room = bytes.len().checked_add(1).ok_or(OsError::no_memory())?;
        text.try_reserve_exact(room).map_err(|_| OsError::no_memory())?;
        text.extend_from_slice(bytes);
        text.push(0);
        Ok(Self(text))
    }

    fn as_ptr(&self) -> *const libc::c_char {
        self.0.as_ptr().cast()
    }

    /// Whether there is a regular file, at the end of symbolic links too.
    pub(crate) fn is_file(&self) -> io::Result<bool> {
        asked(libc::EIO)?;
        let mut about = MaybeUninit::<stat>::zeroed();
        // SAFETY: the path ends with a NUL; the call fills the structure, which is all zeros until then.
        let about = unsafe {
            checked(stat(self.as_ptr(), about.as_mut_ptr()))?;
            about.assume_init()
        };
        Ok(about.st_mode & libc::S_IFMT == libc::S_IFREG)
    }

    /// Opens what is there, to be read.
    pub(crate) fn open(&self) -> io::Result<File> {
        self.open_with(libc::O_RDONLY)
    }

    /// Makes a file where there is none, to be written.
    pub(crate) fn create_new(&self) -> io::Result<File> {
        self.open_with(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    fn open_with(&self, flags: libc::c_int) -> io::Result<File> {
        const EVERYBODY: libc::c_uint = 0o666;
        asked(libc::EMFILE)?;
        loop {
            // SAFETY: the path ends with a NUL.
            let opened =
                checked(unsafe { open(self.as_ptr(), flags | libc::O_CLOEXEC, EVERYBODY) });
            match opened {
                // SAFETY: the descriptor is new and nobody else's.
                Ok(descriptor) => return Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the file another name, in the place of what has that.
    pub(crate) fn rename(&self, to: &Self) -> io::Result<()> {
        asked(libc::EIO)?;
        // SAFETY: both paths end with a NUL.
        checked(unsafe { libc::rename(self.as_ptr(), to.as_ptr()) }).map(drop)
    }

    /// Removes the name.
    pub(crate) fn remove(&self) -> io::Result<()> {
        asked(libc::EIO)?;
        // SAFETY: the path ends with a NUL.
        checked(unsafe { libc::unlink(self.as_ptr()) }).map(drop)
    }
}

fn asked(error: i32) -> io::Result<()> {
    injection::side_point(error).map_err(|os| io::Error::from_raw_os_error(os.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Read, Write};

    #[test]
    fn a_file_is_made_found_renamed_read_and_removed_by_its_path() {
        let folder = std::env::temp_dir().join(format!("wasm_memory-paths-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // Longer than what the standard library has room for on the stack.
        let long = format!("{}first", "./".repeat(300));
        let (first, second) = (folder.join(long), folder.join("second"));
        let [first, second] = [first, second].map(|path| SystemPath::new(&path).unwrap());
        assert_eq!(first.is_file().unwrap_err().kind(), io::ErrorKind::NotFound);
        first.create_new().unwrap().write_all(b"bytes").unwrap();
        assert_eq!(first.create_new().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(first.is_file().unwrap());
        first.rename(&second).unwrap();
        let mut text = String::new();
        second.open().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "bytes");
        second.remove().unwrap();
        assert!(second.is_file().is_err());
        assert!(!SystemPath::new(&folder).unwrap().is_file().unwrap());
        fs::remove_dir(&folder).unwrap();
        assert_eq!(SystemPath::new(Path::new("a\0b")).unwrap_err(), OsError::INVALID);
    }
}
