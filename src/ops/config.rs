//! `mgr config`: what the user wants, and where they said it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset};
use crate::{
    config::{Config, Origin, Setting},
    engine::EngineError,
    ui::Page,
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum ConfigAction {
    /// All settings with their origin.
    #[default]
    Show,
    Get,
    Set,
    /// Where the file is.
    Path,
}

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigInput {
    /// What to do: show, get, set or path
    #[arg(default_value = "show")]
    #[serde(default)]
    pub action: ConfigAction,
    /// The setting, such as slots or models.codex
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The new value for set, as YAML
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SettingView {
    pub key: String,
    /// The value, as JSON text.
    pub value: String,
    pub origin: Origin,
}

impl From<&Setting> for SettingView {
    fn from(setting: &Setting) -> Self {
        let value = setting.value.as_str().map_or_else(|| setting.value.to_string(), str::to_owned);
        Self { key: setting.key.clone(), value, origin: setting.origin.clone() }
    }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConfigOutput {
    pub settings: Vec<SettingView>,
    /// The user's file.
    pub path: String,
    #[serde(skip)]
    action: ConfigAction,
}

pub struct Configure;

impl Operation for Configure {
    const CLI: &'static [&'static str] = &["config"];
    const TOOL: Option<&'static str> = Some("configure");
    const TITLE: &'static str = "Show or change settings";
    const TOOLSET: Toolset = Toolset::Ops;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Show, get or set configuration: slots, default backend, models, limits. \
        Each value comes with its origin. Environment values are never stored, only names.";
    const EXAMPLE: Example =
        Example { argv: &["config", "set", "slots", "8"], json: r#"{"action":"set","key":"slots","value":"8"}"# };

    type Input = ConfigInput;
    type Output = ConfigOutput;

    async fn run(call: &Call<'_>, input: ConfigInput) -> Result<ConfigOutput, OpError> {
        let path = call.engine.home().config_file().into_string();
        let key = || {
            input
                .key
                .as_deref()
                .ok_or_else(|| OpError::invalid("which setting").hint("`mgr config show` lists all settings"))
        };
        let settings = match input.action {
            ConfigAction::Show => call.engine.config().settings.iter().map(SettingView::from).collect(),
            ConfigAction::Get => {
                let setting = call.engine.config().setting(key()?).map_err(EngineError::from)?;
                vec![SettingView::from(setting)]
            }
            ConfigAction::Set => vec![set(call, key()?, input.value.as_deref())?],
            ConfigAction::Path => Vec::new(),
        };
        Ok(ConfigOutput { settings, path, action: input.action })
    }
}

fn set(call: &Call<'_>, key: &str, value: Option<&str>) -> Result<SettingView, OpError> {
    let value = value.ok_or_else(|| {
        OpError::invalid(format!("no value for `{key}`")).hint(format!("`mgr config set {key} VALUE`"))
    })?;
    let text = Config::with_setting(call.engine.home(), key, value).map_err(EngineError::from)?;
    call.engine.save_config(&text)?;
    Ok(SettingView { key: key.to_owned(), value: value.to_owned(), origin: Origin::User })
}

impl Render for ConfigOutput {
    fn render(&self, page: &mut Page) {
        match self.action {
            ConfigAction::Path => page.line(&self.path),
            ConfigAction::Get => {
                for setting in &self.settings {
                    page.text(&setting.value);
                }
            }
            ConfigAction::Show | ConfigAction::Set => {
                let origin = |setting: &SettingView| match setting.origin {
                    Origin::Default => "default",
                    Origin::User => "user",
                    Origin::Project => "project",
                    Origin::Environment => "environment",
                };
                let row = |setting: &SettingView| {
                    vec![setting.key.clone(), setting.value.clone(), origin(setting).to_owned()]
                };
                page.table(&["setting", "value", "from"], self.settings.iter().map(row).collect());
            }
        }
    }
}
