//! Making a directory be what a manifest says, by several threads.
//!
//! Writes beneath one directory handle, in a directory that was empty; follows no link. A file comes from the live
//! workspace when the cache proves that it still has the wanted content and the file system can share its blocks,
//! else from the packs. Not synced: whoever needs it to survive a crash makes it anew.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use camino::Utf8Path;

use super::{
    ArchiveError, Digest, Entry, Manifest, Workspace,
    cache::{DirCache, Stamp, StatCache, split},
    crew::{self, Job, Pace, Queue},
    pack::PartReader,
};
use crate::os::dirs::{self, Dir};

/// Files are written in batches of so many.
const BATCH: usize = 16;
/// The mode of a directory that the manifest needs and does not have: only some paths were archived.
const USUAL: u32 = 0o755;

/// What is to be made at a path; an entry that is absent is a directory on the way.
#[derive(Clone, Copy)]
struct Node<'a> {
    path: &'a [u8],
    entry: Option<&'a Entry>,
}

/// The nodes in each directory.
type Tree<'a> = HashMap<&'a [u8], Vec<Node<'a>>>;

fn tree(manifest: &Manifest) -> Tree<'_> {
    let mut tree = Tree::new();
    let mut dirs: HashSet<&[u8]> = HashSet::from([&[][..]]);
    // A directory sorts before what is in it.
    for (path, entry) in manifest.entries() {
        let path = path.as_bytes();
        let mut dir = split(path).0;
        while dirs.insert(dir) {
            let above = split(dir).0;
            tree.entry(above).or_default().push(Node { path: dir, entry: None });
            dir = above;
        }
        if matches!(entry, Entry::Dir { .. }) {
            dirs.insert(path);
        }
        tree.entry(split(path).0).or_default().push(Node { path, entry: Some(entry) });
    }
    tree
}

enum Step<'a> {
    Dir { dir: Arc<Dir>, live: Option<Arc<Dir>>, path: &'a [u8] },
    Files { dir: Arc<Dir>, live: Option<Arc<Dir>>, files: Vec<Node<'a>> },
}

impl Job for Step<'_> {
    fn weight(&self) -> usize {
        match self {
            Self::Dir { .. } => 1,
            Self::Files { files, .. } => files.len(),
        }
    }
}

/// What one thread has at hand.
#[derive(Default)]
struct Hand<'a> {
    reader: PartReader,
    /// Directories that would be closed to us before they are full.
    late: Vec<(&'a [u8], u32)>,
}

struct Making<'a> {
    workspace: &'a Workspace,
    tree: Tree<'a>,
    cache: StatCache,
    /// Until the file system says that it cannot.
    can_share: AtomicBool,
}

impl Workspace {
    /// Makes `manifest` be what is in the empty directory `to`. Blocks of unchanged files of this workspace are
    /// shared where the file system can.
    ///
    /// # Errors
    /// A content is missing, the disk is full, or `go_on` returned false.
    pub fn materialize(
        &self,
        manifest: &Manifest,
        to: &Utf8Path,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), ArchiveError> {
        let failed = |error| ArchiveError::Path { path: to.to_string(), act: "open the directory", source: error };
        let top = Arc::new(Dir::open(to.as_std_path()).map_err(failed)?);
        let _lock = self.lock_shared(go_on)?;
        self.forget_library();
        let making =
            Making { workspace: self, tree: tree(manifest), cache: self.cache()?, can_share: AtomicBool::new(true) };
        let live = Dir::open_root(self.root().as_std_path()).ok().map(Arc::new);
        let first = vec![Step::Dir { dir: Arc::clone(&top), live, path: &[] }];
        let (hands, done) =
            crew::work(first, go_on, &Hand::default, &|hand, step, queue, pace| making.step(hand, step, queue, pace));
        done?;
        let mut late: Vec<_> = hands.into_iter().flat_map(|hand| hand.late).collect();
        late.sort_unstable_by(|a, b| b.cmp(a));
        late.into_iter().try_for_each(|(path, mode)| close(&top, path, mode))
    }
}

