//! Changes that are looked at, taken back and brought in, beside people and other tasks who go on meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Ran, TestHome, wait_for};

/// What lies below a directory, `.git` left out: a line for each path with type, mode and content.
fn tree(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(dir, dir, &mut found);
    found
}

fn collect(root: &Path, dir: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != ".git") {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let mode = path.symlink_metadata().unwrap().mode() & 0o7777;
        let about = if kind.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else if kind.is_dir() {
            collect(root, &path, found);
            format!("dir {mode:o}")
        } else {
            format!("{mode:o} {}", fs::read(&path).unwrap().escape_ascii())
        };
        found.insert(path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii().to_string(), about);
    }
}

impl TestHome {
    /// Submits a script to the demo agent; returns the id.
    #[track_caller]
    fn demo(&self, flags: &[&str], script: &str) -> String {
        self.submit_with(&[&["-b", "demo"], flags].concat(), script)
    }

    #[track_caller]
    fn done(&self, id: &str) {
        let task = self.end_of(id);
        assert_eq!(task["status"], "done", "{task:#}");
    }

    #[track_caller]
    fn landed(&self, args: &[&str], code: i32) -> Value {
        let ran = Ran::from(self.command(args.iter().chain(&["--json"])).output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""), "mgr {args:?}: {ran:#?}");
        ran.json()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.work().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

const TWO_FUNCTIONS: &str = "fn one() {\n    1\n}\n\n// between\n\nfn two() {\n    2\n}\n";

/// Two isolated tasks at two functions of one file and at one line of another, a third in the directory itself.
#[test]
fn three_tasks_of_one_directory_land_side_by_side() {
    let home = TestHome::new();
    home.put("lib.rs", TWO_FUNCTIONS);
    home.put("title", "title\n");
    let edit = |number: &str, which: &str| {
        format!("run: sed -i s/{number}$/{number}{number}/ lib.rs\nwrite: title: the title of {which}\nsay: done")
    };
    let first = home.demo(&["--isolate", "copy"], &edit("1", "first"));
    let second = home.demo(&["--isolate", "copy"], &edit("2", "second"));
    let third = home.demo(&[], "write: third.txt: mine\nsay: done");
    [&first, &second, &third].into_iter().for_each(|id| home.done(id));
    let before = tree(&home.work());
    assert_eq!((home.text("lib.rs").as_str(), home.text("title").as_str()), (TWO_FUNCTIONS, "title\n"));

    let landed = home.landed(&["apply", &first], 0);
    assert_eq!((&landed["written"], &landed["conflicts"]), (&json!(["lib.rs", "title"]), &json!([])), "{landed:#}");
    let one = TWO_FUNCTIONS.replace("    1\n", "    11\n");
    assert_eq!((home.text("lib.rs"), home.text("title")), (one.clone(), "the title of first\n".to_owned()));
    let after_first = tree(&home.work());

    let landed = home.landed(&["apply", &second], 9);
    assert_eq!(landed["merged"], json!(["lib.rs"]), "{landed:#}");
    assert_eq!(landed["conflicts"][0]["path"], "title", "{landed:#}");
    let both = one.replace("    2\n", "    22\n");
    assert_eq!((home.text("lib.rs"), home.text("title")), (both, "the title of first\n".to_owned()));

    // The third worked in the directory itself: taking it back leaves what came in since.
    let back = home.landed(&["rollback", &third], 0);
    assert_eq!((&back["deleted"], &back["restored"]), (&json!(["third.txt"]), &json!([])), "{back:#}");
    assert_eq!(home.text("title"), "the title of first\n");
    home.landed(&["rollback", &third, "--undo"], 0);

    home.landed(&["apply", &second, "--undo"], 0);
    assert_eq!(tree(&home.work()), after_first);
    home.landed(&["apply", &first, "--undo"], 0);
    assert_eq!(tree(&home.work()), before);
    // Given up, it still comes in from the archive.
    assert_eq!(home.landed(&["discard", &first], 0)["discarded"], true);
    assert_eq!(home.landed(&["discard", &first], 0)["discarded"], false);
    home.landed(&["apply", &first], 0);
    assert_eq!(tree(&home.work()), after_first);
}

#[test]
fn rollback_brings_everything_back_and_undo_forth() {
    let home = TestHome::new();
    let work = home.work();
    home.put("kept/a.txt", "one\ntwo\n");
    home.put("gone.bin", "\u{0}\r\n");
    home.put("run.sh", "true\n");
    home.put("was-file", "x\n");
    fs::create_dir(work.join("empty")).unwrap();
    symlink("kept/a.txt", work.join("link")).unwrap();
    fs::set_permissions(work.join("kept/a.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    let before = tree(&work);
    let id = home.demo(
        &[],
        "append: kept/a.txt: three\ndelete: gone.bin\nwrite: made/deep/b.txt: new\n\
         run: sh -c \"chmod 755 run.sh; rmdir empty; ln -sfn elsewhere link; rm was-file; mkdir was-file; mkfifo pipe\"\n\
         say: done",
    );
    home.done(&id);
    let ran = Command::new("find").arg(&work).args(["-type", "p"]).output().unwrap();
    assert_eq!(String::from_utf8(ran.stdout).unwrap().lines().count(), 1, "a pipe was made");
    let changes = home.json(&["diff", &id, "--stat"]);
    let kinds: Vec<_> =
        changes["files"].as_array().unwrap().iter().map(|file| json!([file["path"], file["kind"]])).collect();
    let expected = json!([
        ["empty", "deleted"],
        ["gone.bin", "deleted"],
        ["kept/a.txt", "modified"],
        ["link", "modified"],
        ["made", "created"],
        ["made/deep", "created"],
        ["made/deep/b.txt", "created"],
        ["pipe", "created"],
        ["run.sh", "mode"],
        ["was-file", "type"],
    ]);
    assert_eq!(Value::from(kinds), expected);
    let look = home.landed(&["rollback", &id, "--dry-run"], 0);
    assert_eq!((&look["dry_run"], &look["done"]), (&json!(true), &json!(false)));
    assert!(work.join("made/deep/b.txt").exists(), "a dry run changes nothing");
    home.landed(&["rollback", &id], 0);
    assert_eq!(tree(&work), before);
    home.landed(&["rollback", &id, "--undo"], 0);
    assert!(!work.join("gone.bin").exists() && work.join("was-file").is_dir());
    assert_eq!(home.text("made/deep/b.txt"), "new\n");
    fs::remove_file(work.join("pipe")).unwrap();
}

#[test]
fn an_edit_that_came_later_is_never_lost() {
    let home = TestHome::new();
    home.put("a.txt", "one\ntwo\nthree\n");
    home.put("b.txt", "old\n");
    let id = home.demo(&[], "write: a.txt: the agent's\nwrite: b.txt: the agent's\nsay: done");
    home.done(&id);
    home.put("a.txt", "a person's\n");
    let after = tree(&home.work());
    let refused = home.landed(&["rollback", &id], 9);
    assert_eq!((&refused["done"], &refused["conflicts"][0]["path"]), (&json!(false), &json!("a.txt")), "{refused:#}");
    assert_eq!((&refused["restored"], tree(&home.work())), (&json!([]), after));
    let words = home.mgr(&["rollback", &id]);
    assert!(words.stdout.starts_with("Nothing was changed. 1 conflict stays as it is.\n"), "{words:#?}");
    assert!(words.stdout.contains("conflict  a.txt: "), "{words:#?}");
    assert!(
        words.stdout.contains(&format!("Go on: mgr rollback {id} --on-conflict skip|theirs|markers\n")),
        "{words:#?}"
    );
    home.landed(&["rollback", &id, "--on-conflict", "skip"], 9);
    assert_eq!((home.text("a.txt").as_str(), home.text("b.txt").as_str()), ("a person's\n", "old\n"));
    home.landed(&["rollback", &id, "a.txt", "--on-conflict", "theirs"], 0);
    assert_eq!(home.text("a.txt"), "one\ntwo\nthree\n");
    home.landed(&["rollback", &id, "--undo"], 0);
    assert_eq!(home.text("a.txt"), "a person's\n");
}

#[test]
fn a_running_task_shows_what_it_did_so_far() {
    let home = TestHome::new();
    home.put("a.txt", "one\n");
    for flags in [&[][..], &["--isolate", "copy"]] {
        let id = home.demo(flags, "append: a.txt: two\nwrite: b.txt: new\nwrite: there: x\nsleep: 60s");
        let diff = wait_for("three changes", || {
            let ran = home.mgr(&["diff", &id, "--json"]);
            if ran.code == Some(0) && ran.json()["total"] == 3 { Ok(ran.json()) } else { Err(ran) }
        });
        assert_eq!(diff["is_live"], true, "{diff:#}");
        assert!(diff["patch"].as_str().unwrap().contains(" one\n+two\n"), "{diff:#}");
        let refused = home.mgr(&["rollback", &id]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(9), ""), "{refused:#?}");
        home.mgr(&["cancel", &id, "--grace", "0s"]);
        home.put("a.txt", "one\n");
        let _ = (fs::remove_file(home.work().join("b.txt")), fs::remove_file(home.work().join("there")));
    }
}

#[test]
fn what_was_broken_off_is_finished_by_the_doctor() {
    let home = TestHome::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        home.put(name, "old\n");
    }
    let before = tree(&home.work());
    let id = home.demo(&[], "write: a.txt: new\nwrite: b.txt: new\ndelete: c.txt\nsay: done");
    home.done(&id);
    let killed = home.command(["rollback", &id]).env("MGR_FAILPOINT", "landing.exchanged").output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    let finding = |args: &[&str]| {
        let ran = Ran::from(home.command(args.iter().chain(&["--json"])).output().unwrap());
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["subject"] == "archive").unwrap()
    };
    let found = finding(&["doctor"]);
    let words = format!("1 landing broken off: {id}.rollback-1");
    assert_eq!((&found["level"], &found["message"]), (&json!("problem"), &json!(words)), "{found:#}");
    assert_eq!(found["hint"], "`mgr doctor --fix` finishes what was begun");
    assert_eq!(finding(&["doctor", "--fix"])["level"], "good");
    assert_eq!(tree(&home.work()), before);
    assert_eq!(finding(&["doctor"])["level"], "good");
}

