//! Directories by handle: nothing here follows a symbolic link, so a path that is swapped for
//! one in mid-work leads nowhere else. The one place that speaks to `rustix`.
//!
//! Names are single components as raw bytes; whoever has a path walks it handle by handle.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

pub use super::stat::{Kind, Stat};

/// An open directory.
#[derive(Debug)]
pub struct Dir(OwnedFd);

const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Dir {
    /// Opens a directory by its path, the one place where links are followed: the caller chose it.
    ///
    /// # Errors
    /// It is missing, no directory, or closed to this user.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// Opens a directory by its path, unless a link has taken its place: then whoever swapped it would choose
    /// which directory is read and changed.
    ///
    /// # Errors
    /// It is missing, no directory, a link, or closed to this user.
    pub fn open_root(path: &Path) -> io::Result<Self> {
        match fs::open(path, READ | OFlags::DIRECTORY, Mode::empty()) {
            Ok(dir) => Ok(Self(dir)),
            Err(_) if path.is_symlink() => {
                Err(io::Error::new(io::ErrorKind::NotADirectory, "a symbolic link has taken its place"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// It is missing, no directory (a symbolic link is none), or closed to this user.
    pub fn open_dir(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(fs::openat(&self.0, OsStr::from_bytes(name), READ | OFlags::DIRECTORY, Mode::empty())?))
    }

    /// Returns the names in this directory, in no order, with their kinds where the system tells them
    /// for free.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<(Vec<u8>, Option<Kind>)>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push((name.to_vec(), kind_of(entry.file_type())));
            }
        }
        Ok(names)
    }

    /// Returns what an entry is; `None` where there is none.
    ///
    /// # Errors
    /// The system does not say.
    pub fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        match fs::statat(&self.0, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Stat::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// # Errors
    /// The system does not say.
    pub fn own_stat(&self) -> io::Result<Stat> {
        Ok(Stat::of(&fs::fstat(&self.0)?))
    }

    /// Gives this user every right on a directory in this one, also where he may not open it.
    ///
    /// # Errors
    /// It is missing, no directory (a symbolic link is none), or not this user's.
    pub fn make_accessible(&self, name: &[u8]) -> io::Result<()> {
        let mode = Mode::RWXU;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use std::os::fd::AsRawFd;
            // chmod(2) by name would follow a link, and fchmod(2) needs a right to open: the handle's own
            // place under /proc is neither.
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let handle = fs::openat(&self.0, OsStr::from_bytes(name), flags, Mode::empty())?;
            Ok(fs::chmod(format!("/proc/self/fd/{}", handle.as_raw_fd()), mode)?)
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Ok(fs::chmodat(&self.0, OsStr::from_bytes(name), mode, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Opens a file for reading. Never waits: a FIFO in its place is opened and reads as empty.
    ///
    /// # Errors
    /// It is missing, a symbolic link, or closed to this user.
    pub fn open_file(&self, name: &[u8]) -> io::Result<File> {
        Ok(fs::openat(&self.0, OsStr::from_bytes(name), READ | OFlags::NONBLOCK, Mode::empty())?.into())
    }

    /// Makes a file that must not exist yet, open for writing, with mode 0600.
    ///
    /// # Errors
    /// There is something of this name, or the disk is full.
    pub fn create_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, OsStr::from_bytes(name), flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// # Errors
    /// It is no symbolic link.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(fs::readlinkat(&self.0, OsStr::from_bytes(name), Vec::new())?.into_bytes())
    }

    /// # Errors
    /// There is something of this name, or the disk is full.
    pub fn make_dir(&self, name: &[u8], mode: u32) -> io::Result<()> {
        Ok(fs::mkdirat(&self.0, OsStr::from_bytes(name), Mode::from_raw_mode(mode as _))?)
    }

    /// # Errors
    /// There is something of this name, or the disk is full.
    pub fn make_symlink(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        Ok(fs::symlinkat(OsStr::from_bytes(target), &self.0, OsStr::from_bytes(name))?)
    }

    /// # Errors
    /// There is something of this name, or the system has no such thing.
    pub fn make_fifo(&self, name: &[u8], mode: u32) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let mode = Mode::from_raw_mode(mode);
            Ok(fs::mknodat(&self.0, OsStr::from_bytes(name), FileType::Fifo, mode, 0)?)
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let _ = (name, mode);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Removes anything but a directory.
    ///
    /// # Errors
    /// It is missing or a directory.
    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, OsStr::from_bytes(name), AtFlags::empty())?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// It is missing, no directory, or not empty.
    pub fn remove_dir(&self, name: &[u8]) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, OsStr::from_bytes(name), AtFlags::REMOVEDIR)?)
    }

    /// Moves an entry, over what is there.
    ///
    /// # Errors
    /// It is missing, the target is a directory that is not empty, or lies on another file system.
    pub fn rename(&self, name: &[u8], to: &Self, to_name: &[u8]) -> io::Result<()> {
        Ok(fs::renameat(&self.0, OsStr::from_bytes(name), &to.0, OsStr::from_bytes(to_name))?)
    }

    /// Moves an entry to a name that must be free. `ErrorKind::Unsupported` (or `InvalidInput`) where the file
    /// system cannot promise that.
    ///
    /// # Errors
    /// The name is taken, or as for [`Dir::rename`].
    pub fn rename_new(&self, name: &[u8], to: &Self, to_name: &[u8]) -> io::Result<()> {
        self.rename_with(name, to, to_name, Rename::New)
    }

    /// Swaps two entries in one step.
    ///
    /// # Errors
    /// One is missing, or the file system cannot.
    pub fn exchange(&self, name: &[u8], to: &Self, to_name: &[u8]) -> io::Result<()> {
        self.rename_with(name, to, to_name, Rename::Exchange)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_with(&self, name: &[u8], to: &Self, to_name: &[u8], how: Rename) -> io::Result<()> {
        let flags = match how {
            Rename::New => fs::RenameFlags::NOREPLACE,
            Rename::Exchange => fs::RenameFlags::EXCHANGE,
        };
        Ok(fs::renameat_with(&self.0, OsStr::from_bytes(name), &to.0, OsStr::from_bytes(to_name), flags)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_with(&self, _: &[u8], _: &Self, _: &[u8], _: Rename) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives a file (not a directory) a second name, which must be free.
    ///
    /// # Errors
    /// The name is taken, or the file system has no such thing.
    pub fn link(&self, name: &[u8], to: &Self, to_name: &[u8]) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(fs::linkat(&self.0, OsStr::from_bytes(name), &to.0, OsStr::from_bytes(to_name), flags)?)
    }

    /// Returns what tells the mount that this directory lies on from others: nothing can be renamed from one to
    /// another, not even where both show the same file system (rename(2), `EXDEV`).
    ///
    /// # Errors
    /// The system does not say.
    pub fn mount(&self) -> io::Result<u64> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let asked = fs::StatxFlags::MNT_ID;
            let found = fs::statx(&self.0, "", AtFlags::EMPTY_PATH, asked)?;
            // Kernels before 5.8 do not know it.
            if found.stx_mask & asked.bits() != 0 {
                return Ok(found.stx_mnt_id);
            }
        }
        Ok(self.own_stat()?.device)
    }

    /// Sets the permission bits of this directory itself.
    ///
    /// # Errors
    /// It is not this user's.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(fs::fchmod(&self.0, Mode::from_raw_mode(mode as _))?)
    }

    /// Sets the permission bits of an entry that cannot be opened, a FIFO. A link in its place would be followed:
    /// only for what was just made in a directory that nobody else writes to.
    ///
    /// # Errors
    /// It is missing, or not this user's.
    pub fn set_mode_of(&self, name: &[u8], mode: u32) -> io::Result<()> {
        Ok(fs::chmodat(&self.0, OsStr::from_bytes(name), Mode::from_raw_mode(mode as _), AtFlags::empty())?)
    }

    /// Makes the entries of this directory durable.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.0)?)
    }

    /// Makes everything written to this directory's file system durable, where the system has such a call
    /// (syncfs(2)); `false` where it has none and each file needs its own.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync_file_system(&self) -> io::Result<bool> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            fs::syncfs(&self.0)?;
            Ok(true)
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Ok(false)
    }
}

