//! `mgr mcp config` and `mgr mcp install`: the entries of `mgr` in the clients' own files.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};
use serde_json::{Value, json};

use super::merge::{self, Merge};
use crate::{
    config::Environment,
    ops::{Code, OpError},
    os::files::{self, Durability, FileError},
};

/// The clients whose files are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    ClaudeCode,
    ClaudeDesktop,
    Codex,
    Gemini,
    Cursor,
    Vscode,
}

/// The form of a client's file.
enum Form {
    /// The member that holds the servers.
    Json(&'static str),
    Toml,
}

const CODEX_TABLE: &str = "[mcp_servers.mgr]";

pub(super) fn commands() -> [Command; 2] {
    let client = || {
        Arg::new("client").required(true).value_name("CLIENT").value_parser(value_parser!(Client)).help("The client")
    };
    let project = Arg::new("project")
        .long("project")
        .action(ArgAction::SetTrue)
        .help("Write the file of this project instead of yours");
    let config = Command::new("config").about("Print what a client's configuration needs").arg(client());
    let install =
        Command::new("install").about("Write a client's configuration, with a backup").args([client(), project]);
    [config, install]
}

fn client(matches: &ArgMatches) -> Result<Client, OpError> {
    matches.get_one("client").copied().ok_or_else(|| OpError::invalid("no client"))
}

/// Returns what belongs into the client's file.
pub(super) fn config(matches: &ArgMatches, env: &Environment) -> Result<String, OpError> {
    let client = client(matches)?;
    let program = program(env)?;
    Ok(match client.form() {
        Form::Json(section) => {
            let whole = json!({section: {"mgr": client.entry(&program)}});
            serde_json::to_string_pretty(&whole).unwrap_or_default()
        }
        Form::Toml => codex_block(&program),
    })
}

/// Writes it; returns words about what was done.
pub(super) fn install(matches: &ArgMatches, env: &Environment) -> Result<String, OpError> {
    let client = client(matches)?;
    let path = if matches.get_flag("project") { client.project_file()? } else { client.user_file(env)? };
    // A link to a file in a collection of dotfiles stays a link.
    let path = path.canonicalize_utf8().unwrap_or(path);
    let old = text_of(&path)?;
    let program = program(env)?;
    let merged = match client.form() {
        Form::Json(section) => merge::json(old.as_deref().unwrap_or_default(), section, &client.entry(&program)),
        Form::Toml => merge::toml(old.as_deref().unwrap_or_default(), CODEX_TABLE, &codex_block(&program)),
    };
    match merged {
        Merge::Unchanged => Ok(format!("`{path}` has it already.")),
        Merge::Refused(why) => Err(OpError::new(Code::Conflict, format!("`{path}` {why}"))
            .hint(format!("put in by hand what `mgr mcp config {}` prints", client.name()))),
        Merge::Changed(new) => write(client, &path, old.is_some(), &new),
    }
}

fn write(client: Client, path: &Utf8Path, is_there: bool, new: &str) -> Result<String, OpError> {
    let mut words = format!("Wrote `{path}`.");
    if is_there {
        let backup = (1..).map(|n| Utf8PathBuf::from(format!("{path}.before-mgr-{n}"))).find(|path| !path.exists());
        let backup = backup.unwrap_or_else(|| path.with_extension("before-mgr"));
        std::fs::copy(path, &backup).map_err(FileError::at(&backup, "make the backup"))?;
        words.push_str(&format!(" The old one is `{backup}`."));
    } else if let Some(parent) = path.parent() {
        files::make_dir(parent)?;
    }
    let permissions = std::fs::metadata(path).map(|metadata| metadata.permissions());
    files::replace(path, new.as_bytes(), Durability::Machine)?;
    if let Ok(permissions) = permissions {
        std::fs::set_permissions(path, permissions).map_err(FileError::at(path, "restore the permissions of"))?;
    }
    words.push_str(client.note());
    Ok(words)
}

fn text_of(path: &Utf8Path) -> Result<Option<String>, OpError> {
    let Some(bytes) = files::read_optional(path)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| OpError::new(Code::Conflict, format!("`{path}` is not UTF-8")))
}

