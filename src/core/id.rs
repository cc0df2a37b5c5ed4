//! Names of tasks and backends, and the ways a person may refer to a task.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::Timestamp;

/// Crockford's base 32 in lower case: no `i`, `l`, `o`, `u`. <https://www.crockford.com/base32.html>
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TIME_DIGITS: usize = 8;
const RANDOM_DIGITS: usize = 13;
const LENGTH: usize = TIME_DIGITS + RANDOM_DIGITS;
/// 2025-01-01T00:00:00Z. Eight digits of milliseconds from here last until 2059.
const EPOCH_MILLIS: i64 = 1_735_689_600_000;

/// A task's name: 8 digits of time and 65 random bits, so that names sort by age and never meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TaskId(String);

impl TaskId {
    /// Returns the name for a task made `now`, with `random` bits from the caller.
    pub fn new(now: Timestamp, random: u128) -> Self {
        let time = u128::try_from(now.as_millis() - EPOCH_MILLIS).unwrap_or(0);
        let digit = |value: u128, place: usize| ALPHABET[(value >> (5 * place)) as usize & 31] as char;
        let time_digits = (0..TIME_DIGITS).rev().map(|place| digit(time, place));
        let random_digits = (0..RANDOM_DIGITS).rev().map(|place| digit(random, place));
        Self(time_digits.chain(random_digits).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the head of the name that tables show; commands take any prefix that fits one task only.
    pub fn short(&self) -> &str {
        &self.0[..TIME_DIGITS + 1]
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TaskId {
    type Err = InvalidTaskRef;

    fn from_str(text: &str) -> Result<Self, InvalidTaskRef> {
        match normalise(text) {
            Some(digits) if digits.len() == LENGTH => Ok(Self(digits)),
            _ => Err(InvalidTaskRef(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for TaskId {
    fn schema_name() -> Cow<'static, str> {
        "TaskId".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// A reference that can name no task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be a task: use an id, any unique prefix of one, `@last` or `@-2`")]
pub struct InvalidTaskRef(pub String);

/// How a person names a task: any unique prefix of its id, `@last`, or `@-N` for the N-th last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskRef {
    Prefix {
        /// As ids are written.
        digits: String,
        /// As the person wrote it: what they are told about it quotes this.
        typed: String,
    },
    /// 1 is the newest task.
    Recent(u32),
}

impl FromStr for TaskRef {
    type Err = InvalidTaskRef;

    fn from_str(text: &str) -> Result<Self, InvalidTaskRef> {
        let invalid = || InvalidTaskRef(text.to_owned());
        if text == "@last" {
            return Ok(Self::Recent(1));
        }
        if let Some(count) = text.strip_prefix("@-") {
            return count.parse().ok().filter(|n| *n > 0).map(Self::Recent).ok_or_else(invalid);
        }
        let digits = normalise(text).filter(|digits| digits.len() <= LENGTH).ok_or_else(invalid)?;
        Ok(Self::Prefix { digits, typed: text.to_owned() })
    }
}

impl fmt::Display for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { typed, .. } => f.write_str(typed),
            Self::Recent(1) => f.write_str("@last"),
            Self::Recent(count) => write!(f, "@-{count}"),
        }
    }
}

impl Serialize for TaskRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TaskRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for TaskRef {
    fn schema_name() -> Cow<'static, str> {
        "TaskRef".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// Folds case and the letters that Crockford reads as digits; `None` for anything else (a slash above all).
fn normalise(text: &str) -> Option<String> {
    let fold = |c: char| match c.to_ascii_lowercase() {
        'o' => Some('0'),
        'i' | 'l' => Some('1'),
        c if c.is_ascii() && ALPHABET.contains(&(c as u8)) => Some(c),
        _ => None,
    };
    (!text.is_empty()).then(|| text.chars().map(fold).collect()).flatten()
}

/// A backend's name: lower case letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct BackendName(Cow<'static, str>);

impl BackendName {
    pub const fn built_in(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name with characters that names do not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use lower case letters, digits and `_`, at most 40")]
pub struct InvalidName(pub String);

impl FromStr for BackendName {
    type Err = InvalidName;

    /// `-` is taken for `_`, so that `claude-code` works too.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let name = text.replace('-', "_");
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 40 || !name.chars().all(legal) {
            return Err(InvalidName(text.to_owned()));
        }
        Ok(Self(Cow::Owned(name)))
    }
}

impl<'de> Deserialize<'de> for BackendName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for BackendName {
    fn schema_name() -> Cow<'static, str> {
        "BackendName".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = TaskId::new(Timestamp(1_790_000_000_000), u128::MAX);
        let late = TaskId::new(Timestamp(1_790_000_000_001), 0);
        assert!(early < late, "{early} {late}");
        assert_eq!(early.to_string().parse::<TaskId>().unwrap(), early);
        assert_eq!(early.to_string().to_uppercase().parse::<TaskId>().unwrap(), early);
    }

    #[test]
    fn a_reference_is_a_prefix_or_a_recent_task_and_nothing_else() {
        let read = |text: &str| text.parse::<TaskRef>().ok();
        assert_eq!(read("@last"), Some(TaskRef::Recent(1)));
        assert_eq!(read("@-3"), Some(TaskRef::Recent(3)));
        let folded = TaskRef::Prefix { digits: "1b201".into(), typed: "1B2oI".into() };
        assert_eq!(read("1B2oI"), Some(folded.clone()));
        assert_eq!((folded.to_string(), serde_json::json!(folded)), ("1B2oI".to_owned(), serde_json::json!("1B2oI")));
        for bad in ["", "../x", "a/b", "@", "@-0", "@-x", "task!", "0000000000000000000000", "ü"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
