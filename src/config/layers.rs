//! Layers: built-in defaults, the user's file, the project's file, the environment. Flags come last, in ops.

use std::{collections::BTreeMap, sync::OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Environment, Home, yaml};
use crate::{
    backends::CustomBackend,
    core::{BackendName, Bytes, Span, Unattended},
    os::{
        clock,
        files::{self, FileError, Version, read_optional},
    },
};

const DEFAULTS: &str = include_str!("defaults.yaml");

/// Keys that a project's file may set: data only, nothing that starts programs or passes secrets.
const PROJECT_KEYS: [&str; 5] = ["default_backend", "models", "timeout", "max_output", "slots"];
/// Of those, the ones that a project may only make smaller.
const PROJECT_MAY_TIGHTEN: [&str; 3] = ["timeout", "max_output", "slots"];

/// What can be wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("no home: set HOME or MGR_HOME")]
    NoHome,
    #[error("`{name}` must be an absolute path, not `{path}`")]
    RelativeHome { name: &'static str, path: Utf8PathBuf },
    #[error("`{path}` is not valid YAML: {source}")]
    Yaml { path: Utf8PathBuf, source: yaml::YamlError },
    #[error("{origin}: {message}")]
    Invalid { origin: String, message: String },
    #[error("no setting `{key}`{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey { key: String, suggestion: Option<String> },
    #[error(transparent)]
    File(#[from] FileError),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Default,
    User,
    Project,
    Environment,
}

/// One value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub key: String,
    pub value: Value,
    pub origin: Origin,
}

/// Dollars for a million tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub date: String,
    pub input: f64,
    pub output: f64,
    #[serde(default)]
    pub cache_read: f64,
    #[serde(default)]
    pub cache_write: f64,
}

/// All settings, checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub slots: u32,
    pub backend_slots: BTreeMap<BackendName, u32>,
    pub default_backend: String,
    pub models: BTreeMap<BackendName, String>,
    pub programs: BTreeMap<BackendName, String>,
    pub env_pass: Vec<String>,
    pub timeout: Span,
    pub grace: Span,
    pub max_output: Bytes,
    pub verify_timeout: Span,
    pub leftover_grace: Span,
    pub free_disk_floor: Bytes,
    pub archive_max_files: u64,
    pub archive_max_bytes: Bytes,
    pub archive_max_file: Bytes,
    pub archive_max_time: Span,
    pub archive_small_ignored: Bytes,
    pub archive_keep: Span,
    pub archive_max_size: Bytes,
    pub setup: Vec<String>,
    pub unattended: Unattended,
    pub backends: BTreeMap<BackendName, CustomBackend>,
    pub prices: BTreeMap<String, Price>,
    #[serde(skip)]
    pub settings: Vec<Setting>,
}

impl Config {
    /// Reads all layers that hold for a task in `working_dir`.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a value of the wrong kind: with file and key.
    pub fn load(home: &Home, env: &Environment, working_dir: Option<&Utf8Path>) -> Result<Self, ConfigError> {
        let mut merged = Merged::default();
        merged.add(Origin::Default, "the built-in defaults", defaults()?)?;
        let user_file = home.config_file();
        merged.add(Origin::User, user_file.as_str(), read_file(&user_file)?)?;
        if let Some(project_file) = working_dir.and_then(project_file) {
            merged.add(Origin::Project, project_file.as_str(), read_file(&project_file)?)?;
        }
        merged.add(Origin::Environment, "the environment", from_environment(env))?;
        merged.finish()
    }

    /// Returns the files that hold for a task in `working_dir`, as they are now.
    pub fn sources(home: &Home, working_dir: Option<&Utf8Path>) -> Sources {
        let files = std::iter::once(home.config_file()).chain(working_dir.and_then(project_file));
        Sources(files.map(|file| (files::version(&file).map_err(|_| ()), file)).collect())
    }

    /// Returns the user's file with `key` set to `value`, checked as a whole.
    ///
    /// # Errors
    /// The key is unknown or the value is of the wrong kind; nothing is written then.
    pub fn with_setting(home: &Home, key: &str, value: &str) -> Result<String, ConfigError> {
        let path = home.config_file();
        let mut file = read_file(&path)?;
        let parsed = yaml::read(value).map_err(|source| ConfigError::Yaml { path: path.clone(), source })?;
        set_path(&mut file, key, parsed);
        let mut merged = Merged::default();
        merged.add(Origin::Default, "the built-in defaults", defaults()?)?;
        merged.add(Origin::User, &format!("`{key}`"), file.clone())?;
        merged.finish()?;
        yaml::write(&Value::Object(file)).map_err(|source| ConfigError::Yaml { path, source })
    }

