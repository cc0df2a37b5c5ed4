//! What can lie at a path.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The BLAKE3 digest of a content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", &self.to_string()[..12])
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|error| error.to_string())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A path beneath a root as the system has it: any bytes but NUL, components divided by `/`,
/// none of them empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawPath(Vec<u8>);

impl RawPath {
    /// Returns the path, unless it could lead out of the root.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        let good = |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.contains(&0);
        bytes.split(|byte| *byte == b'/').all(good).then_some(Self(bytes))
    }

    /// Returns the path of an entry that a directory has listed; `None` is the root.
    pub(super) fn listed(dir: Option<&Self>, name: &[u8]) -> Self {
        dir.map_or_else(|| Self(name.to_vec()), |dir| dir.join(name))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(Self(self.0[..slash].to_vec()))
    }

    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or(&self.0)
    }

    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        Self([&self.0[..], b"/", name].concat())
    }

    /// Whether this is `other` or lies beneath it.
    pub fn is_in(&self, other: &Self) -> bool {
        self.0.strip_prefix(&other.0[..]).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

/// For people and JSON: bytes that are no UTF-8 are written `\xNN`.
impl fmt::Display for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// In JSON files of ours: as text where it is UTF-8, else as an array of bytes, so that it comes back exactly.
impl Serialize for RawPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RawPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Bytes(Vec<u8>),
        }
        let bytes = match Form::deserialize(deserializer)? {
            Form::Text(text) => text.into_bytes(),
            Form::Bytes(bytes) => bytes,
        };
        Self::new(bytes).ok_or_else(|| de::Error::custom("a path that leads out of its root"))
    }
}

/// What lies at a path. Modes are the permission bits with set-user-id and sticky.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    File {
        mode: u32,
        size: u64,
        digest: Digest,
    },
    Dir {
        mode: u32,
    },
    Symlink {
        target: Vec<u8>,
    },
    Fifo {
        mode: u32,
    },
    /// There, and nothing more is known: an ignored directory, a `.git`, a socket, a device. Never changed.
    Untouched,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leads_out_of_its_root() {
        for bad in ["", "/etc", "a//b", "a/../b", "..", ".", "a/", "a\0b"] {
            assert_eq!(RawPath::new(bad), None, "{bad}");
        }
        let path = RawPath::new(b"a/b\xff/c".to_vec()).unwrap();
        assert_eq!(path.to_string(), "a/b\\xff/c");
        assert_eq!(serde_json::from_str::<RawPath>(&serde_json::to_string(&path).unwrap()).unwrap(), path);
        assert_eq!((path.parent().unwrap().to_string(), path.name()), ("a/b\\xff".to_owned(), &b"c"[..]));
        assert!(
            path.is_in(&RawPath::new("a").unwrap()) && !RawPath::new("ab").unwrap().is_in(&RawPath::new("a").unwrap())
        );
    }
}
