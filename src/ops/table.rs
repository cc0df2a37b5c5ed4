//! The mechanism: one trait, one table, type-erased rows.

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use schemars::{
    JsonSchema,
    generate::{Contract, SchemaSettings},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Exit, OpError, TaskLine};
use crate::{
    core::{for_each_mapping, without_null},
    engine::Engine,
    ui::Page,
};

/// A group of tools that clients switch on together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Toolset {
    Core,
    Flow,
    Safety,
    Ops,
}

impl Toolset {
    pub const ALL: [Self; 4] = [Self::Core, Self::Flow, Self::Safety, Self::Ops];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Flow => "flow",
            Self::Safety => "safety",
            Self::Ops => "ops",
        }
    }
}

/// What an operation does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
    Destroy,
}

/// The same call on the command line and as JSON; a test holds the two equal.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    pub argv: &'static [&'static str],
    pub json: &'static str,
}

/// One thing that can be asked of `mgr`.
pub trait Operation: 'static {
    /// The words after `mgr`.
    const CLI: &'static [&'static str];
    /// The MCP tool, unless the operation is for the command line only.
    const TOOL: Option<&'static str>;
    const TITLE: &'static str;
    const TOOLSET: Toolset;
    const EFFECT: Effect;
    /// Whether doing it twice is the same as once.
    const IDEMPOTENT: bool;
    /// Whether the tool belongs to the default set.
    const DEFAULT_TOOL: bool;
    /// What it does, in the words a user would type; then what comes back and what to call next.
    const ABOUT: &'static str;
    const EXAMPLE: Example;

    type Input: clap::Args + Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    type Output: Serialize + JsonSchema + Render + Send + Sync + 'static;

    /// Completes an input that came from the command line (`-` and `@file` for prompts).
    ///
    /// # Errors
    /// What was named cannot be read.
    fn from_command_line(input: Self::Input) -> Result<Self::Input, OpError> {
        Ok(input)
    }

    /// Does it.
    fn run(call: &Call<'_>, input: Self::Input) -> impl Future<Output = Result<Self::Output, OpError>> + Send;
}

/// An answer as people read it.
pub trait Render {
    fn render(&self, page: &mut Page);

    /// Returns the exit code that the answer means on the command line.
    fn exit(&self) -> Exit {
        Exit::Success
    }

    /// Returns the bytes that somebody asked for as they are, instead of a page. A terminal gets the page.
    fn raw(&self) -> Option<Vec<u8>> {
        None
    }

    /// Returns the bytes that a program at the other end of a pipe gets instead of a page.
    fn piped(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether the answer went out piece by piece already.
    fn was_streamed(&self) -> bool {
        false
    }
}

/// Whoever wants to know how a waiting call gets on.
pub trait Progress: Send + Sync {
    /// Whether it is worth telling about the tasks as a whole.
    fn wants_tasks(&self) -> bool {
        false
    }

    /// The tasks that are waited for, as they are now.
    fn tasks(&self, tasks: &[TaskLine]);

    /// A task that is followed has said or done something.
    fn event(&self, event: &super::EventView);

    /// A step of a workflow has come further.
    fn line(&self, _words: &str) {}

    /// Whether to stop waiting and return what there is.
    fn is_over(&self) -> bool {
        false
    }
}

/// The door that a call came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    CommandLine,
    Mcp,
    Dashboard,
}

impl Door {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommandLine => "cli",
            Self::Mcp => "mcp",
            Self::Dashboard => "dashboard",
        }
    }
}

/// The circumstances of one call.
pub struct Call<'a> {
    pub engine: &'a Engine,
    pub door: Door,
    pub progress: &'a dyn Progress,
    /// The longest that this call may wait, whatever it asks for.
    pub longest_wait: Option<Duration>,
    /// The client and its conversation, to be kept with tasks.
    pub client: BTreeMap<String, String>,
}

