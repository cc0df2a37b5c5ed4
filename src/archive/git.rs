//! The git side of a workspace, read from its files. `git` itself is never run: a repository that an agent
//! has touched may say in its configuration which programs `git status` starts.
//!
//! A state is names with hashes and digests, so that two of them tell what became of the repository in
//! between: what no snapshot of the work tree shows.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// More sentences than this are counted only.
const MAX_SENTENCES: usize = 50;

/// What a repository's own files say. Names and texts are kept with what is unprintable in them escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GitState {
    /// Where the refs are, so that two repositories are never taken for one.
    pub dir: String,
    /// The content of `HEAD`.
    pub head: String,
    /// What each ref points at; absent where there are too many of them or git keeps them in tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refs: Option<BTreeMap<String, String>>,
    pub refs_total: u64,
    /// Of all refs, or of the tables they are in.
    pub refs_digest: String,
    /// Whether git keeps the refs in tables.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_reftable: bool,
    /// Files with what tells one content from another.
    pub files: BTreeMap<String, String>,
    /// Hooks likewise.
    pub hooks: BTreeMap<String, String>,
    /// What git has begun and not ended: a merge, a rebase.
    pub under_way: BTreeSet<String>,
    /// The names of the linked work trees.
    pub worktrees: BTreeSet<String>,
}

impl GitState {
    /// Returns the state of the repository that `root` lies in; `None` where there is none.
    pub fn read(root: &Utf8Path) -> Option<Self> {
        reading::state(&super::repository::Repository::find(root)?)
    }

    /// Returns in sentences what differs later.
    pub fn moves_to(&self, later: &Self) -> Vec<String> {
        if self.dir != later.dir {
            return vec![format!("the repository is another one: `{}`, before `{}`", later.dir, self.dir)];
        }
        let mut said = self.refs_to(later);
        said.extend(self.head_to(later));
        said.extend(self.files_to(later));
        said.extend(entries_to(&self.hooks, &later.hooks, |name| format!("hook `{name}`")));
        said.extend(later.under_way.difference(&self.under_way).map(|what| format!("a {what} is under way")));
        said.extend(self.under_way.difference(&later.under_way).map(|what| format!("the {what} is over")));
        said.extend(later.worktrees.difference(&self.worktrees).map(|name| format!("worktree `{name}` was added")));
        said.extend(self.worktrees.difference(&later.worktrees).map(|name| format!("worktree `{name}` was removed")));
        said.sort();
        if said.len() > MAX_SENTENCES {
            let more = said.len() - MAX_SENTENCES;
            said.truncate(MAX_SENTENCES);
            said.push(format!("and {more} more"));
        }
        said
    }

    fn head_to(&self, later: &Self) -> Option<String> {
        let is_moved = self.head != later.head;
        is_moved.then(|| format!("HEAD moved from {} to {}", head_name(&self.head), head_name(&later.head)))
    }

    fn refs_to(&self, later: &Self) -> Vec<String> {
        match (&self.refs, &later.refs) {
            (Some(before), Some(after)) => refs_to(before, after),
            _ if self.refs_digest == later.refs_digest => Vec::new(),
            _ if later.is_reftable => vec!["refs are in a reftable, not compared: its files changed".into()],
            _ => vec![format!("refs changed: from {} to {}, too many to name", self.refs_total, later.refs_total)],
        }
    }

    fn files_to(&self, later: &Self) -> Vec<String> {
        let differs = |name: &str| self.files.get(name) != later.files.get(name);
        FILES.iter().filter(|(name, ..)| differs(name)).map(|(.., what)| format!("{what} changed")).collect()
    }
}

/// Returns what each ref that all work trees share points at; nothing where they cannot be read.
pub(super) fn shared_refs(repository: &super::repository::Repository) -> BTreeMap<String, String> {
    repository.common().map(|common| reading::refs(repository, &common, &common)).unwrap_or_default()
}

/// Whose directory a file is in: this work tree's, or the one that all share.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Own,
    Common,
}

/// Files that are compared, and how they are called.
const FILES: &[(&str, Side, &str)] = &[
    ("index", Side::Own, "the index"),
    ("config", Side::Common, "the repository's configuration"),
    ("config.worktree", Side::Own, "the work tree's configuration"),
    ("info/sparse-checkout", Side::Own, "the sparse checkout"),
    ("info/exclude", Side::Common, "the repository's own list of ignored files"),
    ("info/attributes", Side::Common, "the repository's own attributes"),
    ("objects/info/alternates", Side::Common, "the list of other object stores"),
    ("hooks", Side::Common, "the directory of hooks"),
];