    /// # Errors
    /// No setting has this name.
    pub fn setting(&self, key: &str) -> Result<&Setting, ConfigError> {
        self.settings.iter().find(|setting| setting.key == key).ok_or_else(|| unknown_key(key, &self.settings))
    }
}

/// The files that settings come from. The same sources have the same settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources(Vec<(Result<Option<Version>, ()>, Utf8PathBuf)>);

impl Sources {
    /// Whether any change from now on makes them others.
    pub fn are_settled(&self) -> bool {
        let now = clock::now();
        let is_settled = |version: &Option<Version>| version.is_none_or(|version| version.is_settled(now));
        self.0.iter().all(|(version, _)| version.as_ref().is_ok_and(is_settled))
    }
}

#[derive(Default)]
struct Merged {
    values: Map<String, Value>,
    origins: BTreeMap<String, Origin>,
    last_origin: String,
}

impl Merged {
    fn add(&mut self, origin: Origin, name: &str, layer: Map<String, Value>) -> Result<(), ConfigError> {
        // Nothing said, nothing to check: reading the whole again for each layer would cost every start.
        if layer.is_empty() {
            return Ok(());
        }
        self.last_origin = name.to_owned();
        for (key, value) in layer {
            if origin == Origin::Default {
                self.values.insert(key.clone(), value);
                self.origins.insert(key, origin.clone());
                continue;
            }
            let Some(current) = self.values.get(&key) else {
                let known: Vec<_> = self.known();
                return Err(unknown_key(&key, &known));
            };
            if origin == Origin::Project && !project_may(&key, current, &value) {
                continue;
            }
            let value = merge_maps(current, value);
            self.values.insert(key.clone(), value);
            self.origins.insert(key, origin.clone());
        }
        if origin == Origin::Default { Ok(()) } else { self.check() }
    }

    fn known(&self) -> Vec<Setting> {
        let setting = |(key, value): (&String, &Value)| Setting {
            key: key.clone(),
            value: value.clone(),
            origin: self.origins.get(key).cloned().unwrap_or(Origin::Default),
        };
        self.values.iter().map(setting).collect()
    }

    /// Checked after each layer that says something, so that the layer with the fault is named. The
    /// defaults are checked with the last one.
    fn check(&self) -> Result<(), ConfigError> {
        self.read().map(|_| ())
    }

    fn read(&self) -> Result<Config, ConfigError> {
        serde_json::from_value(Value::Object(self.values.clone()))
            .map_err(|error| ConfigError::Invalid { origin: self.last_origin.clone(), message: error.to_string() })
    }

    fn finish(self) -> Result<Config, ConfigError> {
        let mut config = self.read()?;
        config.settings = self.known();
        Ok(config)
    }
}

fn unknown_key(key: &str, known: &[Setting]) -> ConfigError {
    let suggestion = crate::core::nearest(key, known.iter().map(|setting| setting.key.as_str()));
    ConfigError::UnknownKey { key: key.to_owned(), suggestion: suggestion.map(str::to_owned) }
}

/// A map in a later layer adds to the map below; everything else replaces.
fn merge_maps(below: &Value, above: Value) -> Value {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            let mut merged = below.clone();
            merged.extend(above);
            Value::Object(merged)
        }
        (_, above) => above,
    }
}

/// A repository is not the user: it may choose among what the user allows, not widen it.
fn project_may(key: &str, current: &Value, wanted: &Value) -> bool {
    if !PROJECT_KEYS.contains(&key) {
        return false;
    }
    if !PROJECT_MAY_TIGHTEN.contains(&key) {
        return true;
    }
    let amount = |value: &Value| -> Option<u64> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match key {
            "timeout" => text.parse::<Span>().ok().map(Span::as_millis),
            "max_output" => text.parse::<Bytes>().ok().map(|bytes| bytes.0),
            _ => text.parse().ok(),
        }
    };
    matches!((amount(current), amount(wanted)), (Some(current), Some(wanted)) if wanted <= current)
}

