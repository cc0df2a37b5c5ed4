//! What a broken disk, a full one or an old release leaves: named, and put right where it can be.

use std::{path::Path, path::PathBuf, process::Command};

use serde_json::json;

use crate::support::{TestHome, members, wait_for};

#[track_caller]
fn no_ticker(home: &TestHome) {
    wait_for("the ticker's end", || if home.tickers().is_empty() { Ok(()) } else { Err(home.tickers()) });
}

#[test]
fn a_damaged_database_is_named_and_made_anew_with_every_task() {
    let home = TestHome::new();
    let done = home.submit_with(&["-l", "kept", "--request-id", "r1"], "finish the truth");
    let failed = home.submit("exit 3");
    let running = home.submit("say working\nwait-for go\nfinish late");
    home.end_of(&done);
    home.end_of(&failed);
    home.wait_keeper(&running, 1);
    home.kill_tickers();
    for name in ["mgr.db", "mgr.db-wal", "mgr.db-shm"] {
        std::fs::write(home.home().join(name), "garbage ".repeat(1000)).unwrap();
    }
    let refused = home.mgr(&["status", &done, "--json"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (Some(70), Some("store_damaged")), "{refused:#?}");
    assert!(refused.error().to_string().contains("mgr doctor --rebuild"), "{refused:#?}");
    let rebuilt = home.mgr(&["doctor", "--rebuild", "--json"]);
    assert_eq!(rebuilt.json()["findings"][0]["level"], "good", "{rebuilt:#?}");
    let told = |id: &str| json!([home.status(id)["status"], home.output(id)]);
    assert_eq!((told(&done), told(&failed)), (json!(["done", "the truth\n"]), json!(["failed", ""])));
    assert_eq!(home.status(&running)["status"], "running");
    home.touch("go");
    assert_eq!(home.end_of(&running)["status"], "done");
    assert_eq!(told(&running), json!(["done", "late\n"]));
    assert_eq!(home.runs().len(), 3);
    assert_eq!(home.json(&["list", "--label", "kept"])["tasks"][0]["task_id"], done.as_str());
    assert_eq!(home.json(&["submit", "--request-id", "r1", "finish the truth"])["task_id"], done.as_str());
}

#[test]
fn a_task_that_had_not_started_comes_back_held() {
    let home = TestHome::with_settings("slots: 1\n");
    let running = home.submit("wait-for go\nfinish x");
    let queued = home.submit("finish y");
    assert_eq!(home.mgr(&["doctor", "--rebuild", "--json"]).json()["findings"][0]["level"], "good");
    assert_eq!(home.status(&queued)["status"], "held");
    home.touch("go");
    assert_eq!(home.end_of(&running)["status"], "done");
    home.json(&["resume", &queued]);
    assert_eq!(home.end_of(&queued)["status"], "done");
    assert_eq!(home.runs(), [format!("{running}.1"), format!("{queued}.1")]);
}

#[test]
fn torn_tails_are_read_again_from_the_stream() {
    let home = TestHome::new();
    let id = home.submit("say 1\nsay 2\nwait-for go\nfinish 3");
    wait_for("two events", || {
        let page = home.json(&["events", &id]);
        if page["events"].as_array().unwrap().len() == 2 { Ok(()) } else { Err(page) }
    });
    home.kill_tickers();
    let dir = home.attempt(&id, 1);
    let cut = |name: &str| {
        let bytes = std::fs::read(dir.join(name)).unwrap();
        std::fs::write(dir.join(name), &bytes[..bytes.len() * 2 / 3]).unwrap();
    };
    cut("ingest.json");
    cut("events.jsonl");
    home.touch("go");
    assert_eq!(home.end_of(&id)["status"], "done");
    let events = home.json(&["events", &id]);
    let told: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|event| json!([event["seq"], event["kind"]])).collect();
    assert_eq!(json!(told), json!([[1, "text"], [2, "text"], [3, "finished"]]));
}

#[test]
fn a_torn_exit_file_is_adopted_from_the_stream() {
    let home = TestHome::new();
    let mut submit = home.command(["submit", "finish the truth"]);
    let marker = home.root().join("died");
    submit.env("MGR_FAILPOINT", format!("keeper.after_exit@{}", marker.display())).output().unwrap();
    let id = home.only_task();
    let exit = home.attempt(&id, 1).join("exit");
    wait_for("the exit file", || if exit.exists() { Ok(()) } else { Err(home.status(&id)) });
    home.end_of(&id);
    let whole = std::fs::read(&exit).unwrap();
    std::fs::write(&exit, &whole[..whole.len() / 2]).unwrap();
    std::fs::remove_file(home.home().join("tasks").join(&id).join("record.json")).unwrap();
    no_ticker(&home);
    home.mgr(&["doctor", "--rebuild"]);
    let task = home.end_of(&id);
    let told = json!([task["status"], task["attempts"][0]["supervision"], home.output(&id), home.runs().len()]);
    assert_eq!(told, json!(["done", "adopted", "the truth\n", 1]), "{task:#}");
}

