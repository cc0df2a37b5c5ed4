//! Names of templates: each is a file of that name, so a name is no way to anywhere else.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// A workflow that is kept under a name: `[a-z0-9][a-z0-9._-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TemplateName(String);

impl TemplateName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no name of a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name of a template: use lower case letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first"
)]
pub struct InvalidTemplateName(String);

impl FromStr for TemplateName {
    type Err = InvalidTemplateName;

    fn from_str(text: &str) -> Result<Self, InvalidTemplateName> {
        if is_file_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidTemplateName(text.chars().take(80).collect()))
    }
}

/// Whether a text is a name that people give and a file bears: `[a-z0-9][a-z0-9._-]{0,63}`.
pub fn is_file_name(text: &str) -> bool {
    let begins = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let legal = |c: char| begins(c) || matches!(c, '.' | '_' | '-');
    text.starts_with(begins) && text.len() <= 64 && text.chars().all(legal)
}

impl<'de> Deserialize<'de> for TemplateName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for TemplateName {
    fn schema_name() -> Cow<'static, str> {
        "TemplateName".into()
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
    use super::TemplateName;

    #[test]
    fn a_name_leads_nowhere_else() {
        for good in ["a", "9", "safe-refactor", "a.b_c-1", &"x".repeat(64)] {
            assert_eq!(good.parse::<TemplateName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in ["", ".", "..", ".a", "-a", "_a", "A", "a/b", "a\\b", "../a", "a b", "a\0", "ü", "a\n", &long] {
            assert!(bad.parse::<TemplateName>().is_err(), "{bad:?}");
        }
    }
}