/// A task that has changed three files, and a rollback of it that was killed halfway.
fn killed_rollback(home: &TestHome, arguments: &[&str]) -> String {
    for name in ["a.txt", "b.txt", "c.txt"] {
        home.put(name, "old\n");
    }
    let id = home.demo(&[], "write: a.txt: new\nwrite: b.txt: new\ndelete: c.txt\nsay: done");
    home.done(&id);
    if arguments.contains(&"--undo") {
        home.landed(&["rollback", &id], 0);
    }
    let mut command = home.command(["rollback", &id]);
    let killed = command.args(arguments).env("MGR_FAILPOINT", "landing.exchanged").output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    id
}

#[test]
fn no_writer_starts_on_a_directory_that_is_rolled_back_by_half() {
    let home = TestHome::new();
    killed_rollback(&home, &[]);
    let next = home.demo(&[], "run: cat a.txt b.txt c.txt\nsay: done");
    home.done(&next);
    assert_eq!(["a.txt", "b.txt", "c.txt"].map(|name| home.text(name)), ["old\n"; 3]);
    let changed = home.end_of(&next)["changes"].clone();
    assert_eq!(changed["total"], 0, "what the rollback did is taken for the agent's work: {changed:#}");
}

#[test]
fn an_undo_that_was_killed_is_told_as_done_when_asked_for_again() {
    let home = TestHome::new();
    let id = killed_rollback(&home, &["--undo"]);
    let undone = home.landed(&["rollback", &id, "--undo"], 0);
    let told = json!([undone["done"], undone["rollback_id"], undone["restored"], undone["deleted"]]);
    assert_eq!(told, json!([true, format!("{id}.rollback-1.undo"), ["a.txt", "b.txt"], ["c.txt"]]), "{undone:#}");
    assert_eq!(["a.txt", "b.txt"].map(|name| home.text(name)), ["new\n"; 2]);
    assert!(!home.work().join("c.txt").exists());
}

