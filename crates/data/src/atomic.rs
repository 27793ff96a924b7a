use crate::DataError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufWriter, Error, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How the names of unfinished files end. [`crate::walk`] passes over them.
pub const TEMPORARY_SUFFIX: &str = ".restora-tmp";

/// A file that appears under its name only once it is complete.
///
/// Bytes go to a temporary file in the same folder, [`AtomicFile::commit`] renames it; a drop
/// without that removes it. The temporary name depends on the final name alone and the file is
/// locked while it is written: a second process that writes the same file gets an error, and what a
/// killed process left behind is not locked, so the next run takes it over and no litter stays.
#[derive(Debug)]
pub struct AtomicFile {
    out: Option<BufWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
    overwrite: bool,
}

fn temporary_name(path: &Path) -> Option<PathBuf> {
    // FNV-1a: the name stays short however long the final one is, and any bytes will do.
    let name = path.file_name()?.as_encoded_bytes();
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut temporary = OsString::from(format!(".{hash:016x}"));
    temporary.push(TEMPORARY_SUFFIX);
    Some(path.with_file_name(temporary))
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |m: std::fs::Metadata| (m.dev(), m.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(a), Ok(b)) => id(a) == id(b),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, path: &Path) -> bool {
    // An open file cannot be replaced under its name there.
    path.exists()
}

/// A new file under `temporary`, locked by this process. One that is there already is removed if
/// nobody holds its lock.
fn locked(temporary: &Path) -> Result<File, Error> {
    let busy = || {
        Error::new(ErrorKind::ResourceBusy, "another run is writing this file (its lock is held)")
    };
    for _ in 0..16 {
        match OpenOptions::new().write(true).create_new(true).open(temporary) {
            Ok(file) => {
                match file.try_lock() {
                    Err(TryLockError::WouldBlock) => return Err(busy()),
                    // A file system without locks: as before them, two runs at once are not told.
                    Err(TryLockError::Error(_)) => return Ok(file),
                    Ok(()) => {}
                }
                // Between creation and lock somebody may have taken it for an orphan.
                if same_file(&file, temporary) {
                    return Ok(file);
                }
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => remove_orphan(temporary, &busy)?,
            Err(e) => return Err(e),
        }
    }
    Err(busy())
}

fn remove_orphan(temporary: &Path, busy: &impl Fn() -> Error) -> Result<(), Error> {
    let orphan = match OpenOptions::new().write(true).open(temporary) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if matches!(orphan.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(busy());
    }
    // Removed rather than truncated: it may be a second link to a finished file.
    if same_file(&orphan, temporary) {
        match std::fs::remove_file(temporary) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

impl AtomicFile {
    /// Starts a file. Missing folders above it are created.
    ///
    /// # Errors
    /// [`DataError::Io`]: without `overwrite`, also if the file exists already; with either, if
    /// another process is writing it.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, DataError> {
        let io = |e| DataError::io(path, e);
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(io(exists()));
        }
        let temporary = temporary_name(path)
            .ok_or_else(|| io(Error::new(ErrorKind::InvalidInput, "not the name of a file")))?;
        if path.is_dir() {
            return Err(io(Error::new(ErrorKind::IsADirectory, "there is a folder of this name")));
        }
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let file = locked(&temporary).map_err(io)?;
        let out = Some(BufWriter::with_capacity(1 << 18, file));
        Ok(Self { out, temporary, path: path.to_path_buf(), overwrite })
    }

    /// Writes out what is buffered and gives the file its name.
    ///
    /// # Errors
    /// [`DataError::Io`]; without `overwrite` also if a file of that name has appeared meanwhile,
    /// which is then left as it is.
    pub fn commit(mut self) -> Result<(), DataError> {
        let path = self.path.clone();
        self.finish().map_err(|e| DataError::io(&path, e))
    }

    fn finish(&mut self) -> Result<(), Error> {
        let Some(out) = self.out.as_mut() else { return Ok(()) };
        out.flush()?;
        if self.overwrite {
            std::fs::rename(&self.temporary, &self.path)?;
        } else {
            self.name_if_free()?;
        }
        // The lock goes with the file, only now that it has its name.
        self.out = None;
        Ok(())
    }

    /// Linking fails where the name is taken, in one step; renaming would replace.
    fn name_if_free(&self) -> Result<(), Error> {
        match std::fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => std::fs::remove_file(&self.temporary),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(exists()),
            // No hard links on this file system: reserve the name, then replace the reservation.
            Err(_) => {
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&self.path)
                    .map_err(|e| if e.kind() == ErrorKind::AlreadyExists { exists() } else { e })?;
                std::fs::rename(&self.temporary, &self.path)
            }
        }
    }

    fn sink(&mut self) -> Result<&mut BufWriter<File>, Error> {
        self.out.as_mut().ok_or_else(|| Error::other("the file is finished"))
    }
}

