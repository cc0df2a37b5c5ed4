//! What an archive may take, counted while it grows.
//!
//! Knows numbers only. The messages have what was found, the limit and the setting's name.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{ArchiveError, RawPath};
use crate::core::{ArchiveLimits, Bytes};

/// Counts covered files and their bytes.
pub(super) struct Meter {
    limits: ArchiveLimits,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    pub(super) const fn new(limits: ArchiveLimits) -> Self {
        Self { limits, files: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub(super) const fn limits(&self) -> &ArchiveLimits {
        &self.limits
    }

    /// Counts a file.
    ///
    /// # Errors
    /// It is one too many, or too large.
    pub(super) fn count(&self, path: &RawPath, size: u64) -> Result<(), ArchiveError> {
        self.check_size(path, size)?;
        let files = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        if files > self.limits.max_files {
            let most = self.limits.max_files;
            return over(format!("the workspace has more than {most} files (`archive_max_files`)"));
        }
        let bytes = self.bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size);
        if bytes > self.limits.max_bytes.0 {
            let most = readable(self.limits.max_bytes);
            return over(format!("the workspace has more than {most} (`archive_max_bytes`)"));
        }
        Ok(())
    }

    /// # Errors
    /// The file is too large.
    pub(super) fn check_size(&self, path: &RawPath, size: u64) -> Result<(), ArchiveError> {
        if size <= self.limits.max_file.0 {
            return Ok(());
        }
        let (has, most) = (readable(Bytes(size)), readable(self.limits.max_file));
        over(format!("`{path}` has {has}; the largest file may have {most} (`archive_max_file`)"))
    }

    /// # Errors
    /// The disk of the archive has too little room.
    pub(super) fn check_free(&self, free: Option<u64>) -> Result<(), ArchiveError> {
        let floor = self.limits.free_disk_floor;
        match free {
            Some(free) if free < floor.0 => {
                let (free, floor) = (readable(Bytes(free)), readable(floor));
                over(format!("the disk of the archive has {free} left; the floor is {floor} (`free_disk_floor`)"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the error of an archive that took too long.
    pub(super) fn too_slow(&self) -> ArchiveError {
        let most = self.limits.max_time;
        ArchiveError::OverLimit { message: format!("archiving took more than {most} (`archive_max_time`)") }
    }

    pub(super) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn over<T>(message: String) -> Result<T, ArchiveError> {
    Err(ArchiveError::OverLimit { message })
}

/// Returns a size as people say it: one digit behind the point where it is not 0.
pub(super) fn readable(bytes: Bytes) -> String {
    let scales = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match scales.iter().find(|(scale, _)| bytes.0 as f64 >= *scale) {
        Some((scale, unit)) => {
            let tenths = (bytes.0 as f64 / scale * 10.0).round() / 10.0;
            format!("{tenths} {unit}")
        }
        None => format!("{} bytes", bytes.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        let cases =
            [(0, "0 bytes"), (999, "999 bytes"), (1_000_000_000, "1 GB"), (3_141_592_653, "3.1 GB"), (1500, "1.5 kB")];
        for (bytes, text) in cases {
            assert_eq!(readable(Bytes(bytes)), text);
        }
    }
}
