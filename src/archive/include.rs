//! `.worktreeinclude`: what a repository wants to have in its work trees though git ignores it.
//!
//! Copies from the source's directory as it is now, because no snapshot holds it. Links are copied as
//! links; nothing named `.git` is copied, nothing is changed in the source.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use camino::Utf8Path;

use super::{
    ArchiveError, Entry, Manifest, RawPath,
    repository::{Found, read_here},
};
use crate::os::{
    dirs::{Dir, Kind, Stat, set_file_mode, share_blocks},
    files,
};

const NAME: &str = ".worktreeinclude";
const MAX_RULES: u64 = 1 << 20;

/// One bringing over.
pub(super) struct Include<'a> {
    from: Dir,
    to: Dir,
    rules: ignore::gitignore::Gitignore,
    go_on: &'a mut dyn FnMut() -> bool,
    /// Directories get their rights last: one that is closed to writing could not be filled.
    modes: Vec<(RawPath, u32)>,
}

impl<'a> Include<'a> {
    /// Reads the rules; `None` where there are none.
    ///
    /// # Errors
    /// The directories cannot be opened.
    pub fn new(
        root: &Utf8Path,
        to: &Utf8Path,
        go_on: &'a mut dyn FnMut() -> bool,
    ) -> Result<Option<Self>, ArchiveError> {
        let open = |path: &Utf8Path| {
            Dir::open(path.as_std_path()).map_err(crate::os::files::FileError::at(path, "open the directory"))
        };
        let (from, to) = (open(root)?, open(to)?);
        let Found::Content(text) = read_here(&from, NAME.as_bytes(), MAX_RULES) else { return Ok(None) };
        let mut rules = ignore::gitignore::GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&text).lines() {
            // As git: a line that is no pattern counts for nothing.
            let _ = rules.add_line(None, line);
        }
        let rules = rules.build().unwrap_or_else(|_| ignore::gitignore::Gitignore::empty());
        Ok(Some(Self { from, to, rules, go_on, modes: Vec::new() }))
    }

    /// Brings over what the rules name among what the manifest left out.
    ///
    /// # Errors
    /// Something cannot be read or written, or `go_on` returned false.
    pub fn bring(mut self, manifest: &Manifest) -> Result<(), ArchiveError> {
        let left_out = manifest.entries().iter().filter(|(_, entry)| *entry == Entry::Untouched);
        let mut wanted = Vec::new();
        for (path, _) in left_out {
            self.find(path.clone(), &mut wanted)?;
        }
        for path in wanted {
            self.copy(path)?;
        }
        while let Some((path, mode)) = self.modes.pop() {
            let dir = open_path(&self.to, Some(&path)).and_then(|dir| dir.set_mode(mode));
            dir.map_err(ArchiveError::at(&path, "set the mode of"))?;
        }
        Ok(())
    }

    /// Collects the topmost paths at and beneath `top` that the rules name.
    fn find(&mut self, top: RawPath, wanted: &mut Vec<RawPath>) -> Result<(), ArchiveError> {
        let mut queue = vec![top];
        while let Some(path) = queue.pop() {
            self.ask()?;
            let Some(stat) = self.stat(&path)? else { continue };
            let is_dir = stat.kind == Kind::Dir;
            if self.rules.matched(files::path_of(path.as_bytes()), is_dir).is_ignore() {
                wanted.push(path);
            } else if is_dir {
                queue.extend(self.children(&path)?);
            }
        }
        Ok(())
    }

    /// Copies what lies at `top` with everything beneath.
    fn copy(&mut self, top: RawPath) -> Result<(), ArchiveError> {
        make_parents(&self.to, &top).map_err(ArchiveError::at(&top, "make the directories above"))?;
        let mut queue = vec![top];
        while let Some(path) = queue.pop() {
            self.ask()?;
            let Some(stat) = self.stat(&path)? else { continue };
            self.copy_one(&path, &stat)?;
            if stat.kind == Kind::Dir {
                queue.extend(self.children(&path)?);
            }
        }
        Ok(())
    }

    fn copy_one(&mut self, path: &RawPath, stat: &Stat) -> Result<(), ArchiveError> {
        let parent = path.parent();
        let open = |base| open_path(base, parent.as_ref()).map_err(ArchiveError::at(path, "open the directory of"));
        let (from, to, name) = (open(&self.from)?, open(&self.to)?, path.name());
        let done = match stat.kind {
            Kind::Dir => {
                self.modes.push((path.clone(), stat.mode));
                to.make_dir(name, 0o700)
            }
            Kind::Symlink => from.read_link(name).and_then(|target| to.make_symlink(name, &target)),
            Kind::File => match copy_file(&from, &to, name, stat.mode, self.go_on) {
                Ok(false) => return Err(ArchiveError::Stopped),
                copied => copied.map(drop),
            },
            Kind::Fifo | Kind::Socket | Kind::Device => Ok(()),
        };
        done.map_err(ArchiveError::at(path, "copy"))
    }

    /// Returns what lies at a path; nothing for what is not copied: gone meanwhile, or a repository's own.
    fn stat(&self, path: &RawPath) -> Result<Option<Stat>, ArchiveError> {
        if path.name() == b".git" {
            return Ok(None);
        }
        let stat = open_path(&self.from, path.parent().as_ref()).and_then(|dir| dir.stat(path.name()));
        stat.map_err(ArchiveError::at(path, "look at"))
    }

    fn children(&self, path: &RawPath) -> Result<Vec<RawPath>, ArchiveError> {
        let names = open_path(&self.from, Some(path)).and_then(|dir| dir.names());
        let names = names.map_err(ArchiveError::at(path, "read the directory"))?;
        Ok(names.iter().map(|(name, _)| path.join(name)).collect())
    }

    fn ask(&mut self) -> Result<(), ArchiveError> {
        if (self.go_on)() { Ok(()) } else { Err(ArchiveError::Stopped) }
    }
}

/// Opens a directory beneath another, name by name: few handles, however deep it lies.
fn open_path(base: &Dir, path: Option<&RawPath>) -> io::Result<Dir> {
    let mut dir = base.open_dir(b".")?;
    for name in path.into_iter().flat_map(RawPath::components) {
        dir = dir.open_dir(name)?;
    }
    Ok(dir)
}

fn make_parents(base: &Dir, path: &RawPath) -> io::Result<()> {
    let mut dir = base.open_dir(b".")?;
    let parent = path.parent();
    for name in parent.iter().flat_map(RawPath::components) {
        match dir.make_dir(name, 0o755) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => dir = dir.open_dir(name)?,
        }
    }
    Ok(())
}

/// Copies a file with its rights and its time, which build tools go by; `false` when it was stopped.
fn copy_file(from: &Dir, to: &Dir, name: &[u8], mode: u32, go_on: &mut dyn FnMut() -> bool) -> io::Result<bool> {
    let source = from.open_file(name)?;
    let metadata = source.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it was swapped for something else"));
    }
    let copy = to.create_file(name)?;
    if share_blocks(&source, &copy).is_err() && !copy_bytes(source, &copy, go_on)? {
        return Ok(false);
    }
    copy.set_modified(metadata.modified()?)?;
    set_file_mode(&copy, mode)?;
    Ok(true)
}

fn copy_bytes(mut from: File, mut to: &File, go_on: &mut dyn FnMut() -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(true);
        }
        if !go_on() {
            return Ok(false);
        }
        to.write_all(&buffer[..read])?;
    }
}