fn exists() -> Error {
    Error::new(ErrorKind::AlreadyExists, "the file exists already (and is not to be overwritten)")
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.sink()?.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sink()?.write_all(bytes)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.sink()?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        self.sink()?.seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            // What is still buffered is not wanted any more.
            let (file, _) = out.into_parts();
            if same_file(&file, &self.temporary) {
                let _ = std::fs::remove_file(&self.temporary);
            }
        }
    }
}

/// Writes `bytes` as a file that appears under its name only once it is complete.
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`].
pub fn write_atomically(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), DataError> {
    let mut file = AtomicFile::create(path, overwrite)?;
    file.write_all(bytes).map_err(|e| DataError::io(path, e))?;
    file.commit()
}

/// Removes what killed runs left unfinished in `folder` (not in folders below it), except what some
/// process is writing right now. Returns how many files that were.
///
/// # Errors
/// [`DataError::Io`] if the folder cannot be listed or a file not removed.
pub fn remove_stale_temporaries(folder: &Path) -> Result<usize, DataError> {
    let io = |e| DataError::io(folder, e);
    let busy = || Error::from(ErrorKind::ResourceBusy);
    let mut removed = 0;
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if !is_temporary(&path) {
            continue;
        }
        match remove_orphan(&path, &busy) {
            Ok(()) => removed += 1,
            Err(e) if e.kind() == ErrorKind::ResourceBusy => {}
            Err(e) => return Err(DataError::io(&path, e)),
        }
    }
    Ok(removed)
}

/// Is this the name of an unfinished file?
pub(crate) fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.as_encoded_bytes().ends_with(TEMPORARY_SUFFIX.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::ErrorKind as Kind;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_complete_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.png");
        let mut file = AtomicFile::create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert!(!path.exists());
        drop(file);
        assert!(names(&folder.path().join("sub")).is_empty());
        write_atomically(&path, b"whole", false).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(&folder.path().join("sub")), ["a.png"]);
    }

    #[test]
    fn an_existing_file_is_replaced_only_on_request_even_if_it_appears_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut late = AtomicFile::create(&path, false).unwrap();
        late.write_all(b"late").unwrap();
        std::fs::write(&path, b"early").unwrap();
        assert_eq!(late.commit().unwrap_err().kind(), Kind::Io);
        assert_eq!(std::fs::read(&path).unwrap(), b"early");
        assert_eq!(write_atomically(&path, b"x", false).unwrap_err().kind(), Kind::Io);
        write_atomically(&path, b"new", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn two_writers_of_one_file_are_told_and_orphans_are_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let first = AtomicFile::create(&path, true).unwrap();
        let error = AtomicFile::create(&path, true).unwrap_err();
        assert!(error.to_string().contains("another run"), "{error}");
        assert_eq!(remove_stale_temporaries(folder.path()).unwrap(), 0);
        drop(first);
        // What a killed process leaves: the temporary file, unlocked; here even as a second name
        // of a finished file, as between the two steps of a commit.
        write_atomically(&path, b"finished", false).unwrap();
        let orphan = temporary_name(&path).unwrap();
        std::fs::hard_link(&path, &orphan).unwrap();
        let second = AtomicFile::create(&path, true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"finished");
        drop(second);
        std::fs::write(&orphan, b"left").unwrap();
        assert_eq!(remove_stale_temporaries(folder.path()).unwrap(), 1);
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn names_at_the_limit_of_the_file_system_and_folders_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("n".repeat(255));
        write_atomically(&long, b"x", false).unwrap();
        assert_eq!(std::fs::read(&long).unwrap(), b"x");
        let directory = folder.path().join("x.png");
        std::fs::create_dir(&directory).unwrap();
        assert_eq!(write_atomically(&directory, b"x", true).unwrap_err().kind(), Kind::Io);
        let below_a_file = long.join("y.png");
        assert_eq!(write_atomically(&below_a_file, b"x", true).unwrap_err().kind(), Kind::Io);
    }
}
