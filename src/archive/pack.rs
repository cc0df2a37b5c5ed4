//! Packs of contents: writing one, finding a content in those that are there, and what gc does to them.
//!
//! Knows digests and bytes, no paths of a workspace. A pack is a row of parts, each at most 4 MB of a content, a zstd
//! frame of its own or raw where that is no longer; its index says for each content which parts it has. A pack never
//! changes and is named by what it was made for and by the digest of its index, so that two makers never meet. The
//! pack is on the disk before its index has a name, and the index before anything refers to a content. A pack that
//! is shorter than its index says counts as not there for the next snapshot and as damaged for a reader.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    hash::{BuildHasherDefault, Hasher},
    io::{self, Read},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use camino::{Utf8Path, Utf8PathBuf};
use zstd::bulk::{Compressor, Decompressor};

use super::{
    Digest, SnapshotName,
    codec::{Sealed, Writer},
};
use crate::os::files::{self, FileError};

/// The longest part, and the longest content that is read in one piece.
pub(super) const PART: usize = 4 << 20;
/// Level 1 is faster than the disk.
const LEVEL: i32 = 1;
/// Each thread writes in chunks of about this size.
const CHUNK: usize = 1 << 20;
/// After so many bytes the disk is asked to begin.
const EARLY: u64 = 32 << 20;
/// Beyond so many packs a table of all contents is made, so that finding one does not mean asking each pack.
const MANY_PACKS: usize = 8;
/// So many packs are kept open.
const MOST_OPEN: usize = 16;

/// A piece of a content in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    offset: u64,
    stored: u32,
    length: u32,
    is_raw: bool,
}

/// A content in a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    digest: Digest,
    length: u64,
    parts: Vec<Part>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pack in the making, shared by the threads that fill it. Dropped unfinished it leaves nothing.
pub(super) struct PackWriter {
    dir: Utf8PathBuf,
    name: SnapshotName,
    aside: Utf8PathBuf,
    file: Mutex<Option<Arc<File>>>,
    end: AtomicU64,
    /// Up to where the disk was asked to write.
    synced: AtomicU64,
    syncing: Mutex<Option<JoinHandle<io::Result<()>>>>,
    claimed: Mutex<HashSet<Digest, ByDigest>>,
    items: Mutex<Vec<Item>>,
}

