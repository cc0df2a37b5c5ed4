//! `mgr diff`: what a task changed, as the archive saw it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset, landing::inside};
use crate::{
    archive::{Change, ChangeKind, Entry, Patch, RawPath},
    core::{TaskId, TaskRef},
    engine::TaskChanges,
    ui::{Page, Tone, one_line, plural, sanitise, size_words},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffInput {
    /// The task: an id, a unique prefix, @last or @-2
    #[arg(value_name = "TASK")]
    pub task_id: TaskRef,
    /// Only these files and directories, relative to the workspace or absolute (can be repeated)
    #[arg(value_name = "PATH")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Only the list of files, no patch
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stat: bool,
    /// Most characters of list and patch to return at once; the rest comes with the cursor
    #[arg(long, value_name = "COUNT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u32>,
    /// Cursor from an earlier answer, for the next page
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Whether the change is the task's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    Certain,
    /// Somebody else was at work in the same place.
    Uncertain,
}

/// A path that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileChange {
    pub path: String,
    pub kind: ChangeKind,
    /// Type and permissions in octal as git writes them, such as 100644.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_mode: Option<String>,
    /// Lines that came; absent where lines were not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
    /// Lines that went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_after: Option<u64>,
    pub attribution: Attribution,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DiffOutput {
    pub task_id: TaskId,
    /// The files of this page.
    pub files: Vec<FileChange>,
    /// How many files changed in all.
    pub total: u64,
    /// What changed in the files of this page, as a unified patch.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub patch: String,
    /// Whether there is more.
    pub truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Whether the task still runs: these are the changes so far.
    pub is_live: bool,
    /// What became of the repository itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub git: Vec<String>,
    /// What cannot be told any more, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    #[serde(skip)]
    bytes: Vec<u8>,
    #[serde(skip)]
    stat: bool,
}

pub struct Diff;

impl Operation for Diff {
    const CLI: &'static [&'static str] = &["diff"];
    const TOOL: Option<&'static str> = Some("task_diff");
    const TITLE: &'static str = "Show what a task changed";
    const TOOLSET: Toolset = Toolset::Safety;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = true;
    const ABOUT: &'static str = "Show what a task changed: the files with the lines that came and went, and a unified patch (diff). \
        Works without git and while the task runs. Returns pages with next_cursor; stat for the list only. Undo with task_rollback.";
    const EXAMPLE: Example = Example {
        argv: &["diff", "@last", "src", "--stat"],
        json: r#"{"task_id":"@last","paths":["src"],"stat":true}"#,
    };

    type Input = DiffInput;
    type Output = DiffOutput;

    async fn run(call: &Call<'_>, input: DiffInput) -> Result<DiffOutput, OpError> {
        let id = call.engine.resolve(&input.task_id)?;
        call.engine.reconcile()?;
        let task = call.engine.task(&id)?;
        let start = input.cursor.as_deref().map_or(Ok(Place::default()), str::parse)?;
        let mut found = call.engine.changes_of(&task)?;
        let paths: Vec<_> = inside(&task, &input.paths)?.into_iter().filter_map(RawPath::new).collect();
        found.changes.retain(|change| paths.is_empty() || paths.iter().any(|path| change.path.is_in(path)));
        let page = page(&found, start, &input)?;
        Ok(DiffOutput {
            task_id: id,
            files: page.files,
            total: found.changes.len() as u64,
            patch: String::from_utf8_lossy(&page.patch).into_owned(),
            truncated: page.next.is_some(),
            next_cursor: page.next.map(|place| place.to_string()),
            is_live: found.is_live,
            git: found.git,
            unknown: found.unknown,
            bytes: page.patch,
            stat: input.stat,
        })
    }
}

/// Where a page begins: at a file, and in its patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    file: usize,
    byte: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.file, self.byte)
    }
}

impl std::str::FromStr for Place {
    type Err = OpError;

    fn from_str(text: &str) -> Result<Self, OpError> {
        let numbers = text.split_once('.').and_then(|(file, byte)| Some((file.parse().ok()?, byte.parse().ok()?)));
        let (file, byte) = numbers.ok_or_else(|| {
            OpError::invalid(format!("`{text}` is not a cursor")).hint("use next_cursor of an earlier answer")
        })?;
        Ok(Self { file, byte })
    }
}