#[test]
fn what_no_command_brings_back_is_got_out_of_the_archive() {
    let home = TestHome::new();
    home.put("sub/a.txt", "old\n");
    let id = home.demo(&[], "write: sub/a.txt: agent\nsay: done");
    home.done(&id);
    home.landed(&["rollback", &id], 0);
    home.put("sub/a.txt", "a person\n");
    let over = home.landed(&["rollback", &id, "--undo", "--on-conflict", "theirs"], 0);
    assert_eq!(over["overwritten"], json!(["sub/a.txt"]), "{over:#}");
    let name = over["rollback_id"].as_str().unwrap();
    let to = |dir: &str| home.root().join(dir).to_str().unwrap().to_owned();
    let got = home.landed(&["archive", "restore", name, "--to", &to("edit")], 0);
    assert_eq!(json!([got["files"], got["to"]]), json!([1, to("edit")]), "{got:#}");
    assert_eq!(fs::read_to_string(home.root().join("edit/sub/a.txt")).unwrap(), "a person\n");
    // Parts of a snapshot, into a new directory only, and by a name and path that there are.
    let before = format!("{id}.1.before");
    home.put("other.txt", "x");
    home.landed(&["archive", "restore", &before, "sub", "--to", &to("part")], 0);
    assert_eq!(tree(&home.root().join("part")).keys().collect::<Vec<_>>(), ["sub", "sub/a.txt"]);
    let refused = |arguments: &[&str]| {
        let ran = home.mgr(&[&["archive", "restore"], arguments].concat());
        (ran.code, ran.stderr.lines().next().unwrap_or_default().to_owned())
    };
    let full = to("part");
    let not_empty = format!("error: `{full}` is not empty, and nothing in it is to be overwritten");
    assert_eq!(refused(&[&before, "--to", &full]), (Some(9), not_empty));
    assert_eq!(refused(&["nope", "--to", &to("x")]), (Some(6), "error: the archive has nothing named `nope`".into()));
    let no_path = format!("error: `{before}` has no `su`");
    assert_eq!(refused(&[&before, "su", "--to", &to("x")]), (Some(6), no_path));
    assert!(!home.root().join("x").exists());
}

