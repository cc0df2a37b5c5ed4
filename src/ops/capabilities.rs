//! `mgr capabilities`: what this build and this machine can do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OPS, OpError, Operation, Render, Toolset};
use crate::ui::Page;

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilitiesInput {}

/// What a backend can do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BackendView {
    pub name: String,
    pub edits_files: bool,
    pub follow_up: bool,
    pub effort: bool,
    pub output_schema: bool,
    pub max_turns: bool,
    pub budget: bool,
    /// Largest prompt in bytes.
    pub max_prompt_bytes: u64,
    /// What each posture becomes: read_only, edit, full.
    pub postures: Vec<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CapabilitiesOutput {
    pub version: String,
    pub platform: String,
    /// Whether tasks can be run here: keepers need a Unix system.
    pub runs_tasks: bool,
    /// Whether orphans of a killed keeper are found by kernel (subreaper) as well as by cookie.
    pub subreaper: bool,
    pub slots: u32,
    pub backends: Vec<BackendView>,
    pub tools: Vec<String>,
}

pub struct Capabilities;

impl Operation for Capabilities {
    const CLI: &'static [&'static str] = &["capabilities"];
    const TOOL: Option<&'static str> = Some("capabilities");
    const TITLE: &'static str = "What mgr can do here";
    const TOOLSET: Toolset = Toolset::Ops;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "List what this mgr can do on this machine: backends with their abilities, limits and tools. \
        Whether agents are installed and logged in is the doctor's to say.";
    const EXAMPLE: Example = Example { argv: &["capabilities"], json: "{}" };

    type Input = CapabilitiesInput;
    type Output = CapabilitiesOutput;

    async fn run(call: &Call<'_>, _: CapabilitiesInput) -> Result<CapabilitiesOutput, OpError> {
        let backends = call.engine.backend_names();
        let backends = backends.iter().map(|name| backend(call, name)).collect::<Result<_, _>>()?;
        Ok(CapabilitiesOutput {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            runs_tasks: cfg!(unix),
            subreaper: cfg!(target_os = "linux"),
            slots: call.engine.config().slots,
            backends,
            tools: OPS.iter().filter_map(|row| row.tool).map(str::to_owned).collect(),
        })
    }
}

fn backend(call: &Call<'_>, name: &crate::core::BackendName) -> Result<BackendView, OpError> {
    use crate::core::Posture;
    let adapter = call.engine.adapter(name)?;
    let abilities = adapter.abilities();
    let words = |posture| adapter.posture_words(posture).to_owned();
    Ok(BackendView {
        name: name.to_string(),
        edits_files: abilities.edits_files,
        follow_up: abilities.follow_up,
        effort: abilities.effort,
        output_schema: abilities.output_schema,
        max_turns: abilities.max_turns,
        budget: abilities.budget,
        max_prompt_bytes: abilities.max_prompt,
        postures: [Posture::ReadOnly, Posture::Edit, Posture::Full].map(words).to_vec(),
    })
}

impl Render for CapabilitiesOutput {
    fn render(&self, page: &mut Page) {
        page.field("mgr", format!("{} on {}", self.version, self.platform));
        page.field("tasks", if self.runs_tasks { "run here" } else { "cannot run here: keepers need a Unix system" });
        page.field("slots", self.slots.to_string());
        let yes = |can: bool| if can { "yes" } else { "-" }.to_owned();
        let row = |backend: &BackendView| {
            vec![
                backend.name.clone(),
                yes(backend.edits_files),
                yes(backend.follow_up),
                yes(backend.effort),
                yes(backend.output_schema),
                yes(backend.max_turns),
                yes(backend.budget),
            ]
        };
        let header = ["backend", "files", "follow up", "effort", "schema", "turns", "budget"];
        page.table(&header, self.backends.iter().map(row).collect());
    }
}