#[derive(Default)]
struct PageOfFiles {
    files: Vec<FileChange>,
    patch: Vec<u8>,
    next: Option<Place>,
}

/// What a file's entry takes in JSON besides its name.
const ENTRY: usize = 150;

/// Fills a page from `start` on: as many files as fit, and of the last one's patch as many lines.
fn page(found: &TaskChanges, start: Place, input: &DiffInput) -> Result<PageOfFiles, OpError> {
    let mut page = PageOfFiles::default();
    let uncertain: BTreeSet<&str> = found.uncertain.iter().map(String::as_str).collect();
    let mut room = input.max_chars.map_or(usize::MAX, |chars| chars as usize);
    for (at, change) in found.changes.iter().enumerate().skip(start.file) {
        let name = ENTRY + change.path.as_bytes().len();
        if room < name && !page.files.is_empty() {
            page.next = Some(Place { file: at, byte: 0 });
            break;
        }
        room = room.saturating_sub(name);
        let patch = found.patch(change)?;
        page.files.push(file_change(change, &patch, &uncertain));
        if input.stat {
            continue;
        }
        let from = if at == start.file { start.byte.min(patch.text.len()) } else { 0 };
        let rest = &patch.text[from..];
        let fits = lines_that_fit(rest, room, page.files.len() == 1);
        page.patch.extend_from_slice(&rest[..fits]);
        room = room.saturating_sub(fits);
        if fits < rest.len() {
            page.next = Some(Place { file: at, byte: from + fits });
            break;
        }
    }
    Ok(page)
}

/// Returns how many bytes of whole lines fit; of a line that is longer than a page of its own, a part.
fn lines_that_fit(text: &[u8], room: usize, is_first: bool) -> usize {
    if text.len() <= room {
        return text.len();
    }
    match text[..room].iter().rposition(|byte| *byte == b'\n') {
        Some(end) => end + 1,
        None if is_first => whole_characters(text, room.max(4)),
        None => 0,
    }
}

/// Returns the end at or before `limit` that cuts no character of UTF-8 in two.
fn whole_characters(text: &[u8], limit: usize) -> usize {
    let mut end = limit.min(text.len());
    while end > 1 && text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    end
}

fn file_change(change: &Change, patch: &Patch, uncertain: &BTreeSet<&str>) -> FileChange {
    let path = change.path.to_string();
    let size = |entry: &Option<Entry>| match entry {
        Some(Entry::File { size, .. }) => Some(*size),
        Some(Entry::Dir { .. } | Entry::Symlink { .. } | Entry::Fifo { .. } | Entry::Untouched) | None => None,
    };
    FileChange {
        kind: change.kind(),
        old_mode: change.before.as_ref().and_then(mode),
        new_mode: change.after.as_ref().and_then(mode),
        added: (!patch.is_binary && !patch.is_summary).then_some(patch.added),
        removed: (!patch.is_binary && !patch.is_summary).then_some(patch.removed),
        binary: patch.is_binary,
        size_before: size(&change.before),
        size_after: size(&change.after),
        attribution: if uncertain.contains(path.as_str()) { Attribution::Uncertain } else { Attribution::Certain },
        path,
    }
}

/// The type's digits are those of stat(2), which git uses too.
fn mode(entry: &Entry) -> Option<String> {
    match entry {
        Entry::File { mode, .. } => Some(format!("100{mode:03o}")),
        Entry::Dir { mode } => Some(format!("040{mode:03o}")),
        Entry::Fifo { mode } => Some(format!("010{mode:03o}")),
        Entry::Symlink { .. } => Some("120000".to_owned()),
        Entry::Untouched => None,
    }
}

impl Render for DiffOutput {
    fn render(&self, page: &mut Page) {
        self.render_list(page);
        if !self.stat && !self.patch.is_empty() {
            page.line("");
            self.patch.lines().for_each(|line| page.line(coloured(page, line)));
        }
        if let Some(cursor) = &self.next_cursor {
            page.line(format!("There is more: `--cursor {cursor}`."));
        }
    }

