//! Directories by handle, where the system has no such thing: everything answers `Unsupported`, so that
//! a workspace is refused with an honest error. The same names as in `dirs.rs`.

use std::{fs::File, io, path::Path};

pub use super::stat::{Kind, Stat};

/// An open directory; there is none.
#[derive(Debug)]
pub enum Dir {}

impl Dir {
    /// Opens a directory by its path, the one place where links are followed: the caller chose it.
    ///
    /// # Errors
    /// It is missing, no directory, or closed to this user.
    pub fn open(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Opens a directory by its path, unless a link has taken its place: then whoever swapped it would choose
    /// which directory is read and changed.
    ///
    /// # Errors
    /// It is missing, no directory, a link, or closed to this user.
    pub fn open_root(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// It is missing, no directory (a symbolic link is none), or closed to this user.
    pub fn open_dir(&self, _: &[u8]) -> io::Result<Self> {
        match *self {}
    }

    /// Returns the names in this directory, in no order, with their kinds where the system tells them
    /// for free.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<(Vec<u8>, Option<Kind>)>> {
        match *self {}
    }

    /// Returns what an entry is; `None` where there is none.
    ///
    /// # Errors
    /// The system does not say.
    pub fn stat(&self, _: &[u8]) -> io::Result<Option<Stat>> {
        match *self {}
    }

    /// # Errors
    /// The system does not say.
    pub fn own_stat(&self) -> io::Result<Stat> {
        match *self {}
    }

    /// Gives this user every right on a directory in this one, also where he may not open it.
    ///
    /// # Errors
    /// It is missing, no directory (a symbolic link is none), or not this user's.
    pub fn make_accessible(&self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Opens a file for reading. Never waits: a FIFO in its place is opened and reads as empty.
    ///
    /// # Errors
    /// It is missing, a symbolic link, or closed to this user.
    pub fn open_file(&self, _: &[u8]) -> io::Result<File> {
        match *self {}
    }

    /// Makes a file that must not exist yet, open for writing, with mode 0600.
    ///
    /// # Errors
    /// There is something of this name, or the disk is full.
    pub fn create_file(&self, _: &[u8]) -> io::Result<File> {
        match *self {}
    }

    /// # Errors
    /// It is no symbolic link.
    pub fn read_link(&self, _: &[u8]) -> io::Result<Vec<u8>> {
        match *self {}
    }

    /// # Errors
    /// There is something of this name, or the disk is full.
    pub fn make_dir(&self, _: &[u8], _: u32) -> io::Result<()> {
        match *self {}
    }

    /// # Errors
    /// There is something of this name, or the disk is full.
    pub fn make_symlink(&self, _: &[u8], _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// # Errors
    /// There is something of this name, or the system has no such thing.
    pub fn make_fifo(&self, _: &[u8], _: u32) -> io::Result<()> {
        match *self {}
    }

    /// Removes anything but a directory.
    ///
    /// # Errors
    /// It is missing or a directory.
    pub fn remove_file(&self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// It is missing, no directory, or not empty.
    pub fn remove_dir(&self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Moves an entry, over what is there.
    ///
    /// # Errors
    /// It is missing, the target is a directory that is not empty, or lies on another file system.
    pub fn rename(&self, _: &[u8], _: &Self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Moves an entry to a name that must be free. `ErrorKind::Unsupported` (or `InvalidInput`) where the file
    /// system cannot promise that.
    ///
    /// # Errors
    /// The name is taken, or as for [`Dir::rename`].
    pub fn rename_new(&self, _: &[u8], _: &Self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Swaps two entries in one step.
    ///
    /// # Errors
    /// One is missing, or the file system cannot.
    pub fn exchange(&self, _: &[u8], _: &Self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Gives a file (not a directory) a second name, which must be free.
    ///
    /// # Errors
    /// The name is taken, or the file system has no such thing.
    pub fn link(&self, _: &[u8], _: &Self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// Returns what tells the mount that this directory lies on from others: nothing can be renamed from one to
    /// another, not even where both show the same file system (rename(2), `EXDEV`).
    ///
    /// # Errors
    /// The system does not say.
    pub fn mount(&self) -> io::Result<u64> {
        match *self {}
    }

    /// Sets the permission bits of this directory itself.
    ///
    /// # Errors
    /// It is not this user's.
    pub fn set_mode(&self, _: u32) -> io::Result<()> {
        match *self {}
    }

    /// Sets the permission bits of an entry that cannot be opened, a FIFO. A link in its place would be followed:
    /// only for what was just made in a directory that nobody else writes to.
    ///
    /// # Errors
    /// It is missing, or not this user's.
    pub fn set_mode_of(&self, _: &[u8], _: u32) -> io::Result<()> {
        match *self {}
    }

    /// Makes the entries of this directory durable.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync(&self) -> io::Result<()> {
        match *self {}
    }

    /// Makes everything written to this directory's file system durable, where the system has such a call
    /// (syncfs(2)); `false` where it has none and each file needs its own.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync_file_system(&self) -> io::Result<bool> {
        match *self {}
    }
}

/// Returns what the system says of an open file.
///
/// # Errors
/// The system does not say.
pub fn file_stat(_: &File) -> io::Result<Stat> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the error says that something else than a directory or file is in the place: a symbolic link, a socket.
pub fn is_other_kind(_: &io::Error) -> bool {
    false
}

/// Sets the permission bits of an open file.
///
/// # Errors
/// It is not this user's.
pub fn set_file_mode(_: &File, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes `to` share the blocks of `from`, without copying a byte (ioctl_ficlone(2)).
///
/// # Errors
/// The file system cannot, or the two lie on different ones: copy then.
pub fn share_blocks(_: &File, _: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
