//! What the archive keeps: a home with a task of each kind.

use std::{fs, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use super::{Engine, Retention};
use crate::{
    archive::{Digest, Entry, How, OnConflict, RawPath, SnapshotName, Take, Turn, Workspace},
    config::Environment,
    core::{ArchiveLimits, ArchiveScope, Attempt, Bytes, Span, State, Status, Task, TaskId, Timestamp, Words},
    os::clock,
    store::NewTask,
};

struct Bench {
    engine: Engine,
    base: Utf8PathBuf,
    _temp: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let base = Utf8PathBuf::from_path_buf(temp.path().canonicalize().unwrap()).unwrap();
        let env: Environment = [("MGR_HOME".to_owned(), base.join("home").to_string())].into_iter().collect();
        fs::create_dir(base.join("work")).unwrap();
        Self { engine: Engine::open(env, None).unwrap(), base, _temp: temp }
    }

    fn workspace(&self, name: &str) -> Workspace {
        fs::create_dir_all(self.base.join(name)).unwrap();
        Workspace::open(&self.engine.home().archive(), &self.base.join(name)).unwrap()
    }

    /// Adds a task with one attempt. `number` is its place in time.
    fn task(&self, number: u32, isolate: &str, is_over: bool) -> Task {
        let now = clock::now();
        let spec = json!({
            "backend": "demo", "working_dir": self.base.join("work"), "workspace": self.base.join("work"),
            "max_output": "1MB", "isolate": isolate,
        });
        let spec = serde_json::from_value(spec).unwrap();
        let id = TaskId::new(Timestamp::from_millis(1_790_000_000_000 + i64::from(number)), 1);
        let state = State::Running { attempt: 1 };
        let words = Words::default();
        let attempt: Attempt =
            serde_json::from_value(json!({"number": 1, "backend": "demo", "claimed_at": now})).unwrap();
        self.engine
            .store
            .write(|writing| {
                let new =
                    NewTask { id: id.clone(), spec, words: &words, state, now, request_id: None, fingerprint: b"" };
                let mut task = writing.add(new)?;
                task.attempts.push(attempt);
                if is_over {
                    task.state = State::Finished { status: Status::Done, failure: None };
                }
                writing.keep(&mut task, now).map(|()| task)
            })
            .map_err(|error: crate::store::StoreError| error)
            .unwrap()
    }

    fn take(&self, workspace: &str, name: &str, content: &str) {
        let workspace = self.workspace(workspace);
        fs::write(workspace.root().join("file"), content).unwrap();
        workspace.take(&name.parse().unwrap(), &everything(), &mut || true).unwrap();
    }

    fn task_with(&self, number: u32, isolate: &str, is_over: bool, contents: [&str; 2]) -> Task {
        let task = self.task(number, isolate, is_over);
        self.take("work", &format!("{}.1.before", task.id), contents[0]);
        self.take("work", &format!("{}.1.after", task.id), contents[1]);
        fs::create_dir_all(self.engine.home().task(&task.id)).unwrap();
        task
    }

    fn beside(&self, task: &Task, name: &str, text: &str) {
        fs::write(self.engine.home().task(&task.id).join(name), text).unwrap();
    }

    /// Returns what becomes of each name with `older_than`, the newest last.
    fn fates(&self, older_than: u64, max_size: Option<u64>, apply: bool) -> Vec<(String, bool, String)> {
        let older_than = Span::from_millis(older_than);
        let retention = Retention { older_than, max_size: max_size.map(Bytes), apply };
        let holdings = self.engine.collect_garbage(retention).unwrap();
        holdings.items.into_iter().map(|item| (item.name, item.is_kept, item.reason)).collect()
    }

    fn names(&self) -> Vec<String> {
        self.engine.holdings().unwrap().items.into_iter().map(|item| item.name).collect()
    }
}

fn everything() -> Take {
    let huge = Bytes(1 << 40);
    let limits = ArchiveLimits {
        max_files: 1 << 40,
        max_bytes: huge,
        max_file: huge,
        max_time: Duration::from_secs(600).into(),
        free_disk_floor: Bytes(0),
        small_ignored: huge,
    };
    Take { scope: ArchiveScope::All, limits, late: false }
}

fn both(task: &Task, is_kept: bool, why: &str) -> Vec<(String, bool, String)> {
    ["before", "after"].map(|when| (format!("{}.1.{when}", task.id), is_kept, why.to_owned())).into()
}

fn sorted(mut rows: Vec<(String, bool, String)>) -> Vec<(String, bool, String)> {
    rows.sort();
    rows
}

