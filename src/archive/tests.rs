//! The archive as a whole: whatever a workspace holds comes back as it was.

use std::{
    fs::{self, Permissions},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

use super::*;
use crate::core::{ArchiveLimits, ArchiveScope, Bytes, NotCovered, Span};

/// A store and a workspace of its own.
struct Bench {
    temp: tempfile::TempDir,
    workspace: Workspace,
}

fn limits() -> ArchiveLimits {
    ArchiveLimits {
        max_files: 10_000,
        max_bytes: Bytes(1_000_000_000),
        max_file: Bytes(100_000_000),
        max_time: Span::from_secs(60),
        free_disk_floor: Bytes(0),
        small_ignored: Bytes(1000),
    }
}

fn everything() -> Take {
    Take { scope: ArchiveScope::All, limits: limits(), late: false }
}

fn name(text: &str) -> SnapshotName {
    text.parse().unwrap()
}

fn raw(text: &str) -> RawPath {
    RawPath::new(text).unwrap()
}

impl Bench {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(temp.path()).unwrap();
        fs::create_dir(top.join("work")).unwrap();
        let workspace = Workspace::open(&top.join("store/archive"), &top.join("work")).unwrap();
        Self { temp, workspace }
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let bench = Self::new();
        files.iter().for_each(|(path, content)| bench.write(path, content.as_bytes()));
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.workspace.root().join(path).into_std_path_buf()
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn take(&self, text: &str) -> Snapshot {
        self.workspace.take(&name(text), &everything(), &mut || true).unwrap()
    }

    fn refused(&self, take: &Take) -> String {
        let error = self.workspace.take(&name("refused"), take, &mut || true).unwrap_err();
        assert_eq!(self.workspace.snapshot(&name("refused")).unwrap(), None);
        assert_eq!(leftovers(&self.workspace), Vec::<String>::new());
        error.to_string()
    }

    fn manifest(&self, text: &str) -> Manifest {
        let snapshot = self.workspace.snapshot(&name(text)).unwrap().unwrap();
        self.workspace.manifest(&snapshot).unwrap()
    }

    /// Waits until the cache may learn of what is there: a time of change cannot be set back.
    fn age(&self) {
        let dir = crate::os::dirs::Dir::open(self.workspace.root().as_std_path()).unwrap();
        let is_old = |name: &[u8]| {
            let stamp = cache::Stamp::of(&dir.stat(name).unwrap().unwrap()).unwrap();
            stamp.is_safe(crate::os::clock::now())
        };
        let deadline = crate::os::clock::steady() + Duration::from_secs(10);
        while !dir.names().unwrap().iter().all(|(name, _)| is_old(name)) {
            assert!(crate::os::clock::steady() < deadline, "the files stay young");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn elsewhere(&self, text: &str) -> Utf8PathBuf {
        let to = Utf8Path::from_path(self.temp.path()).unwrap().join(text);
        fs::create_dir(&to).unwrap();
        to
    }
}

fn leftovers(workspace: &Workspace) -> Vec<String> {
    let packs = fs::read_dir(workspace.dir().join("packs")).into_iter().flatten();
    packs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(|name| name.ends_with(".tmp")).collect()
}

fn kinds(manifest: &Manifest) -> Vec<String> {
    let kind = |(path, entry): &(RawPath, Entry)| match entry {
        Entry::File { size, .. } => format!("{path} {size}"),
        Entry::Dir { .. } => format!("{path}/"),
        Entry::Symlink { .. } => format!("{path}@"),
        Entry::Fifo { .. } => format!("{path}|"),
        Entry::Untouched => format!("{path}?"),
    };
    manifest.entries().iter().map(kind).collect()
}

fn known(manifest: &Manifest) -> Manifest {
    Manifest::new(manifest.entries().iter().filter(|(_, entry)| *entry != Entry::Untouched).cloned().collect())
}

#[test]
fn what_is_archived_can_be_read_again() {
    let bench = Bench::with(&[("a.txt", "one\r\n"), ("d/b", "two")]);
    let taken = bench.take("first");
    assert_eq!(bench.workspace.snapshot(&name("first")).unwrap(), Some(taken.clone()));
    assert_eq!((taken.coverage.covered_files, taken.coverage.covered_bytes), (2, 8));
    assert_eq!(kinds(&bench.manifest("first")), ["a.txt 5", "d/", "d/b 3"]);
    assert_eq!(bench.workspace.content(&Digest::of(b"one\r\n")).unwrap(), b"one\r\n");
    let mut file = fs::File::create(bench.path("../out")).unwrap();
    bench.workspace.write_content(&Digest::of(b"two"), &mut file).unwrap();
    assert_eq!(fs::read(bench.path("../out")).unwrap(), b"two");
    let unknown = bench.workspace.content(&Digest::of(b"none")).unwrap_err();
    assert!(matches!(unknown, ArchiveError::Damaged { .. }), "{unknown}");
    let all = Workspace::all(bench.workspace.store()).unwrap();
    assert_eq!(all.iter().map(Workspace::root).collect::<Vec<_>>(), [bench.workspace.root()]);
}

#[test]
fn a_name_is_taken_once() {
    let bench = Bench::with(&[("a", "1")]);
    let first = bench.take("one");
    bench.write("a", b"2");
    assert_eq!(bench.take("one"), first);
}

#[test]
fn looking_leaves_no_trace() {
    let bench = Bench::with(&[("a", "1")]);
    let survey = bench.workspace.survey(&everything(), Duration::from_secs(10)).unwrap();
    assert_eq!((survey.is_whole, survey.coverage.covered_files), (true, 1));
    bench.workspace.look(&everything(), &mut || true).unwrap();
    assert_eq!(bench.workspace.snapshots().unwrap(), []);
    assert!(!bench.workspace.dir().exists());
    let survey = bench.workspace.survey(&everything(), Duration::ZERO).unwrap();
    assert!(!survey.is_whole);
}

#[test]
fn an_unchanged_tree_writes_only_a_record() {
    let bench = Bench::with(&[("a", "1"), ("b/c", "2")]);
    bench.age();
    bench.take("one");
    let listed = |part: &str| fs::read_dir(bench.workspace.dir().join(part)).unwrap().count();
    let cache =
        || fs::metadata(cache::file(bench.workspace.dir(), bench.workspace.root())).unwrap().modified().unwrap();
    let before = (listed("packs"), listed("manifests"), cache());
    bench.take("two");
    assert_eq!((listed("packs"), listed("manifests"), cache()), before);
    assert_eq!((listed("snapshots"), before.0, before.1), (2, 2, 1));
    bench.write("b/c", b"3");
    bench.take("three");
    assert_eq!((listed("packs"), listed("manifests")), (4, 2));
}

#[test]
fn a_file_rewritten_in_the_same_tick_is_seen() {
    let bench = Bench::with(&[("a", "old")]);
    bench.take("one");
    let times = fs::metadata(bench.path("a")).unwrap().modified().unwrap();
    bench.write("a", b"new");
    fs::File::open(bench.path("a")).unwrap().set_modified(times).unwrap();
    bench.take("two");
    let digest = |text: &[u8]| Some(Entry::File { mode: 0o644, size: 3, digest: Digest::of(text) });
    assert_eq!(bench.manifest("one").get(&raw("a")), digest(b"old").as_ref());
    assert_eq!(bench.manifest("two").get(&raw("a")), digest(b"new").as_ref());
}

#[test]
fn a_restored_time_does_not_deceive_the_cache() {
    let bench = Bench::with(&[("a", "old")]);
    bench.age();
    bench.take("one");
    let times = fs::metadata(bench.path("a")).unwrap().modified().unwrap();
    bench.write("a", b"new");
    fs::File::open(bench.path("a")).unwrap().set_modified(times).unwrap();
    bench.take("two");
    assert_eq!(bench.workspace.content(&Digest::of(b"new")).unwrap(), b"new");
}

#[test]
fn ignored_things_are_named_and_small_ones_kept() {
    let big = "x".repeat(2000);
    let bench = Bench::with(&[
        (".gitignore", ".env\nbuild/\n*.bin"),
        (".env", "KEY=1"),
        ("build/out", "o"),
        ("huge.bin", &big),
        (".git/HEAD", "ref: refs/heads/main"),
        ("in/.git/HEAD", "ref: refs/heads/main"),
        ("in/x", "x"),
        (".mgr-landing-1/x", ""),
    ]);
    let coverage = bench.take("one").coverage;
    let of = |path: &str, why: &str| NotCovered { path: path.into(), why: why.into() };
    let history = "the repository's history; its refs are compared";
    let expected = [
        of(".git", history),
        of("build", "an ignored directory"),
        of("huge.bin", "an ignored file with more than 1 kB (`archive_small_ignored`)"),
        of("in/.git", history),
    ];
    assert_eq!((coverage.not_covered_total, &coverage.not_covered[..]), (4, &expected[..]));
    let all = [".env 5", ".git?", ".gitignore 17", "build?", "huge.bin?", "in/", "in/.git?", "in/x 1"];
    assert_eq!(kinds(&bench.manifest("one")), all);
}

#[test]
fn chosen_paths_are_covered_ignored_or_not() {
    let bench =
        Bench::with(&[(".gitignore", "build/"), ("build/a/out", "o"), ("build/b", "b"), ("src/x", "x"), ("y", "y")]);
    let paths = ["./build/a/", "src/x", "src", "new"].map(str::to_owned).to_vec();
    let take = Take { scope: ArchiveScope::Paths(paths), ..everything() };
    bench.workspace.take(&name("some"), &take, &mut || true).unwrap();
    assert_eq!(kinds(&bench.manifest("some")), ["build/", "build/a/", "build/a/out 1", "src/", "src/x 1"]);
    let take = Take { scope: ArchiveScope::Paths(vec!["../x".to_owned()]), ..everything() };
    assert_eq!(bench.refused(&take), "`../x` leads out of the workspace");
    bench.write("in/.git/HEAD", b"ref: refs/heads/main");
    let take = Take { scope: ArchiveScope::Paths(vec!["in/.git/HEAD".to_owned()]), ..everything() };
    bench.workspace.take(&name("history"), &take, &mut || true).unwrap();
    assert_eq!(kinds(&bench.manifest("history")), ["in/", "in/.git?"]);
    fs::remove_dir_all(bench.path("in")).unwrap();
    let take = Take { scope: ArchiveScope::Paths(vec![".".to_owned()]), ..everything() };
    bench.workspace.take(&name("all"), &take, &mut || true).unwrap();
    let all = [".gitignore 6", "build/", "build/a/", "build/a/out 1", "build/b 1", "src/", "src/x 1", "y 1"];
    assert_eq!(kinds(&bench.manifest("all")), all);
}

#[test]
fn what_was_covered_stays_covered() {
    let big = "x".repeat(2000);
    let bench = Bench::with(&[("src/a", "1"), ("big", &big)]);
    let before = bench.take("before");
    bench.write(".gitignore", b"src\nbig\nnew");
    bench.write("src/a", b"2");
    bench.write("new/x", b"x");
    bench.workspace.take_after(&name("after"), &everything(), &before, &mut || true).unwrap();
    assert_eq!(kinds(&bench.manifest("after")), [".gitignore 11", "big 2000", "new?", "src/", "src/a 1"]);
}

#[test]
fn the_store_is_never_archived() {
    let bench = Bench::with(&[("a", "1"), ("home/mgr.db", "d")]);
    let root = bench.workspace.root();
    let store = root.join("home/archive");
    let workspace = Workspace::open(&store, root).unwrap();
    let taken = workspace.take(&name("one"), &everything(), &mut || true).unwrap();
    assert_eq!(kinds(&workspace.manifest(&taken).unwrap()), ["a 1", "home?"]);
    let forbidden = |root: &Utf8Path| Workspace::open(&store, root).unwrap_err().to_string();
    assert_eq!(forbidden(Utf8Path::new("/")), "`/` is the whole system and cannot be archived");
    assert_eq!(
        forbidden(&store.join("x")),
        format!("`{}` lies in the archive and cannot be archived", store.join("x"))
    );
}

#[test]
fn limits_refuse_with_numbers() {
    let bench = Bench::with(&[("a", "1"), ("b", "2"), ("video.mp4", &"x".repeat(3100))]);
    let with = |change: &dyn Fn(&mut ArchiveLimits)| {
        let mut take = everything();
        change(&mut take.limits);
        bench.refused(&take)
    };
    assert_eq!(with(&|limits| limits.max_files = 2), "the workspace has more than 2 files (`archive_max_files`)");
    assert_eq!(
        with(&|limits| limits.max_file = Bytes(1000)),
        "`video.mp4` has 3.1 kB; the largest file may have 1 kB (`archive_max_file`)"
    );
    assert_eq!(
        with(&|limits| limits.max_bytes = Bytes(3000)),
        "the workspace has more than 3 kB (`archive_max_bytes`)"
    );
    assert_eq!(
        with(&|limits| limits.max_time = Span::from_millis(0)),
        "archiving took more than 0s (`archive_max_time`)"
    );
    let full = with(&|limits| limits.free_disk_floor = Bytes(u64::MAX / 2));
    assert!(full.ends_with("the floor is 9223372 TB (`free_disk_floor`)"), "{full}");
}

#[test]
fn stop_stops() {
    let bench = Bench::with(&[("a", "1")]);
    let stopped = bench.workspace.take(&name("one"), &everything(), &mut || false);
    assert!(matches!(stopped, Err(ArchiveError::Stopped)), "{stopped:?}");
    let manifest = Manifest::default();
    let stopped = bench.workspace.materialize(&manifest, &bench.elsewhere("to"), &mut || false);
    assert!(matches!(stopped, Err(ArchiveError::Stopped)), "{stopped:?}");
}

#[test]
fn a_torn_pack_is_damaged_and_made_good_by_the_next_snapshot() {
    let bench = Bench::with(&[("a", &"text ".repeat(100))]);
    bench.take("one");
    let digest = Digest::of("text ".repeat(100).as_bytes());
    let pack = fs::read_dir(bench.workspace.dir().join("packs")).unwrap();
    let pack = pack.map(|entry| entry.unwrap().path()).find(|path| path.extension().unwrap() == "pack").unwrap();
    let bytes = fs::read(&pack).unwrap();
    fs::write(&pack, &bytes[..bytes.len() - 1]).unwrap();
    let torn = bench.workspace.content(&digest).unwrap_err();
    assert!(matches!(torn, ArchiveError::Damaged { .. }), "{torn}");
    bench.take("two");
    assert_eq!(bench.workspace.content(&digest).unwrap().len(), 500);
}

#[test]
fn a_changed_manifest_is_damaged() {
    let bench = Bench::with(&[("a", "1")]);
    let taken = bench.take("one");
    fs::write(bench.workspace.manifest_file(&taken.manifest), zstd::bulk::compress(b"x", 1).unwrap()).unwrap();
    let changed = bench.workspace.manifest(&taken).unwrap_err();
    assert!(matches!(changed, ArchiveError::Damaged { .. }), "{changed}");
}

#[test]
fn contents_without_a_file_can_be_added() {
    let bench = Bench::new();
    let large: Vec<u8> = (0..9_000_000_u32).flat_map(u32::to_le_bytes).take(9_000_000).collect();
    let contents = [b"merged".to_vec(), large, Vec::new(), b"merged".to_vec()];
    bench.workspace.add(&name("t.apply-1"), &contents).unwrap();
    for content in &contents {
        assert!(bench.workspace.content(&Digest::of(content)).unwrap() == *content);
    }
}

#[test]
fn single_paths_are_looked_at_without_following() {
    let bench = Bench::with(&[("d/a", "1"), ("d/b", "2")]);
    symlink("d", bench.path("l")).unwrap();
    let asked = ["d", "d/a", "l", "l/a", "d/a/x", "none/x"].map(raw);
    assert_eq!(kinds(&bench.workspace.look_at(&asked).unwrap()), ["d/", "d/a 1", "l@"]);
}

#[test]
fn a_glance_sees_that_a_large_file_is_another_though_its_time_is_the_same() {
    let bench = Bench::new();
    let file = fs::File::options().read(true).write(true).create_new(true).open(bench.path("big")).unwrap();
    file.set_len(GLANCED_WHOLE + 1).unwrap();
    let glance = || bench.workspace.glance(&[raw("big")]).unwrap();
    let (first, before) = (glance(), file.metadata().unwrap());
    assert_eq!(glance(), first);
    let changed = |metadata: &fs::Metadata| (metadata.ctime(), metadata.ctime_nsec());
    // The system's clock for files may stand still for some milliseconds.
    while changed(&file.metadata().unwrap()) == changed(&before) {
        file.write_all_at(b"EVIL", 5_000_005).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
    }
    let after = file.metadata().unwrap();
    assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
    assert_ne!(glance(), first);
}

#[test]
fn leftovers_of_a_crash_go() {
    let bench = Bench::with(&[("a", "1")]);
    bench.take("one");
    let packs = bench.workspace.dir().join("packs");
    let (old, young) = (packs.join("x.1.tmp"), packs.join("y.2.tmp"));
    fs::write(&young, "").unwrap();
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000);
    fs::File::create(&old).unwrap().set_modified(long_ago).unwrap();
    bench.take("two");
    assert!(!old.exists() && young.exists());
}

#[test]
fn packs_are_rewritten_without_what_nobody_wants() {
    let bench = Bench::with(&[("a", "keep"), ("b", &"drop".repeat(100))]);
    bench.take("one");
    let workspace = &bench.workspace;
    let _alone = workspace.lock_alone().unwrap().unwrap();
    let dir = workspace.packs_dir();
    let old = workspace.packs().unwrap();
    let keep = Digest::of(b"keep");
    pack::rewrite(&dir, &old[0].name, &|digest| *digest == keep).unwrap();
    let new = workspace.packs().unwrap();
    assert_eq!((old.len(), new.len()), (1, 1));
    assert_eq!(pack::read_index(&dir, &new[0].name).unwrap(), Some(vec![(keep, 4, 4)]));
    assert_eq!(workspace.content(&keep).unwrap(), b"keep");
    pack::remove(&dir, &new[0].name).unwrap();
    assert_eq!(workspace.packs().unwrap(), []);
}

#[test]
fn a_cache_of_removed_packs_is_not_believed() {
    let bench = Bench::with(&[("a", "1")]);
    bench.age();
    bench.take("one");
    let pack = bench.workspace.packs().unwrap().remove(0);
    pack::remove(&bench.workspace.packs_dir(), &pack.name).unwrap();
    bench.take("two");
    assert_eq!(bench.workspace.content(&Digest::of(b"1")).unwrap(), b"1");
}

#[test]
fn two_at_a_time_are_both_right() {
    let files: Vec<_> = (0..200).map(|n| (format!("d{}/f{n}", n % 7), format!("content {}", n / 2))).collect();
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    let bench = Bench::with(&files);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let bench = &bench;
            scope.spawn(move || bench.take(&format!("n{n}")));
        }
    });
    for n in 0..4 {
        let to = bench.elsewhere(&format!("to{n}"));
        let manifest = bench.manifest(&format!("n{n}"));
        bench.workspace.materialize(&manifest, &to, &mut || true).unwrap();
        assert_eq!(bench.workspace.at(&to).look(&everything(), &mut || true).unwrap(), manifest);
    }
}

