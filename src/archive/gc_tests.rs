//! Whatever is removed in whatever order: what stays reads back whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

use super::{Collected, Digest, Entry, Going, How, OnConflict, RawPath, SnapshotName, Turn, Workspace, testing::whole};

struct Bench {
    temp: tempfile::TempDir,
    workspace: Workspace,
}

fn name(text: &str) -> SnapshotName {
    text.parse().unwrap()
}

fn going(snapshots: &[&str]) -> Going {
    Going { snapshots: snapshots.iter().map(|text| name(text)).collect(), journals: BTreeSet::new() }
}

/// A text that does not compress to nothing.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(next).collect()
}

impl Bench {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let base = Utf8PathBuf::from_path_buf(temp.path().canonicalize().unwrap()).unwrap();
        fs::create_dir(base.join("work")).unwrap();
        let workspace = Workspace::open(&base.join("home/archive"), &base.join("work")).unwrap();
        Self { temp, workspace }
    }

    fn write(&self, path: &str, content: &[u8]) {
        fs::write(self.workspace.root().join(path), content).unwrap();
    }

    fn take(&self, text: &str) {
        self.workspace.take(&name(text), &whole(), &mut || true).unwrap();
    }

    /// Reads back all that a snapshot holds.
    fn read(&self, text: &str) -> BTreeMap<RawPath, Vec<u8>> {
        let workspace = Workspace::open(&self.store(), self.workspace.root()).unwrap();
        let snapshot = workspace.snapshot(&name(text)).unwrap().unwrap();
        let manifest = workspace.manifest(&snapshot).unwrap();
        let files = manifest.entries().iter().filter_map(|(path, entry)| match entry {
            Entry::File { digest, .. } => Some((path.clone(), workspace.content(digest).unwrap())),
            _ => None,
        });
        files.collect()
    }

    fn store(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.temp.path().canonicalize().unwrap()).unwrap().join("home/archive")
    }

    fn freed(&self, going: &Going) -> u64 {
        // Nobody else is here; but what another test starts at this moment has the locks of all until it is a program
        // of its own.
        loop {
            match self.workspace.collect(going).unwrap() {
                Collected::Freed(bytes) => return bytes,
                Collected::InUse => std::thread::yield_now(),
            }
        }
    }

    fn packs(&self) -> Vec<Utf8PathBuf> {
        let entries = fs::read_dir(self.workspace.dir().join("packs")).unwrap();
        entries.map(|entry| Utf8PathBuf::from_path_buf(entry.unwrap().path()).unwrap()).collect()
    }
}

#[test]
fn what_only_the_gone_needed_goes_with_it() {
    let bench = Bench::new();
    bench.write("common", &content(1, 100_000));
    bench.write("old", &content(2, 300_000));
    bench.take("a");
    fs::remove_file(bench.workspace.root().join("old")).unwrap();
    bench.write("new", &content(3, 10));
    bench.take("b");
    let (kept, before) = (bench.read("b"), bench.workspace.stored_bytes());
    let told = bench.workspace.would_free(&going(&["a"])).unwrap();
    assert_eq!(bench.workspace.stored_bytes(), before, "looking changes nothing");
    let freed = bench.freed(&going(&["a"]));
    assert!((300_000..310_000).contains(&freed) && told.abs_diff(freed) < 5_000, "told {told}, freed {freed}");
    assert_eq!(bench.workspace.stored_bytes(), before - freed);
    assert_eq!((bench.read("b"), bench.workspace.snapshot(&name("a")).unwrap()), (kept, None));
    // The next snapshot knows that `old` is no longer there.
    bench.write("old", &content(2, 300_000));
    bench.take("c");
    assert_eq!(bench.read("c").len(), 3);
    assert_eq!(bench.freed(&going(&[])), 0);
}

#[test]
fn an_archive_with_nothing_left_goes_whole_and_begins_anew() {
    let bench = Bench::new();
    bench.write("a", b"1");
    bench.take("a");
    bench.freed(&going(&["a"]));
    assert!(!bench.workspace.dir().exists());
    assert!(Workspace::all(&bench.store()).unwrap().is_empty());
    bench.take("b");
    assert_eq!(bench.read("b").len(), 1);
}

#[test]
fn what_a_crash_has_left_of_a_whole_archive_is_found() {
    let bench = Bench::new();
    bench.write("a", b"1");
    for die_at in ["gc-forgotten", "gc-packs", "gc-aside", "gc-emptied"] {
        bench.take("a");
        let die = |step: &str| assert!(step != die_at, "as if killed");
        let all = going(&["a"]);
        let collect = || bench.workspace.collect_by_steps(&all, &die);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(collect)).is_err(), "{die_at}");
        for left in Workspace::all(&bench.store()).unwrap() {
            left.collect(&Going::default()).unwrap();
        }
        assert_eq!(fs::read_dir(bench.store()).unwrap().count(), 0, "{die_at}");
    }
}

