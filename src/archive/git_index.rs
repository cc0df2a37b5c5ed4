//! What a git index says: which content each path has. Its other half, the times and inodes of the files, is
//! left out, because every `git status` rewrites it.
//!
//! The format: <https://git-scm.com/docs/index-format>. What is not understood is not guessed: the caller
//! then compares the file as it is.

use super::Digest;

/// Times, device, inode, owner, size: what a path's entry begins with, the mode among it.
const STAT: usize = 40;
const MODE: std::ops::Range<usize> = 24..28;
const HAS_MORE_FLAGS: u16 = 0x4000;

/// An index in parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Of names, modes, contents and flags.
    pub entries: Digest,
    /// The four letters of each extension.
    pub extensions: Vec<[u8; 4]>,
}

/// Reads an index whose object names have `hash` bytes; `None` where it is none that is known.
pub(super) fn parse(bytes: &[u8], hash: usize) -> Option<Index> {
    let body = bytes.get(..bytes.len().checked_sub(hash)?)?;
    let version = number(body.get(4..8)?)?;
    if body.get(..4)? != b"DIRC" || !(2..=4).contains(&version) {
        return None;
    }
    let (mut at, mut said, mut name) = (12, blake3::Hasher::new(), Vec::new());
    for _ in 0..number(body.get(8..12)?)? {
        at = entry(body, at, hash, version, &mut name, &mut said)?;
    }
    Some(Index { entries: Digest(*said.finalize().as_bytes()), extensions: extensions(&body[at..])? })
}

/// Takes in the entry at `at` and returns where the next one begins.
fn entry(
    body: &[u8],
    at: usize,
    hash: usize,
    version: u32,
    name: &mut Vec<u8>,
    said: &mut blake3::Hasher,
) -> Option<usize> {
    let flags_at = at + STAT + hash;
    let flags = u16::from_be_bytes(body.get(flags_at..flags_at + 2)?.try_into().ok()?);
    let name_at = flags_at + if version > 2 && flags & HAS_MORE_FLAGS != 0 { 4 } else { 2 };
    let (dropped, from) = if version == 4 { offset(body, name_at)? } else { (name.len(), name_at) };
    name.truncate(name.len().checked_sub(dropped)?);
    let length = body.get(from..)?.iter().position(|byte| *byte == 0)?;
    name.extend_from_slice(&body[from..from + length]);
    said.update(&body[at..][MODE]).update(&body[at + STAT..name_at]).update(&(name.len() as u64).to_le_bytes());
    said.update(name);
    // Up to version 3 an entry is filled up to a multiple of eight, with one NUL at least.
    Some(if version == 4 { from + length + 1 } else { at + (name_at + length - at + 8) / 8 * 8 })
}

/// Reads how much of the name before is dropped: the offset encoding of pack files.
fn offset(body: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut byte = *body.get(at)?;
    let mut value = usize::from(byte & 127);
    while byte & 128 != 0 {
        at += 1;
        byte = *body.get(at)?;
        value = value.checked_add(1)?.checked_mul(128)? + usize::from(byte & 127);
    }
    Some((value, at + 1))
}

fn extensions(mut rest: &[u8]) -> Option<Vec<[u8; 4]>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        found.push(rest.get(..4)?.try_into().ok()?);
        rest = rest.get(8 + number(rest.get(4..8)?)? as usize..)?;
    }
    Some(found)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}
