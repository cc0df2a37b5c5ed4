//! What is archived of a workspace, and where an agent works in it.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Bytes, Span};

/// How much of a workspace is archived before the agent starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ArchiveScope {
    /// Everything that is not ignored, and small ignored files.
    #[default]
    All,
    /// These files and directories, relative to the working directory, ignored or not.
    Paths(Vec<String>),
    /// Nothing: no diff, no rollback.
    Off,
}

impl FromStr for ArchiveScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "off" => Ok(Self::Off),
            _ => {
                let list = text.strip_prefix("paths:").unwrap_or_default();
                let paths: Vec<_> = list.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
                let inside = |path: &&str| !path.starts_with('/') && path.split('/').all(|part| part != "..");
                if paths.is_empty() || !paths.iter().all(inside) {
                    return Err(format!("`{text}` is not `all`, `off` or `paths:A,B` with paths inside the directory"));
                }
                Ok(Self::Paths(paths.into_iter().map(str::to_owned).collect()))
            }
        }
    }
}

impl fmt::Display for ArchiveScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Off => f.write_str("off"),
            Self::Paths(paths) => write!(f, "paths:{}", paths.join(",")),
        }
    }
}

impl Serialize for ArchiveScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ArchiveScope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for ArchiveScope {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ArchiveScope".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// Where the agent works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Isolation {
    /// In the working directory itself.
    #[default]
    None,
    /// In a git worktree of its own.
    Worktree,
    /// In a copy of the working directory; needs no git.
    Copy,
}

/// What an archive may take before the start is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveLimits {
    pub max_files: u64,
    pub max_bytes: Bytes,
    /// The largest single file.
    pub max_file: Bytes,
    pub max_time: Span,
    /// The disk of the archive must keep this much.
    pub free_disk_floor: Bytes,
    /// Ignored files up to this size are covered.
    pub small_ignored: Bytes,
}

/// What a snapshot holds and what it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    pub covered_files: u64,
    pub covered_bytes: u64,
    /// The first of what is not covered, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_covered: Vec<NotCovered>,
    /// How many there are in all.
    #[serde(default)]
    pub not_covered_total: u64,
}

/// Something in a workspace that no snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotCovered {
    pub path: String,
    pub why: String,
}

impl Coverage {
    /// How many examples are kept.
    const EXAMPLES: usize = 20;

    pub fn leave_out(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.not_covered_total += 1;
        if self.not_covered.len() < Self::EXAMPLES {
            self.not_covered.push(NotCovered { path: path.into(), why: why.into() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_written_as_it_is_read() {
        for text in ["all", "off", "paths:src,a b/c"] {
            assert_eq!(text.parse::<ArchiveScope>().unwrap().to_string(), text);
        }
        for text in ["", "some", "paths:", "paths:/etc", "paths:a/../../b"] {
            assert!(text.parse::<ArchiveScope>().is_err(), "{text}");
        }
    }
}