fn refs_to(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let changed = after.iter().filter_map(|(name, hash)| match before.get(name) {
        Some(old) if old == hash => None,
        _ if name == "refs/stash" => Some("the stash changed".to_owned()),
        Some(old) => Some(format!("{} moved from {} to {}", ref_name(name), short(old), short(hash))),
        None => Some(format!("{} was created at {}", ref_name(name), short(hash))),
    });
    let deleted =
        before.iter().filter(|(name, _)| !after.contains_key(*name)).map(|(name, hash)| match name.as_str() {
            "refs/stash" => "the stash was emptied".to_owned(),
            name => format!("{} was deleted; it was at {}", ref_name(name), short(hash)),
        });
    changed.chain(deleted).collect()
}

fn entries_to(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    called: impl Fn(&str) -> String,
) -> Vec<String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let verb = |name: &String| match (before.get(name), after.get(name)) {
        (None, _) => Some("was added"),
        (_, None) => Some("was removed"),
        (Some(old), Some(new)) => (old != new).then_some("was changed"),
    };
    names.into_iter().filter_map(|name| Some(format!("{} {}", called(name), verb(name)?))).collect()
}

fn ref_name(name: &str) -> String {
    let kinds = [("refs/heads/", "branch"), ("refs/tags/", "tag"), ("refs/remotes/", "remote branch")];
    let kind = kinds.iter().find_map(|(prefix, kind)| name.strip_prefix(prefix).map(|rest| (kind, rest)));
    kind.map_or_else(|| format!("ref `{name}`"), |(kind, rest)| format!("{kind} `{rest}`"))
}

fn head_name(head: &str) -> &str {
    match head.strip_prefix("ref:").map(str::trim) {
        Some(name) => name.strip_prefix("refs/heads/").unwrap_or(name),
        None => short(head),
    }
}

/// Returns a hash as people read it; other texts as they are.
fn short(hash: &str) -> &str {
    let is_hash = hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &hash[..7] } else { hash }
}

mod reading {
    //! How the state is read: bounded in every direction.

    use std::collections::{BTreeMap, BTreeSet};

    use super::{
        super::{
            Digest, git_index,
            repository::{Found, MAX_FILE, MAX_LINE, Repository, escaped, packed_refs, read, read_here},
        },
        FILES, GitState, Side,
    };
    use crate::os::dirs::{Dir, Kind};

