//! A change as a unified patch, as `patch -p1` and `git apply` take it.
//!
//! Must not take long: what is too large or too different for a comparison line by line is summarised or shown
//! as taken out and put in whole. Directories and FIFOs, of which patches know nothing, have no text.
//! Texts are bytes as they are; whoever prints them makes them harmless.

use super::{ArchiveError, Change, Digest, Entry, RawPath, Workspace, merge};

/// A larger file is not shown line by line.
const LARGEST: u64 = 1024 * 1024;
/// Nor one with more lines.
const MOST_LINES: usize = 50_000;

/// A change as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    pub text: Vec<u8>,
    pub added: u64,
    pub removed: u64,
    pub is_binary: bool,
    /// Whether it is too large to be shown: the counts are unknown and 0 here.
    pub is_summary: bool,
}

impl Workspace {
    /// Returns a change as a patch.
    ///
    /// # Errors
    /// A content cannot be read.
    pub fn patch(&self, change: &Change) -> Result<Patch, ArchiveError> {
        patch(change, &mut |digest| self.content(digest))
    }

    /// The same for a change whose newer side lies in the directory only: it was looked at, not archived. What
    /// changes meanwhile is shown as it is then.
    ///
    /// # Errors
    /// A content cannot be read.
    pub fn patch_now(&self, change: &Change) -> Result<Patch, ArchiveError> {
        patch(change, &mut |digest| {
            let is_newer = matches!(&change.after, Some(Entry::File { digest: newer, .. }) if newer == digest);
            if is_newer { self.content_now(&change.path, LARGEST) } else { self.content(digest) }
        })
    }
}

/// Returns the difference of two texts, without names of files.
pub fn difference(before: &str, after: &str) -> Patch {
    let mut patch = Patch::default();
    if before != after {
        add_hunks(&mut patch, before.as_bytes(), after.as_bytes());
    }
    patch
}

/// One side of a change as a patch knows it: git's type and mode, and what is in it.
struct Side<'a> {
    mode: u32,
    size: u64,
    content: Content<'a>,
}

enum Content<'a> {
    File(&'a Digest),
    Link(&'a [u8]),
}

fn patch(
    change: &Change,
    read: &mut dyn FnMut(&Digest) -> Result<Vec<u8>, ArchiveError>,
) -> Result<Patch, ArchiveError> {
    let (old, new) = (change.before.as_ref().and_then(side), change.after.as_ref().and_then(side));
    match (&old, &new) {
        // Of another type: git too says that the one goes and the other comes.
        (Some(old), Some(new)) if old.mode & 0o170_000 != new.mode & 0o170_000 => {
            let (gone, come) = (one(&change.path, Some(old), None, read)?, one(&change.path, None, Some(new), read)?);
            Ok(Patch {
                text: [gone.text, come.text].concat(),
                added: come.added,
                removed: gone.removed,
                is_binary: gone.is_binary || come.is_binary,
                is_summary: gone.is_summary || come.is_summary,
            })
        }
        (None, None) => Ok(Patch::default()),
        (old, new) => one(&change.path, old.as_ref(), new.as_ref(), read),
    }
}

fn side(entry: &Entry) -> Option<Side<'_>> {
    match entry {
        Entry::File { mode, size, digest } => {
            Some(Side { mode: 0o100_000 | mode, size: *size, content: Content::File(digest) })
        }
        Entry::Symlink { target } => {
            Some(Side { mode: 0o120_000, size: target.len() as u64, content: Content::Link(target) })
        }
        Entry::Dir { .. } | Entry::Fifo { .. } | Entry::Untouched => None,
    }
}

fn one(
    path: &RawPath,
    old: Option<&Side<'_>>,
    new: Option<&Side<'_>>,
    read: &mut dyn FnMut(&Digest) -> Result<Vec<u8>, ArchiveError>,
) -> Result<Patch, ArchiveError> {
    let (a, b) = (name(b"a/", path), name(b"b/", path));
    let mut patch = Patch { text: [b"diff --git ", &a[..], b" ", &b, b"\n"].concat(), ..Patch::default() };
    patch.text.extend_from_slice(mode_lines(old, new).as_bytes());
    if are_same(old, new) {
        return Ok(patch);
    }
    let names = [(old, a), (new, b)].map(|(side, name)| if side.is_some() { name } else { b"/dev/null".to_vec() });
    let sides = match shown(old, new, read)? {
        Shown::Text(before, after) if before == after => return Ok(patch),
        Shown::Text(before, after) => (before, after),
        Shown::Binary => {
            patch.text.extend([b"Binary files ", &names[0][..], b" and ", &names[1], b" differ\n"].concat());
            return Ok(Patch { is_binary: true, ..patch });
        }
        Shown::TooLarge => {
            patch.text.extend([b"Files ", &names[0][..], b" and ", &names[1], b" differ\n"].concat());
            return Ok(Patch { is_summary: true, ..patch });
        }
    };
    for (sign, name) in [("--- ", &names[0]), ("+++ ", &names[1])] {
        patch.text.extend_from_slice(sign.as_bytes());
        patch.text.extend_from_slice(name);
        // A name with a space ends in a tab, or `patch` takes what follows the space for a time.
        patch.text.extend_from_slice(if name.contains(&b' ') { b"\t\n" } else { b"\n" });
    }
    add_hunks(&mut patch, &sides.0, &sides.1);
    Ok(patch)
}

