//! A git repository's own files: where they are, and reading them without trust.
//!
//! Runs nothing and believes nothing: an agent may have put a FIFO, a link or a gigabyte where git keeps a line.
//! Where the repository lies is taken from `.git` as git does it; inside of it no link is followed.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};

use crate::os::dirs::{Dir, Kind};

/// Beyond this a file is told by its size and time only.
pub(super) const MAX_FILE: u64 = 64 << 20;
/// A file of one line: a ref, a pointer to another directory.
pub(super) const MAX_LINE: u64 = 4096;
/// How many names deep a path in a repository may lie.
const MAX_DEPTH: usize = 40;

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// The directory with `.git` in it.
    pub work_tree: Utf8PathBuf,
    /// What belongs to this work tree: `HEAD`, the index.
    pub git_dir: Utf8PathBuf,
    /// What all work trees share: refs, objects, configuration. The same as `git_dir` for the main one.
    pub common_dir: Utf8PathBuf,
}

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    Content(Vec<u8>),
    /// Something that is not read, in words that change when it does.
    Odd(String),
}

impl Repository {
    /// Returns the repository of the nearest directory with a valid `.git`, from `root` upwards.
    pub fn find(root: &Utf8Path) -> Option<Self> {
        root.ancestors().find_map(Self::at)
    }

    fn at(work_tree: &Utf8Path) -> Option<Self> {
        let (git_dir, common_dir) = git_dirs(work_tree)?;
        let own = Dir::open(git_dir.as_std_path()).ok()?;
        let is_whole = own.stat(b"HEAD").ok()?.is_some() && common_dir.join("objects").is_dir();
        is_whole.then(|| Self { work_tree: work_tree.to_owned(), git_dir, common_dir })
    }

    /// Whether this is a linked work tree.
    pub fn own_differs(&self) -> bool {
        self.git_dir != self.common_dir
    }

    pub fn own(&self) -> Option<Dir> {
        Dir::open(self.git_dir.as_std_path()).ok()
    }

    pub fn common(&self) -> Option<Dir> {
        Dir::open(self.common_dir.as_std_path()).ok()
    }

    /// Returns the settings of the repository's own file, names in lower case. Included files are not read.
    pub fn settings(&self) -> Vec<(String, String)> {
        match self.common().map(|common| read(&common, "config", MAX_FILE)) {
            Some(Found::Content(bytes)) => settings(&String::from_utf8_lossy(&bytes)),
            Some(Found::Missing | Found::Odd(_)) | None => Vec::new(),
        }
    }

    /// Returns the hash that a ref has now, through other refs where it names one; `None` where there is none.
    pub fn resolve(&self, name: &str) -> Option<String> {
        let common = self.common()?;
        let mut name = name.to_owned();
        for _ in 0..5 {
            let Some(line) = line_of(read(&common, &name, MAX_LINE)) else { return packed(&common, &name) };
            match line.strip_prefix("ref:") {
                Some(other) => name = other.trim().to_owned(),
                None => return is_hash(&line).then_some(line),
            }
        }
        None
    }
}

/// Returns the git directory of a work tree and the one that it shares with others: a `.git` file says `gitdir: PATH`,
/// and there may be a `commondir` (gitrepository-layout(5)).
pub(super) fn git_dirs(work_tree: &Utf8Path) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
    let dot_git = work_tree.join(".git");
    let metadata = std::fs::metadata(&dot_git).ok()?;
    let git_dir = if metadata.is_dir() {
        dot_git
    } else {
        let line = line_of(read(&Dir::open(work_tree.as_std_path()).ok()?, ".git", MAX_LINE))?;
        work_tree.join(line.strip_prefix("gitdir:")?.trim())
    };
    let git_dir = git_dir.canonicalize_utf8().ok()?;
    let own = Dir::open(git_dir.as_std_path()).ok()?;
    let common_dir = match line_of(read(&own, "commondir", MAX_LINE)) {
        Some(common) => git_dir.join(common).canonicalize_utf8().ok()?,
        None => git_dir.clone(),
    };
    Some((git_dir, common_dir))
}

/// Whether this is the name of an object, SHA-1 or SHA-256.
pub(super) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn packed(common: &Dir, name: &str) -> Option<String> {
    let Found::Content(text) = read(common, "packed-refs", MAX_FILE) else { return None };
    packed_refs(&text).find(|(_, other)| *other == name.as_bytes()).map(|(hash, _)| hash.to_owned())
}

/// Returns hash and name of each packed ref.
pub(super) fn packed_refs(text: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let space = line.iter().position(|byte| *byte == b' ')?;
        let hash = std::str::from_utf8(&line[..space]).ok().filter(|hash| is_hash(hash))?;
        Some((hash, &line[space + 1..]))
    })
}

/// Reads a file beneath a directory without following a link and without waiting.
pub(super) fn read(dir: &Dir, path: &str, limit: u64) -> Found {
    read_deep(dir, path.as_bytes(), limit, MAX_DEPTH)
}