#[test]
fn whoever_takes_while_an_archive_goes_whole_has_a_snapshot() {
    let bench = Bench::new();
    bench.write("a", &content(1, 1000));
    bench.take("gone");
    std::thread::scope(|scope| {
        let taker = scope.spawn(|| (0..30).for_each(|number| bench.take(&format!("s{number}"))));
        while !taker.is_finished() {
            // The archive may not be there at the moment.
            let all = bench.workspace.snapshots().unwrap_or_default();
            let old = all.iter().map(|snapshot| snapshot.name.clone()).filter(|name| name.as_str() != "s29").collect();
            let _ = bench.workspace.collect(&Going { snapshots: old, journals: BTreeSet::new() });
        }
    });
    assert_eq!(bench.read("s29").len(), 1);
}

#[test]
fn an_archive_in_use_is_left_alone() {
    let bench = Bench::new();
    bench.write("a", b"1");
    bench.take("a");
    let lock = crate::os::files::open_lock(&bench.workspace.dir().join("lock")).unwrap();
    lock.lock_shared().unwrap();
    assert_eq!(bench.workspace.collect(&going(&["a"])).unwrap(), Collected::InUse);
    assert_eq!(bench.read("a").len(), 1);
}

#[test]
fn a_damaged_archive_is_left_as_it_is() {
    for part in ["snapshots", "manifests"] {
        let bench = Bench::new();
        bench.write("a", &content(1, 1000));
        bench.take("a");
        bench.write("a", &content(2, 1000));
        bench.take("b");
        let b = bench.workspace.snapshot(&name("b")).unwrap().unwrap();
        let file = if part == "snapshots" { "b.json".to_owned() } else { b.manifest.to_string() };
        fs::write(bench.workspace.dir().join(part).join(file), "{\"v\":99}").unwrap();
        let before = bench.workspace.stored_bytes();
        assert!(bench.workspace.collect(&going(&["a"])).is_err());
        assert_eq!(bench.workspace.stored_bytes(), before);
        assert_eq!(bench.read("a").len(), 1);
    }
}

#[test]
fn a_weight_is_what_the_going_frees() {
    let bench = Bench::new();
    bench.write("one", &content(1, 50_000));
    bench.take("a");
    bench.write("two", &content(2, 70_000));
    bench.take("b");
    fs::remove_file(bench.workspace.root().join("one")).unwrap();
    bench.take("c");
    let order = [name("a"), name("b")];
    let weights = bench.workspace.weights(&order, &Going::default()).unwrap();
    // `b` needs `one` too, and `c` needs `two`.
    assert!(weights[0] < 2_000 && (50_000..52_000).contains(&weights[1]), "{weights:?}");
}

fn overwrite(bench: &Bench, id: &str, from: &[u8], to: &[u8]) {
    let file = |content: &[u8]| Entry::File { mode: 0o644, size: content.len() as u64, digest: Digest::of(content) };
    let turn = Turn { path: RawPath::new("a").unwrap(), from: Some(file(from)), to: Some(file(to)) };
    let how = How { on_conflict: OnConflict::Theirs, merge_texts: false, dry_run: false };
    assert!(bench.workspace.land(&name(id), &[turn], how).unwrap().is_done);
}

#[test]
fn what_a_journal_needs_stays_as_long_as_the_journal() {
    let bench = Bench::new();
    bench.write("a", b"before");
    bench.take("x.before");
    bench.write("a", b"somebody else's");
    overwrite(&bench, "x.rollback-1", b"after", b"before");
    bench.freed(&going(&["x.before"]));
    let content = |text: &[u8]| bench.workspace.content(&Digest::of(text)).ok();
    assert_eq!(content(b"somebody else's").as_deref(), Some(&b"somebody else's"[..]));
    assert_eq!(content(b"before").as_deref(), Some(&b"before"[..]));
    let undo = How { on_conflict: OnConflict::Refuse, merge_texts: false, dry_run: false };
    bench.workspace.take_back(&name("x.rollback-1"), &name("x.rollback-1.undo"), undo).unwrap();
    assert_eq!(fs::read(bench.workspace.root().join("a")).unwrap(), b"somebody else's");
    let journals = ["x.rollback-1", "x.rollback-1.undo"].map(name).into();
    let snapshots = bench.workspace.snapshots().unwrap().into_iter().map(|snapshot| snapshot.name).collect();
    let both = Going { snapshots, journals };
    // The pack of a landing stays for an hour: one that has just begun has no journal yet.
    bench.freed(&both);
    assert!(bench.workspace.journals().unwrap().is_empty() && bench.workspace.dir().exists());
    for pack in bench.packs() {
        let file = fs::File::open(pack).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    }
    bench.freed(&both);
    assert!(!bench.workspace.dir().exists());
}

