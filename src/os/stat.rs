//! What the system says of an entry of a directory.

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Dir,
    Symlink,
    Fifo,
    Socket,
    Device,
}

/// What the system says of an entry. Times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub kind: Kind,
    /// The permission bits, set-user-id and sticky included.
    pub mode: u32,
    pub size: u64,
    pub modified: i128,
    pub changed: i128,
    pub device: u64,
    pub inode: u64,
}