/// Waits until what was taken is older than nothing.
fn age() {
    let now = clock::now();
    while clock::now() <= now {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_needed_stays_and_the_rest_goes_by_age() {
    let bench = Bench::new();
    let over = bench.task_with(1, "none", true, ["1", "2"]);
    let live = bench.task_with(2, "none", false, ["2", "3"]);
    let open = bench.task_with(3, "copy", true, ["3", "4"]);
    let partly = bench.task_with(4, "copy", true, ["4", "5"]);
    bench.beside(&partly, "landing.json", r#"{"v":1,"state":"partly","at":1}"#);
    let applied = bench.task_with(5, "worktree", true, ["5", "6"]);
    let at = serde_json::to_string(&clock::now()).unwrap();
    bench.beside(&applied, "landing.json", &format!(r#"{{"v":1,"state":"applied","at":{at}}}"#));
    bench.beside(&partly, "landing.json", &format!(r#"{{"v":1,"state":"partly","at":{at}}}"#));
    let idle = bench.task_with(6, "copy", true, ["7", "7"]);
    let pinned = bench.task_with(7, "none", true, ["7", "8"]);
    bench.beside(&pinned, "pinned", "");
    let gone: TaskId = TaskId::new(Timestamp::from_millis(1_790_000_000_099), 1);
    bench.take("work", &format!("{gone}.1.before"), "8");
    bench.take("work", "by-hand", "9");
    let row = |name: &str, is_kept, why: &str| vec![(name.to_owned(), is_kept, why.to_owned())];
    let kept = [
        both(&live, true, "its task is not over"),
        both(&open, true, "its changes are neither applied nor discarded"),
        both(&partly, true, "some of its changes are not applied"),
        both(&pinned, true, "it is pinned"),
    ];
    let gone_row = || row(&format!("{gone}.1.before"), false, "its task is gone");
    let young = |tasks: &[&Task]| tasks.iter().flat_map(|task| both(task, true, "younger than 1h")).collect();
    let ages = [young(&[&over, &applied, &idle]), row("by-hand", true, "younger than 1h"), gone_row()];
    assert_eq!(sorted(bench.fates(3_600_000, None, false)), sorted([&kept[..], &ages].concat().concat()));
    age();
    let old = |tasks: &[&Task]| tasks.iter().flat_map(|task| both(task, false, "older than 0s")).collect();
    let goes = [old(&[&over, &applied, &idle]), row("by-hand", false, "older than 0s"), gone_row()];
    let all = sorted([&kept[..], &goes].concat().concat());
    let before = bench.names();
    assert_eq!((sorted(bench.fates(0, None, false)), bench.names()), (all.clone(), before));
    assert_eq!(sorted(bench.fates(0, None, true)), all);
    let left = sorted(kept.concat()).into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
    let mut names = bench.names();
    names.sort();
    assert_eq!(names, left);
    let custody = |task: &Task| bench.engine.custody_of(task).unwrap();
    assert_eq!([&over, &applied, &idle].map(custody), [None, None, None]);
    assert_eq!(custody(&open).as_deref(), Some("its changes are neither applied nor discarded"));
    assert_eq!(custody(&pinned).as_deref(), Some("it is pinned"));
}

#[test]
fn an_unfinished_journal_holds_its_task() {
    let bench = Bench::new();
    let task = bench.task_with(1, "none", true, ["1", "2"]);
    let workspace = bench.workspace("work");
    let mode = |path: &Utf8Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions());
    let mode = mode(&workspace.root().join("file")) & 0o7777;
    let file = |text: &str| Some(Entry::File { mode, size: 1, digest: Digest::of(text.as_bytes()) });
    let turn = Turn { path: RawPath::new("file").unwrap(), from: file("2"), to: file("1") };
    let how = How { on_conflict: OnConflict::Refuse, merge_texts: false, dry_run: false };
    let id: SnapshotName = format!("{}.rollback-1", task.id).parse().unwrap();
    assert!(workspace.land(&id, &[turn], how).unwrap().is_done);
    assert_eq!(bench.engine.custody_of(&task).unwrap(), None);
    fs::remove_file(workspace.dir().join("undo").join(id.as_str()).join("done.json")).unwrap();
    age();
    let why = format!("`{id}` was begun and not finished");
    assert_eq!(bench.engine.custody_of(&task).unwrap().as_ref(), Some(&why));
    let landing = [id.to_string(), format!("{id}.now")].map(|name| (name, true, why.clone()));
    let kept = [both(&task, true, &why), landing.into()].concat();
    assert_eq!(sorted(bench.fates(0, None, true)), sorted(kept));
}

#[test]
fn beyond_the_size_the_oldest_go_first_whichever_workspace_they_are_of() {
    let bench = Bench::new();
    fs::create_dir(bench.base.join("other")).unwrap();
    let noise = |seed: u8| {
        (0..40_000u32).map(|n| Digest::of(&[&n.to_le_bytes()[..], &[seed]].concat()).0[0] as char).collect::<String>()
    };
    for (number, workspace) in ["work", "other", "work", "other"].iter().enumerate() {
        age();
        bench.take(workspace, &format!("s{number}"), &noise(number as u8));
    }
    let stored = bench.engine.holdings().unwrap().stored_bytes;
    let kept =
        |rows: Vec<(String, bool, String)>| rows.into_iter().filter(|row| row.1).map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(kept(bench.fates(3_600_000, Some(stored), false)).len(), 4);
    let mut left = kept(bench.fates(3_600_000, Some(stored - stored / 3), true));
    left.sort();
    assert_eq!(left, ["s2", "s3"]);
    assert!(bench.engine.holdings().unwrap().stored_bytes <= stored - stored / 3);
}

#[test]
fn an_archive_in_use_keeps_all_it_has() {
    let bench = Bench::new();
    bench.take("work", "a", "1");
    let lock = crate::os::files::open_lock(&bench.workspace("work").dir().join("lock")).unwrap();
    lock.lock_shared().unwrap();
    age();
    let row = ("a".to_owned(), true, "the archive of its workspace is in use now".to_owned());
    assert_eq!(bench.fates(0, None, true), [row]);
    drop(lock);
    assert_eq!(bench.fates(0, None, true), [("a".to_owned(), false, "older than 0s".to_owned())]);
    assert_eq!(bench.names(), Vec::<String>::new());
}