/// Returns the built-in layer, read once: a server asks for it with every call.
fn defaults() -> Result<Map<String, Value>, ConfigError> {
    static READ: OnceLock<Map<String, Value>> = OnceLock::new();
    if let Some(read) = READ.get() {
        return Ok(read.clone());
    }
    let read = read_text("defaults.yaml".into(), DEFAULTS)?;
    Ok(READ.get_or_init(|| read).clone())
}

fn read_file(path: &Utf8Path) -> Result<Map<String, Value>, ConfigError> {
    match read_optional(path)? {
        Some(bytes) => read_text(path.to_owned(), &String::from_utf8_lossy(&bytes)),
        None => Ok(Map::new()),
    }
}

fn read_text(path: Utf8PathBuf, text: &str) -> Result<Map<String, Value>, ConfigError> {
    match yaml::read(text).map_err(|source| ConfigError::Yaml { path: path.clone(), source })? {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(ConfigError::Invalid { origin: path.into_string(), message: "must be `key: value` lines".into() }),
    }
}

/// Returns `.mgr/config.yaml` of the directory or of the nearest one above it that has one.
fn project_file(working_dir: &Utf8Path) -> Option<Utf8PathBuf> {
    working_dir.ancestors().map(|dir| dir.join(".mgr/config.yaml")).find(|file| file.is_file())
}

fn from_environment(env: &Environment) -> Map<String, Value> {
    let named = [("MGR_SLOTS", "slots"), ("MGR_BACKEND", "default_backend"), ("MGR_TIMEOUT", "timeout")];
    let read = |(name, key): (&str, &str)| {
        let text = env.get(name)?;
        let value = text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
        Some((key.to_owned(), value))
    };
    named.into_iter().filter_map(read).collect()
}

/// Sets `a.b` in nested maps.
fn set_path(map: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            map.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let below = map.entry(head).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            if let Value::Object(below) = below {
                set_path(below, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        dir: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap() }
        }

        fn path(&self) -> Utf8PathBuf {
            Utf8PathBuf::from_path_buf(self.dir.path().to_owned()).unwrap()
        }

        fn load(&self, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
            let pairs = [("MGR_HOME", self.path().join("home").into_string())];
            let pairs = pairs.into_iter().chain(env.iter().map(|(k, v)| (*k, (*v).to_owned())));
            let env: Environment = pairs.map(|(k, v)| (k.to_owned(), v)).collect();
            Config::load(&Home::find(&env).unwrap(), &env, Some(&self.path().join("project")))
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    fn shown(config: &Config, key: &str) -> (Value, Origin) {
        let setting = config.setting(key).unwrap();
        (setting.value.clone(), setting.origin.clone())
    }

    #[test]
    fn later_layers_win_and_every_value_knows_its_origin() {
        let world = World::new();
        world.write("home/config.yaml", "slots: 8\ntimeout: 1h\nmodels: {codex: a}\n");
        world.write("project/.mgr/config.yaml", "timeout: 10m\nmodels: {gemini: b}\n");
        let config = world.load(&[("MGR_SLOTS", "2")]).unwrap();
        assert_eq!(shown(&config, "slots"), (Value::from(2), Origin::Environment));
        assert_eq!(shown(&config, "timeout"), (Value::from("10m"), Origin::Project));
        assert_eq!(shown(&config, "grace"), (Value::from("10s"), Origin::Default));
        assert_eq!(config.models.len(), 2);
    }

    #[test]
    fn a_project_cannot_loosen_a_limit_or_name_programs() {
        let world = World::new();
        world.write(
            "project/.mgr/config.yaml",
            "timeout: 9h\nslots: 64\nprograms: {codex: /tmp/evil}\nenv_pass: ['*']\n",
        );
        let config = world.load(&[]).unwrap();
        assert_eq!((config.timeout, config.slots), (Span::from_secs(7200), 4));
        assert!(config.programs.is_empty() && config.env_pass.is_empty());
    }

    #[test]
    fn faults_name_the_file_and_the_key() {
        let world = World::new();
        world.write("home/config.yaml", "slot: 8\n");
        assert_eq!(world.load(&[]).unwrap_err().to_string(), "no setting `slot`; did you mean `slots`?");
        world.write("home/config.yaml", "slots: many\n");
        let message = world.load(&[]).unwrap_err().to_string();
        assert!(message.contains("config.yaml: invalid type: string \"many\""), "{message}");
    }
}