/// Returns how to start this `mgr`: by the name on the search path that leads to it, because the
/// place behind the name moves with each version of a package.
fn program(env: &Environment) -> Result<String, OpError> {
    let here = std::env::current_exe().map_err(|error| OpError::new(Code::Internal, error.to_string()))?;
    let real = here.canonicalize().unwrap_or_else(|_| here.clone());
    let on_path = env.get("PATH").map(std::env::split_paths).into_iter().flatten();
    let mut named =
        on_path.map(|dir| dir.join(format!("mgr{}", std::env::consts::EXE_SUFFIX))).filter(|path| path.is_absolute());
    let found = named.find(|path| path.canonicalize().is_ok_and(|path| path == real)).unwrap_or(here);
    found.into_os_string().into_string().map_err(|_| OpError::invalid("the path of mgr is not UTF-8"))
}

/// Codex gives a server a second unless it is required, refuses tools outside of full access
/// unless they are approved, and cuts a call at 300 s (measured).
fn codex_block(program: &str) -> String {
    // A JSON string of a path is a basic string of TOML.
    let program = Value::from(program);
    format!(
        "{CODEX_TABLE}\ncommand = {program}\nargs = [\"mcp\", \"--toolsets\", \"all\"]\nrequired = true\n\
         default_tools_approval_mode = \"approve\"\ntool_timeout_sec = 3600\n"
    )
}

impl Client {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    const fn form(self) -> Form {
        match self {
            Self::ClaudeCode | Self::ClaudeDesktop | Self::Gemini | Self::Cursor => Form::Json("mcpServers"),
            Self::Vscode => Form::Json("servers"),
            Self::Codex => Form::Toml,
        }
    }

    fn entry(self, program: &str) -> Value {
        // Clients that search tools get them all.
        let all = json!({"command": program, "args": ["mcp", "--toolsets", "all"]});
        match self {
            Self::ClaudeCode => json!({"type": "stdio", "command": program, "args": all["args"]}),
            Self::ClaudeDesktop | Self::Codex => all,
            Self::Cursor => json!({"command": program, "args": ["mcp"]}),
            Self::Vscode => json!({"type": "stdio", "command": program, "args": ["mcp"]}),
            // Without trust Gemini CLI hides the tools; its limit of a call is in milliseconds.
            Self::Gemini => json!({"command": program, "args": ["mcp"], "trust": true, "timeout": 3_600_000}),
        }
    }

    /// What the settings mean that were written along.
    const fn note(self) -> &'static str {
        match self {
            Self::Codex => {
                " Codex will not ask before it uses these tools (default_tools_approval_mode) and waits for long calls."
            }
            Self::Gemini => " Gemini CLI will not ask before it uses these tools (trust) and waits for long calls.",
            Self::ClaudeCode | Self::ClaudeDesktop | Self::Cursor | Self::Vscode => " Start the client anew.",
        }
    }

    fn user_file(self, env: &Environment) -> Result<Utf8PathBuf, OpError> {
        let home = env.get("HOME").or_else(|| env.get("USERPROFILE")).map(Utf8PathBuf::from);
        let home = home.ok_or_else(|| OpError::invalid("no home directory: set HOME"))?;
        let within = |name: &str, below: &str| env.get(name).map_or_else(|| home.join(below), Utf8PathBuf::from);
        let desktop = if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else if cfg!(windows) {
            within("APPDATA", "AppData/Roaming")
        } else {
            within("XDG_CONFIG_HOME", ".config")
        };
        Ok(match self {
            Self::ClaudeCode => within("CLAUDE_CONFIG_DIR", "").join(".claude.json"),
            Self::ClaudeDesktop => desktop.join("Claude/claude_desktop_config.json"),
            Self::Codex => within("CODEX_HOME", ".codex").join("config.toml"),
            Self::Gemini => home.join(".gemini/settings.json"),
            Self::Cursor => home.join(".cursor/mcp.json"),
            Self::Vscode => desktop.join("Code/User/mcp.json"),
        })
    }

    fn project_file(self) -> Result<Utf8PathBuf, OpError> {
        Ok(super::start_dir()?.join(match self {
            Self::ClaudeCode => ".mcp.json",
            Self::Codex => ".codex/config.toml",
            Self::Gemini => ".gemini/settings.json",
            Self::Cursor => ".cursor/mcp.json",
            Self::Vscode => ".vscode/mcp.json",
            Self::ClaudeDesktop => return Err(OpError::invalid("Claude Desktop has no files of projects")),
        }))
    }
}