impl PackWriter {
    pub(super) fn new(dir: &Utf8Path, name: &SnapshotName) -> Self {
        // Two threads of one process may make a pack for the same name.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let own = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            dir: dir.to_owned(),
            name: name.clone(),
            aside: dir.join(format!("{name}.{}-{own}.tmp", std::process::id())),
            file: Mutex::default(),
            end: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            syncing: Mutex::default(),
            claimed: Mutex::default(),
            items: Mutex::default(),
        }
    }

    /// Whether the caller has to put this content: the first who asks has.
    pub(super) fn claim(&self, digest: &Digest) -> bool {
        locked(&self.claimed).insert(*digest)
    }

    pub(super) fn has(&self, digest: &Digest) -> bool {
        locked(&self.claimed).contains(digest)
    }

    pub(super) fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Returns how many bytes are in it by now.
    pub(super) fn bytes(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    fn file(&self) -> Result<Arc<File>, FileError> {
        let mut file = locked(&self.file);
        if let Some(file) = &*file {
            return Ok(Arc::clone(file));
        }
        let made = Arc::new(files::create_aside(&self.aside)?);
        *file = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Appends bytes and returns where they begin. Threads write at the same time, each into its own range.
    fn append(&self, bytes: &[u8]) -> Result<u64, FileError> {
        let file = self.file()?;
        let offset = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        files::write_all_at(&file, bytes, offset).map_err(FileError::at(&self.aside, "write"))?;
        self.sync_early(&file, offset)?;
        Ok(offset)
    }

    /// Lets the disk work while we do: what is written by now is synced by a thread that only waits.
    fn sync_early(&self, file: &Arc<File>, end: u64) -> Result<(), FileError> {
        if end < self.synced.load(Ordering::Relaxed) + EARLY {
            return Ok(());
        }
        let Ok(mut syncing) = self.syncing.try_lock() else { return Ok(()) };
        if syncing.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(());
        }
        self.synced.store(end, Ordering::Relaxed);
        let before = syncing.replace(std::thread::spawn({
            let file = Arc::clone(file);
            move || file.sync_data()
        }));
        drop(syncing);
        self.end_sync(before)
    }

    /// The system tells a failed write once, so each answer counts.
    fn end_sync(&self, syncing: Option<JoinHandle<io::Result<()>>>) -> Result<(), FileError> {
        let synced =
            syncing.map_or(Ok(()), |thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        synced.map_err(FileError::at(&self.aside, "sync"))
    }

    /// Puts pack and index on the disk; nothing where there is no content. Returns the pack's name.
    ///
    /// # Errors
    /// The disk is full or fails; nothing is left then.
    pub(super) fn finish(&self) -> Result<Option<String>, FileError> {
        let mut items = std::mem::take(&mut *locked(&self.items));
        if items.is_empty() {
            return Ok(None);
        }
        items.sort_unstable_by_key(|item| item.digest);
        items.dedup_by_key(|item| item.digest);
        let syncing = locked(&self.syncing).take();
        self.end_sync(syncing)?;
        let index = encode(&items, self.bytes());
        let name = format!("{}-{}", self.name, &Digest::of(&index).to_string()[..16]);
        self.file()?.sync_all().map_err(FileError::at(&self.aside, "sync"))?;
        let pack = pack_file(&self.dir, &name);
        fs::rename(&self.aside, &pack).map_err(FileError::at(&pack, "replace"))?;
        locked(&self.file).take();
        let index_file = index_file(&self.dir, &name);
        let written = files::replace(&index_file, &index, files::Durability::Machine);
        if written.is_err() && files::length(&index_file) == 0 {
            // Nobody can find what is in it.
            let _ = fs::remove_file(&pack);
        }
        written.map(|()| Some(name))
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        if locked(&self.file).is_some() {
            let _ = fs::remove_file(&self.aside);
        }
    }
}

fn pack_file(dir: &Utf8Path, name: &str) -> Utf8PathBuf {
    dir.join(format!("{name}.pack"))
}

fn index_file(dir: &Utf8Path, name: &str) -> Utf8PathBuf {
    dir.join(format!("{name}.idx"))
}

/// What one thread puts into a pack.
pub(super) struct Packer<'a> {
    pack: &'a PackWriter,
    compressor: Option<Compressor<'static>>,
    chunk: Vec<u8>,
    /// The contents in the chunk: their offsets are relative to it.
    waiting: Vec<Item>,
}

impl<'a> Packer<'a> {
    pub(super) const fn new(pack: &'a PackWriter) -> Self {
        Self { pack, compressor: None, chunk: Vec::new(), waiting: Vec::new() }
    }

    /// Puts a content that was claimed.
    pub(super) fn put(&mut self, digest: Digest, content: &[u8]) -> Result<(), FileError> {
        let mut large = Large::default();
        content.chunks(PART).try_for_each(|part| self.put_part(&mut large, part))?;
        self.end_large(large, digest)
    }

    /// Puts what is in a file, read to its end once, and returns digest and size.
    pub(super) fn put_file(&mut self, file: &mut File) -> io::Result<(Digest, u64)> {
        let (mut hasher, mut large, mut part) = (blake3::Hasher::new(), Large::default(), Vec::new());
        loop {
            part.clear();
            if file.take(PART as u64).read_to_end(&mut part)? == 0 {
                break;
            }
            hasher.update(&part);
            self.put_part(&mut large, &part).map_err(|error| error.source)?;
        }
        let digest = Digest(*hasher.finalize().as_bytes());
        self.end_large(large, digest).map_err(|error| error.source)?;
        Ok((digest, hasher.count()))
    }

