//! Random trees, random edits, every crash: what a landing promises, on real directories.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::*;
use crate::archive::{Change, Manifest};

/// An archive in memory.
#[derive(Default)]
struct Memory(RefCell<HashMap<Digest, Vec<u8>>>);

impl Memory {
    fn put(&self, content: &[u8]) {
        self.0.borrow_mut().insert(Digest::of(content), content.to_vec());
    }
}

impl Contents for Memory {
    fn read(&self, digest: &Digest) -> Result<Vec<u8>, ArchiveError> {
        let missing = || ArchiveError::Damaged { root: "memory".into(), detail: format!("no content {digest}") };
        self.0.borrow().get(digest).cloned().ok_or_else(missing)
    }

    fn write(&self, digest: &Digest, to: &mut File) -> Result<(), ArchiveError> {
        let content = self.read(digest)?;
        to.write_all(&content).map_err(|source| ArchiveError::Path { path: "staged".into(), act: "write", source })
    }

    fn keep(&self, _: &SnapshotName, contents: &[Vec<u8>]) -> Result<(), ArchiveError> {
        contents.iter().for_each(|content| self.put(content));
        Ok(())
    }
}

/// A workspace, its archive and its journals.
struct Bed {
    dir: tempfile::TempDir,
    memory: Memory,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        Self { dir, memory: Memory::default() }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn land_with(&self, id: &str, turns: &[Turn], how: How, hit: &dyn Fn(&str)) -> Result<Landed, ArchiveError> {
        let root = Utf8PathBuf::from_path_buf(self.root()).unwrap();
        let undo = Utf8PathBuf::from_path_buf(self.dir.path().join("undo")).unwrap();
        Site { root: &root, undo, contents: &self.memory, hit }.land(&id.parse().unwrap(), turns, how)
    }

    fn land(&self, id: &str, turns: &[Turn], how: How) -> Landed {
        self.land_with(id, turns, how, &|_| {}).unwrap()
    }

    fn take_back(&self, id: &str) -> Landed {
        let root = Utf8PathBuf::from_path_buf(self.root()).unwrap();
        let undo = Utf8PathBuf::from_path_buf(self.dir.path().join("undo")).unwrap();
        let site = Site { root: &root, undo, contents: &self.memory, hit: &|_| {} };
        let turns = site.turns_back(&id.parse().unwrap()).unwrap();
        site.land(&format!("{id}.undo").parse().unwrap(), &turns, how(OnConflict::Refuse)).unwrap()
    }

    /// Archives everything and returns what is there.
    fn look(&self) -> Manifest {
        let mut entries = Vec::new();
        self.look_in(&self.root(), "", &mut entries);
        Manifest::new(entries)
    }

    fn look_in(&self, dir: &Path, prefix: &str, entries: &mut Vec<(RawPath, Entry)>) {
        let handle = Dir::open(dir).unwrap();
        for (name, _) in handle.names().unwrap() {
            let text = String::from_utf8(name.clone()).unwrap();
            let entry = reach::entry_of(&handle, &name).unwrap().unwrap();
            match &entry {
                Entry::Dir { .. } => self.look_in(&dir.join(&text), &format!("{prefix}{text}/"), entries),
                Entry::File { .. } => self.memory.put(&fs::read(dir.join(&text)).unwrap()),
                Entry::Symlink { .. } | Entry::Fifo { .. } | Entry::Untouched => {}
            }
            entries.push((RawPath::new(format!("{prefix}{text}")).unwrap(), entry));
        }
    }
}

fn how(on_conflict: OnConflict) -> How {
    How { on_conflict, merge_texts: false, dry_run: false }
}

/// The turns that bring `after` back to `before`.
fn back(before: &Manifest, after: &Manifest) -> Vec<Turn> {
    let turn = |Change { path, before, after }| Turn { path, from: after, to: before };
    before.changes_to(after).into_iter().map(turn).collect()
}

fn raw(path: &str) -> RawPath {
    RawPath::new(path).unwrap()
}

