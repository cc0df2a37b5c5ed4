use super::*;
use crate::core::*;
#[derive(Debug, serde::Deserialize)]
pub struct CustomBackend {}
pub struct CustomFormat;
pub struct CustomPrompt;
impl Backend for CustomBackend {
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