fn read_deep(dir: &Dir, path: &[u8], limit: u64, depth: usize) -> Found {
    let Some(slash) = path.iter().position(|byte| *byte == b'/') else { return read_here(dir, path, limit) };
    let (first, rest) = (&path[..slash], &path[slash + 1..]);
    match dir.open_dir(first) {
        // `..` would lead out; git has no such names.
        Ok(sub) if depth > 0 && first != b".." => read_deep(&sub, rest, limit, depth - 1),
        Ok(_) => Found::Odd("a path that leads elsewhere".into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::Missing,
        Err(error) => Found::Odd(format!("unreadable: {}", error.kind())),
    }
}

/// Reads a file in a directory: the kind is looked at first, and once more when it is open.
pub(super) fn read_here(dir: &Dir, name: &[u8], limit: u64) -> Found {
    let stat = match dir.stat(name) {
        Ok(None) => return Found::Missing,
        Ok(Some(stat)) => stat,
        Err(error) => return Found::Odd(format!("unreadable: {}", error.kind())),
    };
    match stat.kind {
        Kind::File if stat.size > limit => Found::Odd(format!("{} bytes of {}", stat.size, stat.modified)),
        Kind::File => read_open(dir, name, limit).unwrap_or_else(|error| Found::Odd(format!("unreadable: {error}"))),
        Kind::Symlink => Found::Odd(format!("link to {}", escaped(&dir.read_link(name).unwrap_or_default()))),
        kind @ (Kind::Dir | Kind::Fifo | Kind::Socket | Kind::Device) => Found::Odd(format!("{kind:?}").to_lowercase()),
    }
}

fn read_open(dir: &Dir, name: &[u8], limit: u64) -> std::io::Result<Found> {
    let file = dir.open_file(name)?;
    if !file.metadata()?.is_file() {
        return Ok(Found::Odd("swapped while it was read".into()));
    }
    let mut content = Vec::new();
    file.take(limit).read_to_end(&mut content)?;
    Ok(Found::Content(content))
}

/// Returns the first line of a file that has but one, without the space around it.
pub(super) fn line_of(found: Found) -> Option<String> {
    let Found::Content(bytes) = found else { return None };
    let text = String::from_utf8(bytes).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// Returns bytes as text that drives no terminal: what is no printable text is written as an escape.
/// Different bytes stay different, because git has no backslash in names.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || is_invisible(c) { text.extend(c.escape_default()) } else { text.push(c) }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// Characters that turn text around or hide in it.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Reads the file format of git-config(1): sections, quoted values, comments, lines that go on.
fn settings(text: &str) -> Vec<(String, String)> {
    let (mut section, mut all) = (String::new(), Vec::new());
    for line in text.replace("\\\r\n", "").replace("\\\n", "").lines() {
        let mut line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let Some((name, rest)) = header.split_once(']') else { continue };
            section = section_name(name);
            line = rest.trim();
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        all.push((format!("{section}.{}", key.trim().to_ascii_lowercase()), plain_value(value.trim())));
    }
    all
}

fn section_name(header: &str) -> String {
    match header.split_once('"') {
        Some((name, sub)) => format!("{}.{}", name.trim().to_ascii_lowercase(), sub.trim_end_matches('"')),
        None => header.trim().to_ascii_lowercase(),
    }
}

/// Returns a value without its quotes and without the comment behind it.
fn plain_value(value: &str) -> String {
    let (mut plain, mut quoted) = (String::new(), false);
    for c in value.chars() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            c => plain.push(c),
        }
    }
    plain.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_git_writes_them() {
        let text = "[core]\n\tbare = false ; no\n# x\n[Extensions] refStorage = \"reftable\"\n[remote \"o\"]\n\turl = a\\\nb\n\tflag\n";
        let expected = [
            ("core.bare", "false"),
            ("extensions.refstorage", "reftable"),
            ("remote.o.url", "ab"),
            ("remote.o.flag", "true"),
        ];
        assert_eq!(settings(text), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn names_drive_no_terminal() {
        assert_eq!(escaped(b"a\x1b[31m\xff\xe2\x80\xae\xc3\xbc"), "a\\u{1b}[31m\\xff\\u{202e}ü");
    }

    #[test]
    fn what_is_no_file_is_told_and_not_waited_for() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open(temp.path()).unwrap();
        dir.make_fifo(b"fifo", 0o600).unwrap();
        dir.make_symlink(b"link", b"/etc/passwd").unwrap();
        std::fs::create_dir(temp.path().join("sub")).unwrap();
        std::fs::write(temp.path().join("sub/file"), "12345").unwrap();
        let odd = |text: &str| Found::Odd(text.to_owned());
        assert_eq!(read(&dir, "fifo", 10), odd("fifo"));
        assert_eq!(read(&dir, "link", 10), odd("link to /etc/passwd"));
        assert_eq!(read(&dir, "sub", 10), odd("dir"));
        assert_eq!(read(&dir, "sub/none", 10), Found::Missing);
        assert_eq!(read(&dir, "none/none", 10), Found::Missing);
        assert_eq!(read(&dir, "sub/../sub/file", 10), odd("a path that leads elsewhere"));
        assert_eq!(read(&dir, "sub/file", 10), Found::Content(b"12345".to_vec()));
        assert!(matches!(read(&dir, "sub/file", 4), Found::Odd(text) if text.starts_with("5 bytes of ")));
    }
}
