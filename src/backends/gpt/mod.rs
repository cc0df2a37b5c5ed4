//! OpenAI's Responses API as a backend: an adapter, and the child that it starts.
//!
//! The adapter stays pure like every other. The child (`mgr __openai`) makes the call and prints
//! events, so that supervision knows one kind of thing: a process that writes lines.

mod adapter;
mod answer;
mod child;
#[cfg(test)]
mod child_tests;
mod request;
mod sse;
mod trouble;

pub use adapter::Gpt;
pub use child::{GptSurroundings, run_gpt_child};
pub(super) use trouble::by_status as category_of_status;
