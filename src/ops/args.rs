//! Arguments with a form of their own.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use camino::{Utf8Path, Utf8PathBuf};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// A path that means the same everywhere. The command line makes relative ones absolute; in
/// JSON they are refused, because nobody there knows the directory they are relative to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AbsolutePath(pub Utf8PathBuf);

impl FromStr for AbsolutePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let absolute = std::path::absolute(text).map_err(|error| format!("`{text}` is not a path: {error}"))?;
        let path = Utf8PathBuf::from_path_buf(absolute).map_err(|path| format!("`{}` is not UTF-8", path.display()))?;
        Ok(Self(without_dots(&path)))
    }
}

/// Takes out `.` and `..` by words alone, as a shell's `cd` does.
fn without_dots(path: &Utf8Path) -> Utf8PathBuf {
    let mut clean = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            camino::Utf8Component::ParentDir => {
                clean.pop();
            }
            camino::Utf8Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

impl<'de> Deserialize<'de> for AbsolutePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = Utf8PathBuf::deserialize(deserializer)?;
        if path.is_absolute() {
            return Ok(Self(without_dots(&path)));
        }
        Err(de::Error::custom(format_args!(
            "`{path}` is a relative path: send an absolute one, such as /home/you/project"
        )))
    }
}

impl JsonSchema for AbsolutePath {
    fn schema_name() -> Cow<'static, str> {
        "AbsolutePath".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": super::table::PATH})
    }
}

/// `key=value` on the command line, a member of an object in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub key: String,
    pub value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self { key: key.to_owned(), value: value.to_owned() }),
            Some(_) | None => Err(format!("`{text}` is not KEY=VALUE")),
        }
    }
}

/// The JSON form of [`Pair`]s, for `#[serde(with)]`.
pub(super) mod pairs {
    use super::{BTreeMap, Deserialize, Deserializer, Pair, Serialize, Serializer};

    pub(in crate::ops) fn serialize<S: Serializer>(pairs: &[Pair], serializer: S) -> Result<S::Ok, S::Error> {
        let map: BTreeMap<_, _> = pairs.iter().map(|pair| (&pair.key, &pair.value)).collect();
        map.serialize(serializer)
    }

    pub(in crate::ops) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Pair>, D::Error> {
        let map = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(key, value)| Pair { key, value }).collect())
    }
}

/// A JSON object: written out or `@file` on the command line, itself in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonObject(pub Map<String, Value>);

impl FromStr for JsonObject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = match text.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("cannot read `{path}`: {error}"))?,
            None => text.to_owned(),
        };
        if text.trim_start().starts_with('[') {
            return Err("a list where a JSON object belongs; for several objects repeat the flag".to_owned());
        }
        serde_json::from_str(&text).map(Self).map_err(|error| format!("not a JSON object: {error}"))
    }
}

impl JsonSchema for JsonObject {
    fn schema_name() -> Cow<'static, str> {
        "JsonObject".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

impl fmt::Display for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).unwrap_or_default())
    }
}

/// Reads a prompt as the command line means it: `-` is standard input, `@file` a file.
pub(super) fn read_prompt(prompt: String) -> Result<String, super::OpError> {
    use std::io::Read;
    if let Some(rest) = prompt.strip_prefix("@@") {
        return Ok(format!("@{rest}"));
    }
    let limit = PROMPT_LIMIT + 1;
    let mut bytes = Vec::new();
    let (from, read) = if prompt == "-" {
        ("standard input".to_owned(), std::io::stdin().lock().take(limit).read_to_end(&mut bytes))
    } else if let Some(path) = prompt.strip_prefix('@') {
        let file = std::fs::File::open(path);
        (format!("`{path}`"), file.and_then(|file| file.take(limit).read_to_end(&mut bytes)))
    } else {
        return Ok(prompt);
    };
    read.map_err(|error| {
        super::OpError::invalid(format!("cannot read the prompt from {from}: {error}"))
            .hint("write `@@` before a prompt that begins with @ itself")
    })?;
    String::from_utf8(bytes).map_err(|_| {
        super::OpError::invalid(format!("the prompt from {from} is not UTF-8"))
            .hint("convert it, for example with iconv")
    })
}

/// No agent takes more in one turn; what is longer belongs into a file.
pub(super) const PROMPT_LIMIT: u64 = 10_000_000;
