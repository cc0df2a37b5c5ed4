//! What each file's content was when it was last looked at.
//!
//! May be lost or torn at any time: then contents are read again. An entry says two things: the content has
//! this digest as long as the file's stat is the same, and the archive has that content. So only what was
//! archived is noted, and a pack that is gone makes the whole cache worthless.
//!
//! A file system's clock is coarse, so that two writes in one tick leave one time. Nothing is noted whose times are
//! not safely before the look began: it could change again without a trace.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{
    Digest,
    codec::{Reader, Sealed, Writer},
};
use crate::{
    core::Timestamp,
    os::{dirs::Stat, files},
};

/// The coarsest clock of a file system that is in use (FAT) ticks every two seconds.
const MARGIN: i64 = 2_000_000_000;

/// What of a stat tells one content from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp([u64; 6]);

impl Stamp {
    /// Returns the stamp, unless its times are beyond any clock.
    pub(super) fn of(stat: &Stat) -> Option<Self> {
        let time = |nanos: i128| u64::try_from(nanos).ok();
        let (modified, changed) = (time(stat.modified)?, time(stat.changed)?);
        Some(Self([stat.device, stat.inode, stat.size, u64::from(stat.mode), modified, changed]))
    }

    /// Whether a change after `began` must show in the times.
    pub(super) fn is_safe(&self, began: Timestamp) -> bool {
        let limit = began.as_millis().saturating_mul(1_000_000).saturating_sub(MARGIN);
        u64::try_from(limit).is_ok_and(|limit| self.0[4] < limit && self.0[5] < limit)
    }
}

/// One file in the cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted<'a> {
    pub(super) path: &'a [u8],
    pub(super) stamp: Stamp,
    pub(super) digest: Digest,
}

/// The cache of one directory that was looked at.
#[derive(Default)]
pub(super) struct StatCache {
    bytes: Vec<u8>,
    /// Where the files of each directory are in the bytes.
    dirs: HashMap<Vec<u8>, std::ops::Range<usize>>,
    packs: Vec<String>,
    count: u64,
}

/// The files of one directory, sorted by name.
#[derive(Default)]
pub(super) struct DirCache<'a>(Vec<(&'a [u8], Stamp, Digest)>);

impl DirCache<'_> {
    /// Returns the content of a file that has not changed.
    pub(super) fn find(&self, name: &[u8], stamp: &Stamp) -> Option<Digest> {
        let place = self.0.binary_search_by(|(other, ..)| (*other).cmp(name)).ok()?;
        let (_, noted, digest) = &self.0[place];
        (noted == stamp).then_some(*digest)
    }
}

/// Returns where the cache for looking at `root` lies.
pub(super) fn file(dir: &Utf8Path, root: &Utf8Path) -> Utf8PathBuf {
    let key = Digest::of(root.as_str().as_bytes()).to_string();
    dir.join(format!("cache-{}", &key[..8]))
}

impl StatCache {
    /// Returns what is in the file, or nothing where it is missing, torn, or speaks of packs that are gone.
    pub(super) fn read(path: &Utf8Path, packs: &[String]) -> Self {
        let bytes = files::read_optional(path).ok().flatten().unwrap_or_default();
        let cache = Self::parse(bytes).unwrap_or_default();
        let are_there = cache.packs.iter().all(|pack| packs.binary_search(pack).is_ok());
        if are_there { cache } else { Self::default() }
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        let body = Sealed::Cache.body(&bytes)?;
        let mut reader = Reader(&bytes[body.clone()]);
        let names = reader.number()?;
        let name = |reader: &mut Reader<'_>| Some(std::str::from_utf8(reader.bytes()?).ok()?.to_owned());
        let packs = (0..names).map(|_| name(&mut reader)).collect::<Option<_>>()?;
        let (count, mut dirs) = (reader.number()?, HashMap::new());
        for _ in 0..reader.number()? {
            let dir = reader.bytes()?.to_vec();
            let length = usize::try_from(reader.number()?).ok()?;
            let start = body.end - reader.0.len();
            reader.take(length)?;
            dirs.insert(dir, start..start + length);
        }
        Some(Self { dirs, packs, count, bytes })
    }

