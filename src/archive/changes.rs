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
    /// Returns what differs, sorted by path. What is only known to be there never differs.
    pub fn changes_to(&self, after: &Self) -> Vec<Change> {
        let (mut old, mut new) = (self.entries().iter().peekable(), after.entries().iter().peekable());
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
            let is_known = |item: &Option<&(RawPath, Entry)>| item.is_none_or(|(_, entry)| *entry != Entry::Untouched);
            let differs = before.map(|(_, entry)| entry) != after.map(|(_, entry)| entry);
            if let Some((path, _)) = before.or(after)
                && differs
                && is_known(&before)
                && is_known(&after)
            {
                let entry = |item: Option<&(RawPath, Entry)>| item.map(|(_, entry)| entry.clone());
                changes.push(Change { path: path.clone(), before: entry(before), after: entry(after) });
            }
        }
    }
}
