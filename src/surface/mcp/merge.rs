//! A server's entry into a client's file, with everything else in the file as it was.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merge {
    Unchanged,
    Changed(String),
    /// It cannot be done without a risk for what is there, in words.
    Refused(&'static str),
}

/// The members of an object in their order, their values as they are written.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Members {
    fn read(text: &str) -> Option<Self> {
        if text.trim().is_empty() { Some(Self(Vec::new())) } else { serde_json::from_str(text).ok() }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.get())
    }

    fn set(&mut self, key: &str, text: String) {
        let Ok(value) = RawValue::from_string(text) else { return };
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some(member) => member.1 = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Returns the object with a line a member; `indent` is that of the object itself.
    fn written(&self, indent: &str) -> String {
        let line = |(key, value): &(String, Box<RawValue>)| {
            format!("{indent}  {}: {}", Value::from(key.as_str()), value.get())
        };
        let lines: Vec<_> = self.0.iter().map(line).collect();
        format!("{{\n{}\n{indent}}}", lines.join(",\n"))
    }
}

/// Sets `section.mgr` in a JSON file.
pub(super) fn json(old: &str, section: &str, entry: &Value) -> Merge {
    const FOREIGN: Merge = Merge::Refused("is not plain JSON (comments?)");
    let Some(mut file) = Members::read(old) else { return FOREIGN };
    let Some(mut servers) = Members::read(file.get(section).unwrap_or_default()) else { return FOREIGN };
    let there = servers.get("mgr").and_then(|text| serde_json::from_str::<Value>(text).ok());
    if there.as_ref() == Some(entry) {
        return Merge::Unchanged;
    }
    let text = serde_json::to_string_pretty(entry).unwrap_or_default();
    servers.set("mgr", text.replace('\n', "\n    "));
    file.set(section, servers.written("  "));
    Merge::Changed(file.written("") + "\n")
}

/// Adds a table to a TOML file. Without a TOML parser nothing that is there is changed.
pub(super) fn toml(old: &str, header: &str, block: &str) -> Merge {
    let names_table = |line: &str| line.replace([' ', '"', '\''], "") == header;
    let Some(start) = old.lines().position(|line| names_table(line.trim())) else {
        let is_inline = |line: &str| line.trim_start().starts_with("mcp_servers");
        if old.lines().any(is_inline) {
            return Merge::Refused("writes `mcp_servers` in a form that mgr does not change");
        }
        let gap = if old.trim().is_empty() { "" } else { "\n" };
        let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
        return Merge::Changed(format!("{old}{end}{gap}{block}"));
    };
    let body = old.lines().skip(start + 1).take_while(|line| !line.trim_start().starts_with('['));
    let there: Vec<_> = body.map(str::trim).filter(|line| !line.is_empty()).collect();
    let wanted: Vec<_> = block.lines().skip(1).collect();
    if there == wanted { Merge::Unchanged } else { Merge::Refused("has another `mcp_servers.mgr` already") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(merge: Merge) -> String {
        match merge {
            Merge::Changed(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_else_stays_in_its_order_and_its_writing() {
        let old = "{\n  \"zeta\": [1,  2],\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"}\n  },\n  \"alpha\": 1e3\n}\n";
        let new = changed(json(old, "mcpServers", &json!({"command": "mgr"})));
        assert_eq!(
            new,
            "{\n  \"zeta\": [1,  2],\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"},\n    \"mgr\": {\n      \"command\": \"mgr\"\n    }\n  },\n  \"alpha\": 1e3\n}\n"
        );
        assert_eq!(json(&new, "mcpServers", &json!({"command": "mgr"})), Merge::Unchanged);
    }

    #[test]
    fn an_empty_file_is_made_and_comments_are_left_alone() {
        let new = changed(json("", "servers", &json!({"a": 1})));
        assert_eq!(serde_json::from_str::<Value>(&new).unwrap(), json!({"servers": {"mgr": {"a": 1}}}));
        assert!(matches!(json("{ // mine\n}", "servers", &json!({})), Merge::Refused(_)));
        assert!(matches!(json("{\"servers\": 7}", "servers", &json!({})), Merge::Refused(_)));
    }

    #[test]
    fn a_toml_block_is_added_once_and_never_changed() {
        let block = "[mcp_servers.mgr]\ncommand = \"mgr\"\n";
        let new = changed(toml("model = \"o\"", "[mcp_servers.mgr]", block));
        assert_eq!(new, "model = \"o\"\n\n[mcp_servers.mgr]\ncommand = \"mgr\"\n");
        assert_eq!(toml(&new, "[mcp_servers.mgr]", block), Merge::Unchanged);
        let mine = "[mcp_servers.\"mgr\"]\ncommand = \"other\"\n[x]\n";
        assert!(matches!(toml(mine, "[mcp_servers.mgr]", block), Merge::Refused(_)));
        assert!(matches!(toml("mcp_servers = {}\n", "[mcp_servers.mgr]", block), Merge::Refused(_)));
    }
}