enum Rename {
    New,
    Exchange,
}

/// Returns what the system says of an open file.
///
/// # Errors
/// The system does not say.
pub fn file_stat(file: &File) -> io::Result<Stat> {
    Ok(Stat::of(&fs::fstat(file)?))
}

/// Whether the error says that something else than a directory or file is in the place: a symbolic link, a socket.
pub fn is_other_kind(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::ISDIR | Errno::MLINK))
}

/// Sets the permission bits of an open file.
///
/// # Errors
/// It is not this user's.
pub fn set_file_mode(file: &File, mode: u32) -> io::Result<()> {
    Ok(fs::fchmod(file, Mode::from_raw_mode(mode as _))?)
}

/// Makes `to` share the blocks of `from`, without copying a byte (ioctl_ficlone(2)).
///
/// # Errors
/// The file system cannot, or the two lie on different ones: copy then.
pub fn share_blocks(from: &File, to: &File) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return Ok(fs::ioctl_ficlone(to, from)?);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (from, to);
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Stat {
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion, reason = "the fields' widths differ between systems")]
    fn of(stat: &fs::Stat) -> Self {
        let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            kind: kind_of(FileType::from_raw_mode(stat.st_mode as _)).unwrap_or(Kind::Device),
            mode: stat.st_mode as u32 & 0o7777,
            size: stat.st_size as u64,
            modified: nanos(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: nanos(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        }
    }
}

const fn kind_of(kind: FileType) -> Option<Kind> {
    match kind {
        FileType::RegularFile => Some(Kind::File),
        FileType::Directory => Some(Kind::Dir),
        FileType::Symlink => Some(Kind::Symlink),
        FileType::Fifo => Some(Kind::Fifo),
        FileType::Socket => Some(Kind::Socket),
        FileType::CharacterDevice | FileType::BlockDevice => Some(Kind::Device),
        FileType::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_never_followed() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::open(root.path()).unwrap();
        dir.make_symlink(b"dir", outside.path().as_os_str().as_bytes()).unwrap();
        dir.make_symlink(b"file", outside.path().join("secret").as_os_str().as_bytes()).unwrap();
        assert!(dir.open_dir(b"dir").is_err());
        assert!(dir.open_file(b"file").is_err());
        assert_eq!(dir.stat(b"file").unwrap().unwrap().kind, Kind::Symlink);
        assert_eq!(dir.stat(b"none").unwrap(), None);
    }
}