#[test]
fn a_database_of_a_newer_release_is_left_alone() {
    let home = TestHome::new();
    home.end_of(&home.submit("finish x"));
    no_ticker(&home);
    let database = rusqlite::Connection::open(home.home().join("mgr.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let refused = home.mgr(&["list", "--json"]);
    assert_eq!(refused.code, Some(70), "{refused:#?}");
    assert!(refused.error()["message"].as_str().unwrap().contains("made by a newer mgr (version 99"), "{refused:#?}");
}

/// `tests/golden/v1` is a home as version 1 of the files left it. It never changes; a newer release reads it.
#[test]
fn a_home_of_version_1_opens() {
    let home = TestHome::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    let copied = Command::new("cp").arg("-r").arg(golden.join(".")).arg(home.home()).status().unwrap();
    assert!(copied.success());
    home.write_config("");
    let list = home.json(&["list"]);
    let told: Vec<_> =
        list["tasks"].as_array().unwrap().iter().map(|task| json!([task["label"], task["status"]])).collect();
    assert_eq!(json!(told), json!([["bad", "failed"], ["good", "done"]]));
    assert_eq!(home.output("@-2"), "the truth\n");
    assert_eq!(home.json(&["events", "@-2"])["events"].as_array().map(Vec::len), Some(2));
    home.mgr(&["doctor", "--rebuild"]);
    let rebuilt = home.json(&["list"]);
    assert_eq!(rebuilt, list);
}

/// A small file system of memory; `None`, loudly, where that is not permitted.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Puts it in the place of the home.
    fn mount(home: &TestHome, size: &str) -> Option<Self> {
        let config = std::fs::read(home.home().join("config.yaml")).unwrap();
        let disk = Self::mount_at(home.home(), size)?;
        std::fs::write(home.home().join("config.yaml"), config).unwrap();
        Some(disk)
    }

    fn mount_at(place: PathBuf, size: &str) -> Option<Self> {
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "mgr-test"]).arg(&place).output();
        if !mount.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: this user may not mount a tmpfs; nothing was proven about a full disk");
            return None;
        }
        Some(Self(place))
    }

    fn fill(&self) {
        let mut filler = std::fs::File::create(self.0.join("filler")).unwrap();
        while std::io::Write::write_all(&mut filler, &[0; 4096]).is_ok() {}
        // Less than a page at a time, to the last byte.
        while std::io::Write::write_all(&mut filler, &[0; 16]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_a_submit_and_loses_no_result() {
    let home = TestHome::with_settings("free_disk_floor: 0B\n");
    let Some(disk) = SmallDisk::mount(&home, "4m") else { return };
    let id = home.submit("say working\nfinish the truth\nwait-for go");
    wait_for("the result", || {
        let task = home.status(&id);
        if task["output_preview"] == "the truth" { Ok(()) } else { Err(task) }
    });
    let keeper = home.wait_keeper(&id, 1);
    disk.fill();
    let refused = home.mgr(&["submit", "--json", "finish never"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (Some(70), Some("disk_full")), "{refused:#?}");
    home.touch("go");
    wait_for("the agent's end", || if members(&id, 1).is_empty() { Ok(()) } else { Err(members(&id, 1)) });
    // The keeper cannot write the exit file: it stays until it can.
    assert_eq!(home.keeper_of(&id, 1), Some(keeper));
    disk.free();
    let task = home.end_of(&id);
    let told =
        json!([task["status"], task["attempts"][0]["supervision"], task["attempts"][0]["exit_code"], home.output(&id)]);
    assert_eq!(told, json!(["done", "kept", 0, "the truth\n"]), "{task:#}");
    assert_eq!(home.runs(), [format!("{id}.1")]);
}

#[test]
fn a_disk_that_cannot_take_the_archive_starts_no_agent_and_leaves_nothing_to_trust() {
    let home = TestHome::with_settings("free_disk_floor: 0B\n");
    // Nothing that a disk takes in less room than it has.
    let noise = Command::new("head").args(["-c", "12000000", "/dev/urandom"]).output().unwrap().stdout;
    std::fs::write(home.work().join("large"), noise).unwrap();
    let Some(_disk) = SmallDisk::mount(&home, "8m") else { return };
    let id = home.submit("finish never");
    let task = home.end_of(&id);
    let told = json!([task["status"], task["failure"]["category"], home.runs(), task["changes"]]);
    assert_eq!(told, json!(["failed", "disk_full", [], null]), "{task:#}");
    std::fs::write(home.work().join("large"), "small").unwrap();
    let next = home.submit("finish x");
    let task = home.end_of(&next);
    assert_eq!(json!([task["status"], task["files_changed"]]), json!(["done", ["runs"]]), "{task:#}");
}

#[test]
fn a_rollback_on_a_full_disk_changes_nothing_and_is_done_once_there_is_room() {
    let home = TestHome::with_settings("free_disk_floor: 0B\n");
    let Some(disk) = SmallDisk::mount_at(home.work(), "8m") else { return };
    let read = |name: &str| std::fs::read(home.work().join(name)).ok();
    let noise = Command::new("head").args(["-c", "2000000", "/dev/urandom"]).output().unwrap().stdout;
    std::fs::write(home.work().join("large"), &noise).unwrap();
    std::fs::write(home.work().join("other"), "before").unwrap();
    let id = home.submit("write large small\nwrite other after\nwrite new made\nfinish x");
    home.end_of(&id);
    let state =
        || [read("large").map(|bytes| bytes.len()), read("other").map(|b| b.len()), read("new").map(|b| b.len())];
    let left_by_the_agent = state();
    assert_ne!(left_by_the_agent[0], Some(noise.len()));
    disk.fill();
    let refused = home.mgr(&["rollback", &id, "--json"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (Some(70), Some("disk_full")), "{refused:#?}");
    assert_eq!(state(), left_by_the_agent);
    disk.free();
    let done = home.mgr(&["rollback", &id, "--json"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert_eq!((read("large"), read("other"), read("new")), (Some(noise), Some(b"before".to_vec()), None));
}