#[test]
fn an_unfinished_journal_never_goes() {
    let bench = Bench::new();
    bench.write("a", b"after");
    bench.take("x.after");
    bench.workspace.add(&name("x.before"), &[b"before".to_vec()]).unwrap();
    overwrite(&bench, "x.rollback-1", b"after", b"before");
    fs::remove_file(bench.workspace.dir().join("undo/x.rollback-1/done.json")).unwrap();
    let all = Going { snapshots: [name("x.after")].into(), journals: [name("x.rollback-1")].into() };
    bench.freed(&all);
    assert_eq!(bench.workspace.unfinished().unwrap(), [name("x.rollback-1")]);
    assert_eq!(bench.workspace.content(&Digest::of(b"after")).unwrap(), b"after");
}

#[test]
fn a_crash_at_any_step_leaves_what_stays_whole_and_is_made_up_for() {
    for die_at in 0.. {
        let bench = Bench::new();
        for (number, text) in ["a", "b", "c", "d"].iter().enumerate() {
            for file in 0..4 {
                let seed = if file == 0 { 7 } else { (number * 10 + file) as u64 };
                bench.write(&format!("f{file}"), &content(seed, 20_000));
            }
            bench.write("half", &content(99, 30_000));
            bench.take(text);
            bench.write("f3", b"");
        }
        let (all, steps) = (going(&["a", "c"]), std::cell::Cell::new(0));
        let whole = ["b", "d"].map(|text| bench.read(text));
        let gone = BTreeMap::from(["a", "c"].map(|text| (name(text), bench.read(text))));
        let die = |_: &str| {
            steps.set(steps.get() + 1);
            assert!(steps.get() <= die_at, "as if killed");
        };
        let died =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bench.workspace.collect_by_steps(&all, &die)));
        for left in bench.workspace.snapshots().unwrap() {
            // What still has a record still has its contents.
            let read = bench.read(left.name.as_str());
            assert!(gone.get(&left.name).is_none_or(|whole| *whole == read), "died at step {die_at}");
        }
        assert_eq!(["b", "d"].map(|text| bench.read(text)), whole, "died at step {die_at}");
        bench.freed(&all);
        assert_eq!(["b", "d"].map(|text| bench.read(text)), whole, "died at step {die_at}");
        assert_eq!(bench.freed(&all), 0, "died at step {die_at}");
        if died.is_ok() {
            assert!(die_at > 4, "{die_at} steps");
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_what_stays_reads_back_whole(
        history in proptest::collection::vec(proptest::collection::vec((0u8..6, 0u64..12), 0..5), 1..8),
        rounds in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 8), 1..3),
    ) {
        let bench = Bench::new();
        let mut whole = BTreeMap::new();
        for (number, edits) in history.iter().enumerate() {
            for (file, seed) in edits {
                let path = bench.workspace.root().join(format!("f{file}"));
                match seed {
                    0 => drop(fs::remove_file(path)),
                    seed => fs::write(path, content(*seed, 500 * *seed as usize)).unwrap(),
                }
            }
            let text = format!("s{number}");
            bench.take(&text);
            let read = bench.read(&text);
            whole.insert(text, read);
        }
        for round in rounds {
            let gone: Vec<String> = whole.keys().zip(&round).filter(|(_, goes)| **goes).map(|(text, _)| text.clone()).collect();
            let before = bench.workspace.stored_bytes();
            bench.freed(&going(&gone.iter().map(String::as_str).collect::<Vec<_>>()));
            whole.retain(|text, _| !gone.contains(text));
            prop_assert!(gone.is_empty() || bench.workspace.stored_bytes() < before);
            for (text, files) in &whole {
                prop_assert_eq!(&bench.read(text), files);
            }
            if whole.is_empty() {
                prop_assert!(!bench.workspace.dir().exists());
                return Ok(());
            }
        }
        bench.take("last");
        let now: BTreeMap<_, _> = fs::read_dir(bench.workspace.root()).unwrap().map(|entry| {
            let path = Utf8Path::from_path(&entry.unwrap().path()).unwrap().to_owned();
            (RawPath::new(path.file_name().unwrap()).unwrap(), fs::read(&path).unwrap())
        }).collect();
        prop_assert_eq!(bench.read("last"), now);
    }
}