    /// Puts the next part of a large content.
    pub(super) fn put_part(&mut self, large: &mut Large, part: &[u8]) -> Result<(), FileError> {
        if part.is_empty() {
            return Ok(());
        }
        let start = self.chunk.len();
        let is_raw = !self.compress(part)?;
        if is_raw {
            self.chunk.truncate(start);
            self.chunk.extend_from_slice(part);
        }
        let (stored, length) = ((self.chunk.len() - start) as u32, part.len() as u32);
        large.length += u64::from(length);
        large.parts.push(Part { offset: start as u64, stored, length, is_raw });
        if part.len() == PART {
            // The contents before it are written first, then this part: their offsets become those of the pack.
            large.settle(self.flush()?);
        }
        Ok(())
    }

    /// Ends a content whose parts were put.
    pub(super) fn end_large(&mut self, mut large: Large, digest: Digest) -> Result<(), FileError> {
        locked(&self.pack.claimed).insert(digest);
        if large.settled == 0 {
            self.waiting.push(large.item(digest));
            return if self.chunk.len() < CHUNK { Ok(()) } else { self.flush().map(|_| ()) };
        }
        if large.settled < large.parts.len() {
            large.settle(self.flush()?);
        }
        locked(&self.pack.items).push(large.item(digest));
        Ok(())
    }

    /// Appends the compressed part to the chunk; false when it is no shorter.
    fn compress(&mut self, part: &[u8]) -> Result<bool, FileError> {
        let failed = FileError::at(&self.pack.aside, "compress");
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => match Compressor::new(LEVEL) {
                Ok(made) => none.insert(made),
                Err(error) => return Err(failed(error)),
            },
        };
        self.chunk.reserve(zstd::zstd_safe::compress_bound(part.len()));
        let start = self.chunk.len();
        let mut end = io::Cursor::new(&mut self.chunk);
        end.set_position(start as u64);
        compressor.compress_to_buffer(part, &mut end).map_err(failed)?;
        Ok(self.chunk.len() - start < part.len())
    }

    /// Writes the chunk and returns where in the pack it begins.
    fn flush(&mut self) -> Result<u64, FileError> {
        if self.chunk.is_empty() && self.waiting.is_empty() {
            return Ok(0);
        }
        let base = self.pack.append(&self.chunk)?;
        self.waiting.iter_mut().flat_map(|item| &mut item.parts).for_each(|part| part.offset += base);
        locked(&self.pack.items).append(&mut self.waiting);
        self.chunk.clear();
        Ok(base)
    }

    /// Hands in what is left.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(super) fn close(mut self) -> Result<(), FileError> {
        self.flush().map(|_| ())
    }
}

/// A content of several parts, on its way into a pack.
#[derive(Default)]
pub(super) struct Large {
    length: u64,
    parts: Vec<Part>,
    /// So many of the parts have their place in the pack; the others are in the chunk.
    settled: usize,
}

impl Large {
    fn settle(&mut self, base: u64) {
        self.parts[self.settled..].iter_mut().for_each(|part| part.offset += base);
        self.settled = self.parts.len();
    }

    fn item(self, digest: Digest) -> Item {
        Item { digest, length: self.length, parts: self.parts }
    }
}

const ITEM: usize = 48;
const PART_SIZE: usize = 20;

fn encode(items: &[Item], pack: u64) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.fixed(pack);
    writer.fixed(items.len() as u64);
    let mut parts = 0;
    for item in items {
        writer.digest(&item.digest);
        writer.fixed(item.length);
        writer.0.extend_from_slice(&(parts as u32).to_le_bytes());
        writer.0.extend_from_slice(&(item.parts.len() as u32).to_le_bytes());
        parts += item.parts.len();
    }
    for part in items.iter().flat_map(|item| &item.parts) {
        writer.fixed(part.offset);
        for number in [part.stored, part.length, u32::from(part.is_raw)] {
            writer.0.extend_from_slice(&number.to_le_bytes());
        }
    }
    Sealed::Index.seal(&writer.0)
}