/// What can be shown of two sides.
enum Shown {
    Text(Vec<u8>, Vec<u8>),
    Binary,
    TooLarge,
}

fn shown(
    old: Option<&Side<'_>>,
    new: Option<&Side<'_>>,
    read: &mut dyn FnMut(&Digest) -> Result<Vec<u8>, ArchiveError>,
) -> Result<Shown, ArchiveError> {
    if [old, new].into_iter().flatten().any(|side| side.size > LARGEST) {
        return Ok(Shown::TooLarge);
    }
    let (before, after) = (content(old, read)?, content(new, read)?);
    Ok(if !merge::is_text(&before) || !merge::is_text(&after) {
        Shown::Binary
    } else if [&before, &after].iter().any(|text| merge::lines(text).count() > MOST_LINES) {
        Shown::TooLarge
    } else {
        Shown::Text(before, after)
    })
}

fn mode_lines(old: Option<&Side<'_>>, new: Option<&Side<'_>>) -> String {
    match (old, new) {
        (None, Some(new)) => format!("new file mode {:06o}\n", new.mode),
        (Some(old), None) => format!("deleted file mode {:06o}\n", old.mode),
        (Some(old), Some(new)) if old.mode != new.mode => {
            format!("old mode {:06o}\nnew mode {:06o}\n", old.mode, new.mode)
        }
        (Some(_), Some(_)) | (None, None) => String::new(),
    }
}

fn are_same(old: Option<&Side<'_>>, new: Option<&Side<'_>>) -> bool {
    match (old.map(|side| &side.content), new.map(|side| &side.content)) {
        (Some(Content::File(old)), Some(Content::File(new))) => old == new,
        (Some(Content::Link(old)), Some(Content::Link(new))) => old == new,
        (Some(_) | None, Some(_) | None) => false,
    }
}

fn content(
    side: Option<&Side<'_>>,
    read: &mut dyn FnMut(&Digest) -> Result<Vec<u8>, ArchiveError>,
) -> Result<Vec<u8>, ArchiveError> {
    match side.map(|side| &side.content) {
        Some(Content::File(digest)) => read(digest),
        Some(Content::Link(target)) => Ok(target.to_vec()),
        None => Ok(Vec::new()),
    }
}

