//! Files that must be whole: written aside, synced, renamed.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};

use super::clock;
use crate::core::{Span, Timestamp};

/// An operation on a file that failed, with the file and the act.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} `{path}`")]
pub struct FileError {
    pub path: Utf8PathBuf,
    pub act: &'static str,
    #[source]
    pub source: io::Error,
}

impl FileError {
    pub fn at(path: &Utf8Path, act: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, act, source }
    }

    /// Whether the disk has no room.
    pub fn is_disk_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// How much a write must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the process.
    Process,
    /// A crash of the machine, which leaves the old content or the new one, whole; the new one once [`sync_dir`] has
    /// been called for the directory. For what others may read already and need not wait for.
    Content,
    /// A crash of the machine.
    Machine,
}

/// Makes a directory and its parents, readable by the user only.
///
/// # Errors
/// The directory cannot be made.
pub fn make_dir(path: &Utf8Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(FileError::at(path, "make the directory"))
}

/// Opens a file for appending, made with mode 0600 where it is missing.
///
/// # Errors
/// The file cannot be opened.
pub fn open_append(path: &Utf8Path) -> Result<File, FileError> {
    private(OpenOptions::new().create(true).append(true)).open(path).map_err(FileError::at(path, "open"))
}

/// Opens a lock file, made with mode 0600 where it is missing.
///
/// # Errors
/// The file cannot be opened.
pub fn open_lock(path: &Utf8Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    private(options.create(true).truncate(false).read(true).write(true))
        .open(path)
        .map_err(FileError::at(path, "open the lock"))
}

/// Takes a lock unless somebody has it. Whoever only looks whether it is taken ([`is_locked`]) holds it for a moment too,
/// so one refusal says nothing.
pub fn take_lock(lock: &File, patience: Duration) -> bool {
    let deadline = clock::steady() + patience;
    loop {
        match lock.try_lock() {
            Ok(()) => return true,
            Err(_) if clock::steady() >= deadline => return false,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Writes into a lock who has it, for [`signature`]. Not knowing is no harm.
pub fn sign(lock: &File) {
    let mut lock = lock;
    let _ = lock.set_len(0).and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()));
}

/// Returns who wrote last that they have a lock; whether they still have it is to be found out.
pub fn signature(path: &Utf8Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Whether somebody has a lock: its process lives then. A file that is missing is nobody's, and is not made.
pub fn is_locked(path: &Utf8Path) -> bool {
    // Shared: two who look at the same time must not take each other for the one who has it.
    OpenOptions::new().read(true).write(true).open(path).is_ok_and(|lock| lock.try_lock_shared().is_err())
}

/// Whether an open file is the one that stands at `path`.
#[cfg(unix)]
pub fn is_at(file: &File, path: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => place(open) == place(named),
        _ => false,
    }
}

/// Makes a file that must not exist yet; `false` when it does.
///
/// # Errors
/// The file cannot be made for another reason.
pub fn create_new(path: &Utf8Path, content: &[u8]) -> Result<bool, FileError> {
    match private(OpenOptions::new().create_new(true).write(true)).open(path) {
        Ok(mut file) => file.write_all(content).map(|()| true).map_err(FileError::at(path, "write")),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(FileError::at(path, "make")(error)),
    }
}

/// Writes into an empty file that is there.
///
/// # Errors
/// The file is missing or cannot be written.
pub fn fill(path: &Utf8Path, content: &[u8]) -> Result<(), FileError> {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|mut file| file.write_all(content)).map_err(FileError::at(path, "write"))
}

/// Replaces a file whole: readers see the old or the new content, never a part.
///
/// # Errors
/// The new content cannot be written or put in place; the old one then stands.
pub fn replace(path: &Utf8Path, content: &[u8], durability: Durability) -> Result<(), FileError> {
    // Two threads of one process may replace the same file.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let own = COUNT.fetch_add(1, Ordering::Relaxed);
    let aside = Utf8PathBuf::from(format!("{path}.{}-{own}.tmp", std::process::id()));
    let written = write_aside(&aside, content, durability)
        .and_then(|()| fs::rename(&aside, path).map_err(FileError::at(path, "replace")));
    if written.is_err() {
        // Best effort: the half-written file is no one's.
        let _ = fs::remove_file(&aside);
        return written;
    }
    match (durability, path.parent()) {
        (Durability::Machine, Some(parent)) => sync_dir(parent),
        (Durability::Machine, None) | (Durability::Process | Durability::Content, _) => Ok(()),
    }
}

/// Makes an empty file for writing that nobody looks for by its name, over one that a crash has left.
///
/// # Errors
/// The file cannot be made.
pub fn create_aside(aside: &Utf8Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    private(options.create(true).truncate(true).write(true)).open(aside).map_err(FileError::at(aside, "make"))
}

fn write_aside(aside: &Utf8Path, content: &[u8], durability: Durability) -> Result<(), FileError> {
    let mut file = create_aside(aside)?;
    file.write_all(content).map_err(FileError::at(aside, "write"))?;
    match durability {
        Durability::Machine | Durability::Content => file.sync_all().map_err(FileError::at(aside, "sync")),
        Durability::Process => Ok(()),
    }
}