/// The index of one pack, as it lies on the disk.
struct Index {
    name: String,
    bytes: Vec<u8>,
    /// Where the items begin.
    start: usize,
    end: usize,
    count: usize,
    /// How long the pack must be.
    length: u64,
}

impl Index {
    fn parse(name: String, bytes: Vec<u8>) -> Option<Self> {
        let body = Sealed::Index.body(&bytes)?;
        let fixed = |at: usize| number_at(&bytes[..body.end], at);
        let (length, count) = (fixed(body.start)?, usize::try_from(fixed(body.start + 8)?).ok()?);
        let start = body.start + 16;
        (count.checked_mul(ITEM)? <= body.end - start).then_some(())?;
        Some(Self { start, end: body.end, name, count, length, bytes })
    }

    fn digest(&self, index: usize) -> &[u8] {
        let at = self.start + index * ITEM;
        &self.bytes[at..at + 32]
    }

    fn find(&self, digest: &Digest) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.digest(middle).cmp(&digest.0[..]) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn item(&self, index: usize) -> Option<Item> {
        let bytes = &self.bytes[..self.end];
        let at = self.start + index * ITEM;
        let (first, count) = (short_at(bytes, at + 40)?, short_at(bytes, at + 44)?);
        let part = |number: u32| {
            let at = self.start + self.count * ITEM + number as usize * PART_SIZE;
            let (stored, length) = (short_at(bytes, at + 8)?, short_at(bytes, at + 12)?);
            Some(Part { offset: number_at(bytes, at)?, stored, length, is_raw: short_at(bytes, at + 16)? == 1 })
        };
        let digest = Digest(bytes.get(at..at + 32)?.try_into().ok()?);
        let parts = (first..first.checked_add(count)?).map(part).collect::<Option<_>>()?;
        Some(Item { digest, length: number_at(bytes, at + 32)?, parts })
    }

    fn items(&self) -> impl Iterator<Item = Item> {
        (0..self.count).filter_map(|index| self.item(index))
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn short_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// A digest is as good as any hash of it.
#[derive(Default)]
pub(super) struct FirstBytes(u64);

type ByDigest = BuildHasherDefault<FirstBytes>;

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = number_at(bytes, 0).unwrap_or(self.0);
    }

    fn write_usize(&mut self, _: usize) {}
}

/// Why a content could not be had.
#[derive(Debug)]
pub(super) enum Missing {
    /// No pack has it.
    Unknown,
    /// One has, but not as it should be.
    Damaged(String),
    /// What should take the bytes did not.
    Write(io::Error),
}

/// All packs of a workspace, as they were when it was opened.
pub(super) struct Library {
    dir: Utf8PathBuf,
    packs: Vec<(Index, bool)>,
    table: OnceLock<HashMap<Digest, (u32, u32), ByDigest>>,
    open: Mutex<Vec<(usize, Arc<File>)>>,
}

/// Returns the names of the packs that have an index, sorted.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn names(dir: &Utf8Path) -> Result<Vec<String>, FileError> {
    let mut names: Vec<_> =
        listing(dir)?.iter().filter_map(|name| Some(name.strip_suffix(".idx")?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// Returns what is in a directory that may be missing.
///
/// # Errors
/// It cannot be read.
pub(super) fn listing(dir: &Utf8Path) -> Result<Vec<String>, FileError> {
    let failed = |error| FileError::at(dir, "read the directory")(error);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().unwrap_or_default()));
    names.collect::<Result<_, _>>().map_err(failed)
}

