//! Isolated directories, with real `git` as the judge.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    ArchiveError, GitState, Manifest, Workspace,
    testing::{Git, whole},
};
use crate::core::Isolation;

const ID: &str = "0h2k5bq3f1v9x8c7m6n5p";

fn workspace(git: &Git) -> Workspace {
    Workspace::open(&git.base().join("home/archive"), &git.dir).unwrap()
}

fn place(git: &Git) -> Utf8PathBuf {
    git.base().join("home/isolated").join(ID).join("repository")
}

fn isolate(git: &Git, isolation: Isolation) -> Result<Manifest, ArchiveError> {
    let workspace = workspace(git);
    let snapshot = workspace.take(&format!("{ID}.base").parse().unwrap(), &whole(), &mut || true)?;
    let manifest = workspace.manifest(&snapshot)?;
    workspace.isolate(isolation, &manifest, &place(git), &mut || true).map(|()| manifest)
}

fn refusal(git: &Git) -> String {
    isolate(git, Isolation::Worktree).unwrap_err().to_string()
}

/// A repository with something of everything that a status can say.
fn busy() -> Option<Git> {
    let git = Git::new()?;
    for file in ["kept", "changed", "deleted", "staged", "dir/moved"] {
        git.commit(file, "1\n");
    }
    git.write(".gitignore", ".env\nbuild/\nbig\n*.cache\n");
    git.write(".env", "SECRET=1\n");
    git.write("changed", "2\n");
    git.write("staged", "2\n");
    git.run(&["add", "staged"]);
    git.run(&["mv", "dir/moved", "dir/there"]);
    fs::remove_file(git.dir.join("deleted")).unwrap();
    git.write("new dir/untracked", "x");
    git.write("build/out", "o");
    Some(git)
}

fn status(git: &Git) -> String {
    git.run(&["status", "--porcelain", "--untracked-files=all"])
}

fn at(git: &Git) -> Git {
    git.at(place(git).strip_prefix(git.base()).unwrap().as_str())
}

