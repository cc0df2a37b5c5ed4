//! Which paths are ignored.
//!
//! Decides, and touches nothing. The rules of a directory are a chain of matchers, the nearest first; a directory
//! without ignore files shares the chain of its parent. `.mgrignore` wins over `.gitignore` wherever it lies,
//! within each the deeper file wins, `.git/info/exclude` is the last to be asked. A repository inside another
//! has only its own `.gitignore` files, as git has it. The user's global ignore file is not read: what is archived
//! must not depend on who looks.
//!
//! All paths are relative to the *top*: the top of the repository that the root lies in, else the root.

use std::{io::Read, sync::Arc};

use camino::Utf8Path;
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::repository::git_dirs;
use crate::os::{dirs::Dir, files};

/// Longer ignore files are cut: nobody writes them by hand.
const LONGEST: u64 = 4 << 20;

/// One ignore file, with those further up.
#[derive(Debug)]
struct Link {
    matcher: Gitignore,
    /// So much of a path leads to the directory that the file lies in.
    skip: usize,
    above: Chain,
}

type Chain = Option<Arc<Link>>;

/// The rules that hold in a directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    git: Chain,
    mgr: Chain,
}

/// Which ignore files a listing of a directory shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Present {
    pub(super) gitignore: bool,
    pub(super) mgrignore: bool,
    /// A `.git`, so that a repository begins here.
    pub(super) repository: bool,
}

impl Present {
    pub(super) fn note(&mut self, name: &[u8]) {
        match name {
            b".gitignore" => self.gitignore = true,
            b".mgrignore" => self.mgrignore = true,
            b".git" => self.repository = true,
            _ => {}
        }
    }
}

impl Rules {
    /// Returns the rules that hold at `root` because of what lies above it, and how `root` is called from the top:
    /// empty, or with a slash at its end.
    pub(super) fn above(root: &Utf8Path) -> (Self, Vec<u8>) {
        let Some(top) = root.ancestors().find(|dir| dir.join(".git").symlink_metadata().is_ok()) else {
            return (Self::default(), Vec::new());
        };
        let mut rules = Self::default();
        rules.add_git(exclude_of(top), 0);
        let mut base = Vec::new();
        let inner = root.strip_prefix(top).unwrap_or(Utf8Path::new(""));
        let mut dir = top.to_owned();
        for part in inner.components() {
            if let Ok(handle) = Dir::open(dir.as_std_path()) {
                rules =
                    rules.enter(&handle, base.len(), Present { gitignore: true, mgrignore: true, repository: false });
            }
            base.extend_from_slice(part.as_str().as_bytes());
            // Who chose an ignored directory as the workspace means what is in it.
            if rules.ignore(&base, true) {
                rules = Self::default();
            }
            base.push(b'/');
            dir.push(part);
        }
        (rules, base)
    }

    /// Returns the rules inside a directory. `skip` is the length of its path from the top, with the slash.
    pub(super) fn enter(&self, dir: &Dir, skip: usize, present: Present) -> Self {
        let mut rules = self.clone();
        if present.repository {
            rules.git = None;
            rules.add_git(inner_exclude(dir), skip);
        }
        if present.gitignore {
            rules.add_git(read(dir, b".gitignore"), skip);
        }
        if present.mgrignore
            && let Some(matcher) = matcher(read(dir, b".mgrignore"))
        {
            rules.mgr = Some(Arc::new(Link { matcher, skip, above: rules.mgr.take() }));
        }
        rules
    }

    fn add_git(&mut self, content: Option<Vec<u8>>, skip: usize) {
        if let Some(matcher) = matcher(content) {
            self.git = Some(Arc::new(Link { matcher, skip, above: self.git.take() }));
        }
    }

    /// Whether a path (from the top) is ignored, its parents being not.
    pub(super) fn ignore(&self, path: &[u8], is_dir: bool) -> bool {
        let ask = |chain: &Chain| {
            let mut next = chain.as_deref();
            while let Some(link) = next {
                match link.matcher.matched(files::path_of(&path[link.skip..]), is_dir) {
                    Match::Ignore(_) => return Some(true),
                    Match::Whitelist(_) => return Some(false),
                    Match::None => next = link.above.as_deref(),
                }
            }
            None
        };
        ask(&self.mgr).or_else(|| ask(&self.git)).unwrap_or(false)
    }
}

/// A line that is no pattern ignores nothing, so that more is covered, not less.
fn matcher(content: Option<Vec<u8>>) -> Option<Gitignore> {
    let content = String::from_utf8_lossy(&content?).into_owned();
    let mut builder = GitignoreBuilder::new("");
    for line in content.trim_start_matches('\u{feff}').lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().ok().filter(|matcher| !matcher.is_empty())
}