impl Library {
    /// # Errors
    /// The indexes cannot be read. A torn one counts as not there: whatever needs it was not recorded.
    pub(super) fn open(dir: &Utf8Path) -> Result<Self, FileError> {
        let mut packs = Vec::new();
        for name in names(dir)? {
            let Some(bytes) = files::read_optional(&index_file(dir, &name))? else { continue };
            if let Some(index) = Index::parse(name, bytes) {
                let is_whole = files::length(&pack_file(dir, &index.name)) >= index.length;
                packs.push((index, is_whole));
            }
        }
        Ok(Self { dir: dir.to_owned(), packs, table: OnceLock::new(), open: Mutex::default() })
    }

    /// Whether a whole pack has the content.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        if self.packs.len() > MANY_PACKS {
            return self.table().get(digest).is_some_and(|(pack, _)| self.packs[*pack as usize].1);
        }
        self.packs.iter().any(|(index, is_whole)| *is_whole && index.find(digest).is_some())
    }

    fn table(&self) -> &HashMap<Digest, (u32, u32), ByDigest> {
        self.table.get_or_init(|| {
            let mut table = HashMap::with_capacity_and_hasher(
                self.packs.iter().map(|(index, _)| index.count).sum(),
                ByDigest::default(),
            );
            // Whole packs last, so that theirs count.
            let mut order: Vec<_> = (0..self.packs.len()).collect();
            order.sort_by_key(|pack| self.packs[*pack].1);
            for pack in order {
                let index = &self.packs[pack].0;
                for at in 0..index.count {
                    if let Ok(digest) = index.digest(at).try_into() {
                        table.insert(Digest(digest), (pack as u32, at as u32));
                    }
                }
            }
            table
        })
    }

    /// Returns where the content is; a whole pack first.
    fn places(&self, digest: &Digest) -> Vec<(usize, usize)> {
        if self.packs.len() > MANY_PACKS {
            return self.table().get(digest).map(|(pack, at)| (*pack as usize, *at as usize)).into_iter().collect();
        }
        let find = |(pack, (index, is_whole)): (usize, &(Index, bool))| Some((!is_whole, pack, index.find(digest)?));
        let mut places: Vec<_> = self.packs.iter().enumerate().filter_map(find).collect();
        places.sort_unstable();
        places.into_iter().map(|(_, pack, at)| (pack, at)).collect()
    }

    /// Hands the content to `sink` part by part, each checked as far as a part can be, and says at the end whether
    /// the whole was what the digest says.
    pub(super) fn read(
        &self,
        digest: &Digest,
        reader: &mut PartReader,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Missing> {
        let (pack, at) = *self.places(digest).first().ok_or(Missing::Unknown)?;
        let name = &self.packs[pack].0.name;
        let damaged = |what: &str| Missing::Damaged(format!("pack `{name}` {what}"));
        let item = self.packs[pack].0.item(at).ok_or_else(|| damaged("has a broken index"))?;
        let mut hasher = blake3::Hasher::new();
        if !item.parts.is_empty() {
            let file = self.file(pack).map_err(|error| damaged(&format!("cannot be opened: {error}")))?;
            for part in &item.parts {
                let bytes = reader.part(&file, part).map_err(|error| damaged(&format!("cannot be read: {error}")))?;
                hasher.update(bytes);
                sink(bytes).map_err(Missing::Write)?;
            }
        }
        if *hasher.finalize().as_bytes() == digest.0 { Ok(()) } else { Err(damaged("has a changed content")) }
    }

    fn file(&self, pack: usize) -> io::Result<Arc<File>> {
        let mut open = locked(&self.open);
        if let Some((_, file)) = open.iter().find(|(other, _)| *other == pack) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(pack_file(&self.dir, &self.packs[pack].0.name))?);
        if open.len() >= MOST_OPEN {
            open.remove(0);
        }
        open.push((pack, Arc::clone(&file)));
        Ok(file)
    }
}