impl Call<'_> {
    /// Whether a call that changes a workspace only looks, unless it says otherwise.
    pub const fn looks_first(&self) -> bool {
        match self.door {
            Door::Mcp | Door::Dashboard => true,
            Door::CommandLine => false,
        }
    }

    /// Returns how long to wait, given what was asked for.
    pub fn wait_limit(&self, asked: Option<Duration>) -> Option<Duration> {
        match (asked, self.longest_wait) {
            (Some(asked), Some(longest)) => Some(asked.min(longest)),
            (asked, longest) => asked.or(longest),
        }
    }
}

type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T, OpError>> + Send + 'a>>;

/// An answer: the data, how to show it, and the exit code it means.
pub struct Answer {
    pub value: Value,
    pub shown: Box<dyn Render + Send + Sync>,
    pub exit: Exit,
}

/// A row of the table.
pub struct OpSpec {
    pub cli: &'static [&'static str],
    pub tool: Option<&'static str>,
    pub title: &'static str,
    pub toolset: Toolset,
    pub effect: Effect,
    pub idempotent: bool,
    pub default_tool: bool,
    pub about: &'static str,
    pub example: Example,
    /// Adds the operation's arguments to a command.
    pub augment: fn(clap::Command) -> clap::Command,
    /// Turns parsed arguments into the JSON of the input.
    pub input_of: fn(&clap::ArgMatches) -> Result<Value, OpError>,
    pub input_schema: fn() -> Value,
    /// Names the inputs that are paths, or lists of paths.
    pub paths: fn() -> Vec<String>,
    pub output_schema: fn() -> Value,
    pub run: for<'a> fn(&'a Call<'a>, Value) -> Running<'a, Answer>,
}

impl OpSpec {
    /// Whether this call only said what it would do, and the same call with `apply` would do it.
    pub fn asks_to_apply(&self, input: &Value) -> bool {
        let may = self.effect == Effect::Destroy && (self.input_schema)()["properties"].get("apply").is_some();
        may && input.get("apply") != Some(&Value::Bool(true))
    }

    const fn of<O: Operation>() -> Self {
        Self {
            cli: O::CLI,
            tool: O::TOOL,
            title: O::TITLE,
            toolset: O::TOOLSET,
            effect: O::EFFECT,
            idempotent: O::IDEMPOTENT,
            default_tool: O::DEFAULT_TOOL,
            about: O::ABOUT,
            example: O::EXAMPLE,
            augment: <O::Input as clap::Args>::augment_args,
            input_of: input_of::<O>,
            paths: paths_of::<O::Input>,
            input_schema: || schema_of::<O::Input>(Contract::Deserialize),
            // By what is written: fields that are left out when empty are not required.
            output_schema: || schema_of::<O::Output>(Contract::Serialize),
            run: |call, input| Box::pin(run::<O>(call, input)),
        }
    }
}

fn input_of<O: Operation>(matches: &clap::ArgMatches) -> Result<Value, OpError> {
    let input = <O::Input as clap::FromArgMatches>::from_arg_matches(matches)
        .map_err(|error| OpError::invalid(error.to_string()))?;
    let input = O::from_command_line(input)?;
    serde_json::to_value(input).map_err(|error| OpError::invalid(error.to_string()))
}

async fn run<O: Operation>(call: &Call<'_>, input: Value) -> Result<Answer, OpError> {
    let input: O::Input = serde_path_to_error::deserialize(input).map_err(|error| not_taken::<O::Input>(&error))?;
    let output = O::run(call, input).await?;
    let value =
        serde_json::to_value(&output).map_err(|error| OpError::new(super::Code::Internal, error.to_string()))?;
    let exit = output.exit();
    Ok(Answer { value, shown: Box::new(output), exit })
}

