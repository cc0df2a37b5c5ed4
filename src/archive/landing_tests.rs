//! Random trees, random edits, every crash: what a landing promises, on real directories.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

use camino::Utf8PathBuf;
use proptest::prelude::*;

use super::{
    ArchiveError, Change, Conflict, Deed, Digest, Entry, How, Landed, Manifest, OnConflict, RawPath, SnapshotName,
    Take, Turn, Workspace,
    journal::Journal,
    reach,
    site::{Contents, Site},
};
use crate::{
    core::{ArchiveLimits, ArchiveScope, Bytes, Span},
    os::dirs::Dir,
};

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

    /// All files are in it: what somebody writes is archived when the test looks.
    fn keep(&self, _: &SnapshotName, _: &Manifest, texts: &[Vec<u8>]) -> Result<(), ArchiveError> {
        texts.iter().for_each(|content| self.put(content));
        Ok(())
    }
}

/// A workspace, its archive and its journals.
struct Bed {
    dir: tempfile::TempDir,
    memory: Memory,
    exchanges: bool,
}

impl Bed {
    /// In memory where the system has such a place: thousands of landings would wait for the disk else.
    fn new() -> Self {
        Self::at(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn on_disk() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    fn at(dir: tempfile::TempDir) -> Self {
        fs::create_dir(dir.path().join("root")).unwrap();
        Self { dir, memory: Memory::default(), exchanges: true }
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
        Site { root: &root, undo, contents: &self.memory, hit, exchanges: self.exchanges }.land(
            &id.parse().unwrap(),
            turns,
            how,
        )
    }

    fn land(&self, id: &str, turns: &[Turn], how: How) -> Landed {
        self.land_with(id, turns, how, &|_| {}).unwrap()
    }

    fn take_back(&self, id: &str) -> Landed {
        let root = Utf8PathBuf::from_path_buf(self.root()).unwrap();
        let undo = Utf8PathBuf::from_path_buf(self.dir.path().join("undo")).unwrap();
        let site = Site { root: &root, undo, contents: &self.memory, hit: &|_| {}, exchanges: self.exchanges };
        let turns = Journal::at(&site.undo, &id.parse().unwrap()).turns_back().unwrap();
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
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

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
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_anywhere_is_gone_on_from(
        first in edits(8), agent in edits(8), user in edits(3), policy in prop::sample::select(POLICIES.to_vec()),
        exchanges: bool,
    ) {
        let mut whole = tell(&first, &agent, &user);
        whole.bed.exchanges = exchanges;
        let landed = whole.bed.land("t.rollback-1", &back(&whole.before, &whole.after), how(policy));
        let result = whole.bed.look();
        for point in 1.. {
            let mut story = tell(&first, &agent, &user);
            story.bed.exchanges = exchanges;
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

/// A workspace in which an agent changed, deleted and made files, and made and removed directories.
fn busy() -> Story {
    busy_in(Bed::new())
}

fn busy_in(bed: Bed) -> Story {
    for path in ["changed", "deleted", "dir/one", "dir/two", "gone/x/deep", "file-then-dir"] {
        bed.write(path, &format!("{path} before\n"));
    }
    let before = bed.look();
    bed.write("changed", "by the agent\n");
    bed.write("dir/one", "by the agent\n");
    bed.write("made/new", "by the agent\n");
    for path in ["deleted", "file-then-dir"] {
        fs::remove_file(bed.path(path)).unwrap();
    }
    bed.write("file-then-dir/child", "by the agent\n");
    fs::remove_dir_all(bed.path("gone")).unwrap();
    let after = bed.look();
    let now = after.clone();
    Story { bed, before, after, now }
}

#[test]
fn a_save_at_any_moment_is_not_lost() {
    let targets = ["changed", "deleted", "dir/one", "made/new", "file-then-dir/child"];
    let policies = [OnConflict::Refuse, OnConflict::Theirs].into_iter().cycle();
    for (target, policy) in targets.into_iter().zip(policies) {
        for (aside, exchanges) in [(true, true), (true, false), (false, true), (false, false)] {
            for moment in 1.. {
                let mut story = busy();
                story.bed.exchanges = exchanges;
                let (left, saved) = (Cell::new(moment), Cell::new(false));
                let save = |_: &str| {
                    left.set(left.get() - 1);
                    if left.get() == 0 {
                        let (path, temporary) = (story.bed.path(target), story.bed.path("temporary"));
                        let written = if aside {
                            fs::write(&temporary, "saved").and_then(|()| fs::rename(&temporary, &path))
                        } else {
                            fs::write(&path, "saved")
                        };
                        saved.set(written.is_ok());
                    }
                };
                let turns = back(&story.before, &story.after);
                let landed = story.bed.land_with("t.rollback-1", &turns, how(policy), &save).unwrap();
                if left.get() > 0 {
                    break;
                }
                if saved.get() {
                    assert_eq!(story.bed.read(target), "saved", "{target} {policy:?} {moment} {landed:?}");
                }
            }
        }
    }
}

#[test]
fn a_late_conflict_stops_a_refusing_landing_which_says_so_and_can_be_undone() {
    let story = busy();
    let once = Cell::new(false);
    let save = |point: &str| {
        if point == "landing.staged" && !once.replace(true) {
            story.bed.write("changed", "saved");
        }
    };
    let turns = back(&story.before, &story.after);
    let landed = story.bed.land_with("t.rollback-1", &turns, how(OnConflict::Refuse), &save).unwrap();
    let why = |path: &str| landed.conflicts.iter().find(|conflict| conflict.path == raw(path)).map(|c| c.why.clone());
    assert_eq!(why("changed").unwrap(), "it was changed in that moment");
    assert_eq!(why("dir/one").unwrap(), "not reached: `changed` stopped it");
    assert!(landed.is_done && story.bed.read("dir/one") == "by the agent\n");
    story.bed.take_back("t.rollback-1");
    story.bed.write("changed", "by the agent\n");
    assert_eq!(story.bed.look(), story.after);
}

#[test]
fn a_directory_that_becomes_a_link_leads_nowhere() {
    let outside = tempfile::tempdir().unwrap();
    for path in ["one", "two", "new"] {
        fs::write(outside.path().join(path), "outside\n").unwrap();
    }
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let story = busy();
    let (dir, link, aside) = (story.bed.path("dir"), story.bed.path("link"), story.bed.path("aside"));
    symlink(outside.path(), &link).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = fs::rename(&dir, &aside).and_then(|()| fs::rename(&link, &dir));
                let _ = fs::rename(&dir, &link).and_then(|()| fs::rename(&aside, &dir));
            }
        });
        for round in 0..400 {
            let id = format!("t.rollback-{round}");
            let turns = back(&story.before, &story.after);
            let turns = if round % 2 == 0 {
                turns
            } else {
                turns.into_iter().map(|Turn { path, from, to }| Turn { path, from: to, to: from }).collect()
            };
            let _ = story.bed.land_with(&id, &turns, how(OnConflict::Theirs), &|_| {});
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let mut names: Vec<_> = fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["new", "one", "two"]);
    for path in ["one", "two", "new"] {
        assert_eq!(fs::read_to_string(outside.path().join(path)).unwrap(), "outside\n", "{path}");
    }
}

#[test]
fn a_full_disk_changes_nothing_and_leaves_nothing() {
    struct Full(Memory);
    impl Contents for Full {
        fn read(&self, digest: &Digest) -> Result<Vec<u8>, ArchiveError> {
            self.0.read(digest)
        }
        fn write(&self, digest: &Digest, to: &mut File) -> Result<(), ArchiveError> {
            let full = |source| ArchiveError::Path { path: "staged".into(), act: "write", source };
            if self.0.read(digest)?.starts_with(b"deleted") {
                return Err(full(io::ErrorKind::StorageFull.into()));
            }
            self.0.write(digest, to)
        }
        fn keep(&self, id: &SnapshotName, now: &Manifest, texts: &[Vec<u8>]) -> Result<(), ArchiveError> {
            self.0.keep(id, now, texts)
        }
    }
    let mut story = busy();
    let full = Full(std::mem::take(&mut story.bed.memory));
    let (root, undo) = (Utf8PathBuf::from_path_buf(story.bed.root()).unwrap(), story.bed.dir.path().join("undo"));
    let undo = Utf8PathBuf::from_path_buf(undo).unwrap();
    let site = Site { root: &root, undo: undo.clone(), contents: &full, hit: &|_| {}, exchanges: true };
    let turns = back(&story.before, &story.after);
    let error = site.land(&"t.rollback-1".parse().unwrap(), &turns, how(OnConflict::Refuse)).unwrap_err();
    assert!(error.is_disk_full(), "{error}");
    assert_eq!(story.bed.look(), story.after);
    assert_eq!(Journal::all(&undo).unwrap(), vec![]);
}

#[test]
fn a_finished_landing_is_told_of_and_not_done_again() {
    let story = busy();
    let turns = back(&story.before, &story.after);
    let landed = story.bed.land("t.rollback-1", &turns, how(OnConflict::Refuse));
    story.bed.write("changed", "later\n");
    assert_eq!(story.bed.land("t.rollback-1", &turns, how(OnConflict::Refuse)), landed);
    assert_eq!(story.bed.read("changed"), "later\n");
}

#[test]
fn somebodys_file_in_a_directory_of_the_agent_stays_with_it() {
    let story = busy();
    story.bed.write("made/mine", "mine\n");
    let landed = story.bed.land("t.rollback-1", &back(&story.before, &story.after), how(OnConflict::Refuse));
    assert_eq!((landed.conflicts, landed.kept_dirs), (vec![], vec![raw("made")]));
    assert_eq!(story.bed.read("made/mine"), "mine\n");
    assert!(!story.bed.path("made/new").exists());
}

#[test]
fn a_closed_directory_is_opened_meanwhile_only() {
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let story = busy();
    set_mode(&story.bed.path("dir"), 0o555);
    let seen = Cell::new(0);
    let watch = |point: &str| {
        if point == "landing.step" {
            seen.set(fs::metadata(story.bed.path("dir")).unwrap().permissions().mode() & 0o7777);
        }
    };
    let turns: Vec<_> =
        back(&story.before, &story.after).into_iter().filter(|turn| turn.path == raw("dir/one")).collect();
    story.bed.land_with("t.rollback-1", &turns, how(OnConflict::Refuse), &watch).unwrap();
    let mode = fs::metadata(story.bed.path("dir")).unwrap().permissions().mode() & 0o7777;
    assert_eq!((seen.get(), mode, story.bed.read("dir/one").as_str()), (0o755, 0o555, "dir/one before\n"));
}

#[test]
fn texts_that_both_sides_changed_are_merged_when_asked() {
    let (bed, base) = (Bed::new(), "fn a() {\n  1\n}\n\nfn b() {\n  2\n}\n");
    for path in ["apart", "same"] {
        bed.write(path, base);
    }
    let before = bed.look();
    bed.write("apart", &base.replace('1', "theirs"));
    bed.write("same", &base.replace('1', "theirs"));
    let after = bed.look();
    bed.write("apart", &base.replace('2', "ours"));
    bed.write("same", &base.replace('1', "ours"));
    bed.look();
    let turns: Vec<_> = back(&after, &before);
    let merging = |on_conflict| How { merge_texts: true, ..how(on_conflict) };
    let landed = bed.land("t.apply-1", &turns, merging(OnConflict::Skip));
    assert_eq!(landed.deeds, [(raw("apart"), Deed::Merged)]);
    assert_eq!(landed.conflicts, [Conflict { path: raw("same"), why: "it was changed since".to_owned() }]);
    assert_eq!(bed.read("apart"), base.replace('1', "theirs").replace('2', "ours"));
    let turns: Vec<_> = turns.into_iter().filter(|turn| turn.path == raw("same")).collect();
    let landed = bed.land("t.apply-2", &turns, merging(OnConflict::Markers));
    assert_eq!(landed.deeds, [(raw("same"), Deed::Marked)]);
    let marked = "<<<<<<< ours\n  ours\n=======\n  theirs\n>>>>>>> theirs\n";
    assert_eq!(bed.read("same"), base.replace("  1\n", marked));
    bed.take_back("t.apply-2");
    assert_eq!(bed.read("same"), base.replace('1', "ours"));
}

/// The real archive around a workspace.
fn archive_of(dir: &Path) -> Workspace {
    let dir = Utf8PathBuf::from_path_buf(dir.to_owned()).unwrap();
    Workspace::open(&dir.join("archive"), &dir.join("root")).unwrap()
}

fn everything() -> Take {
    let limits = ArchiveLimits {
        max_files: 1000,
        max_bytes: Bytes(1 << 30),
        max_file: Bytes(1 << 30),
        max_time: Span::from_secs(60),
        free_disk_floor: Bytes(0),
        small_ignored: Bytes(1000),
    };
    Take { scope: ArchiveScope::All, limits, late: false }
}

/// Archives a story's two states for real and returns the turns back.
fn archived() -> (Story, Workspace, Vec<Turn>) {
    let story = busy_in(Bed::on_disk());
    let workspace = archive_of(story.bed.dir.path());
    let take = |name: &str| {
        let snapshot = workspace.take(&name.parse().unwrap(), &everything(), &mut || true).unwrap();
        workspace.manifest(&snapshot).unwrap()
    };
    let after = take("t.1.after");
    story.bed.land("t.rollback-1", &back(&story.before, &story.after), how(OnConflict::Refuse));
    let before = take("t.1.before");
    story.bed.take_back("t.rollback-1");
    let turns = back(&before, &after);
    (story, workspace, turns)
}

#[test]
fn the_real_archive_gives_back_and_keeps_what_is_overwritten() {
    let (story, workspace, turns) = archived();
    story.bed.write("changed", "by the user\n");
    let id = "t.rollback-7".parse().unwrap();
    let landed = workspace.land(&id, &turns, how(OnConflict::Theirs)).unwrap();
    assert_eq!(landed.conflicts, vec![]);
    assert_eq!(story.bed.look(), story.before);
    assert_eq!(workspace.unfinished().unwrap(), vec![]);
    let kept = workspace.snapshot(&"t.rollback-7.now".parse().unwrap()).unwrap().unwrap();
    let Some(Entry::File { digest, .. }) = workspace.manifest(&kept).unwrap().get(&raw("changed")).cloned() else {
        panic!("the user's file is not in the archive");
    };
    assert_eq!(workspace.content(&digest).unwrap(), b"by the user\n");
    workspace.take_back(&id, &"t.rollback-7.undo".parse().unwrap(), how(OnConflict::Refuse)).unwrap();
    assert_eq!(story.bed.read("changed"), "by the user\n");
    story.bed.write("changed", "by the agent\n");
    assert_eq!(story.bed.look(), story.after);
}

#[test]
fn what_was_only_looked_at_is_archived_before_it_goes() {
    let (story, workspace, _) = archived();
    story.bed.write(
        "changed",
        "never archived
",
    );
    let now = workspace.look(&everything(), &mut || true).unwrap();
    let before = workspace.snapshot(&"t.1.before".parse().unwrap()).unwrap().unwrap();
    let turns = back(&workspace.manifest(&before).unwrap(), &now);
    let id = "t.rollback-7".parse().unwrap();
    workspace.land(&id, &turns, how(OnConflict::Refuse)).unwrap();
    workspace.take_back(&id, &"t.rollback-7.undo".parse().unwrap(), how(OnConflict::Refuse)).unwrap();
    assert_eq!(story.bed.read("changed"), "never archived\n");
}

/// The process of the next test that is killed; does nothing when all tests are run.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a test speaks with the process it starts")]
fn land_where_the_environment_says() {
    let Ok(dir) = std::env::var("MGR_TEST_LAND_IN") else { return };
    let turns = fs::read(Path::new(&dir).join("turns.json")).unwrap();
    let turns: Vec<Turn> = serde_json::from_slice(&turns).unwrap();
    archive_of(Path::new(&dir)).land(&"t.rollback-7".parse().unwrap(), &turns, how(OnConflict::Refuse)).unwrap();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a process of its own is to be killed")]
fn a_killed_process_is_gone_on_from() {
    let points =
        ["journaled", "staged_one", "synced", "staged", "step", "taken", "exchanged", "stepped", "carried_out", "done"];
    for point in points {
        let (story, workspace, turns) = archived();
        fs::write(story.bed.dir.path().join("turns.json"), serde_json::to_vec(&turns).unwrap()).unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "archive::landing_tests::land_where_the_environment_says"]);
        child.env("MGR_TEST_LAND_IN", story.bed.dir.path()).env("MGR_FAILPOINT", format!("landing.{point}"));
        let status = child.stdout(std::process::Stdio::null()).status().unwrap();
        assert!(!status.success(), "landing.{point} was not reached");
        let id = "t.rollback-7".parse().unwrap();
        let unfinished = if point == "done" { vec![] } else { vec![id] };
        assert_eq!(workspace.unfinished().unwrap(), unfinished, "{point}");
        let landed = workspace.land(&"t.rollback-7".parse().unwrap(), &turns, how(OnConflict::Refuse)).unwrap();
        assert_eq!((landed.is_done, landed.conflicts), (true, vec![]), "{point}");
        assert_eq!(story.bed.look(), story.before, "{point}");
    }
}
