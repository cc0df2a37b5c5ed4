//! Arguments with placeholders.
//!
//! A value becomes part of one argument and is never split or read again, so that nothing in it
//! can become a second argument.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One item of a command: an argument, or several that stand or fall together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ArgumentText", into = "ArgumentText")]
pub(super) enum Argument {
    One(Template),
    Group(Vec<Template>),
}

/// An item as it is written; read first, so that a bad placeholder is named in the error.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "an argument is a text, or a list of texts that stand or fall together")]
enum ArgumentText {
    One(String),
    Group(Vec<String>),
}

/// An argument as pieces of text and placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

/// What an argument can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Placeholder {
    Model,
    Effort,
    MaxTurns,
    WorkingDir,
    Session,
    PromptFile,
    SystemPromptFile,
    SchemaFile,
    /// Stands alone and becomes the posture's arguments.
    Posture,
}

impl Placeholder {
    const ALL: [Self; 9] = [
        Self::Model,
        Self::Effort,
        Self::MaxTurns,
        Self::WorkingDir,
        Self::Session,
        Self::PromptFile,
        Self::SystemPromptFile,
        Self::SchemaFile,
        Self::Posture,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Model => "{model}",
            Self::Effort => "{effort}",
            Self::MaxTurns => "{max_turns}",
            Self::WorkingDir => "{working_dir}",
            Self::Session => "{session}",
            Self::PromptFile => "{prompt_file}",
            Self::SystemPromptFile => "{system_prompt_file}",
            Self::SchemaFile => "{schema_file}",
            Self::Posture => "{posture}",
        }
    }
}

/// The values of one request.
pub(super) type Values = BTreeMap<Placeholder, String>;

/// An argument with a placeholder that cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidArgument {
    #[error("`{argument}` has an unknown placeholder; there are {known}", known = known())]
    Unknown { argument: String },
    #[error("`{argument}`: `{{posture}}` must stand alone, because it becomes any number of arguments")]
    PostureNotAlone { argument: String },
}

impl TryFrom<ArgumentText> for Argument {
    type Error = InvalidArgument;

    fn try_from(text: ArgumentText) -> Result<Self, InvalidArgument> {
        match text {
            ArgumentText::One(text) => {
                let template = Template::try_from(text)?;
                if template.is_posture() { Ok(Self::One(template)) } else { template.without_posture().map(Self::One) }
            }
            ArgumentText::Group(texts) => {
                let templates = texts.into_iter().map(|text| Template::try_from(text)?.without_posture());
                templates.collect::<Result<_, _>>().map(Self::Group)
            }
        }
    }
}

impl From<Argument> for ArgumentText {
    fn from(argument: Argument) -> Self {
        match argument {
            Argument::One(template) => Self::One(template.into()),
            Argument::Group(templates) => Self::Group(templates.into_iter().map(String::from).collect()),
        }
    }
}

fn known() -> String {
    Placeholder::ALL.map(Placeholder::name).join(" ")
}

impl TryFrom<String> for Template {
    type Error = InvalidArgument;

    /// Only `{word}` is a placeholder: braces around anything else, JSON above all, are text.
    fn try_from(text: String) -> Result<Self, InvalidArgument> {
        let (mut pieces, mut rest, mut plain) = (Vec::new(), text.as_str(), String::new());
        while let Some(c) = rest.chars().next() {
            if let Some(value) = Placeholder::ALL.into_iter().find(|value| rest.starts_with(value.name())) {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Value(value));
                rest = rest.strip_prefix(value.name()).unwrap_or_default();
            } else if starts_with_word_in_braces(rest) {
                return Err(InvalidArgument::Unknown { argument: text });
            } else {
                plain.push(c);
                rest = rest.strip_prefix(c).unwrap_or_default();
            }
        }
        if !plain.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }
}

fn starts_with_word_in_braces(text: &str) -> bool {
    let word = text.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(word, _)| word);
    word.is_some_and(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        let text = |piece: Piece| match piece {
            Piece::Text(text) => text,
            Piece::Value(value) => value.name().to_owned(),
        };
        template.0.into_iter().map(text).collect()
    }
}