/// Names the field that could not be taken, and says what it is for.
fn not_taken<T: JsonSchema>(error: &serde_path_to_error::Error<serde_json::Error>) -> OpError {
    let words = error.inner().to_string();
    let schema = schema_of::<T>(Contract::Deserialize);
    let word = words.split('`').nth(1).unwrap_or_default().to_owned();
    let is_missing = words.starts_with("missing field");
    let name =
        if is_missing { word.clone() } else { error.path().iter().next().map_or(String::new(), ToString::to_string) };
    let property = &schema["properties"][name.as_str()];
    if let Some(about) = property["description"].as_str() {
        let message = if is_missing { words } else { format!("`{}`: {words}", error.path()) };
        return OpError::invalid(message).hint(format!("`{name}` is {}: {about}", form_of(property)));
    }
    let known = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    match crate::core::nearest(&word, known).filter(|_| words.starts_with("unknown field")) {
        Some(meant) => OpError::invalid(words).hint(format!("did you mean `{meant}`?")),
        None => OpError::invalid(words),
    }
}

/// Says in words what JSON a property takes.
fn form_of(property: &Value) -> String {
    let one = |schema: &Value| match (schema["enum"].as_array(), schema["type"].as_str()) {
        (Some(values), _) => format!("one of {}", values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
        (None, Some(kind @ ("object" | "array" | "integer"))) => format!("an {kind}"),
        (None, Some("string")) => "text".to_owned(),
        (None, kind) => format!("a {}", kind.unwrap_or("value")),
    };
    match property["items"].is_object() {
        true => format!("a list, each {}", one(&property["items"])),
        false => one(property),
    }
}

/// Returns a schema as MCP clients can take it: no `$schema`, no references, no null types, no
/// number formats of Rust. Some clients drop every tool of a server over one of these.
pub(super) fn schema_of<T: JsonSchema>(contract: Contract) -> Value {
    let mut schema = settings(contract).into_generator().into_root_schema_for::<T>().to_value();
    for_each_mapping(&mut schema, &tidy);
    schema
}

/// Returns the properties whose type is [`super::AbsolutePath`], alone or in a list: a new one cannot be forgotten.
fn paths_of<T: JsonSchema>() -> Vec<String> {
    let schema = settings(Contract::Deserialize).into_generator().into_root_schema_for::<T>().to_value();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let is_path = |property: &Value| property["format"] == PATH || property["items"]["format"] == PATH;
    properties.filter(|(_, property)| is_path(property)).map(|(name, _)| name.clone()).collect()
}

/// The format by which the schema of a path is known in here; clients are not told.
pub(super) const PATH: &str = "path";

fn settings(contract: Contract) -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
        settings.contract = contract;
    })
}

fn tidy(map: &mut Map<String, Value>) {
    if map.get("format").is_some_and(|format| format != "date-time") {
        map.remove("format");
    }
    if let Some(Value::String(words)) = map.get_mut("description") {
        *words = for_a_program(words);
    }
    // The field says what it is for; each of its values needs no second telling.
    if let Some(Value::Object(items)) = map.get_mut("items").filter(|items| items.get("enum").is_some()) {
        items.remove("description");
    }
    without_null(map);
    enum_of_constants(map);
    if map.get("minimum").and_then(Value::as_f64) == Some(0.0) {
        map.remove("minimum");
    }
}

/// Help texts are written once for both doors; what only means something on the command line is left out here.
pub(super) fn for_a_program(words: &str) -> String {
    const INSTEAD: [(&str, &str); 7] = [
        (" (can be repeated)", ""),
        (" and exit by the outcome", ""),
        ("; the command line does unless it is to detach", ""),
        (" (on the command line `-` reads standard input and `@FILE` a file)", ""),
        (", `-` for standard input", ""),
        ("; over MCP an absolute path", ", absolute path"),
        ("over MCP for a bounded time", "bounded time"),
    ];
    INSTEAD.iter().fold(words.to_owned(), |words, (of_the_command_line, here)| words.replace(of_the_command_line, here))
}

