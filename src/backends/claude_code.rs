use super::*;
use crate::core::*;

pub struct ClaudeCode;

impl Backend for ClaudeCode {
    fn invocation(&self, _request: &Request) -> Result<Invocation, Unservable> {
        unimplemented!()
    }
    fn parser(&self) -> Box<dyn Parser> {
        unimplemented!()
    }
    fn probe(&self) -> Probe {
        unimplemented!()
    }
    fn abilities(&self) -> Abilities {
        unimplemented!()
    }
    fn classify_stderr(&self, _tail: &str, _exit_code: Option<i32>) -> Option<Failure> {
        None
    }
    fn posture_words(&self, _posture: Posture) -> &'static str {
        ""
    }
}