impl<'a> Making<'a> {
    fn step(
        &self,
        hand: &mut Hand<'a>,
        step: Step<'a>,
        queue: &Queue<Step<'a>>,
        pace: &mut Pace<'_>,
    ) -> Result<(), ArchiveError> {
        match step {
            Step::Dir { dir, live, path } => {
                let steps = self.fill(hand, &dir, live.as_ref(), path)?;
                queue.push(steps);
            }
            Step::Files { dir, live, files } => {
                let known = match (&live, files.first()) {
                    (Some(_), Some(file)) if self.can_share.load(Ordering::Relaxed) => {
                        self.cache.dir(split(file.path).0)
                    }
                    _ => DirCache::default(),
                };
                for file in files {
                    pace.check()?;
                    if let Some(Entry::File { mode, digest, .. }) = file.entry {
                        let live = live.as_deref().map(|live| (live, &known));
                        self.file(hand, &dir, live, file.path, digest, *mode)
                            .map_err(|error| error.or_at(file.path, "write"))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes everything in a directory but the files, which are left for batches.
    fn fill(
        &self,
        hand: &mut Hand<'a>,
        dir: &Arc<Dir>,
        live: Option<&Arc<Dir>>,
        path: &[u8],
    ) -> Result<Vec<Step<'a>>, ArchiveError> {
        let (mut steps, mut files) = (Vec::new(), Vec::new());
        for node in self.tree.get(path).into_iter().flatten() {
            let (_, name) = split(node.path);
            let at = |act| ArchiveError::at_bytes(node.path, act);
            let mode = match node.entry {
                Some(Entry::File { .. }) => {
                    files.push(*node);
                    continue;
                }
                Some(Entry::Symlink { target }) => {
                    dir.make_symlink(name, target).map_err(at("make the link"))?;
                    continue;
                }
                Some(Entry::Fifo { mode }) => {
                    dir.make_fifo(name, *mode).map_err(at("make the FIFO"))?;
                    dir.set_mode_of(name, *mode).map_err(at("set the mode of"))?;
                    continue;
                }
                Some(Entry::Untouched) => continue,
                Some(Entry::Dir { mode }) => *mode,
                None => USUAL,
            };
            let made = make_dir(dir, name, mode).map_err(at("make the directory"))?;
            if mode & 0o700 != 0o700 {
                hand.late.push((node.path, mode));
            }
            let live = live.filter(|_| self.can_share.load(Ordering::Relaxed));
            let live = live.and_then(|live| live.open_dir(name).ok()).map(Arc::new);
            steps.push(Step::Dir { dir: Arc::new(made), live, path: node.path });
        }
        let batch =
            |files: &[Node<'a>]| Step::Files { dir: Arc::clone(dir), live: live.cloned(), files: files.to_vec() };
        steps.extend(files.chunks(BATCH).map(batch));
        Ok(steps)
    }

    fn file(
        &self,
        hand: &mut Hand<'a>,
        dir: &Dir,
        live: Option<(&Dir, &DirCache<'_>)>,
        path: &[u8],
        digest: &Digest,
        mode: u32,
    ) -> Result<(), Failed> {
        let (_, name) = split(path);
        let mut file = dir.create_file(name)?;
        if !live.is_some_and(|(live, known)| self.share(live, known, name, digest, &file)) {
            let workspace = self.workspace;
            workspace.read_content(digest, &mut hand.reader, &mut |part| file.write_all(part))?;
        }
        if mode != 0o600 {
            dirs::set_file_mode(&file, mode)?;
        }
        Ok(())
    }

    /// Whether the file has the content by sharing the blocks of the live one.
    fn share(&self, live: &Dir, known: &DirCache<'_>, name: &[u8], digest: &Digest, to: &File) -> bool {
        let stamp = |stat| Stamp::of(&stat).filter(|stamp| known.find(name, stamp) == Some(*digest));
        if !self.can_share.load(Ordering::Relaxed) || live.stat(name).ok().flatten().and_then(stamp).is_none() {
            return false;
        }
        let Ok(from) = live.open_file(name) else { return false };
        if dirs::share_blocks(&from, to).is_err() {
            self.can_share.store(false, Ordering::Relaxed);
            return false;
        }
        // It may have changed between the look and the sharing.
        let is_same = dirs::file_stat(&from).ok().and_then(stamp).is_some();
        if !is_same {
            let _ = to.set_len(0);
        }
        is_same
    }
}

/// Why a file was not made.
enum Failed {
    Io(std::io::Error),
    Archive(ArchiveError),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ArchiveError> for Failed {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl Failed {
    fn or_at(self, path: &[u8], act: &'static str) -> ArchiveError {
        match self {
            Self::Io(error) => ArchiveError::at_bytes(path, act)(error),
            Self::Archive(error) => error,
        }
    }
}

/// Makes a directory, open to us until it is full.
fn make_dir(dir: &Dir, name: &[u8], mode: u32) -> std::io::Result<Dir> {
    dir.make_dir(name, 0o700)?;
    let made = dir.open_dir(name)?;
    made.set_mode(mode | 0o700)?;
    Ok(made)
}

/// Sets the mode of a directory that is full.
fn close(top: &Arc<Dir>, path: &[u8], mode: u32) -> Result<(), ArchiveError> {
    let close = || {
        let mut dir = Arc::clone(top);
        for part in path.split(|byte| *byte == b'/') {
            dir = Arc::new(dir.open_dir(part)?);
        }
        dir.set_mode(mode)
    };
    close().map_err(ArchiveError::at_bytes(path, "set the mode of"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::RawPath;

    #[test]
    fn directories_on_the_way_are_made() {
        let path = |text: &str| RawPath::new(text).unwrap();
        let manifest = Manifest::new(vec![(path("a/b/c"), Entry::Untouched), (path("d"), Entry::Dir { mode: 0o700 })]);
        let tree = tree(&manifest);
        let names = |dir: &str| -> Vec<_> {
            tree[dir.as_bytes()]
                .iter()
                .map(|node| (String::from_utf8_lossy(node.path).into_owned(), node.entry.is_some()))
                .collect()
        };
        assert_eq!(names(""), [("a".to_owned(), false), ("d".to_owned(), true)]);
        assert_eq!((names("a"), names("a/b")), (vec![("a/b".to_owned(), false)], vec![("a/b/c".to_owned(), true)]));
    }
}