impl Template {
    fn fill(&self, values: &Values) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Value(value) => values.get(value).cloned(),
        };
        self.0.iter().map(text).collect()
    }

    fn is_posture(&self) -> bool {
        self.0 == [Piece::Value(Placeholder::Posture)]
    }

    fn without_posture(self) -> Result<Self, InvalidArgument> {
        if self.mentions(Placeholder::Posture) {
            return Err(InvalidArgument::PostureNotAlone { argument: self.into() });
        }
        Ok(self)
    }

    fn mentions(&self, placeholder: Placeholder) -> bool {
        self.0.contains(&Piece::Value(placeholder))
    }
}

impl Argument {
    fn mentions(&self, placeholder: Placeholder) -> bool {
        match self {
            Self::One(template) => template.mentions(placeholder),
            Self::Group(templates) => templates.iter().any(|template| template.mentions(placeholder)),
        }
    }

    /// Returns the text of an argument without placeholders.
    pub(super) fn as_fixed(&self) -> Option<&str> {
        match self {
            Self::One(Template(pieces)) => match pieces.as_slice() {
                [Piece::Text(text)] if !text.is_empty() => Some(text),
                [..] => None,
            },
            Self::Group(_) => None,
        }
    }

    fn fill(&self, values: &Values, posture_args: &[String]) -> Vec<String> {
        match self {
            Self::One(template) if template.is_posture() => posture_args.to_vec(),
            Self::One(template) => template.fill(values).into_iter().collect(),
            Self::Group(templates) => {
                let filled: Option<Vec<_>> = templates.iter().map(|template| template.fill(values)).collect();
                filled.unwrap_or_default()
            }
        }
    }
}

/// Returns whether some argument of `command` asks for `placeholder`.
pub(super) fn mentions(command: &[Argument], placeholder: Placeholder) -> bool {
    command.iter().any(|argument| argument.mentions(placeholder))
}

/// Returns the arguments of `command` with everything in its place; those of the posture at the end where
/// no argument asks for them.
pub(super) fn fill(command: &[Argument], values: &Values, posture_args: &[String]) -> Vec<String> {
    let mut args: Vec<_> = command.iter().flat_map(|argument| argument.fill(values, posture_args)).collect();
    if !mentions(command, Placeholder::Posture) {
        args.extend_from_slice(posture_args);
    }
    args
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(command: serde_json::Value) -> Vec<String> {
        let command: Vec<Argument> = serde_json::from_value(command).unwrap();
        let values = [(Placeholder::Model, "m {session}".into()), (Placeholder::WorkingDir, "/w x".into())].into();
        fill(&command, &values, &["--plan".into()])
    }

    #[test]
    fn values_fill_their_places_and_absent_ones_take_their_group_along() {
        let command =
            json!(["a", ["-m", "{model}"], ["-s", "{session}"], "--s={session}", "--dir={working_dir}/.", ""]);
        assert_eq!(filled(command), ["a", "-m", "m {session}", "--dir=/w x/.", "", "--plan"]);
        assert_eq!(filled(json!(["a", "{posture}", "-", "{\"x\":1}"])), ["a", "--plan", "-", "{\"x\":1}"]);
    }

    #[test]
    fn a_placeholder_that_cannot_be_filled_is_refused_by_name() {
        let refusal = |item: serde_json::Value| serde_json::from_value::<Argument>(item).unwrap_err().to_string();
        let message = refusal(json!(["-m", "--x={modle}"]));
        assert!(message.starts_with("`--x={modle}` has an unknown placeholder; there are {model} "), "{message}");
        let alone = "`{posture}` must stand alone, because it becomes any number of arguments";
        assert_eq!(refusal(json!("--p={posture}")), format!("`--p={{posture}}`: {alone}"));
        assert_eq!(refusal(json!(["{posture}"])), format!("`{{posture}}`: {alone}"));
    }

    #[test]
    fn an_argument_survives_its_own_printing() {
        for text in ["--a={model}b{session}", "{}", "ü{", ""] {
            assert_eq!(String::from(Template::try_from(text.to_owned()).unwrap()), text);
        }
    }
}