#[test]
fn edits_in_a_directory_that_is_given_up_are_named_and_kept() {
    let home = TestHome::new();
    home.put("a.txt", "old\n");
    let id = home.demo(&["--isolate", "copy"], "write: a.txt: agent\nsay: done");
    home.done(&id);
    let place = home.status(&id)["isolation"]["directory"].as_str().unwrap().to_owned();
    fs::write(format!("{place}/a.txt"), "a person\n").unwrap();
    let given_up = home.landed(&["discard", &id], 0);
    assert_eq!(given_up["later_edits"], format!("{id}.discarded"), "{given_up:#}");
    let to = home.root().join("edits");
    home.landed(&["archive", "restore", &format!("{id}.discarded"), "--to", to.to_str().unwrap()], 0);
    assert_eq!(fs::read_to_string(to.join("a.txt")).unwrap(), "a person\n");
    // One that was never begun left nothing, and nothing is promised.
    let failing = home.demo(&["--verify", "false"], "say: x");
    assert_eq!(home.end_of(&failing)["status"], "failed");
    let skipped = home.demo(&["--isolate", "copy", "--after", &failing], "say: never");
    assert_eq!(home.end_of(&skipped)["status"], "skipped");
    let nothing = home.landed(&["discard", &skipped], 0);
    assert_eq!(json!([nothing["discarded"], nothing["next"]]), json!([false, "the task left no result"]));
}

