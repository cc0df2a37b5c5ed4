//! A linked git work tree, made by hand: what `git worktree add` writes, without running it.
//!
//! Executes nothing that a repository's configuration names: no hook, no filter, no monitor. Writes only new names
//! into the repository: `worktrees/ID/` and the branch `mgr/ID`. What cannot be done surely this way is
//! refused before anything is written.
//!
//! The rules: <https://git-scm.com/docs/gitrepository-layout>, <https://git-scm.com/docs/git-worktree#_details>.

use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{
    ArchiveError,
    clear::clear,
    git, git_index,
    repository::{Found, MAX_LINE, Repository, is_hash, line_of, packed_refs, read, read_here},
};
use crate::os::{
    dirs::{Dir, set_file_mode},
    files::FileError,
};

/// Larger than any index there is.
const MAX_INDEX: u64 = 1 << 30;

/// Extensions of the format that change nothing of what is written here.
const HARMLESS: &[&str] = &[
    "extensions.noop",
    "extensions.objectformat",
    "extensions.compatobjectformat",
    "extensions.partialclone",
    "extensions.preciousobjects",
    "extensions.relativeworktrees",
    "extensions.worktreeconfig",
];

/// A linked work tree: enough to remove it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Linked {
    /// The name of the work tree, and of its branch after `mgr/`.
    pub id: String,
    pub common_dir: Utf8PathBuf,
    /// Where the branch begins; nothing in a repository without a commit.
    pub commit: Option<String>,
}

/// A branch that stays though its work tree goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBranch {
    pub name: String,
    pub why: &'static str,
}

impl std::fmt::Display for KeptBranch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the branch `{}` stays: {}", self.name, self.why)
    }
}

/// What becomes of the branch of a work tree that goes.
enum Fate {
    /// There is none, or none any more.
    Gone,
    /// Nothing is lost with it.
    Goes,
    Stays(&'static str),
}

impl Linked {
    /// Says what would be made, or why it cannot.
    pub fn plan(root: &Utf8Path, id: &str) -> Result<Self, ArchiveError> {
        let refuse = |why: &str| Err(refusal(root, why));
        let Some(repository) = Repository::find(root).filter(|found| found.work_tree == root) else {
            return refuse("it is not the top of a git repository");
        };
        let head = repository.own().and_then(|own| line_of(read(&own, "HEAD", MAX_LINE)));
        let commit = match head.as_deref().map(|head| (head, head.strip_prefix("ref:"))) {
            Some((_, Some(name))) => repository.resolve(name.trim()),
            Some((hash, None)) if is_hash(hash) => Some(hash.to_owned()),
            Some(_) | None => return refuse("its `HEAD` cannot be read"),
        };
        if let Some(why) = hindrance(&repository) {
            return refuse(&why);
        }
        let linked = Self { id: id.to_owned(), common_dir: repository.common_dir.clone(), commit };
        if repository.resolve(&linked.branch()).is_some() || repository.resolve("refs/heads/mgr").is_some() {
            return refuse(&format!("a branch is in the way of `mgr/{id}`"));
        }
        Ok(linked)
    }

    fn branch(&self) -> String {
        format!("refs/heads/mgr/{}", self.id)
    }

    /// Writes the administration of the work tree at `to`, which has its files already.
    pub fn make(&self, root: &Utf8Path, to: &Utf8Path) -> Result<(), ArchiveError> {
        let source = Repository::find(root).and_then(|found| found.own());
        let index = source.map_or(Found::Missing, |own| read_here(&own, b"index", MAX_INDEX));
        let written = self.write_admin(to, index).and_then(|()| self.write_branch());
        written.map_err(FileError::at(&self.common_dir, "make a worktree in"))?;
        let pointer = format!("gitdir: {}/worktrees/{}\n", self.common_dir, self.id);
        let pointed = || -> io::Result<()> {
            let dir = Dir::open(to.as_std_path())?;
            write_new(&dir, b".git", pointer.as_bytes(), 0o644)?;
            self.admin()?.remove_file(b"locked")
        };
        Ok(pointed().map_err(FileError::at(to, "link to the repository"))?)
    }

