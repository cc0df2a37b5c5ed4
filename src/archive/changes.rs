//! What differs between two manifests.

use serde::{Deserialize, Serialize};

use super::{Entry, Manifest, RawPath};

/// A path that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub path: RawPath,
    pub before: Option<Entry>,
    pub after: Option<Entry>,
}

/// What happened to a path, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Created,
    Modified,
    Deleted,
    /// Only the permission bits.
    Mode,
    /// A file became a directory, a link a file, and so on.
    Type,
}

impl Change {
    pub fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, _) => ChangeKind::Created,
            (Some(_), None) => ChangeKind::Deleted,
            (Some(Entry::File { digest: a, .. }), Some(Entry::File { digest: b, .. })) if a != b => {
                ChangeKind::Modified
            }
            (Some(Entry::Symlink { .. }), Some(Entry::Symlink { .. })) => ChangeKind::Modified,
            (Some(a), Some(b)) if std::mem::discriminant(a) == std::mem::discriminant(b) => ChangeKind::Mode,
            (Some(_), Some(_)) => ChangeKind::Type,
        }
    }
}

impl Manifest {
    /// Returns what differs, sorted by path. What one side knows only to be there does not differ, nor does what
    /// lies in such a directory: that it is not listed says nothing when it came to be ignored in between.
    pub fn changes_to(&self, after_manifest: &Self) -> Vec<Change> {
        let (mut old, mut new) = (self.entries().iter().peekable(), after_manifest.entries().iter().peekable());
        let mut changes = Vec::new();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return changes,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            let entry = |item: Option<&(RawPath, Entry)>| item.map(|(_, entry)| entry.clone());
            if let Some((path, _)) = before.or(after)
                && before.map(|(_, entry)| entry) != after.map(|(_, entry)| entry)
                && self.knows(path)
                && after_manifest.knows(path)
            {
                changes.push(Change { path: path.clone(), before: entry(before), after: entry(after) });
            }
        }
    }

    /// Whether this manifest would list what was at the path.
    fn knows(&self, path: &RawPath) -> bool {
        let mut paths = std::iter::successors(Some(path.clone()), RawPath::parent);
        !paths.any(|path| self.get(&path) == Some(&Entry::Untouched))
    }

    /// Returns what a later manifest only knows to be there and this one did not: what came to be ignored, and what
    /// was made and is ignored.
    pub fn hidden_in<'a>(&'a self, after: &'a Self) -> impl Iterator<Item = &'a RawPath> {
        let untouched = after.entries().iter().filter(|(_, entry)| *entry == Entry::Untouched);
        untouched.map(|(path, _)| path).filter(|path| self.get(path) != Some(&Entry::Untouched))
    }

    /// Returns what this manifest only knew to be there and a later one does not find: nobody can bring it back.
    pub fn lost_in<'a>(&'a self, after: &'a Self) -> impl Iterator<Item = &'a RawPath> {
        let untouched = self.entries().iter().filter(|(_, entry)| *entry == Entry::Untouched);
        untouched.map(|(path, _)| path).filter(|path| after.get(path).is_none() && after.knows(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_cannot_see_is_no_change() {
        let path = |path: &str| RawPath::new(path).unwrap();
        let dir = || Entry::Dir { mode: 0o755 };
        let fifo = || Entry::Fifo { mode: 0o600 };
        let open = Manifest::new(vec![(path("d"), dir()), (path("d/x"), fifo()), (path("d-"), fifo())]);
        let ignored = Manifest::new(vec![(path("d"), Entry::Untouched)]);
        let gone = |name: &str| Change { path: path(name), before: Some(fifo()), after: None };
        assert_eq!(open.changes_to(&ignored), [gone("d-")]);
        assert_eq!(open.hidden_in(&ignored).collect::<Vec<_>>(), [&path("d")]);
        assert_eq!(ignored.lost_in(&Manifest::default()).collect::<Vec<_>>(), [&path("d")]);
        assert_eq!((ignored.lost_in(&open).count(), open.lost_in(&ignored).count()), (0, 0));
        let made = Change { path: path("d-"), before: None, after: Some(fifo()) };
        assert_eq!((ignored.changes_to(&open), ignored.hidden_in(&open).count()), (vec![made], 0));
    }
}
