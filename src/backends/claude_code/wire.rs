//! The lines of Claude Code's `stream-json` output, as far as they are read.
//!
//! Tolerant, since the format changes weekly: a field of an unexpected type reads as absent
//! and costs nothing else of its line. Fast, since one line can be a megabyte: one pass,
//! borrowing from the line, skipping what is not named here.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

/// A JSON value of which objects are read as `T` and anything may be anything.
#[derive(Default)]
pub(super) enum Part<'a, T> {
    Text(Cow<'a, str>),
    Number(f64),
    Bool(bool),
    Object(T),
    List(Vec<Part<'a, T>>),
    #[default]
    Nothing,
}

pub(super) type Scalar<'a> = Part<'a, IgnoredAny>;

impl<'a, T> Part<'a, T> {
    pub(super) fn text(&self) -> Option<&str> {
        if let Part::Text(text) = self { Some(text.as_ref()) } else { None }
    }

    pub(super) fn into_text(self) -> Option<String> {
        if let Part::Text(text) = self { Some(text.into_owned()) } else { None }
    }

    pub(super) fn number(&self) -> Option<f64> {
        if let Part::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self, Part::Bool(true))
    }

    pub(super) fn object(self) -> Option<T> {
        if let Part::Object(object) = self { Some(object) } else { None }
    }

    pub(super) fn list(self) -> Vec<Part<'a, T>> {
        if let Part::List(list) = self { list } else { Vec::new() }
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Part<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor(PhantomData))
    }
}

struct PartVisitor<'a, T>(PhantomData<(&'a str, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for PartVisitor<'a, T> {
    type Value = Part<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Part::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Part::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Part::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Part::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Part::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Part::Number(number))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Part::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Part::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Part::Object)
    }
}

/// The one field that decides how the rest is read.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Scalar<'a>,
}

/// `assistant` and `user`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Turn<'a> {
    #[serde(default)]
    pub message: Part<'a, Message<'a>>,
    #[serde(default)]
    pub parent_tool_use_id: Scalar<'a>,
    #[serde(default)]
    pub error: Scalar<'a>,
    #[serde(default)]
    pub is_api_error_message: Scalar<'a>,
    #[serde(default)]
    pub api_error_status: Scalar<'a>,
    #[serde(default)]
    pub tool_use_result: Part<'a, ToolUseResult<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Message<'a> {
    #[serde(default)]
    pub model: Scalar<'a>,
    #[serde(default)]
    pub content: Part<'a, Block<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Block<'a> {
    #[serde(default, rename = "type")]
    pub kind: Scalar<'a>,
    #[serde(default)]
    pub text: Scalar<'a>,
    #[serde(default)]
    pub thinking: Scalar<'a>,
    #[serde(default)]
    pub id: Scalar<'a>,
    #[serde(default)]
    pub name: Scalar<'a>,
    #[serde(default)]
    pub input: Part<'a, ToolInput<'a>>,
    #[serde(default)]
    pub tool_use_id: Scalar<'a>,
    #[serde(default)]
    pub is_error: Scalar<'a>,
}

/// The arguments of a tool call that say in a line what it is about.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct ToolInput<'a> {
    #[serde(default)]
    pub command: Scalar<'a>,
    #[serde(default)]
    pub file_path: Scalar<'a>,
    #[serde(default)]
    pub notebook_path: Scalar<'a>,
    #[serde(default)]
    pub pattern: Scalar<'a>,
    #[serde(default)]
    pub path: Scalar<'a>,
    #[serde(default)]
    pub query: Scalar<'a>,
    #[serde(default)]
    pub url: Scalar<'a>,
    #[serde(default)]
    pub skill: Scalar<'a>,
    #[serde(default)]
    pub description: Scalar<'a>,
}

/// What a tool did, in the machine's form. Old and new file contents are in it too, unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct ToolUseResult<'a> {
    #[serde(default, rename = "type")]
    pub kind: Scalar<'a>,
    #[serde(default)]
    pub file_path: Scalar<'a>,
    #[serde(default, rename = "notebook_path")]
    pub notebook_path: Scalar<'a>,
    #[serde(default)]
    pub structured_patch: Part<'a, IgnoredAny>,
}

