//! A directory of its own for an agent: a git worktree or a copy, made from a snapshot.
//!
//! Runs nothing: neither `git` nor anything that a repository's configuration names.
//!
//! Beside the directory lies a note. It is written before anything else and says what is being made; at the
//! end it says that all is there. Whoever finds a note without that end knows what to remove before he begins
//! anew, and removal works from the note, not from what an agent may have changed.

use camino::Utf8Path;

use super::{ArchiveError, KeptBranch, Manifest, Workspace};
use crate::core::Isolation;

impl Workspace {
    /// Makes `to` a place to work in with what `manifest` says. Doing it again is harmless; after a crash in
    /// mid-work it begins anew. Nothing of the repository's configuration is executed.
    ///
    /// # Errors
    /// A worktree of what is no git repository, a full disk, or `go_on` returned false.
    pub fn isolate(
        &self,
        isolation: Isolation,
        manifest: &Manifest,
        to: &Utf8Path,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), ArchiveError> {
        making::isolate(self, isolation, manifest, to, go_on)
    }

    /// Removes such a place with what the repository knows of it, and goes on where a crash has cut that short. Doing
    /// it twice is harmless. Returns the branch of it that stays, because it has the agent's commits.
    ///
    /// # Errors
    /// Files cannot be removed.
    pub fn remove_isolated(&self, at: &Utf8Path) -> Result<Option<KeptBranch>, ArchiveError> {
        making::remove(at)
    }
}

mod making {
    use camino::{Utf8Path, Utf8PathBuf};
    use serde::{Deserialize, Serialize};

    use super::super::{
        ArchiveError, KeptBranch, Manifest, Workspace, clear::clear, include::Include, worktree::Linked,
    };
    use crate::{
        core::Isolation,
        os::{
            dirs::Dir,
            failpoint,
            files::{self, Durability, FileError},
        },
    };

    const VERSION: u32 = 1;

    /// What is on record beside the directory.
    #[derive(Debug, Serialize, Deserialize)]
    struct Note {
        v: u32,
        isolation: Isolation,
        /// Whether all of it is there.
        is_whole: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worktree: Option<Linked>,
    }

    pub fn isolate(
        workspace: &Workspace,
        isolation: Isolation,
        manifest: &Manifest,
        to: &Utf8Path,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), ArchiveError> {
        let (base, _) = parts(to)?;
        if note_of(to)?.is_some_and(|note| note.is_whole) && to.is_dir() {
            return Ok(());
        }
        remove(to)?;
        let worktree = match isolation {
            Isolation::None => return Err(cannot("no isolation was asked for".into())),
            Isolation::Copy => None,
            Isolation::Worktree => Some(Linked::plan(workspace.root(), base.file_name().unwrap_or("work"))?),
        };
        files::make_dir(base)?;
        let note = Note { v: VERSION, isolation, is_whole: false, worktree };
        write_note(to, &note)?;
        let made = fill(workspace, note.worktree.as_ref(), manifest, to, go_on);
        if made.is_err() {
            // What went wrong is the news; what cannot be removed now is, when it begins anew.
            let _ = remove(to);
            return made;
        }
        write_note(to, &Note { is_whole: true, ..note })
    }

    fn fill(
        workspace: &Workspace,
        worktree: Option<&Linked>,
        manifest: &Manifest,
        to: &Utf8Path,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), ArchiveError> {
        files::make_dir(to)?;
        workspace.materialize(manifest, to, go_on)?;
        failpoint::hit("isolate-filled");
        if let Some(linked) = worktree {
            if let Some(include) = Include::new(workspace.root(), to, go_on)? {
                include.bring(manifest)?;
            }
            linked.make(workspace.root(), to)?;
        }
        // The end of the note must not be on the disk before the files are: an empty file would look like
        // the agent's work.
        let dir = Dir::open(to.as_std_path()).and_then(|dir| dir.sync_file_system());
        dir.map_err(FileError::at(to, "sync"))?;
        failpoint::hit("isolate-made");
        Ok(())
    }

    pub fn remove(at: &Utf8Path) -> Result<Option<KeptBranch>, ArchiveError> {
        let (base, name) = parts(at)?;
        let Ok(dir) = Dir::open(base.as_std_path()) else { return Ok(None) };
        let note = note_of(at)?;
        clear(&dir, name.as_bytes()).map_err(FileError::at(at, "remove"))?;
        failpoint::hit("isolate-cleared");
        let kept = match note.and_then(|note| note.worktree) {
            Some(linked) => linked.remove()?,
            None => None,
        };
        let note = note_path(at)?;
        match std::fs::remove_file(&note) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::at(&note, "remove")(error))?,
            Ok(()) | Err(_) => {}
        }
        drop_unfinished_notes(base, name);
        // Goes when nothing else is in it.
        let _ = std::fs::remove_dir(base);
        Ok(kept)
    }

    /// What a crash has left of writing the note. Best effort: nobody reads them.
    fn drop_unfinished_notes(base: &Utf8Path, name: &str) {
        let start = format!(".{name}.isolated.json.");
        for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
            let is_one = |name: &str| name.starts_with(&start) && name.ends_with(".tmp");
            if entry.file_name().to_str().is_some_and(is_one) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn write_note(at: &Utf8Path, note: &Note) -> Result<(), ArchiveError> {
        let text = serde_json::to_vec(note).map_err(|error| cannot(error.to_string()))?;
        Ok(files::replace(&note_path(at)?, &text, Durability::Machine)?)
    }

    /// A note that cannot be read is none: the directory is then made anew.
    fn note_of(at: &Utf8Path) -> Result<Option<Note>, ArchiveError> {
        let text = files::read_optional(&note_path(at)?)?;
        let note = text.and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        Ok(note.filter(|note| note.v == VERSION))
    }

    fn note_path(at: &Utf8Path) -> Result<Utf8PathBuf, ArchiveError> {
        let (base, name) = parts(at)?;
        Ok(base.join(format!(".{name}.isolated.json")))
    }

    fn parts(at: &Utf8Path) -> Result<(&Utf8Path, &str), ArchiveError> {
        let parts = at.parent().zip(at.file_name());
        parts.ok_or_else(|| cannot(format!("`{at}` is no place for an isolated directory")))
    }

    fn cannot(message: String) -> ArchiveError {
        ArchiveError::CannotIsolate { message }
    }
}