    /// More refs than this are not named.
    const MAX_REFS: usize = 20_000;
    /// How many names of a directory tree are looked at.
    const MAX_NAMES: usize = 200_000;
    const MAX_DEPTH: usize = 40;
    const MAX_HOOKS: usize = 1_000;
    /// What git leaves while something is under way.
    const UNDER_WAY: &[(&str, &str)] = &[
        ("MERGE_HEAD", "merge"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("REVERT_HEAD", "revert"),
        ("rebase-merge", "rebase"),
        ("rebase-apply", "rebase"),
        ("BISECT_LOG", "bisect"),
    ];

    /// Takes the path of a file, its directory and its name there.
    type Visit<'a> = &'a mut dyn FnMut(&[u8], &Dir, &[u8]);

    pub fn state(repository: &Repository) -> Option<GitState> {
        let (own, common) = (repository.own()?, repository.common()?);
        let is_there = |name: &str| matches!(own.stat(name.as_bytes()), Ok(Some(_)));
        let mut state = GitState {
            dir: escaped(repository.common_dir.as_str().as_bytes()),
            head: text(read(&own, "HEAD", MAX_LINE)).unwrap_or_default(),
            files: files(repository, &own, &common),
            hooks: hooks(&common),
            under_way: UNDER_WAY
                .iter()
                .filter(|(name, _)| is_there(name))
                .map(|(_, what)| (*what).to_owned())
                .collect(),
            worktrees: worktrees(&common),
            ..GitState::default()
        };
        if matches!(common.stat(b"reftable"), Ok(Some(_))) {
            (state.is_reftable, state.refs_digest) = (true, tables(&own, &common));
        } else {
            take_in(&mut state, refs(repository, &own, &common));
        }
        Some(state)
    }

    fn take_in(state: &mut GitState, refs: BTreeMap<String, String>) {
        let mut hasher = blake3::Hasher::new();
        for (name, hash) in &refs {
            hasher.update(name.as_bytes()).update(b"\0").update(hash.as_bytes()).update(b"\n");
        }
        state.refs_total = refs.len() as u64;
        state.refs_digest = Digest(*hasher.finalize().as_bytes()).to_string();
        state.refs = (refs.len() <= MAX_REFS).then_some(refs);
    }

    /// Loose refs count before packed ones, and the work tree's own before those of all.
    pub fn refs(repository: &Repository, own: &Dir, common: &Dir) -> BTreeMap<String, String> {
        let mut refs = BTreeMap::new();
        if let Found::Content(packed) = read(common, "packed-refs", MAX_FILE) {
            refs.extend(packed_refs(&packed).map(|(hash, name)| (escaped(name), hash.to_owned())));
        }
        let mut take = |path: &[u8], dir: &Dir, name: &[u8]| {
            // A lock is not yet what it will be.
            if !name.ends_with(b".lock")
                && let Some(target) = text(read_here(dir, name, MAX_LINE))
            {
                refs.insert(escaped(path), target);
            }
        };
        walk(common, b"refs", &mut take);
        if repository.own_differs() {
            walk(own, b"refs", &mut take);
        }
        refs
    }

    /// Tables are never changed in place, but for an agent nothing is never.
    fn tables(own: &Dir, common: &Dir) -> String {
        let mut hasher = blake3::Hasher::new();
        for dir in [own, common] {
            walk(dir, b"reftable", &mut |path, dir, name| {
                hasher.update(path).update(fingerprint(read_here(dir, name, MAX_FILE)).as_bytes());
            });
        }
        Digest(*hasher.finalize().as_bytes()).to_string()
    }

    /// Calls `each` with every file beneath `name`, in order.
    fn walk(dir: &Dir, name: &[u8], each: Visit<'_>) {
        let Ok(sub) = dir.open_dir(name) else { return };
        let mut left = MAX_NAMES;
        walk_in(&sub, name, &mut left, MAX_DEPTH, each);
    }

    fn walk_in(dir: &Dir, path: &[u8], left: &mut usize, depth: usize, each: Visit<'_>) {
        let Ok(mut names) = dir.names() else { return };
        names.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in names {
            if *left == 0 {
                return;
            }
            *left -= 1;
            let path = [path, b"/", &name].concat();
            let kind = kind.or_else(|| dir.stat(&name).ok().flatten().map(|stat| stat.kind));
            if kind != Some(Kind::Dir) {
                each(&path, dir, &name);
            } else if depth > 0
                && let Ok(sub) = dir.open_dir(&name)
            {
                walk_in(&sub, &path, left, depth - 1, each);
            }
        }
    }

    fn files(repository: &Repository, own: &Dir, common: &Dir) -> BTreeMap<String, String> {
        let hash = if is_sha256(repository) { 32 } else { 20 };
        let mut files = BTreeMap::new();
        for (name, side, _) in FILES {
            let dir = if *side == Side::Own { own } else { common };
            let said = match read(dir, name, MAX_FILE) {
                Found::Content(bytes) if *name == "index" => index(&bytes, hash),
                // Hooks are told one by one, unless something else is in their place.
                Found::Odd(what) if *name == "hooks" && what == "dir" => continue,
                found => fingerprint(found),
            };
            files.insert((*name).to_owned(), said);
        }
        files.retain(|_, said| !said.is_empty());
        files
    }

    fn is_sha256(repository: &Repository) -> bool {
        repository.settings().contains(&("extensions.objectformat".into(), "sha256".into()))
    }

    /// An index that names another file with entries is compared as it is.
    fn index(bytes: &[u8], hash: usize) -> String {
        match git_index::parse(bytes, hash) {
            Some(index) if !index.extensions.contains(b"link") => format!("entries {}", index.entries),
            Some(_) | None => Digest::of(bytes).to_string(),
        }
    }

    fn hooks(common: &Dir) -> BTreeMap<String, String> {
        let Ok(dir) = common.open_dir(b"hooks") else { return BTreeMap::new() };
        let mut names = dir.names().unwrap_or_default();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        names.truncate(MAX_HOOKS);
        let runs = |name: &[u8]| matches!(dir.stat(name), Ok(Some(stat)) if stat.mode & 0o111 != 0);
        let said = |name: &[u8]| {
            let executable = if runs(name) { " executable" } else { "" };
            fingerprint(read_here(&dir, name, MAX_FILE)) + executable
        };
        names.iter().map(|(name, _)| (escaped(name), said(name))).collect()
    }

    fn worktrees(common: &Dir) -> BTreeSet<String> {
        let names = common.open_dir(b"worktrees").and_then(|dir| dir.names()).unwrap_or_default();
        names.iter().take(MAX_REFS).map(|(name, _)| escaped(name)).collect()
    }

    /// Returns what differs when the file does; nothing for one that is missing.
    fn fingerprint(found: Found) -> String {
        match found {
            Found::Missing => String::new(),
            Found::Content(bytes) => Digest::of(&bytes).to_string(),
            Found::Odd(what) => what,
        }
    }

    /// Returns the content of a file of one line; what else lies there in words.
    fn text(found: Found) -> Option<String> {
        match found {
            Found::Missing => None,
            Found::Content(bytes) => Some(escaped(bytes.trim_ascii())),
            Found::Odd(what) => Some(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use camino::Utf8PathBuf;

    use super::*;
    use crate::archive::testing::Git;

    /// Two states of one repository, with what happened in between.
    fn moves(git: &Git, act: impl FnOnce(&Git)) -> Vec<String> {
        let before = GitState::read(&git.dir).unwrap();
        act(git);
        before.moves_to(&GitState::read(&git.dir).unwrap())
    }

    #[test]
    fn what_became_of_a_repository_is_told_in_sentences() {
        let Some(git) = Git::new() else { return };
        git.run(&["branch", "-m", "main"]);
        assert_eq!(
            moves(&git, |git| git.commit("a", "1")),
            [format!("branch `main` was created at {}", git.short("main")), "the index changed".into(),]
        );
        let first = git.short("main");
        let said = moves(&git, |git| {
            git.run(&["checkout", "-q", "-b", "fix-1"]);
            git.run(&["tag", "v1"]);
            git.run(&["config", "core.pager", "evil"]);
            fs::write(
                git.dir.join(".git/hooks/pre-commit"),
                "#!/bin/sh
",
            )
            .unwrap();
        });
        assert_eq!(
            said,
            [
                "HEAD moved from main to fix-1".to_owned(),
                format!("branch `fix-1` was created at {first}"),
                "hook `pre-commit` was added".into(),
                format!("tag `v1` was created at {first}"),
                "the repository's configuration changed".into(),
            ]
        );
        fs::remove_file(git.dir.join(".git/hooks/pre-commit")).unwrap();
        let said = moves(&git, |git| {
            git.commit("a", "2");
            git.run(&["tag", "-d", "v1"]);
            git.run(&["pack-refs", "--all"]);
        });
        let second = git.short("fix-1");
        assert_eq!(
            said,
            [
                format!("branch `fix-1` moved from {first} to {second}"),
                format!("tag `v1` was deleted; it was at {first}"),
                "the index changed".into(),
            ]
        );
        assert_eq!(
            moves(&git, |git| drop(git.run(&["checkout", "-q", "--detach"]))),
            [format!("HEAD moved from fix-1 to {second}")]
        );
    }

    #[test]
    fn looking_at_a_repository_is_no_change() {
        let Some(git) = Git::new() else { return };
        git.commit("a", "1");
        git.commit("dir/b", "1");
        let said = moves(&git, |git| {
            fs::write(git.dir.join("a"), "1").unwrap();
            git.run(&["update-index", "--refresh"]);
            git.run(&["pack-refs", "--all"]);
            git.run(&["gc", "-q"]);
        });
        assert_eq!(said, Vec::<String>::new());
        for version in ["3", "4"] {
            git.run(&["update-index", "--index-version", version]);
            let (one, other) = (GitState::read(&git.dir).unwrap(), git.add_one(version));
            assert!(one.files["index"].starts_with("entries "), "{:?}", one.files);
            assert_ne!(one.files["index"], other.files["index"]);
        }
    }

    #[test]
    fn stash_merge_and_worktrees_are_told() {
        let Some(git) = Git::new() else { return };
        git.run(&["branch", "-m", "main"]);
        git.commit("a", "1");
        let said = moves(&git, |git| {
            fs::write(git.dir.join("a"), "2").unwrap();
            git.run(&["stash", "-q"]);
            git.run(&["worktree", "add", "-q", "-b", "other", "../linked"]);
        });
        let at = git.short("main");
        assert_eq!(
            said,
            [
                format!("branch `other` was created at {at}"),
                "the stash changed".into(),
                "worktree `linked` was added".into(),
            ]
        );
        let linked = git.at("linked");
        linked.commit("a", "3");
        git.commit("a", "4");
        let said = moves(&linked, |linked| linked.fails(&["merge", "main"]));
        assert_eq!(said, ["a merge is under way", "the index changed"]);
    }

    #[test]
    fn a_state_comes_back_from_its_record() {
        let Some(git) = Git::new() else { return };
        git.commit("a", "1");
        let state = GitState::read(&git.dir).unwrap();
        assert_eq!(serde_json::from_str::<GitState>(&serde_json::to_string(&state).unwrap()).unwrap(), state);
        assert_eq!(serde_json::from_str::<GitState>(r#"{"head":"x","later":1}"#).unwrap().head, "x");
    }

    fn by_hand() -> (tempfile::TempDir, Utf8PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(temp.path().canonicalize().unwrap()).unwrap();
        for dir in [".git/objects", ".git/refs/heads", ".git/hooks", "deep/er"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        fs::write(
            root.join(".git/HEAD"),
            "ref: refs/heads/main
",
        )
        .unwrap();
        (temp, root)
    }

    #[test]
    fn traps_in_a_repository_are_told_and_not_waited_for() {
        let (_temp, root) = by_hand();
        let before = GitState::read(&root.join("deep/er")).unwrap();
        let dir = crate::os::dirs::Dir::open(root.join(".git").as_std_path()).unwrap();
        dir.make_fifo(b"index", 0o600).unwrap();
        dir.make_fifo(b"packed-refs", 0o600).unwrap();
        dir.make_symlink(b"config", b"/etc/passwd").unwrap();
        fs::write(root.join(".git/refs/heads/x[2J"), "0".repeat(40)).unwrap();
        fs::remove_dir(root.join(".git/hooks")).unwrap();
        dir.make_symlink(b"hooks", b"/tmp").unwrap();
        let after = GitState::read(&root).unwrap();
        assert_eq!(
            before.moves_to(&after),
            [
                "branch `x\\u{1b}[2J` was created at 0000000",
                "the directory of hooks changed",
                "the index changed",
                "the repository's configuration changed",
            ]
        );
    }

    #[test]
    fn too_many_refs_and_tables_are_compared_as_a_whole() {
        let (_temp, root) = by_hand();
        let line = |n: u32| {
            format!(
                "{n:040x} refs/tags/t{n}
"
            )
        };
        let some = |n: u32| fs::write(root.join(".git/packed-refs"), (0..n).map(line).collect::<String>()).unwrap();
        some(20_001);
        let before = GitState::read(&root).unwrap();
        assert_eq!(before.refs, None);
        some(20_002);
        let after = GitState::read(&root).unwrap();
        assert_eq!(before.moves_to(&after), ["refs changed: from 20001 to 20002, too many to name"]);
        fs::create_dir(root.join(".git/reftable")).unwrap();
        fs::write(root.join(".git/reftable/tables.list"), "1").unwrap();
        let before = GitState::read(&root).unwrap();
        fs::write(root.join(".git/reftable/tables.list"), "2").unwrap();
        assert_eq!(
            before.moves_to(&GitState::read(&root).unwrap()),
            ["refs are in a reftable, not compared: its files changed"]
        );
    }

    #[test]
    fn many_sentences_are_counted() {
        let refs = |n: u32| (0..n).map(|n| (format!("refs/heads/{n:03}"), "x".to_owned())).collect();
        let state = |n| GitState { refs: Some(refs(n)), ..GitState::default() };
        let said = state(0).moves_to(&state(60));
        assert_eq!(
            (said.len(), said[0].as_str(), said[50].as_str()),
            (51, "branch `000` was created at x", "and 10 more")
        );
        let elsewhere = GitState { dir: "/b".into(), ..state(1) };
        assert_eq!(state(9).moves_to(&elsewhere), ["the repository is another one: `/b`, before ``"]);
    }
}