    /// `locked` keeps `git worktree prune` away until all is there.
    fn write_admin(&self, to: &Utf8Path, index: Found) -> io::Result<()> {
        let common = Dir::open(self.common_dir.as_std_path())?;
        let modes = Modes::of(&common)?;
        let name = self.id.as_bytes();
        let worktrees = made_in(&common, b"worktrees", modes.dir, &mut |dir| dir.make_dir(name, 0o700))?;
        let admin = worktrees.open_dir(self.id.as_bytes())?;
        admin.set_mode(modes.dir)?;
        let write = |name: &str, content: &[u8]| write_new(&admin, name.as_bytes(), content, modes.file);
        write("locked", b"initializing\n")?;
        write("commondir", b"../..\n")?;
        write("gitdir", format!("{to}/.git\n").as_bytes())?;
        write("HEAD", format!("ref: {}\n", self.branch()).as_bytes())?;
        match index {
            Found::Missing => Ok(()),
            Found::Content(bytes) => write("index", &bytes),
            Found::Odd(what) => Err(io::Error::other(format!("the index is {what}"))),
        }
    }

    /// As git does it: the lock first, then renamed into place.
    fn write_branch(&self) -> io::Result<()> {
        let Some(commit) = &self.commit else { return Ok(()) };
        let common = Dir::open(self.common_dir.as_std_path())?;
        let modes = Modes::of(&common)?;
        let heads = common.open_dir(b"refs")?.open_dir(b"heads")?;
        let lock = self.lock();
        let line = format!("{commit}\n");
        let write = &mut |ours: &Dir| write_new(ours, &lock, line.as_bytes(), modes.file);
        let ours = made_in(&heads, b"mgr", modes.dir, write)?;
        ours.rename(&lock, &ours, self.id.as_bytes())
    }

    fn lock(&self) -> Vec<u8> {
        format!("{}.lock", self.id).into_bytes()
    }

    fn admin(&self) -> io::Result<Dir> {
        Dir::open(self.common_dir.as_std_path())?.open_dir(b"worktrees")?.open_dir(self.id.as_bytes())
    }

    /// Removes what the repository knows of it. The branch stays, and is returned, when it has commits that no other
    /// branch or tag ends with: they are the agent's work.
    pub fn remove(&self) -> Result<Option<KeptBranch>, ArchiveError> {
        let Ok(common) = Dir::open(self.common_dir.as_std_path()) else { return Ok(None) };
        if let Ok(worktrees) = common.open_dir(b"worktrees") {
            let path = self.common_dir.join("worktrees").join(&self.id);
            clear(&worktrees, self.id.as_bytes()).map_err(FileError::at(&path, "remove"))?;
        }
        // Goes only when it is empty, as with git.
        let _ = common.remove_dir(b"worktrees");
        let kept = self.remove_branch(&common);
        Ok(kept.map_err(FileError::at(&self.common_dir, "remove the branch of a worktree in"))?)
    }

    fn remove_branch(&self, common: &Dir) -> io::Result<Option<KeptBranch>> {
        let Ok(heads) = common.open_dir(b"refs").and_then(|refs| refs.open_dir(b"heads")) else { return Ok(None) };
        let ours = heads.open_dir(b"mgr").ok();
        if let Some(ours) = &ours {
            // Left by a crash before the branch was there: nobody else makes a lock of this name.
            let is_unborn = ours.stat(self.id.as_bytes())?.is_none();
            if is_unborn && ours.stat(&self.lock())?.is_some() {
                ours.remove_file(&self.lock())?;
            }
        }
        let fate = self.fate_of_branch(common);
        if matches!(fate, Fate::Goes) {
            drop_packed(common, &self.branch())?;
            if let Some(ours) = ours.filter(|ours| matches!(ours.stat(self.id.as_bytes()), Ok(Some(_)))) {
                ours.remove_file(self.id.as_bytes())?;
            }
            let logs = common.open_dir(b"logs").and_then(|logs| logs.open_dir(b"refs")?.open_dir(b"heads"));
            if let Ok(logs) = logs {
                // Only what git wrote about it: best effort.
                let _ = logs.open_dir(b"mgr").and_then(|ours| ours.remove_file(self.id.as_bytes()));
                let _ = logs.remove_dir(b"mgr");
            }
        }
        let _ = heads.remove_dir(b"mgr");
        Ok(match fate {
            Fate::Gone | Fate::Goes => None,
            Fate::Stays(why) => Some(KeptBranch { name: format!("mgr/{}", self.id), why }),
        })
    }

