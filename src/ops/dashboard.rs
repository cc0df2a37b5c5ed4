//! `mgr dashboard`: the page where a person watches and answers. What it shows is served by `surface/web`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Effect, Example, OpError, Operation, Render, Toolset};
use crate::{
    core::Timestamp,
    engine::{CODE_LIVES, Dashboard},
    os::clock,
    ui::{Page, duration_words},
};

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardOpenInput {
    /// Only print the link; without it a browser is opened where there is a screen
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_browser: bool,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DashboardOpenOutput {
    /// The link: it lets one browser in, once.
    pub url: String,
    /// Seconds in which the link has to be used.
    pub link_lives_s: u64,
    /// Whether a browser was asked to show it.
    pub browser: bool,
    /// Whether the dashboard was started for this.
    pub started: bool,
}

pub struct DashboardOpen;

impl Operation for DashboardOpen {
    const CLI: &'static [&'static str] = &["dashboard", "open"];
    const TOOL: Option<&'static str> = Some("dashboard_open");
    const TITLE: &'static str = "Open the dashboard in a browser";
    const TOOLSET: Toolset = Toolset::Ops;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Open the dashboard, a page for a person to watch tasks and workflow runs and to answer approvals. \
        Starts it if need be, on this machine only, and returns a link that lets one browser in. It ends when no page \
        has been open for ten minutes.";
    const EXAMPLE: Example = Example { argv: &["dashboard", "open", "--no-browser"], json: r#"{"no_browser":true}"# };

    type Input = DashboardOpenInput;
    type Output = DashboardOpenOutput;

    async fn run(call: &Call<'_>, input: DashboardOpenInput) -> Result<DashboardOpenOutput, OpError> {
        let opened = call.engine.open_dashboard().await?;
        let browser = !input.no_browser && call.engine.show_in_browser(&opened.link);
        let link_lives_s = CODE_LIVES.as_secs();
        Ok(DashboardOpenOutput { url: opened.link, link_lives_s, browser, started: opened.started })
    }
}

impl Render for DashboardOpenOutput {
    fn render(&self, page: &mut Page) {
        page.line(&self.url);
        let shown = if self.browser { "A browser was asked to show it. " } else { "" };
        let limit = duration_words(self.link_lives_s as f64);
        page.line(format!("{shown}The link lets one browser of this machine in, once, within {limit}."));
    }

    /// A script wants the link alone.
    fn piped(&self) -> Option<Vec<u8>> {
        Some(format!("{}\n", self.url).into_bytes())
    }
}

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardStatusInput {}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DashboardStatusOutput {
    pub running: bool,
    /// Where it listens. `dashboard_open` makes a link that lets somebody in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The release that serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl From<Dashboard> for DashboardStatusOutput {
    fn from(dashboard: Dashboard) -> Self {
        let running = dashboard != Dashboard::Gone;
        match dashboard {
            Dashboard::At(state) => {
                Self { running, url: Some(state.url), started_at: Some(state.started_at), version: Some(state.version) }
            }
            Dashboard::Mute | Dashboard::Gone => Self { running, url: None, started_at: None, version: None },
        }
    }
}

pub struct DashboardStatus;

impl Operation for DashboardStatus {
    const CLI: &'static [&'static str] = &["dashboard", "status"];
    const TOOL: Option<&'static str> = Some("dashboard_status");
    const TITLE: &'static str = "Show whether the dashboard runs";
    const TOOLSET: Toolset = Toolset::Ops;
    const EFFECT: Effect = Effect::Read;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Show whether the dashboard runs, where it listens and since when. Next: dashboard_open for a link that lets somebody in.";
    const EXAMPLE: Example = Example { argv: &["dashboard", "status"], json: "{}" };

    type Input = DashboardStatusInput;
    type Output = DashboardStatusOutput;

    async fn run(call: &Call<'_>, _: DashboardStatusInput) -> Result<DashboardStatusOutput, OpError> {
        Ok(call.engine.dashboard().await?.into())
    }
}

impl Render for DashboardStatusOutput {
    fn render(&self, page: &mut Page) {
        match (&self.url, self.started_at) {
            (Some(url), Some(since)) => {
                let since = duration_words(clock::now().since(since).as_secs_f64());
                page.line(format!("The dashboard has been at {url} for {since}."));
                page.line("`mgr dashboard` makes a link that lets somebody in.");
            }
            _ if self.running => page.line("A dashboard runs and does not say where: `mgr dashboard` replaces it."),
            _ => page.line("The dashboard does not run: `mgr dashboard` starts it."),
        }
    }
}

#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardStopInput {}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DashboardStopOutput {
    /// Whether one ran.
    pub stopped: bool,
}

pub struct DashboardStop;

impl Operation for DashboardStop {
    const CLI: &'static [&'static str] = &["dashboard", "stop"];
    const TOOL: Option<&'static str> = Some("dashboard_stop");
    const TITLE: &'static str = "End the dashboard";
    const TOOLSET: Toolset = Toolset::Ops;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = true;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "End the dashboard's process; its pages are locked then. Tasks and runs go on. To open it again: dashboard_open.";
    const EXAMPLE: Example = Example { argv: &["dashboard", "stop"], json: "{}" };

    type Input = DashboardStopInput;
    type Output = DashboardStopOutput;

    async fn run(call: &Call<'_>, _: DashboardStopInput) -> Result<DashboardStopOutput, OpError> {
        Ok(DashboardStopOutput { stopped: call.engine.stop_dashboard().await? })
    }
}

impl Render for DashboardStopOutput {
    fn render(&self, page: &mut Page) {
        page.line(if self.stopped { "The dashboard has ended; tasks go on." } else { "No dashboard ran." });
    }
}