/// A link, a directory or an unreadable file of this name is no ignore file.
fn read(dir: &Dir, name: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    dir.open_file(name).ok()?.take(LONGEST).read_to_end(&mut content).ok()?;
    Some(content)
}

fn inner_exclude(dir: &Dir) -> Option<Vec<u8>> {
    read(&dir.open_dir(b".git").ok()?.open_dir(b"info").ok()?, b"exclude")
}

/// Returns the exclude file of the repository whose work tree is at `top`; of a linked one it lies with the main one.
fn exclude_of(top: &Utf8Path) -> Option<Vec<u8>> {
    let (_, common) = git_dirs(top)?;
    read(&Dir::open(common.join("info").as_std_path()).ok()?, b"exclude")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the files, and returns which of the paths are ignored from a walk's point of view.
    fn ignored(files: &[(&str, &str)], root: &str, asked: &[&str]) -> Vec<String> {
        let temp = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(temp.path()).unwrap();
        for (path, content) in files {
            std::fs::create_dir_all(top.join(path).parent().unwrap()).unwrap();
            std::fs::write(top.join(path), content).unwrap();
        }
        let root = if root.is_empty() { top.to_owned() } else { top.join(root) };
        let is_ignored = |path: &&&str| {
            let (mut rules, mut base) = Rules::above(&root);
            let mut dir = Dir::open(root.as_std_path()).unwrap();
            let parts: Vec<_> = path.trim_end_matches('/').split('/').collect();
            for (index, part) in parts.iter().enumerate() {
                let mut present = Present::default();
                dir.names().unwrap().iter().for_each(|(name, _)| present.note(name));
                present.repository &= index > 0;
                rules = rules.enter(&dir, base.len(), present);
                base.extend_from_slice(part.as_bytes());
                let is_last = index + 1 == parts.len();
                if rules.ignore(&base, !is_last || path.ends_with('/')) {
                    return true;
                }
                if !is_last {
                    base.push(b'/');
                    dir = dir.open_dir(part.as_bytes()).unwrap();
                }
            }
            false
        };
        asked.iter().filter(is_ignored).map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn the_deeper_file_wins_and_a_slash_means_directories() {
        let files = [(".gitignore", "*.log\nbuild/\n/top"), ("sub/.gitignore", "!keep.log"), ("sub/x/a", "")];
        let asked =
            ["a.log", "sub/a.log", "sub/keep.log", "build", "build/", "sub/build/", "top", "sub/top", "sub/x/keep.log"];
        assert_eq!(ignored(&files, "", &asked), ["a.log", "sub/a.log", "build/", "sub/build/", "top"]);
    }

    #[test]
    fn mgrignore_wins_over_any_gitignore() {
        let files = [(".mgrignore", "!secret\nbig"), ("sub/.gitignore", "secret\n!big")];
        assert_eq!(ignored(&files, "", &["sub/secret", "sub/big"]), ["sub/big"]);
    }

    #[test]
    fn a_repository_above_rules_down_to_its_own_directories() {
        let files =
            [(".git/info/exclude", "*.tmp\n"), (".gitignore", "/a/b/x\n*.log"), ("a/b/c", ""), ("a/.gitignore", "y")];
        assert_eq!(ignored(&files, "a/b", &["x", "c", "y", "z.log", "z.tmp"]), ["x", "y", "z.log", "z.tmp"]);
    }

    #[test]
    fn an_ignored_workspace_is_not_ignored() {
        let files = [(".git/HEAD", ""), (".gitignore", "out/**\nout"), ("out/work/c", "")];
        assert_eq!(ignored(&files, "out/work", &["c"]), Vec::<String>::new());
    }

    #[test]
    fn a_repository_inside_has_its_own_rules() {
        let files = [(".gitignore", "*.log"), ("in/.git/info/exclude", "*.tmp"), ("in/.gitignore", "z")];
        assert_eq!(ignored(&files, "", &["in/a.log", "in/a.tmp", "in/z"]), ["in/a.tmp", "in/z"]);
    }

    #[test]
    fn a_linked_work_tree_has_the_main_ones_excludes() {
        let files = [
            ("main/.git/info/exclude", "*.tmp"),
            ("main/.git/worktrees/w/commondir", "../..\n"),
            ("w/.git", "gitdir: ../main/.git/worktrees/w\n"),
        ];
        assert_eq!(ignored(&files, "w", &["a.tmp", "a"]), ["a.tmp"]);
    }

    #[test]
    fn odd_lines_and_names_ignore_nothing_by_accident() {
        let files = [(".gitignore", "\u{feff}# comment\r\n\r\n*.o\r\n[z-a]\n\\#x\n")];
        assert_eq!(ignored(&files, "", &["a.o", "b", "#x", "# comment"]), ["a.o", "#x"]);
    }
}
