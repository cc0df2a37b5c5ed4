//! What each path of a workspace was.

use super::{Entry, RawPath};

/// Every path with what was there, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest(Vec<(RawPath, Entry)>);

impl Manifest {
    /// Returns the manifest of these entries, in any order; of two with one path the last counts.
    pub fn new(mut entries: Vec<(RawPath, Entry)>) -> Self {
        entries.reverse();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, first| later.0 == first.0);
        Self(entries)
    }

    pub fn entries(&self) -> &[(RawPath, Entry)] {
        &self.0
    }

    pub fn get(&self, path: &RawPath) -> Option<&Entry> {
        let place = self.0.binary_search_by(|(other, _)| other.cmp(path)).ok()?;
        self.0.get(place).map(|(_, entry)| entry)
    }
}