#[test]
fn contents_of_single_paths_are_kept_whatever_their_size() {
    let bench = Bench::with(&[("d/a", "1"), ("empty", "")]);
    let large: Vec<u8> = (0..10_000_000_u32).map(|n| (n / 7) as u8).collect();
    bench.write("large", &large);
    let asked = ["d", "d/a", "large", "empty", "gone"].map(raw);
    let kept = bench.workspace.keep(&name("t.rollback-1.now"), &asked).unwrap();
    assert_eq!(kinds(&kept), ["d/", "d/a 1", "empty 0", "large 10000000"]);
    assert_eq!(kept, bench.workspace.look_at(&asked).unwrap());
    for content in [&b"1"[..], b"", &large] {
        assert!(bench.workspace.content(&Digest::of(content)).unwrap() == content);
    }
}

#[test]
fn a_tree_that_changes_under_our_eyes_is_taken() {
    let bench = Bench::with(&[("stays", "1")]);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                bench.write(&format!("d{}/e/f", round % 3), &vec![b'x'; round % 5000]);
                let other = bench.path(&format!("d{}", (round + 1) % 3));
                let _ =
                    if round % 2 == 0 { fs::remove_dir_all(&other) } else { fs::rename(&other, bench.path("moved")) };
                let _ = fs::remove_dir_all(bench.path("moved"));
                let _ = symlink("stays", bench.path("moved"));
                let _ = fs::remove_file(bench.path("moved"));
            }
        });
        for round in 0..50 {
            let taken = bench.take(&format!("n{round}"));
            let manifest = bench.workspace.manifest(&taken).unwrap();
            assert!(manifest.get(&raw("stays")).is_some());
            let digests = manifest.entries().iter().filter_map(|(_, entry)| match entry {
                Entry::File { digest, .. } => Some(*digest),
                _ => None,
            });
            digests.for_each(|digest| assert!(bench.workspace.content(&digest).is_ok()));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
#[expect(clippy::disallowed_macros, reason = "a test that proves nothing says so")]
fn an_unreadable_file_is_refused_by_name() {
    let bench = Bench::with(&[("secret", "1")]);
    fs::set_permissions(bench.path("secret"), Permissions::from_mode(0o000)).unwrap();
    if fs::read(bench.path("secret")).is_ok() {
        eprintln!("SKIPPED: this user reads everything");
        return;
    }
    assert_eq!(bench.refused(&everything()), "cannot read `secret`");
}

/// A disk of its own for the store.
struct SmallDisk(Utf8PathBuf);

impl SmallDisk {
    /// Returns none where this user may not mount.
    #[expect(clippy::disallowed_macros, reason = "a test that proves nothing says so")]
    fn mount(at: Utf8PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={size}");
        let argv = ["mount", "-t", "tmpfs", "-o", &size, "mgr-test", at.as_str()].map(str::to_owned);
        if crate::os::spawn::tool(&argv, Utf8Path::new("/")).ok() != Some(0) {
            eprintln!("SKIPPED: this user may not mount a tmpfs; nothing was proven about a full disk");
            return None;
        }
        Some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let argv = ["umount", "-l", self.0.as_str()].map(str::to_owned);
        let _ = crate::os::spawn::tool(&argv, Utf8Path::new("/"));
    }
}

#[test]
fn a_full_disk_leaves_no_record_and_no_rest() {
    let bench = Bench::new();
    let Some(_disk) = SmallDisk::mount(bench.workspace.store().to_owned(), "2m") else { return };
    let mut state = 1_u64;
    for number in 0..40 {
        let content: Vec<u8> = (0..100_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        bench.write(&format!("f{number}"), &content);
    }
    let full = bench.workspace.take(&name("one"), &everything(), &mut || true).unwrap_err();
    assert!(full.is_disk_full(), "{full:?}");
    assert_eq!((bench.workspace.snapshots().unwrap(), leftovers(&bench.workspace)), (Vec::new(), Vec::new()));
    (5..40).for_each(|number| fs::remove_file(bench.path(&format!("f{number}"))).unwrap());
    assert_eq!(bench.take("one").coverage.covered_files, 5);
}

/// Something at a path of a random tree.
#[derive(Clone, Debug)]
enum Thing {
    File { content: Vec<u8>, mode: u32 },
    Large { seed: u8 },
    Dir { mode: u32 },
    Link { target: String },
    Fifo,
    Repository,
}

fn thing() -> impl Strategy<Value = Thing> {
    let content = prop_oneof![
        Just(b"line\r\nline\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..300),
        "[a-z\n]{0,2000}".prop_map(String::into_bytes),
    ];
    let mode = prop_oneof![Just(0o600), Just(0o644), Just(0o755), Just(0o444)];
    prop_oneof![
        8 => (content, mode).prop_map(|(content, mode)| Thing::File { content, mode }),
        1 => any::<u8>().prop_map(|seed| Thing::Large { seed }),
        3 => prop_oneof![Just(0o755), Just(0o700), Just(0o555), Just(0o2775)].prop_map(|mode| Thing::Dir { mode }),
        2 => prop_oneof!["[a-c]", Just("../..".to_owned()), Just("/nowhere".to_owned())].prop_map(|target| Thing::Link { target }),
        1 => Just(Thing::Fifo),
        1 => Just(Thing::Repository),
    ]
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |bytes: &[u8]| Just(bytes.to_vec());
    prop_oneof![
        5 => "[a-c]".prop_map(String::into_bytes),
        1 => fixed(b"\xff\xfe"),
        1 => fixed(b"a-b"),
        1 => fixed(b".env"),
        1 => fixed(b"ignored"),
        1 => fixed("ü ü".as_bytes()),
    ]
}

fn tree() -> impl Strategy<Value = Vec<(Vec<Vec<u8>>, Thing)>> {
    proptest::collection::vec((proptest::collection::vec(part(), 1..4), thing()), 0..40)
}

/// What cannot be made because something else is there is left out.
fn plant(root: &Path, tree: &[(Vec<Vec<u8>>, Thing)]) {
    for (parts, thing) in tree {
        let path = parts.iter().fold(root.to_owned(), |path, part| path.join(std::ffi::OsStr::from_bytes(part)));
        let parent = path.parent().unwrap();
        if path.symlink_metadata().is_ok()
            || fs::create_dir_all(parent).is_err()
            || !parent.canonicalize().unwrap().starts_with(root)
        {
            continue;
        }
        match thing {
            Thing::File { content, mode } => {
                fs::write(&path, content).unwrap();
                fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
            }
            Thing::Large { seed } => {
                let content: Vec<u8> = (0..5_000_000_u32).map(|n| (n / 1000) as u8 ^ seed).collect();
                fs::write(&path, content).unwrap();
            }
            Thing::Dir { mode } => {
                fs::create_dir(&path).unwrap();
                fs::set_permissions(&path, Permissions::from_mode(*mode)).unwrap();
            }
            Thing::Link { target } => symlink(target, &path).unwrap(),
            Thing::Fifo => {
                crate::os::dirs::Dir::open(parent)
                    .unwrap()
                    .make_fifo(path.file_name().unwrap().as_bytes(), 0o640)
                    .unwrap();
            }
            Thing::Repository => {
                fs::create_dir_all(path.join(".git/info")).unwrap();
                fs::write(path.join(".git/info/exclude"), "c\n").unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn what_is_materialized_is_what_was_taken(tree in tree(), ignore in prop_oneof![Just(""), Just("ignored\n.env\n")]) {
        let bench = Bench::new();
        let root = bench.workspace.root().as_std_path().canonicalize().unwrap();
        plant(&root, &tree);
        fs::write(root.join(".gitignore"), ignore).unwrap();
        let taken = bench.take("one");
        let manifest = bench.workspace.manifest(&taken).unwrap();
        prop_assert_eq!(&bench.workspace.look(&everything(), &mut || true).unwrap(), &manifest);
        let to = bench.elsewhere("to");
        bench.workspace.materialize(&manifest, &to, &mut || true).unwrap();
        let there = bench.workspace.at(&to);
        let again = there.take_after(&name("two"), &everything(), &taken, &mut || true).unwrap();
        let again = there.manifest(&again).unwrap();
        prop_assert_eq!(known(&again), known(&manifest));
        let paths: Vec<_> = manifest.entries().iter().map(|(path, _)| path.clone()).collect();
        prop_assert_eq!(there.look_at(&paths).unwrap(), known(&manifest));
    }
}