    pub(super) fn dir(&self, path: &[u8]) -> DirCache<'_> {
        let Some(range) = self.dirs.get(path) else { return DirCache::default() };
        let mut reader = Reader(&self.bytes[range.clone()]);
        let mut files = Vec::new();
        while let Some(file) = read_file(&mut reader) {
            files.push(file);
        }
        DirCache(files)
    }

    /// Whether these and no others are in the cache: `known` of them were found in it.
    pub(super) fn is_same(&self, known: u64, noted: u64) -> bool {
        self.count == known && known == noted
    }
}

fn read_file<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], Stamp, Digest)> {
    let name = reader.bytes()?;
    let mut stamp = [0; 6];
    for number in &mut stamp {
        *number = reader.fixed()?;
    }
    Some((name, Stamp(stamp), reader.digest()?))
}

/// Returns the cache of these files, sorted by path, whose contents are in these packs.
pub(super) fn bytes(packs: &[String], files: &[Noted<'_>]) -> Vec<u8> {
    let mut dirs: HashMap<&[u8], Writer> = HashMap::new();
    for file in files {
        let (dir, name) = split(file.path);
        let block = dirs.entry(dir).or_default();
        block.bytes(name);
        file.stamp.0.iter().for_each(|number| block.fixed(*number));
        block.digest(&file.digest);
    }
    let mut writer = Writer::default();
    writer.number(packs.len() as u64);
    packs.iter().for_each(|pack| writer.bytes(pack.as_bytes()));
    writer.number(files.len() as u64);
    writer.number(dirs.len() as u64);
    for (dir, block) in &dirs {
        writer.bytes(dir);
        writer.bytes(&block.0);
    }
    Sealed::Cache.seal(&writer.0)
}

/// Divides a path into its directory, empty at the root, and its name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp([1, 2, 3, 0o644, 5, 6]);

    fn written() -> (tempfile::TempDir, Utf8PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(temp.path()).unwrap().join("cache");
        let noted = |path: &'static [u8]| Noted { path, stamp: STAMP, digest: Digest::of(path) };
        let bytes = bytes(&["p".to_owned()], &[noted(b"a"), noted(b"d/a"), noted(b"d/b"), noted(b"d/e/x")]);
        std::fs::write(&path, bytes).unwrap();
        (temp, path)
    }

    #[test]
    fn a_file_is_found_while_its_stamp_is_the_same() {
        let (_temp, path) = written();
        let cache = StatCache::read(&path, &["o".to_owned(), "p".to_owned()]);
        assert_eq!(cache.dir(b"d").find(b"b", &STAMP), Some(Digest::of(b"d/b")));
        assert_eq!(cache.dir(b"").find(b"a", &STAMP), Some(Digest::of(b"a")));
        assert_eq!(cache.dir(b"d/e").find(b"x", &Stamp([1, 2, 3, 0o644, 5, 7])), None);
        assert_eq!(cache.dir(b"none").find(b"x", &STAMP), None);
        assert!(cache.is_same(4, 4) && !cache.is_same(3, 4) && !cache.is_same(4, 5));
    }

    #[test]
    fn a_torn_cache_or_one_of_lost_packs_is_empty() {
        let (_temp, path) = written();
        assert_eq!(StatCache::read(&path, &["o".to_owned()]).count, 0);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert_eq!(StatCache::read(&path, &["p".to_owned()]).count, 0);
        assert_eq!(StatCache::read(&path.with_extension("none"), &[]).count, 0);
    }

    #[test]
    fn times_near_the_look_are_not_safe() {
        let began = Timestamp::from_millis(10_000);
        let stamp = |modified, changed| Stamp([0, 0, 0, 0, modified, changed]);
        assert!(stamp(7_999_999_999, 7_999_999_999).is_safe(began));
        assert!(!stamp(8_000_000_000, 1).is_safe(began) && !stamp(1, 8_000_000_000).is_safe(began));
        assert!(!stamp(1, 1).is_safe(Timestamp::from_millis(0)));
    }
}