/// Makes the directory's entries durable. Windows has no such call and needs none.
///
/// # Errors
/// The directory cannot be synced.
pub fn sync_dir(path: &Utf8Path) -> Result<(), FileError> {
    if cfg!(unix) {
        File::open(path).and_then(|dir| dir.sync_all()).map_err(FileError::at(path, "sync"))?;
    }
    Ok(())
}

/// Reads a file that may be missing.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read_optional(path: &Utf8Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::at(path, "read")(error)),
    }
}

/// Returns the names in a directory that may be missing, in order; those that are not UTF-8 are left out.
///
/// # Errors
/// The directory is there and cannot be read.
pub fn names_in(dir: &Utf8Path) -> Result<Vec<String>, FileError> {
    let failed = |error| FileError::at(dir, "list the directory")(error);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    let mut names: Vec<String> = names.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(failed)?;
    names.sort_unstable();
    Ok(names)
}

/// Removes a file; `false` when there is none.
///
/// # Errors
/// The file is there and cannot be removed.
pub fn remove(path: &Utf8Path) -> Result<bool, FileError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::at(path, "remove")(error)),
    }
}

/// Frees the place of a file: a file goes, and so does an empty directory; any other is not ours to remove, and is moved
/// aside.
///
/// # Errors
/// What is there can be neither removed nor moved.
pub fn clear(path: &Utf8Path) -> Result<(), FileError> {
    let Err(error) = remove(path) else { return Ok(()) };
    let aside = format!("{path}.{}.aside", clock::now().as_millis());
    if !path.is_dir() || (fs::remove_dir(path).is_err() && fs::rename(path, aside).is_err()) {
        return Err(error);
    }
    Ok(())
}

/// Changes a file for those who watch its directory or its time, once: emptying it first would be a
/// second piece of news. Best effort, because whoever waits also looks by himself.
pub fn poke(path: &Utf8Path) {
    let mut options = OpenOptions::new();
    let _ =
        private(options.create(true).truncate(false).write(true)).open(path).and_then(|mut file| file.write_all(b"."));
}

/// Returns the length of a file, 0 where it is missing.
pub fn length(path: &Utf8Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Returns what tells a file from any other that is there now; `None` where it is missing or the
/// system has no such thing.
pub fn identity(path: &Utf8Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// What tells the content of a file from any other that it had or will have; times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    device: u64,
    inode: u64,
    size: u64,
    modified: i128,
    changed: i128,
}

/// Some systems count the times of files in steps of two seconds.
const CLOCK_STEP: Span = Span::from_secs(2);

impl Version {
    /// Whether a change from now on cannot look the same: within one step of its clock a file may change twice.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        let line = i128::from(now.minus(CLOCK_STEP).as_millis()) * 1_000_000;
        self.modified < line && self.changed < line
    }
}

/// Returns the version of a file; `None` where there is none.
///
/// # Errors
/// The system does not say.
pub fn version(path: &Utf8Path) -> io::Result<Option<Version>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        match fs::metadata(path) {
            Ok(of) => Ok(Some(Version {
                device: of.dev(),
                inode: of.ino(),
                size: of.size(),
                modified: nanos(of.mtime(), of.mtime_nsec()),
                changed: nanos(of.ctime(), of.ctime_nsec()),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Returns the path with these bytes; on a system whose paths are no bytes, what is nearest.
pub fn path_of(bytes: &[u8]) -> Cow<'_, std::path::Path> {
    #[cfg(unix)]
    {
        Cow::Borrowed(std::path::Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)))
    }
    #[cfg(not(unix))]
    {
        Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into())
    }
}

/// Fills `buffer` from a place in a file, whoever else reads it.
///
/// # Errors
/// The file ends before, or cannot be read.
pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, buffer, offset);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Writes all of `bytes` to a place in a file, whoever else writes elsewhere in it.
///
/// # Errors
/// The file cannot be written.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, bytes, offset);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Like [`identity`], of an open file.
pub fn identity_of(file: &File) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        None
    }
}

/// Returns the free bytes for this user where `path` is; `None` where the system does not say.
pub fn free_space(path: &Utf8Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let stat = nix::sys::statvfs::statvfs(path.as_std_path()).ok()?;
        // The fields' widths differ between systems.
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
        Some(u64::from(stat.blocks_available()) * stat.fragment_size() as u64)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_freed_of_whatever_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let place = dir.join("place");
        clear(&place).unwrap();
        fs::write(&place, "a file").unwrap();
        clear(&place).unwrap();
        fs::create_dir(&place).unwrap();
        clear(&place).unwrap();
        assert_eq!(names_in(dir).unwrap(), [""; 0]);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("kept"), "kept").unwrap();
        clear(&place).unwrap();
        let names = names_in(dir).unwrap();
        assert!(
            matches!(names.as_slice(), [aside] if aside.ends_with(".aside") && dir.join(aside).join("kept").exists())
        );
    }

    #[test]
    fn a_version_is_settled_once_a_change_would_show() {
        let now = Timestamp(100_000);
        let version = |modified: i128, changed: i128| {
            let [modified, changed] = [modified, changed].map(|at| at * 1_000_000);
            Version { device: 1, inode: 1, size: 1, modified, changed }.is_settled(now)
        };
        let told =
            [version(97_999, 97_999), version(98_000, 97_999), version(97_999, 98_000), version(97_999, 200_000)];
        assert_eq!(told, [true, false, false, false]);
    }
}