    /// A branch that nobody is on goes where it was made, and where another branch or tag ends with the same commit.
    fn fate_of_branch(&self, common: &Dir) -> Fate {
        let repository = Repository {
            work_tree: self.common_dir.clone(),
            git_dir: self.common_dir.clone(),
            common_dir: self.common_dir.clone(),
        };
        let branch = self.branch();
        let is_ours = |dir: &Dir| {
            line_of(read(dir, "HEAD", MAX_LINE))
                .is_some_and(|head| head.strip_prefix("ref:").map(str::trim) == Some(&branch))
        };
        let worktrees = common.open_dir(b"worktrees").ok();
        let names = worktrees.as_ref().and_then(|dir| dir.names().ok()).unwrap_or_default();
        let mut others = names.iter().filter_map(|(name, _)| worktrees.as_ref()?.open_dir(name).ok());
        let is_used = is_ours(common) || others.any(|dir| is_ours(&dir));
        let is_kept_by = |(name, hash): (&String, &String), at: &str| {
            let keeps = ["refs/heads/", "refs/tags/", "refs/remotes/"].iter().any(|kind| name.starts_with(kind));
            keeps && *name != branch && hash == at
        };
        match repository.resolve(&branch) {
            None => Fate::Gone,
            Some(_) if is_used => Fate::Stays("it is checked out"),
            at if at == self.commit => Fate::Goes,
            Some(at) if git::shared_refs(&repository).iter().any(|other| is_kept_by(other, &at)) => Fate::Goes,
            Some(_) => Fate::Stays("no other branch or tag has its last commit"),
        }
    }
}

fn refusal(root: &Utf8Path, why: &str) -> ArchiveError {
    let message = format!("no git worktree can be made of `{root}`: {why}; `--isolate copy` works without git");
    ArchiveError::CannotIsolate { message }
}

/// Returns why a work tree made by hand might not be what git would have made.
fn hindrance(repository: &Repository) -> Option<String> {
    let (own, common) = (repository.own()?, repository.common()?);
    let settings = repository.settings();
    let has = |dir: &Dir, name: &[u8]| matches!(dir.stat(name), Ok(Some(stat)) if stat.size > 0);
    let foreign = settings.iter().find(|(key, value)| match key.as_str() {
        "extensions.refstorage" => value != "files",
        key => key.starts_with("extensions.") && !HARMLESS.contains(&key),
    });
    let is_on = |key: &str| {
        let last = settings.iter().rev().find(|(other, _)| other == key);
        last.is_some_and(|(_, value)| !["false", "no", "off", "0", ""].contains(&value.to_ascii_lowercase().as_str()))
    };
    if let Some((key, value)) = foreign {
        return Some(format!("it has `{key} = {value}`"));
    }
    if matches!(common.stat(b"reftable"), Ok(Some(_))) {
        return Some("its refs are in a reftable".into());
    }
    if is_on("extensions.worktreeconfig") && has(&own, b"config.worktree") {
        return Some("its work tree has a configuration of its own".into());
    }
    if is_on("core.sparsecheckout") {
        return Some("it is checked out in part".into());
    }
    let hash = if settings.contains(&("extensions.objectformat".into(), "sha256".into())) { 32 } else { 20 };
    let Found::Content(index) = read_here(&own, b"index", MAX_INDEX) else { return None };
    match git_index::parse(&index, hash) {
        None => Some("its index is of an unknown kind".into()),
        Some(index) if index.extensions.contains(b"link") => Some("its index is split".into()),
        Some(index) if index.extensions.contains(b"sdir") => Some("its index is sparse".into()),
        Some(_) => None,
    }
}

/// The rights that the repository gives, so that whoever shares it may read what is made.
struct Modes {
    dir: u32,
    file: u32,
}

impl Modes {
    fn of(common: &Dir) -> io::Result<Self> {
        let head = common.stat(b"HEAD")?.map_or(0o600, |stat| stat.mode);
        Ok(Self { dir: common.own_stat()?.mode & 0o2777 | 0o700, file: head & 0o666 | 0o600 })
    }
}

/// Makes something in a directory that is there for that alone. Whoever removes the last of it takes the directory
/// along, also between our opening of it and our writing in it.
fn made_in(dir: &Dir, name: &[u8], mode: u32, make: &mut dyn FnMut(&Dir) -> io::Result<()>) -> io::Result<Dir> {
    const MOST_TRIES: u32 = 100;
    let mut tries = 0;
    loop {
        tries += 1;
        let made = open_or_make(dir, name, mode).and_then(|ours| make(&ours).map(|()| ours));
        match made {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < MOST_TRIES => {}
            made => return made,
        }
    }
}

fn open_or_make(dir: &Dir, name: &[u8], mode: u32) -> io::Result<Dir> {
    match dir.make_dir(name, 0o700) {
        Ok(()) => {
            let made = dir.open_dir(name)?;
            made.set_mode(mode)?;
            Ok(made)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => dir.open_dir(name),
        Err(error) => Err(error),
    }
}

fn write_new(dir: &Dir, name: &[u8], content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = dir.create_file(name)?;
    file.write_all(content)?;
    set_file_mode(&file, mode)
}

/// Takes a ref out of the packed ones, with git's own lock. A lock that is taken is no failure of ours to
/// solve: it is an error, and the next call finds it free.
fn drop_packed(common: &Dir, branch: &str) -> io::Result<()> {
    let Found::Content(text) = read_here(common, b"packed-refs", MAX_INDEX) else { return Ok(()) };
    if !packed_refs(&text).any(|(_, name)| name == branch.as_bytes()) {
        return Ok(());
    }
    let lock = b"packed-refs.lock";
    let mut file = common.create_file(lock)?;
    // Once more, now that nobody else writes.
    let Found::Content(text) = read_here(common, b"packed-refs", MAX_INDEX) else { return common.remove_file(lock) };
    let mode = common.stat(b"packed-refs")?.map_or(0o600, |stat| stat.mode);
    let written = file.write_all(&without(&text, branch)).and_then(|()| set_file_mode(&file, mode));
    match written.and_then(|()| file.sync_all()) {
        Ok(()) => common.rename(lock, common, b"packed-refs"),
        Err(error) => common.remove_file(lock).and(Err(error)),
    }
}

/// Returns the packed refs without one and without what is said of it in the line behind.
fn without(text: &[u8], branch: &str) -> Vec<u8> {
    let (mut kept, mut is_gone) = (Vec::with_capacity(text.len()), false);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let is_about_the_last = line.starts_with(b"^");
        if !is_about_the_last {
            is_gone = packed_refs(line).any(|(_, name)| name == branch.as_bytes());
        }
        if !is_gone {
            kept.extend_from_slice(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_somebody_takes_away_is_made_again() {
        let temp = tempfile::tempdir().unwrap();
        let top = Dir::open(temp.path()).unwrap();
        let mut tries = 0;
        let mut make = |dir: &Dir| {
            tries += 1;
            if tries < 3 {
                top.remove_dir(b"mgr")?;
            }
            dir.make_dir(b"id", 0o700)
        };
        made_in(&top, b"mgr", 0o700, &mut make).unwrap();
        assert_eq!((tries, temp.path().join("mgr/id").is_dir()), (3, true));
        assert!(made_in(&top, b"gone/none", 0o700, &mut |_| Ok(())).is_err());
    }
}