/// One edit of somebody.
#[derive(Clone, Debug)]
enum Edit {
    Write(String, u8, u32),
    Dir(String, u32),
    Link(String, u8),
    Fifo(String),
    Remove(String),
    Chmod(String, u32),
    Append(String),
}

fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4).prop_map(|parts| parts.join("/"))
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let mode = || prop::sample::select(vec![0o644, 0o600, 0o755, 0o444]);
    let dir_mode = || prop::sample::select(vec![0o755, 0o700, 0o555, 0o2755]);
    prop_oneof![
        4 => (any_path(), 0_u8..4, mode()).prop_map(|(path, content, mode)| Edit::Write(path, content, mode)),
        2 => (any_path(), dir_mode()).prop_map(|(path, mode)| Edit::Dir(path, mode)),
        1 => (any_path(), 0_u8..3).prop_map(|(path, target)| Edit::Link(path, target)),
        1 => any_path().prop_map(Edit::Fifo),
        3 => any_path().prop_map(Edit::Remove),
        1 => (any_path(), mode()).prop_map(|(path, mode)| Edit::Chmod(path, mode)),
        2 => any_path().prop_map(Edit::Append),
    ]
}

fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(any_edit(), 0..most)
}

fn remove(path: &Path) {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Makes way for something new: parents are directories, nothing is there.
fn clear_way(bed: &Bed, path: &str) -> PathBuf {
    let mut at = bed.root();
    for part in Path::new(path).parent().unwrap() {
        at.push(part);
        if !at.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            remove(&at);
            fs::create_dir(&at).unwrap();
        }
    }
    let path = bed.path(path);
    remove(&path);
    path
}

/// Whether a path leads through directories only.
fn is_plain(bed: &Bed, path: &str) -> bool {
    let parents = Path::new(path).ancestors().skip(1);
    let is_dir = |path: &Path| bed.root().join(path).symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    parents.into_iter().all(is_dir)
}

fn apply(bed: &Bed, edit: &Edit) {
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    match edit {
        Edit::Write(path, content, mode) => {
            let path = clear_way(bed, path);
            fs::write(&path, format!("line one\nline {content}\n")).unwrap();
            set_mode(&path, *mode);
        }
        Edit::Dir(path, mode) => {
            let path = clear_way(bed, path);
            fs::create_dir(&path).unwrap();
            set_mode(&path, *mode);
        }
        Edit::Link(path, target) => symlink(format!("../t{target}"), clear_way(bed, path)).unwrap(),
        Edit::Fifo(path) => {
            let path = clear_way(bed, path);
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        }
        Edit::Remove(path) if is_plain(bed, path) => remove(&bed.path(path)),
        Edit::Chmod(path, mode) if is_plain(bed, path) => {
            let path = bed.path(path);
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file() || metadata.is_dir()) {
                set_mode(&path, mode | 0o300);
            }
        }
        Edit::Append(path) if is_plain(bed, path) => {
            let path = bed.path(path);
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
                let text = fs::read_to_string(&path).unwrap();
                fs::write(&path, text + "more\n").unwrap();
            }
        }
        Edit::Remove(_) | Edit::Chmod(..) | Edit::Append(_) => {}
    }
}

/// A workspace with its three states.
struct Story {
    bed: Bed,
    before: Manifest,
    after: Manifest,
    now: Manifest,
}

fn tell(first: &[Edit], agent: &[Edit], user: &[Edit]) -> Story {
    let bed = Bed::new();
    first.iter().for_each(|edit| apply(&bed, edit));
    let before = bed.look();
    agent.iter().for_each(|edit| apply(&bed, edit));
    let after = bed.look();
    user.iter().for_each(|edit| apply(&bed, edit));
    let now = bed.look();
    Story { bed, before, after, now }
}

const POLICIES: [OnConflict; 4] = [OnConflict::Refuse, OnConflict::Skip, OnConflict::Theirs, OnConflict::Markers];