/// What one thread needs to read parts.
#[derive(Default)]
pub(super) struct PartReader {
    decompressor: Option<Decompressor<'static>>,
    stored: Vec<u8>,
    plain: Vec<u8>,
}

impl PartReader {
    fn part(&mut self, file: &File, part: &Part) -> io::Result<&[u8]> {
        let (stored, length) = (part.stored as usize, part.length as usize);
        if stored > zstd::zstd_safe::compress_bound(PART) || length > PART {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.stored.resize(stored, 0);
        files::read_exact_at(file, &mut self.stored, part.offset)?;
        if part.is_raw {
            return Ok(&self.stored);
        }
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::new()?),
        };
        self.plain.clear();
        self.plain.reserve(length);
        decompressor.decompress_to_buffer(&self.stored, &mut self.plain)?;
        Ok(&self.plain)
    }
}

/// A pack, as gc sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackInfo {
    pub(super) name: String,
    /// What pack and index take on the disk.
    pub(super) bytes: u64,
}

/// Returns the packs in this directory, sorted by name.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn packs(dir: &Utf8Path) -> Result<Vec<PackInfo>, FileError> {
    let bytes = |name: &str| files::length(&pack_file(dir, name)) + files::length(&index_file(dir, name));
    Ok(names(dir)?.into_iter().map(|name| PackInfo { bytes: bytes(&name), name }).collect())
}

/// A content in a pack: its digest, its length, and what it takes in the pack.
pub(super) type Listed = (Digest, u64, u64);

/// Returns which contents a pack has; `None` when its index is torn.
///
/// # Errors
/// The index cannot be read.
pub(super) fn read_index(dir: &Utf8Path, name: &str) -> Result<Option<Vec<Listed>>, FileError> {
    let bytes = files::read_optional(&index_file(dir, name))?.unwrap_or_default();
    let stored = |item: &Item| item.parts.iter().map(|part| u64::from(part.stored)).sum();
    let all = |index: Index| index.items().map(|item| (item.digest, item.length, stored(&item))).collect();
    Ok(Index::parse(name.to_owned(), bytes).map(all))
}

/// Replaces a pack by one with only the contents that `keep` wants. The caller has the archive for himself and has
/// removed the caches.
///
/// # Errors
/// The disk is full or fails; the old pack then stands.
pub(super) fn rewrite(dir: &Utf8Path, name: &str, keep: &dyn Fn(&Digest) -> bool) -> Result<(), FileError> {
    let bytes = files::read_optional(&index_file(dir, name))?.unwrap_or_default();
    let Some(index) = Index::parse(name.to_owned(), bytes) else { return Ok(()) };
    let path = pack_file(dir, name);
    let old = File::open(&path).map_err(FileError::at(&path, "open"))?;
    // A pack is called by what it was made for, a dash and 16 digits.
    let purpose = name.get(..name.len().saturating_sub(17)).and_then(|purpose| purpose.parse().ok());
    let Some(purpose) = purpose else { return Ok(()) };
    let new = PackWriter::new(dir, &purpose);
    let mut stored = Vec::new();
    for mut item in index.items().filter(|item| keep(&item.digest)) {
        for part in &mut item.parts {
            stored.resize(part.stored as usize, 0);
            files::read_exact_at(&old, &mut stored, part.offset).map_err(FileError::at(&path, "read"))?;
            part.offset = new.append(&stored)?;
        }
        locked(&new.items).push(item);
    }
    if new.finish()?.as_deref() != Some(name) {
        remove(dir, name)?;
    }
    Ok(())
}

/// Removes a pack: first the index, so that nobody finds a content that is going.
///
/// # Errors
/// The files cannot be removed.
pub(super) fn remove(dir: &Utf8Path, name: &str) -> Result<(), FileError> {
    for path in [index_file(dir, name), pack_file(dir, name)] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(FileError::at(&path, "remove")(error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