#[test]
fn a_piped_diff_is_a_patch_that_other_programs_take() {
    let home = TestHome::new();
    home.put("a.txt", "one\ntwo\nthree\n");
    home.put("no-newline", "x");
    home.put("sub dir/old", "old\n");
    let copy = home.root().join("copy");
    assert!(Command::new("cp").arg("-a").args([home.work(), copy.clone()]).status().unwrap().success());
    let id = home.demo(
        &[],
        "run: sed -i s/two/TWO/ a.txt\nrun: sh -c \"printf y > no-newline\"\ndelete: sub dir/old\nwrite: sub dir/new: new\nsay: done",
    );
    home.done(&id);
    let patch = home.mgr(&["diff", &id]);
    assert_eq!((patch.code, patch.stderr.as_str()), (Some(0), ""), "{patch:#?}");
    fs::write(home.root().join("p"), &patch.stdout).unwrap();
    let applied = Command::new("git").args(["apply", "-p1", "../p"]).current_dir(&copy).output().unwrap();
    assert!(applied.status.success(), "{}\n{}", String::from_utf8_lossy(&applied.stderr), patch.stdout);
    assert_eq!(tree(&copy), tree(&home.work()));
    // Page after page the same patch, nothing lost and nothing twice.
    let (mut whole, mut cursor) = (String::new(), String::new());
    loop {
        let mut args = vec!["diff", &id, "--max-chars", "200"];
        if !cursor.is_empty() {
            args.extend(["--cursor", &cursor]);
        }
        let page = home.json(&args);
        whole += page["patch"].as_str().unwrap_or_default();
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert_eq!(page["truncated"], true);
        cursor = next.to_owned();
    }
    assert_eq!(whole, patch.stdout);
}

#[test]
fn a_diff_on_a_terminal_drives_nothing() {
    let home = TestHome::new();
    let id = home.demo(
        &[],
        "run: sh -c 'printf \"a\\033]0;title\\007b\\033[2Jc\\233d\\n\" > \"$(printf \"na\\033[31mme\")\"'\nsay: done",
    );
    home.done(&id);
    let shown = home.command(["diff", &id, "--color", "always"]).output().unwrap().stdout;
    // Only the colours of mgr itself: a few numbers and an `m`.
    let escapes: Vec<_> =
        shown.split(|byte| *byte == 0x1b).skip(1).map(|rest| rest.split(|b| *b == b'm').next().unwrap()).collect();
    let is_ours = |escape: &&[u8]| escape.first() == Some(&b'[') && escape.len() <= 3 && !escape.starts_with(b"[31;");
    assert!(escapes.iter().all(is_ours), "{}", shown.escape_ascii());
    assert!(!shown.contains(&0x07) && !shown.contains(&0x9b), "{}", shown.escape_ascii());
    assert!(!escapes.is_empty(), "{}", shown.escape_ascii());
}

// --- A repository that an agent has prepared ----------------------------------------------------------

/// Settings with which git itself would start programs; `TRAP` writes its name into a file.
const TRAPS: &[(&str, &str)] = &[
    ("core.fsmonitor", "TRAP fsmonitor"),
    ("core.hooksPath", ".git/armed-hooks"),
    ("core.pager", "TRAP pager"),
    ("core.editor", "TRAP editor"),
    ("core.sshCommand", "TRAP ssh"),
    ("core.askPass", "TRAP askpass"),
    ("core.alternateRefsCommand", "TRAP alternates"),
    ("pager.diff", "TRAP pager-diff"),
    ("diff.external", "TRAP diff-external"),
    ("diff.trap.command", "TRAP diff-command"),
    ("diff.trap.textconv", "TRAP textconv"),
    ("merge.trap.driver", "TRAP merge-driver"),
    ("filter.trap.clean", "TRAP clean"),
    ("filter.trap.smudge", "TRAP smudge"),
    ("filter.trap.process", "TRAP filter-process"),
    ("interactive.diffFilter", "TRAP diff-filter"),
    ("gpg.program", "TRAP gpg"),
    ("credential.helper", "!TRAP credential"),
    ("alias.status", "!TRAP alias"),
    ("alias.worktree", "!TRAP alias-worktree"),
];
const HOOKS: &[&str] = &["post-checkout", "pre-commit", "post-index-change", "reference-transaction", "post-commit"];