/// Every `system` line; the subtype says which fields are there.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct System<'a> {
    #[serde(default)]
    pub subtype: Scalar<'a>,
    #[serde(default)]
    pub session_id: Scalar<'a>,
    #[serde(default)]
    pub model: Scalar<'a>,
    #[serde(default)]
    pub claude_code_version: Scalar<'a>,
    #[serde(default)]
    pub attempt: Scalar<'a>,
    #[serde(default)]
    pub max_retries: Scalar<'a>,
    #[serde(default)]
    pub retry_delay_ms: Scalar<'a>,
    #[serde(default)]
    pub error_status: Scalar<'a>,
    #[serde(default)]
    pub error: Scalar<'a>,
    #[serde(default)]
    pub tool_name: Scalar<'a>,
    #[serde(default)]
    pub tool_use_id: Scalar<'a>,
    #[serde(default)]
    pub message: Scalar<'a>,
    #[serde(default)]
    pub content: Scalar<'a>,
    #[serde(default)]
    pub text: Scalar<'a>,
    #[serde(default)]
    pub level: Scalar<'a>,
    #[serde(default)]
    pub original_model: Scalar<'a>,
    #[serde(default)]
    pub fallback_model: Scalar<'a>,
    #[serde(default)]
    pub hook_name: Scalar<'a>,
    #[serde(default)]
    pub exit_code: Scalar<'a>,
    #[serde(default)]
    pub state: Scalar<'a>,
    #[serde(default)]
    pub task_id: Scalar<'a>,
    #[serde(default)]
    pub status: Scalar<'a>,
    #[serde(default)]
    pub tasks: Part<'a, Task<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Task<'a> {
    #[serde(default)]
    pub task_id: Scalar<'a>,
    #[serde(default)]
    pub task_type: Scalar<'a>,
    #[serde(default)]
    pub description: Scalar<'a>,
}

/// The end of a turn.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct TurnResult<'a> {
    #[serde(default)]
    pub subtype: Scalar<'a>,
    #[serde(default)]
    pub is_error: Scalar<'a>,
    #[serde(default)]
    pub result: Scalar<'a>,
    #[serde(default)]
    pub errors: Scalar<'a>,
    #[serde(default)]
    pub terminal_reason: Scalar<'a>,
    #[serde(default)]
    pub stop_reason: Scalar<'a>,
    #[serde(default)]
    pub api_error: Scalar<'a>,
    #[serde(default)]
    pub api_error_status: Scalar<'a>,
    #[serde(default)]
    pub startup_failure_reason: Scalar<'a>,
    #[serde(default)]
    pub parent_tool_use_id: Scalar<'a>,
    #[serde(default)]
    pub num_turns: Scalar<'a>,
    #[serde(default)]
    pub total_cost_usd: Scalar<'a>,
    #[serde(default, rename = "modelUsage")]
    pub model_usage: Part<'a, UsageByModel<'a>>,
    #[serde(default)]
    pub model_usage_since_last_result: Part<'a, UsageByModel<'a>>,
    #[serde(default)]
    pub permission_denials: Part<'a, Denial<'a>>,
    #[serde(default)]
    pub deferred_tool_use: Part<'a, Block<'a>>,
    #[serde(borrow, default)]
    pub structured_output: Option<&'a RawValue>,
}

pub(super) type UsageByModel<'a> = BTreeMap<Cow<'a, str>, Part<'a, ModelUsage<'a>>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct ModelUsage<'a> {
    #[serde(default)]
    pub input_tokens: Scalar<'a>,
    #[serde(default)]
    pub output_tokens: Scalar<'a>,
    #[serde(default)]
    pub cache_read_input_tokens: Scalar<'a>,
    #[serde(default)]
    pub cache_creation_input_tokens: Scalar<'a>,
    #[serde(default, rename = "costUSD")]
    pub cost_usd: Scalar<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Denial<'a> {
    #[serde(default)]
    pub tool_name: Scalar<'a>,
    #[serde(default)]
    pub tool_use_id: Scalar<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct RateLimit<'a> {
    #[serde(default)]
    pub rate_limit_info: Part<'a, RateLimitInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct RateLimitInfo<'a> {
    #[serde(default)]
    pub status: Scalar<'a>,
    #[serde(default)]
    pub resets_at: Scalar<'a>,
    #[serde(default)]
    pub rate_limit_type: Scalar<'a>,
    #[serde(default)]
    pub utilization: Scalar<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Control<'a> {
    #[serde(default)]
    pub request: Part<'a, ControlRequest<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct ControlRequest<'a> {
    #[serde(default)]
    pub subtype: Scalar<'a>,
    #[serde(default)]
    pub tool_name: Scalar<'a>,
    #[serde(default)]
    pub message: Scalar<'a>,
}
