//! How fast a large workspace is archived and made anew, beside a shadow git repository on the same tree.
//!
//! 50,000 files with 450 MB in 2,500 directories, half text, half random, warm in the page cache. Each figure is
//! the whole process; everything `mgr` reports as archived is on the disk then, git syncs less.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Plan,
    table::{Row, Table},
    world::{Times, World, millis, scratch},
};

const DIRS: u32 = 2500;
const FILES_IN_EACH: u32 = 20;
const MEAN_SIZE: u64 = 9000;
const CHANGED: u32 = 100;
const RUNS: usize = 3;
/// Files younger than this are read again: their times could hide a change.
const MARGIN: Duration = Duration::from_millis(2500);

pub fn measure(plan: &Plan, table: &mut Table) {
    let tree = scratch("tree");
    let mut random = Random(1);
    plant(&tree, &mut random);
    std::thread::sleep(MARGIN);
    let mgr = Mgr { world: World::new(&plan.binary, "snapshot", ""), tree: tree.clone() };
    let firsts: Vec<_> = (0..RUNS).map(|run| mgr.take(&format!("store{run}"), "first")).collect();
    let unchanged = (0..RUNS).map(|run| mgr.take("store0", &format!("same{run}"))).collect();
    let git = Git::new(&tree);
    let git_first = git.as_ref().map(Git::add);
    let git_unchanged = git.as_ref().map(Git::add);
    change(&tree, &mut random);
    let changed = mgr.take("store0", "changed");
    let git_changed = git.as_ref().map(Git::add);
    let restored = (0..RUNS).map(|_| mgr.materialize("store0", "changed")).collect();
    let git_restored = git.as_ref().map(Git::restore);
    let files = DIRS * FILES_IN_EACH;
    let mut row = |what: &str, ours: f64, limit: f64, git: Option<f64>| {
        table.add(Row {
            what: format!("snapshot of {files} files, {what}"),
            reach: format!("<= {limit} s"),
            measured: format!("{:.2} s", ours / 1000.0),
            reached: Some(ours <= limit * 1000.0),
            floor: String::new(),
            peer: git.map_or_else(String::new, |git| format!("git {:.2} s", git / 1000.0)),
        });
    };
    row("first", Times::of(firsts).p50(), 2.0, git_first);
    row("unchanged", Times::of(unchanged).p50(), 0.15, git_unchanged);
    row(&format!("{CHANGED} changed"), changed, 0.25, git_changed);
    row("restore all", Times::of(restored).p50(), 3.0, git_restored);
}

struct Mgr {
    world: World,
    tree: PathBuf,
}

impl Mgr {
    fn store(&self, store: &str) -> String {
        text(&self.world.home().join(store)).to_owned()
    }

    fn take(&self, store: &str, name: &str) -> f64 {
        self.world.time(&["__archive", "take", &self.store(store), text(&self.tree), name])
    }

    fn materialize(&self, store: &str, name: &str) -> f64 {
        let to = scratch("restored");
        self.world.time(&["__archive", "materialize", &self.store(store), text(&self.tree), name, text(&to)])
    }
}

/// A repository elsewhere that has the tree as its work tree.
struct Git {
    dir: PathBuf,
    tree: PathBuf,
}

impl Git {
    /// Returns none where git is not installed.
    fn new(tree: &Path) -> Option<Self> {
        let git = Self { dir: scratch("shadow").join("git"), tree: tree.to_owned() };
        let made = git.command(&["init", "--quiet"]).status().ok()?;
        made.success().then_some(git)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(args).env("GIT_DIR", &self.dir).env("GIT_WORK_TREE", &self.tree).current_dir(&self.tree);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn time(&self, commands: &[&[&str]]) -> f64 {
        let began = Instant::now();
        for args in commands {
            assert!(self.command(args).status().is_ok_and(|status| status.success()), "git {args:?}");
        }
        millis(began.elapsed())
    }

    fn add(&self) -> f64 {
        self.time(&[&["add", "-A"], &["write-tree"]])
    }

    fn restore(&self) -> f64 {
        let prefix = format!("--prefix={}/", text(&scratch("checked-out")));
        self.time(&[&["checkout-index", "--all", &prefix]])
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// The same numbers in each run (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }

    fn content(&mut self, is_text: bool) -> Vec<u8> {
        const WORDS: [&str; 8] = ["let", "mut", "return", "workspace", "(value)", "{\n    ", "}\n", "// because"];
        let size = (MEAN_SIZE / 2 + self.next() % MEAN_SIZE) as usize;
        let mut content = Vec::with_capacity(size + 16);
        while content.len() < size {
            let number = self.next();
            if is_text {
                content.extend_from_slice(WORDS[(number % 8) as usize].as_bytes());
                content.extend_from_slice(format!(" {} ", number % 1000).as_bytes());
            } else {
                content.extend_from_slice(&number.to_le_bytes()[..5]);
            }
        }
        content
    }
}

fn file(tree: &Path, number: u32) -> PathBuf {
    let dir = number / FILES_IN_EACH;
    tree.join(format!("area{}/part{}/module{dir}/file{number}.rs", dir % 10, dir % 50))
}

fn plant(tree: &Path, random: &mut Random) {
    fs::write(tree.join(".gitignore"), "target/\n*.log\n/dist\nnode_modules/\n").expect("room on the disk");
    for number in 0..DIRS * FILES_IN_EACH {
        let path = file(tree, number);
        if number % FILES_IN_EACH == 0 {
            fs::create_dir_all(path.parent().expect("a parent")).expect("room on the disk");
        }
        fs::write(path, random.content(number % 2 == 0)).expect("room on the disk");
    }
}

fn change(tree: &Path, random: &mut Random) {
    for number in 0..CHANGED {
        let path = file(tree, number * (DIRS * FILES_IN_EACH / CHANGED));
        fs::write(path, random.content(true)).expect("room on the disk");
    }
}
