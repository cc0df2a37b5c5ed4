//! The bytes of the archive's own files.
//!
//! Knows no file and no directory. Every file but the packs is *sealed*: what it is, its version, the body and
//! the digest of all that, so that a torn or foreign file reads as none. Numbers in bodies are LEB128, paths
//! share their beginning with the path before.

use super::{Digest, Entry, Manifest, RawPath};

/// What a sealed file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    Manifest,
    Index,
    Cache,
}

impl Sealed {
    /// What such a file begins with; the last byte is the version.
    const fn head(self) -> [u8; 8] {
        match self {
            Self::Manifest => *b"mgrmani\x01",
            Self::Index => *b"mgrindx\x01",
            Self::Cache => *b"mgrcach\x01",
        }
    }

    pub(super) fn seal(self, body: &[u8]) -> Vec<u8> {
        let mut bytes = [&self.head()[..], body].concat();
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(&digest.0);
        bytes
    }

    /// Returns where in the bytes the body is; `None` unless they are whole and of this kind and version.
    pub(super) fn body(self, bytes: &[u8]) -> Option<std::ops::Range<usize>> {
        let end = bytes.len().checked_sub(32)?;
        let (sealed, digest) = bytes.split_at(end);
        let good = sealed.starts_with(&self.head()) && Digest::of(sealed).0 == digest;
        good.then_some(8..end)
    }
}

/// Writes values one behind the other.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn fixed(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn digest(&mut self, digest: &Digest) {
        self.0.extend_from_slice(&digest.0);
    }
}

/// Reads them back; `None` once they are not what was written.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn fixed(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    pub(super) fn digest(&mut self) -> Option<Digest> {
        self.take(32)?.try_into().ok().map(Digest)
    }
}

/// Returns the manifest's bytes; equal manifests have equal ones.
pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    let mut writer = Writer(Vec::with_capacity(manifest.entries().len() * 64));
    writer.number(manifest.entries().len() as u64);
    let mut last: &[u8] = &[];
    for (path, entry) in manifest.entries() {
        let path = path.as_bytes();
        let shared = last.iter().zip(path).take_while(|(a, b)| a == b).count();
        writer.number(shared as u64);
        writer.bytes(&path[shared..]);
        encode_entry(&mut writer, entry);
        last = path;
    }
    Sealed::Manifest.seal(&writer.0)
}

fn encode_entry(writer: &mut Writer, entry: &Entry) {
    match entry {
        Entry::File { mode, size, digest } => {
            writer.0.push(0);
            writer.number(u64::from(*mode));
            writer.number(*size);
            writer.digest(digest);
        }
        Entry::Dir { mode } => {
            writer.0.push(1);
            writer.number(u64::from(*mode));
        }
        Entry::Symlink { target } => {
            writer.0.push(2);
            writer.bytes(target);
        }
        Entry::Fifo { mode } => {
            writer.0.push(3);
            writer.number(u64::from(*mode));
        }
        Entry::Untouched => writer.0.push(4),
    }
}

/// Returns the manifest that has these bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<Manifest> {
    let mut reader = Reader(&bytes[Sealed::Manifest.body(bytes)?]);
    let count = reader.number()?;
    let mut entries: Vec<(RawPath, Entry)> = Vec::with_capacity(usize::try_from(count).ok()?.min(bytes.len()));
    for _ in 0..count {
        let shared = usize::try_from(reader.number()?).ok()?;
        let last = entries.last().map_or(&[][..], |(path, _)| path.as_bytes());
        let path = [last.get(..shared)?, reader.bytes()?].concat();
        entries.push((RawPath::new(path)?, decode_entry(&mut reader)?));
    }
    Some(Manifest::new(entries))
}

fn decode_entry(reader: &mut Reader<'_>) -> Option<Entry> {
    let mode = |reader: &mut Reader<'_>| reader.number()?.try_into().ok();
    Some(match reader.take(1)? {
        [0] => Entry::File { mode: mode(reader)?, size: reader.number()?, digest: reader.digest()? },
        [1] => Entry::Dir { mode: mode(reader)? },
        [2] => Entry::Symlink { target: reader.bytes()?.to_vec() },
        [3] => Entry::Fifo { mode: mode(reader)? },
        [4] => Entry::Untouched,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let path = |text: &[u8]| RawPath::new(text.to_vec()).unwrap();
        let digest = Digest::of(b"x");
        Manifest::new(vec![
            (path(b"a"), Entry::Dir { mode: 0o2755 }),
            (path(b"a/\xff"), Entry::File { mode: 0o444, size: u64::MAX, digest }),
            (path(b"a-b"), Entry::Symlink { target: b"../\xfe".to_vec() }),
            (path(b"fifo"), Entry::Fifo { mode: 0o600 }),
            (path(b"target"), Entry::Untouched),
        ])
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        assert_eq!(decode(&encode(&sample())), Some(sample()));
        assert_eq!(decode(&encode(&Manifest::default())), Some(Manifest::default()));
    }

    #[test]
    fn what_is_torn_or_changed_reads_as_nothing() {
        let bytes = encode(&sample());
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "{end}");
            let mut changed = bytes.clone();
            changed[end] ^= 1;
            assert_eq!(decode(&changed), None, "{end}");
        }
    }

    /// Bytes of this release, as the next ones will find them on the disk.
    #[test]
    fn the_first_version_stays_readable() {
        let before = "6d67726d616e690105000161\
                      01ed0b01022d6202042e2e2ffe01022fff00a402ffffffffffffffffff01";
        let after = "00046669666f038003000674617267657404";
        let byte = |at: usize, hex: &str| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let hex = format!("{before}{}{after}", Digest::of(b"x"));
        let mut golden: Vec<u8> = (0..hex.len()).step_by(2).map(|at| byte(at, &hex)).collect();
        golden.extend_from_slice(&Digest::of(&golden).0);
        assert_eq!(encode(&sample()), golden);
        assert_eq!(decode(&golden), Some(sample()));
    }
}
