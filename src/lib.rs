pub mod backends;
pub mod config;
pub mod core;
pub mod engine;
pub mod keeper;
pub mod os;
pub mod store;