    /// What `patch -p1` and `git apply` take.
    fn piped(&self) -> Option<Vec<u8>> {
        (!self.stat).then(|| self.bytes.clone())
    }
}

/// The widest bar of `+` and `-`.
const BAR: u64 = 40;

impl DiffOutput {
    fn render_list(&self, page: &mut Page) {
        let name = |file: &FileChange| one_line(&file.path);
        let width = self.files.iter().map(|file| name(file).chars().count()).max().unwrap_or_default().min(70);
        let most =
            self.files.iter().filter_map(lines).map(|(added, removed)| added + removed).max().unwrap_or_default();
        for file in &self.files {
            let doubt = if file.attribution == Attribution::Uncertain { " ?" } else { "" };
            page.line(format!(" {:<width$} | {}{doubt}", name(file), self.amount(page, file, most)));
        }
        let counted = self.files.iter().filter_map(lines);
        let (added, removed) = counted.fold((0, 0), |(a, r), (added, removed)| (a + added, r + removed));
        let so_far = if self.is_live { " so far" } else { "" };
        let shown = plural(self.files.len() as u64, "path");
        let of = if self.total > self.files.len() as u64 { format!(" of {}", self.total) } else { String::new() };
        page.line(format!(" {shown}{of} changed{so_far}, {added} lines added, {removed} removed"));
        if self.files.iter().any(|file| file.attribution == Attribution::Uncertain) {
            page.line(" ? somebody else was at work there too: whose change it is cannot be told");
        }
        self.git.iter().chain(&self.unknown).for_each(|words| page.text(&format!(" {words}")));
    }

    fn amount(&self, page: &Page, file: &FileChange, most: u64) -> String {
        let kind = match file.kind {
            ChangeKind::Created => "new ",
            ChangeKind::Deleted => "gone ",
            ChangeKind::Mode | ChangeKind::Type => return modes(file),
            ChangeKind::Modified => "",
        };
        let Some((added, removed)) = lines(file) else {
            let (before, after) = (file.size_before.unwrap_or(0), file.size_after.unwrap_or(0));
            let what = if file.binary { "binary" } else { "large" };
            return format!("{kind}{what} {} -> {}", size_words(before), size_words(after));
        };
        if added + removed == 0 {
            return kind.trim_end().to_owned();
        }
        let bar = |count: u64| (if most > BAR { (count * BAR).div_ceil(most) } else { count }) as usize;
        let plus = page.tint(Tone::Good, &"+".repeat(bar(added)));
        let minus = page.tint(Tone::Bad, &"-".repeat(bar(removed)));
        format!("{kind}{} {plus}{minus}", added + removed)
    }
}

/// Returns the lines that came and went, where they were counted.
fn lines(file: &FileChange) -> Option<(u64, u64)> {
    Some((file.added?, file.removed?))
}

fn modes(file: &FileChange) -> String {
    let word = |mode: &Option<String>| mode.clone().unwrap_or_default();
    format!("mode {} -> {}", word(&file.old_mode), word(&file.new_mode))
}

/// A line of a patch is somebody else's text: made harmless, then coloured by its first characters.
fn coloured(page: &Page, line: &str) -> String {
    let tone = match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Tone::Strong,
        [b'd', b'i', b'f', b'f', b' ', ..] => Tone::Strong,
        [b'+', ..] => Tone::Good,
        [b'-', ..] => Tone::Bad,
        [b'@', b'@', ..] => Tone::Busy,
        _ => Tone::Plain,
    };
    page.tint(tone, &sanitise(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_a_line_and_never_within_a_character() {
        let text = "one\ntwo\nthree\n".as_bytes();
        assert_eq!([14, 13, 8, 4, 3].map(|room| lines_that_fit(text, room, false)), [14, 8, 8, 4, 0]);
        let long = "ääää".as_bytes();
        assert_eq!([8, 7, 5, 0].map(|room| lines_that_fit(long, room, true)), [8, 6, 4, 4]);
        assert_eq!("7.12".parse::<Place>().unwrap().to_string(), "7.12");
        assert_eq!("7".parse::<Place>().unwrap_err().message, "`7` is not a cursor");
    }
}