/// Returns a name as git writes it: in quotes with escapes where a byte of it could break a line or a tool.
fn name(prefix: &[u8], path: &RawPath) -> Vec<u8> {
    let name = [prefix, path.as_bytes()].concat();
    let is_plain = |byte: &u8| !byte.is_ascii_control() && *byte != b'"' && *byte != b'\\';
    if name.iter().all(is_plain) && std::str::from_utf8(&name).is_ok() {
        return name;
    }
    let mut quoted = vec![b'"'];
    for byte in name {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', byte]),
            b' '..=b'~' => quoted.push(byte),
            _ => quoted.extend(format!("\\{byte:03o}").into_bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}

fn add_hunks(patch: &mut Patch, before: &[u8], after: &[u8]) {
    if !merge::are_comparable(before, after) {
        return add_whole(patch, before, after);
    }
    let diff = diffy::create_patch_bytes(before, after);
    for hunk in diff.hunks() {
        let head = format!("@@ -{} +{} @@\n", hunk.old_range(), hunk.new_range());
        patch.text.extend_from_slice(head.as_bytes());
        for line in hunk.lines() {
            match line {
                diffy::Line::Context(line) => add_line(patch, b' ', line),
                diffy::Line::Delete(line) => add_line(patch, b'-', line),
                diffy::Line::Insert(line) => add_line(patch, b'+', line),
            }
        }
    }
}

/// All lines of the one go, all of the other come: true, if not short.
fn add_whole(patch: &mut Patch, before: &[u8], after: &[u8]) {
    let range = |text: &[u8]| match merge::lines(text).count() {
        0 => "0,0".to_owned(),
        count => format!("1,{count}"),
    };
    patch.text.extend_from_slice(format!("@@ -{} +{} @@\n", range(before), range(after)).as_bytes());
    merge::lines(before).for_each(|line| add_line(patch, b'-', line));
    merge::lines(after).for_each(|line| add_line(patch, b'+', line));
}

fn add_line(patch: &mut Patch, sign: u8, line: &[u8]) {
    patch.added += u64::from(sign == b'+');
    patch.removed += u64::from(sign == b'-');
    patch.text.push(sign);
    patch.text.extend_from_slice(line);
    if !line.ends_with(b"\n") {
        patch.text.extend_from_slice(b"\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fmt::Write, fs};

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Contents(HashMap<Digest, Vec<u8>>);

    impl Contents {
        fn file(&mut self, mode: u32, content: &[u8]) -> Option<Entry> {
            let digest = Digest::of(content);
            self.0.insert(digest, content.to_vec());
            Some(Entry::File { mode, size: content.len() as u64, digest })
        }

        fn patch(&self, path: &str, before: &Option<Entry>, after: &Option<Entry>) -> Patch {
            let path = RawPath::new(path).unwrap();
            let change = Change { path, before: before.clone(), after: after.clone() };
            patch(&change, &mut |digest| Ok(self.0[digest].clone())).unwrap()
        }
    }

    fn text(patch: &Patch) -> &str {
        std::str::from_utf8(&patch.text).unwrap()
    }

    #[test]
    fn each_kind_of_change_reads_as_git_writes_it() {
        let mut contents = Contents::default();
        let (old, new) = (contents.file(0o644, b"a\nb\nc"), contents.file(0o755, b"a\nB\nc"));
        let changed = "diff --git a/x y b/x y\nold mode 100644\nnew mode 100755\n--- a/x y\t\n+++ b/x y\t\n\
                       @@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n\\ No newline at end of file\n";
        let patch = contents.patch("x y", &old, &new);
        assert_eq!((text(&patch), patch.added, patch.removed), (changed, 1, 1));
        let link = Some(Entry::Symlink { target: b"a".to_vec() });
        let made = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+a\n\
                    \\ No newline at end of file\n";
        assert_eq!(text(&contents.patch("l", &None, &link)), made);
        let empty = contents.file(0o644, b"");
        assert_eq!(text(&contents.patch("e", &empty, &None)), "diff --git a/e b/e\ndeleted file mode 100644\n");
        let binary = contents.file(0o644, b"\0");
        let patch = contents.patch("b", &empty, &binary);
        assert_eq!(text(&patch), "diff --git a/b b/b\nBinary files a/b and b/b differ\n");
        assert!(patch.is_binary);
        assert_eq!(contents.patch("d", &None, &Some(Entry::Dir { mode: 0o755 })), Patch::default());
        let patch = contents.patch("q\n\"", &None, &empty);
        assert_eq!(text(&patch), "diff --git \"a/q\\012\\\"\" \"b/q\\012\\\"\"\nnew file mode 100644\n");
    }

    #[test]
    fn what_is_too_large_is_summed_up_and_what_is_too_different_is_whole() {
        let mut contents = Contents::default();
        let mut numbers = |from: usize, count: usize| {
            let text = (from..from + count).fold(String::new(), |mut text, n| {
                writeln!(text, "{n}").unwrap();
                text
            });
            contents.file(0o644, text.as_bytes())
        };
        let (few, other, many) = (numbers(0, 20_000), numbers(100_000, 20_000), numbers(0, 60_000));
        let patch = contents.patch("n", &few, &other);
        assert_eq!((patch.added, patch.removed, patch.is_summary), (20_000, 20_000, false));
        let patch = contents.patch("n", &few, &many);
        assert_eq!(text(&patch), "diff --git a/n b/n\nFiles a/n and b/n differ\n");
        assert!(patch.is_summary);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        /// The judge is git itself, where there is one.
        #[test]
        #[expect(clippy::disallowed_methods, reason = "the judge of a test")]
        fn git_applies_what_is_rendered(before in "([ab ]{0,2}\r?\n){0,30}[ab]?", after in "([abc ]{0,2}\r?\n){0,30}[ab]?") {
            let dir = tempfile::tempdir().unwrap();
            let mut contents = Contents::default();
            let (old, new) = (contents.file(0o644, before.as_bytes()), contents.file(0o755, after.as_bytes()));
            let patch = contents.patch("f", &old, &new);
            fs::write(dir.path().join("f"), &before).unwrap();
            fs::write(dir.path().join("p"), &patch.text).unwrap();
            let git = std::process::Command::new("git").args(["apply", "--whitespace=nowarn", "p"]).current_dir(dir.path())
                .env("GIT_CEILING_DIRECTORIES", dir.path().parent().unwrap()).output();
            if let Ok(output) = git {
                prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                prop_assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), after);
            }
        }
    }
}