/// Checks each path's fate against what was said of it.
fn check(story: &Story, turns: &[Turn], landed: &Landed, policy: OnConflict) {
    let (now, result) = (&story.now, story.bed.look());
    let deeds: BTreeMap<_, _> = landed.deeds.iter().cloned().collect();
    let turns: BTreeMap<_, _> = turns.iter().map(|turn| (&turn.path, turn)).collect();
    let paths: BTreeSet<_> = now.entries().iter().chain(result.entries()).map(|(path, _)| path).collect();
    for path in paths.into_iter().chain(turns.keys().copied()) {
        let (was, is) = (now.get(path), result.get(path));
        match deeds.get(path).filter(|_| landed.is_done) {
            None => assert_eq!(is, was, "{path} was not to be changed"),
            Some(Deed::Written | Deed::Deleted) => {
                assert_eq!(was, turns[path].from.as_ref(), "{path} was somebody else's");
                assert_eq!(is, turns[path].to.as_ref(), "{path}");
            }
            Some(Deed::Overwritten) => {
                assert_eq!(policy, OnConflict::Theirs);
                assert_eq!(is, turns[path].to.as_ref(), "{path}");
            }
            Some(Deed::Merged | Deed::Marked) if policy == OnConflict::Markers => {}
            Some(Deed::Merged | Deed::Marked) => {
                let digest = |entry: Option<&Entry>| match entry {
                    Some(Entry::File { digest, .. }) => Some(*digest),
                    _ => None,
                };
                let users = digest(was) != digest(turns[path].from.as_ref());
                assert_eq!(digest(is), if users { digest(was) } else { digest(turns[path].to.as_ref()) }, "{path}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn alone_the_state_before_comes_back_exactly_and_goes_again(first in edits(8), agent in edits(8)) {
        let story = tell(&first, &agent, &[]);
        let landed = story.bed.land("t.rollback-1", &back(&story.before, &story.after), how(OnConflict::Refuse));
        prop_assert_eq!(&landed.conflicts, &vec![]);
        prop_assert_eq!(story.bed.look(), story.before.clone());
        if landed.is_done {
            story.bed.take_back("t.rollback-1");
            prop_assert_eq!(story.bed.look(), story.after.clone());
        }
    }

    #[test]
    fn what_others_did_stays_and_undo_is_exact(
        first in edits(8), agent in edits(8), user in edits(5), policy in prop::sample::select(POLICIES.to_vec()),
    ) {
        let story = tell(&first, &agent, &user);
        let turns = back(&story.before, &story.after);
        let dry = story.bed.land("t.rollback-1", &turns, How { dry_run: true, ..how(policy) });
        prop_assert_eq!(story.bed.look(), story.now.clone());
        let landed = story.bed.land("t.rollback-1", &turns, how(policy));
        prop_assert_eq!(&Landed { is_done: landed.is_done, ..dry }, &landed);
        prop_assert!(landed.conflicts.is_empty() || policy != OnConflict::Refuse || !landed.is_done);
        check(&story, &turns, &landed, policy);
        if landed.is_done {
            let taken_back = story.bed.take_back("t.rollback-1");
            prop_assert_eq!(taken_back.conflicts, vec![]);
            prop_assert_eq!(story.bed.look(), story.now.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_anywhere_is_gone_on_from(
        first in edits(8), agent in edits(8), user in edits(3), policy in prop::sample::select(POLICIES.to_vec()),
    ) {
        let whole = tell(&first, &agent, &user);
        let landed = whole.bed.land("t.rollback-1", &back(&whole.before, &whole.after), how(policy));
        let result = whole.bed.look();
        for point in 1.. {
            let story = tell(&first, &agent, &user);
            let turns = back(&story.before, &story.after);
            let left = Cell::new(point);
            let crash = |_: &str| {
                left.set(left.get() - 1);
                if left.get() == 0 {
                    resume_unwind(Box::new(()));
                }
            };
            let run = || story.bed.land_with("t.rollback-1", &turns, how(policy), &crash);
            if catch_unwind(AssertUnwindSafe(run)).is_ok() {
                break;
            }
            prop_assert_eq!(&story.bed.land("t.rollback-1", &turns, how(policy)), &landed, "crash {}", point);
            prop_assert_eq!(story.bed.look(), result.clone(), "crash {}", point);
        }
    }
}