fn git(home: &TestHome, args: &[&str]) -> std::process::Output {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=u", "-c", "user.email=u@example.org"]).args(args);
    command.current_dir(home.work()).env("HOME", home.root()).stdin(Stdio::null()).output().unwrap()
}

/// Makes the work directory a repository in which every way that git has to start a program is taken.
fn arm(home: &TestHome) {
    let sprung = home.root().join("sprung");
    let trap = home.root().join("trap");
    fs::write(&trap, format!("#!/bin/sh\necho \"$1\" >> '{}'\ncat\n", sprung.display())).unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    home.put("a.txt", "one\ntwo\nthree\n");
    assert!(git(home, &["init", "--quiet"]).status.success());
    assert!(git(home, &["add", "--all"]).status.success());
    assert!(git(home, &["commit", "--quiet", "-m", "begin"]).status.success());
    home.put(".gitattributes", "* filter=trap diff=trap merge=trap\n");
    for (key, value) in TRAPS {
        let value = value.replace("TRAP", trap.to_str().unwrap());
        assert!(git(home, &["config", key, &value]).status.success(), "{key}");
    }
    for hook in HOOKS {
        for dir in ["hooks", "armed-hooks"] {
            let path = format!(".git/{dir}/{hook}");
            home.put(&path, &format!("#!/bin/sh\n'{}' {hook}\n", trap.display()));
            fs::set_permissions(home.work().join(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    // The traps work: git itself springs some at once.
    home.put("a.txt", "one\ntwo\nthree\nfour\n");
    git(home, &["--no-pager", "diff"]);
    let checkout = git(home, &["checkout", "--quiet", "-b", "other"]);
    let names = fs::read_to_string(&sprung).unwrap_or_default();
    for expected in ["fsmonitor", "filter-process", "diff-command", "post-checkout"] {
        assert!(names.contains(expected), "the trap `{expected}` does not work: {names}{checkout:?}");
    }
    fs::remove_file(&sprung).unwrap();
}

/// Every command of the table with the inputs that it takes, from the program's own reference.
fn commands(home: &TestHome) -> Vec<(String, Vec<String>)> {
    let reference = home.mgr(&["reference"]).stdout;
    let sections = reference.split("\n## `mgr ").skip(1);
    let inputs = |section: &str| {
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
    };
    sections.map(|section| (section.split('`').next().unwrap().to_owned(), inputs(section))).collect()
}

/// The arguments with which a command is about this task, or about this directory.
fn about<'a>(command: &str, inputs: &[String], id: &'a str) -> Vec<&'a str> {
    match command {
        "submit" | "run" => vec!["-b", "demo", "--allow-duplicate", "say: x"],
        "send" => vec![id, "say: more"],
        "poll" | "list" | "config" | "demo" | "doctor" | "capabilities" => vec![],
        "dashboard open" => vec!["--no-browser"],
        "workflow run" | "workflow validate" | "workflow plan" => vec!["steps.yaml"],
        "workflow retry" => vec!["@last", "one"],
        "workflow status" | "workflow report" | "workflow cancel" => vec!["@last"],
        "workflow pause" | "workflow resume" => vec!["@last"],
        "race" => vec!["-b", "demo", "-b", "demo", "--posture", "read_only", "say: x"],
        "template save" => vec!["kept", "--prompt", "say: x", "--force"],
        "template show" | "template run" | "template rm" => vec!["kept"],
        "decompose" => vec!["first this, then that"],
        "parallel" => vec!["--file", "steps.yaml"],
        "answer" => vec!["@last/one", "yes"],
        "archive restore" => vec!["nothing", "--to", "new"],
        _ if inputs.iter().any(|input| input == "task_id" || input == "task_ids") => vec![id],
        _ => vec![],
    }
}

#[test]
fn no_command_runs_what_a_repository_says() {
    let home = TestHome::new();
    arm(&home);
    home.put("steps.yaml", "name: steps\nsteps:\n- {id: one, prompt: hello, backend: demo}\n");
    let sprung = home.root().join("sprung");
    let script = "append: a.txt: five\nwrite: new.txt: new\nsay: done";
    for flags in [&[][..], &["--isolate", "worktree"], &["--isolate", "copy"]] {
        let id = home.demo(flags, script);
        home.done(&id);
        for (command, inputs) in commands(&home) {
            let args: Vec<_> = command.split(' ').chain(about(&command, &inputs, &id)).collect();
            let ran = home.mgr(&args);
            assert!(!matches!(ran.code, Some(2 | 70) | None), "mgr {args:?} with {flags:?}: {ran:#?}");
            let names = fs::read_to_string(&sprung).unwrap_or_default();
            assert_eq!(names, "", "`mgr {command}` with {flags:?} ran what the repository says");
        }
        wait_for("the end of all tasks", || {
            let live = home.json(&["status"])["tasks"].clone();
            if live == json!([]) { Ok(()) } else { Err(live) }
        });
        assert!(!sprung.exists(), "{flags:?}");
    }
}

#[test]
fn a_link_in_the_place_of_the_workspace_leads_no_landing_elsewhere() {
    let home = TestHome::new();
    let (place, victim) = (home.root().join("place"), home.root().join("victim"));
    let swap = |aside: &str| {
        std::fs::rename(&place, home.root().join(aside)).unwrap();
        std::os::unix::fs::symlink(&victim, &place).unwrap();
    };
    for dir in [&place, &victim] {
        std::fs::create_dir(dir).unwrap();
        std::fs::write(dir.join("file"), "before").unwrap();
    }
    let place_word = place.to_str().unwrap();
    let id = home.submit_with(&["-C", place_word], "write file after\nfinish x");
    home.end_of(&id);
    std::fs::write(victim.join("file"), "after").unwrap();
    swap("aside");
    let refused = home.mgr(&["rollback", &id, "--json"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (Some(9), Some("conflict")), "{refused:#?}");
    assert_eq!(std::fs::read_to_string(victim.join("file")).unwrap(), "after");
    // Not in the archive either: what lies elsewhere is no change of the task.
    std::fs::remove_file(&place).unwrap();
    std::fs::rename(home.root().join("aside"), &place).unwrap();
    let script = format!("run mv {place_word} {place_word}.old\nrun ln -s {} {place_word}\nfinish x", victim.display());
    let id = home.submit_with(&["-C", place_word, "--posture", "full"], &script);
    home.end_of(&id);
    assert_eq!(home.mgr(&["rollback", &id]).code, Some(9));
    assert_eq!(std::fs::read_to_string(victim.join("file")).unwrap(), "after");
}

#[test]
fn what_was_not_archived_and_is_gone_is_named() {
    let home = TestHome::new();
    std::fs::write(home.work().join(".gitignore"), "data/\n").unwrap();
    std::fs::create_dir(home.work().join("data")).unwrap();
    std::fs::write(home.work().join("data/only"), "copy").unwrap();
    let id = home.submit("run mv data other\nfinish x");
    home.end_of(&id);
    let lost = json!(["`data` was not archived and is gone: no rollback brings it back"]);
    assert_eq!(home.json(&["diff", &id])["unknown"], lost);
    assert_eq!(home.landed(&["rollback", &id, "--dry-run"], 9)["notes"], lost);
}

/// What an agent moves out of an ignored directory is nowhere else: it does not go without being asked twice.
#[test]
fn what_was_ignored_and_has_another_name_now_is_not_rolled_away() {
    let home = TestHome::new();
    let read = |path: &str| fs::read_to_string(home.work().join(path)).unwrap_or_default();
    fs::write(home.work().join(".gitignore"), "data/\n").unwrap();
    fs::create_dir_all(home.work().join("data/deep")).unwrap();
    fs::write(home.work().join("data/deep/only"), "copy").unwrap();
    fs::write(home.work().join("text"), "before").unwrap();
    let id = home.submit("run mkdir new && mv data new/other\nwrite new/made x\nwrite text after\nfinish x");
    home.end_of(&id);
    let refused = home.landed(&["rollback", &id], 9);
    let why = "it may be what was `data`: never archived, and gone since the task";
    assert_eq!(refused["conflicts"], json!([{"path": "new", "why": why}]), "{refused:#}");
    assert_eq!((read("text"), read("new/other/deep/only")), ("after".to_owned(), "copy".to_owned()));
    let skipped = home.landed(&["rollback", &id, "--on-conflict", "skip"], 9);
    assert_eq!(skipped["conflicts"].as_array().map(Vec::len), Some(1), "{skipped:#}");
    assert_eq!((read("text"), read("new/other/deep/only")), ("before".to_owned(), "copy".to_owned()));
    home.landed(&["rollback", &id, "--on-conflict", "theirs"], 0);
    assert!(!home.work().join("new").exists());
}

#[test]
fn what_an_agent_made_itself_is_rolled_back_though_something_ignored_is_gone() {
    let home = TestHome::new();
    fs::write(home.work().join(".gitignore"), "data/\n").unwrap();
    fs::create_dir_all(home.work().join("data")).unwrap();
    fs::create_dir_all(home.work().join("src")).unwrap();
    fs::write(home.work().join("data/only"), "copy").unwrap();
    fs::write(home.work().join("src/text"), "known").unwrap();
    // Known contents under another name, small files, and what the agent itself says that it wrote.
    let said = "emit {\"kind\":\"file_changed\",\"path\":\"made/by-me\",\"change\":\"created\"}";
    let id = home.submit(&format!(
        "run rm -r data && mv src lib && mkdir made && echo 1 > small\nwrite made/by-me x\n{said}\nfinish x"
    ));
    home.end_of(&id);
    let done = home.landed(&["rollback", &id], 0);
    assert_eq!(done["conflicts"], json!([]), "{done:#}");
    let there = ["src/text", "lib", "made", "small"].map(|path| home.work().join(path).exists());
    assert_eq!(there, [true, false, false, false]);
}

#[test]
fn a_discard_that_was_broken_off_is_gone_on_with() {
    let home = TestHome::new();
    let git = |args: &[&str]| {
        let name = ["-c", "user.name=a", "-c", "user.email=b"];
        let ran = Command::new("git").args(name).args(args).current_dir(home.work()).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["commit", "-q", "--allow-empty", "-m", "one"]);
    let id = home.demo(&["--isolate", "worktree"], "write: made: x");
    home.done(&id);
    let marker = home.root().join("died");
    let mut discard = home.command(["discard", &id]);
    discard.env("MGR_FAILPOINT", format!("isolate-cleared@{}", marker.display())).output().unwrap();
    assert!(marker.exists());
    let again = home.landed(&["discard", &id], 0);
    assert_eq!(json!([again["discarded"], again["kept_branch"]]), json!([false, null]), "{again:#}");
    assert_eq!(git(&["for-each-ref", "--format=%(refname)"]), "refs/heads/main\n");
    assert_eq!(git(&["worktree", "list"]).lines().count(), 1);
    assert!(!home.home().join("isolated").join(&id).exists());
}