/// `oneOf` of plain constants (an enum with documented variants) is an enum.
fn enum_of_constants(map: &mut Map<String, Value>) {
    if let Some(Value::Array(options)) = map.get("oneOf") {
        let words = |option: &Value| {
            option.get("const").cloned().map(|one| vec![one]).or_else(|| option.get("enum")?.as_array().cloned())
        };
        let constants: Option<Vec<_>> = options.iter().map(words).collect();
        if let Some(constants) = constants {
            map.remove("oneOf");
            map.insert("type".into(), Value::from("string"));
            map.insert("enum".into(), Value::Array(constants.into_iter().flatten().collect()));
        }
    }
}

/// Returns the row of an MCP tool.
pub fn find(tool: &str) -> Option<&'static OpSpec> {
    OPS.iter().find(|row| row.tool == Some(tool))
}

/// Everything that can be asked.
pub const OPS: &[OpSpec] = &[
    OpSpec::of::<super::submit::Submit>(),
    OpSpec::of::<super::submit::Run>(),
    OpSpec::of::<super::status::TaskStatus>(),
    OpSpec::of::<super::watch::Watch>(),
    OpSpec::of::<super::poll::Poll>(),
    OpSpec::of::<super::output::Output>(),
    OpSpec::of::<super::events::Events>(),
    OpSpec::of::<super::list::List>(),
    OpSpec::of::<super::cancel::Cancel>(),
    OpSpec::of::<super::pause::Pause>(),
    OpSpec::of::<super::pause::Resume>(),
    OpSpec::of::<super::again::Retry>(),
    OpSpec::of::<super::again::Rerun>(),
    OpSpec::of::<super::send::Send>(),
    OpSpec::of::<super::explain::Explain>(),
    OpSpec::of::<super::export::Export>(),
    OpSpec::of::<super::cleanup::Cleanup>(),
    OpSpec::of::<super::diff::Diff>(),
    OpSpec::of::<super::rollback::Rollback>(),
    OpSpec::of::<super::apply::Apply>(),
    OpSpec::of::<super::discard::Discard>(),
    OpSpec::of::<super::archive::ArchiveList>(),
    OpSpec::of::<super::archive::ArchiveGc>(),
    OpSpec::of::<super::archive::ArchiveRestore>(),
    OpSpec::of::<super::workflow::WorkflowValidate>(),
    OpSpec::of::<super::workflow::WorkflowPlan>(),
    OpSpec::of::<super::runs::WorkflowRun>(),
    OpSpec::of::<super::runs::WorkflowStatus>(),
    OpSpec::of::<super::runs::WorkflowList>(),
    OpSpec::of::<super::runs::WorkflowCancel>(),
    OpSpec::of::<super::run_pause::WorkflowPause>(),
    OpSpec::of::<super::run_pause::WorkflowResume>(),
    OpSpec::of::<super::runs::WorkflowRetry>(),
    OpSpec::of::<super::run_report::WorkflowReport>(),
    OpSpec::of::<super::templates::TemplateSave>(),
    OpSpec::of::<super::templates::TemplateList>(),
    OpSpec::of::<super::templates::TemplateGet>(),
    OpSpec::of::<super::templates::TemplateRun>(),
    OpSpec::of::<super::templates::TemplateDelete>(),
    OpSpec::of::<super::decompose::Decompose>(),
    OpSpec::of::<super::parallel::Parallel>(),
    OpSpec::of::<super::race::Race>(),
    OpSpec::of::<super::inbox::InboxList>(),
    OpSpec::of::<super::inbox::InboxAnswer>(),
    OpSpec::of::<super::dashboard::DashboardOpen>(),
    OpSpec::of::<super::dashboard::DashboardStatus>(),
    OpSpec::of::<super::dashboard::DashboardStop>(),
    OpSpec::of::<super::config::Configure>(),
    OpSpec::of::<super::doctor::Doctor>(),
    OpSpec::of::<super::capabilities::Capabilities>(),
    OpSpec::of::<super::demo::Demo>(),
];
