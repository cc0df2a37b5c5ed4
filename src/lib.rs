pub mod backends;
pub mod core;