#[test]
fn a_worktree_has_what_the_source_has_and_git_works_in_it() {
    let Some(git) = busy() else { return };
    let before = git.run(&["rev-parse", "HEAD"]);
    isolate(&git, Isolation::Worktree).unwrap();
    isolate(&git, Isolation::Worktree).unwrap();
    let linked = at(&git);
    assert_eq!(status(&linked), status(&git));
    assert_eq!(fs::read_to_string(linked.dir.join(".env")).unwrap(), "SECRET=1\n");
    assert!(!linked.dir.join("build").exists());
    assert_eq!(linked.run(&["symbolic-ref", "HEAD"]), format!("refs/heads/mgr/{ID}\n"));
    assert!(git.run(&["worktree", "list"]).contains(linked.dir.as_str()));
    linked.run(&["add", "-A"]);
    linked.run(&["commit", "-q", "-m", "the agent's"]);
    assert_eq!(linked.run(&["rev-parse", "HEAD~1"]), before);
    assert_eq!(linked.run(&["log", "-1", "--format=%s"]), "the agent's\n");
    assert_eq!(git.run(&["rev-parse", "HEAD"]), before);
    assert_eq!(git.run(&["fsck", "--strict", "--no-dangling"]), "");
    git.run(&["worktree", "prune"]);
    git.run(&["gc", "-q", "--prune=now"]);
    assert_eq!(status(&linked), "");
    assert_eq!(git.run(&["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn a_removed_worktree_leaves_the_repository_as_it_was() {
    for packed in [false, true] {
        let Some(git) = busy() else { return };
        let before = (GitState::read(&git.dir), git.run(&["for-each-ref"]));
        isolate(&git, Isolation::Worktree).unwrap();
        if packed {
            git.run(&["tag", "-m", "annotated", "v1"]);
            git.run(&["pack-refs", "--all"]);
            git.run(&["tag", "-d", "v1"]);
        }
        fs::set_permissions(place(&git).join("dir"), fs::Permissions::from_mode(0o0)).unwrap();
        for _ in 0..2 {
            workspace(&git).remove_isolated(&place(&git)).unwrap();
        }
        assert_eq!((GitState::read(&git.dir), git.run(&["for-each-ref"])), before, "packed: {packed}");
        assert!(!place(&git).parent().unwrap().exists() && !git.dir.join(".git/worktrees").exists());
        assert_eq!(git.run(&["fsck", "--strict", "--no-dangling"]), "");
    }
}

#[test]
fn a_branch_that_the_agent_moved_stays() {
    let Some(git) = busy() else { return };
    isolate(&git, Isolation::Worktree).unwrap();
    let linked = at(&git);
    linked.run(&["commit", "-q", "-a", "-m", "work"]);
    let work = linked.run(&["rev-parse", "HEAD"]);
    let kept = workspace(&git).remove_isolated(&place(&git)).unwrap().map(|kept| kept.to_string());
    let why = "no other branch or tag has its last commit";
    assert_eq!(kept, Some(format!("the branch `mgr/{ID}` stays: {why}")));
    assert_eq!(git.run(&["rev-parse", &format!("mgr/{ID}")]), work);
    assert!(!git.run(&["worktree", "list"]).contains("isolated"));
}

#[test]
fn a_branch_whose_commits_are_elsewhere_too_goes_with_its_worktree() {
    for (packed, keeper) in [(false, "branch"), (true, "branch"), (false, "tag"), (true, "tag")] {
        let Some(git) = busy() else { return };
        isolate(&git, Isolation::Worktree).unwrap();
        at(&git).run(&["commit", "-q", "-a", "-m", "work"]);
        git.run(&[keeper, "taken", &format!("mgr/{ID}")]);
        if packed {
            git.run(&["pack-refs", "--all"]);
        }
        assert_eq!(workspace(&git).remove_isolated(&place(&git)).unwrap(), None, "{packed} {keeper}");
        assert_eq!(git.run(&["for-each-ref", "refs/heads/mgr"]), "", "{packed} {keeper}");
        assert_eq!(git.run(&["log", "-1", "--format=%s", "taken"]), "work\n");
        assert_eq!(git.run(&["fsck", "--strict", "--no-dangling"]), "");
    }
}

#[test]
fn what_only_a_stash_or_a_checkout_knows_keeps_the_branch() {
    let Some(git) = busy() else { return };
    isolate(&git, Isolation::Worktree).unwrap();
    at(&git).run(&["commit", "-q", "-a", "-m", "work"]);
    git.run(&["update-ref", "refs/stash", &format!("mgr/{ID}")]);
    assert!(workspace(&git).remove_isolated(&place(&git)).unwrap().is_some());
    // Somebody looks at it in the main work tree.
    let Some(git) = busy() else { return };
    isolate(&git, Isolation::Worktree).unwrap();
    at(&git).run(&["checkout", "-q", "--detach"]);
    git.run(&["reset", "-q", "--hard"]);
    git.run(&["checkout", "-q", &format!("mgr/{ID}")]);
    let kept = workspace(&git).remove_isolated(&place(&git)).unwrap().map(|kept| kept.why);
    assert_eq!(kept, Some("it is checked out"));
    assert_eq!(git.run(&["symbolic-ref", "HEAD"]), format!("refs/heads/mgr/{ID}\n"));
}

#[test]
fn a_repository_without_a_commit_has_a_worktree_too() {
    let Some(git) = Git::new() else { return };
    git.write("a", "1");
    git.run(&["add", "a"]);
    isolate(&git, Isolation::Worktree).unwrap();
    assert_eq!(status(&at(&git)), "A  a\n");
    at(&git).run(&["commit", "-q", "-m", "first"]);
    workspace(&git).remove_isolated(&place(&git)).unwrap();
    assert_eq!(git.run(&["log", "--format=%s", &format!("mgr/{ID}")]), "first\n");
}

#[test]
fn a_worktree_of_a_worktree_and_of_a_detached_head() {
    let Some(git) = busy() else { return };
    git.run(&["worktree", "add", "-q", "--detach", "../linked"]);
    let linked = git.at("linked");
    linked.write("kept", "other");
    isolate(&linked, Isolation::Worktree).unwrap();
    let nested = linked.at(place(&linked).strip_prefix(git.base()).unwrap().as_str());
    assert_eq!(status(&nested), " M kept\n");
    assert_eq!(nested.run(&["rev-parse", "HEAD"]), linked.run(&["rev-parse", "HEAD"]));
    workspace(&linked).remove_isolated(&place(&linked)).unwrap();
    assert_eq!(git.run(&["worktree", "list"]).lines().count(), 2);
}

#[test]
fn ignored_things_come_along_when_the_repository_lists_them() {
    let Some(git) = busy() else { return };
    git.write(".worktreeinclude", "# wanted\nbuild/\nbig\ndeep/**/*.cache\n");
    git.write("build/sub/out", "o");
    git.write("build/x/.git/HEAD", "never");
    fs::set_permissions(git.dir.join("build/sub/out"), fs::Permissions::from_mode(0o751)).unwrap();
    symlink("/etc/passwd", git.dir.join("build/link")).unwrap();
    fs::set_permissions(git.dir.join("build/sub"), fs::Permissions::from_mode(0o555)).unwrap();
    git.write("big", &"b".repeat(2 << 20));
    git.write("other.cache/x", "not wanted");
    git.write("deep/er/one.cache/x", "wanted");
    isolate(&git, Isolation::Worktree).unwrap();
    let to = place(&git);
    let mode = |path: &str| fs::metadata(to.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("build/sub"), mode("build/sub/out")), (0o555, 0o751));
    assert_eq!(fs::read_link(to.join("build/link")).unwrap(), Utf8Path::new("/etc/passwd"));
    assert_eq!(fs::metadata(to.join("big")).unwrap().len(), 2 << 20);
    assert_eq!(fs::read_to_string(to.join("deep/er/one.cache/x")).unwrap(), "wanted");
    assert!(!to.join("other.cache").exists() && !to.join("build/x/.git").exists());
    let modified = |dir: &Utf8Path| fs::metadata(dir.join("build/out")).unwrap().modified().unwrap();
    assert_eq!(modified(&to), modified(&git.dir));
    assert_eq!(status(&at(&git)), status(&git));
}

#[test]
fn a_copy_needs_no_git_and_has_none() {
    let Some(git) = busy() else { return };
    let manifest = isolate(&git, Isolation::Copy).unwrap();
    assert!(!place(&git).join(".git").exists());
    let copy = workspace(&git).at(&place(&git)).look(&whole(), &mut || true).unwrap();
    let known = |manifest: &Manifest| -> Vec<_> {
        manifest.entries().iter().filter(|(_, entry)| *entry != super::Entry::Untouched).cloned().collect()
    };
    assert_eq!(known(&copy), known(&manifest));
    workspace(&git).remove_isolated(&place(&git)).unwrap();
    assert!(!place(&git).exists());
}

#[test]
fn what_a_crash_or_a_stop_has_left_is_begun_anew() {
    let Some(git) = busy() else { return };
    let before = GitState::read(&git.dir);
    let workspace = workspace(&git);
    let snapshot = workspace.take(&"a.base".parse().unwrap(), &whole(), &mut || true).unwrap();
    let manifest = workspace.manifest(&snapshot).unwrap();
    for stop_at in 0..30 {
        let mut asked = 0;
        let mut go_on = || {
            asked += 1;
            asked <= stop_at
        };
        let made = workspace.isolate(Isolation::Worktree, &manifest, &place(&git), &mut go_on);
        if made.is_ok() {
            workspace.remove_isolated(&place(&git)).unwrap();
        }
        assert_eq!(GitState::read(&git.dir), before, "stopped at {stop_at}");
        assert!(!place(&git).exists(), "stopped at {stop_at}");
    }
    // As a crash in mid-work leaves it: all made, the note not ended.
    isolate(&git, Isolation::Worktree).unwrap();
    let note = place(&git).with_file_name(".repository.isolated.json");
    let text = fs::read_to_string(&note).unwrap();
    fs::write(&note, text.replace("\"is_whole\":true", "\"is_whole\":false")).unwrap();
    fs::write(place(&git).join("half"), "x").unwrap();
    isolate(&git, Isolation::Worktree).unwrap();
    assert!(!place(&git).join("half").exists());
    assert_eq!(status(&at(&git)), status(&git));
}

#[test]
fn what_cannot_be_done_surely_is_refused_with_the_way_out() {
    let Some(git) = busy() else { return };
    let why = |act: &dyn Fn(&Git)| {
        act(&git);
        let message = refusal(&git);
        assert!(message.ends_with("; `--isolate copy` works without git"), "{message}");
        assert!(!place(&git).exists() && !git.dir.join(".git/worktrees").exists());
        message
    };
    assert!(why(&|git| drop(git.run(&["config", "core.sparseCheckout", "true"]))).contains("checked out in part"));
    git.run(&["config", "--unset", "core.sparseCheckout"]);
    assert!(why(&|git| drop(git.run(&["update-index", "--split-index"]))).contains("index is split"));
    git.run(&["update-index", "--no-split-index"]);
    assert!(why(&|git| drop(git.run(&["branch", "mgr"]))).contains("in the way"));
    git.run(&["branch", "-D", "mgr"]);
    git.run(&["config", "extensions.worktreeConfig", "true"]);
    assert!(why(&|git| drop(git.run(&["config", "--worktree", "core.x", "y"]))).contains("configuration of its own"));
    git.run(&["config", "--unset", "extensions.worktreeConfig"]);
    assert!(why(&|git| fs::create_dir(git.dir.join(".git/reftable")).unwrap()).contains("reftable"));
    fs::remove_dir(git.dir.join(".git/reftable")).unwrap();
    assert!(why(&|git| git.write(".git/index", "DIRC9999")).contains("unknown kind"));
    fs::rename(git.dir.join(".git"), git.dir.join("no.git")).unwrap();
    assert!(refusal(&git).contains("not the top of a git repository"));
}

#[test]
fn nothing_that_a_repository_names_is_executed() {
    let Some(git) = busy() else { return };
    let mark = git.base().join("executed");
    let trap = git.base().join("trap");
    fs::write(&trap, format!("#!/bin/sh\necho \"$0 $*\" >> '{mark}'\ncat\n")).unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    for key in ["fsmonitor", "sshCommand", "pager", "editor", "askPass", "gitProxy", "alternateRefsCommand"] {
        git.run(&["config", &format!("core.{key}"), trap.as_str()]);
    }
    for key in
        ["filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.external", "diff.x.textconv", "merge.x.driver"]
    {
        git.run(&["config", key, trap.as_str()]);
    }
    git.write(".git/info/attributes", "* filter=x diff=x merge=x\n");
    for hook in ["post-checkout", "pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman"] {
        fs::copy(&trap, git.dir.join(".git/hooks").join(hook)).unwrap();
    }
    let state = GitState::read(&git.dir).unwrap();
    isolate(&git, Isolation::Worktree).unwrap();
    let workspace = workspace(&git);
    workspace.at(&place(&git)).take(&format!("{ID}.1.before").parse().unwrap(), &whole(), &mut || true).unwrap();
    workspace.remove_isolated(&place(&git)).unwrap();
    assert_eq!(GitState::read(&git.dir).unwrap(), state);
    assert!(!mark.exists(), "{}", fs::read_to_string(&mark).unwrap());
    // The trap does work.
    let _ = git.try_run(&["status"]);
    assert!(mark.exists());
}
