//! Configuration: layers with provenance, and the only reader of environment variables.
//!
//! Must not decide anything about tasks; it says what the user wants and where they said it.

mod env;
mod home;
mod layers;
mod yaml;

pub use env::Environment;
pub use home::Home;
pub use layers::{Config, ConfigError, Origin, Setting, Sources};
pub use yaml::read as read_yaml;
