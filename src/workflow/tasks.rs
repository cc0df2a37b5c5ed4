//! A file of `mgr parallel`: a workflow that may be nothing but the list of its steps, or call them `tasks`.
//!
//! Must not read texts: the tree comes from the same reader as that of any workflow, so the same things are refused.

use serde_json::{Map, Value};

use super::{
    fault::{Fault, FaultCode, Path},
    tree::{Content, Key, Node, Position},
};

/// A text with tasks, and what the command says about all of them.
#[derive(Clone, Copy, Debug)]
pub struct Tasks<'a> {
    pub text: &'a str,
    /// Keys of the workflow that hold whatever the file says.
    pub set: &'a Map<String, Value>,
    /// Keys of the workflow that hold where the file does not say otherwise.
    pub usual: &'a Map<String, Value>,
}

/// How a file calls its steps, to name them so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Steps,
    Tasks,
    /// The file is the list.
    List,
}

impl Tasks<'_> {
    /// Returns the tree of the workflow that the tasks are, with a fault for a file that names them twice.
    pub(super) fn workflow(&self, tree: Node) -> (Node, Written, Option<Fault>) {
        let (at, mut pairs, written) = match tree {
            Node { at, content: Content::Map(pairs) } => (at, pairs, Written::Steps),
            Node { at, content: Content::List(items) } => {
                let key = Key { at, name: "steps".to_owned() };
                (at, vec![(key, Node { at, content: Content::List(items) })], Written::List)
            }
            scalar @ Node { content: Content::Scalar(_), .. } => return (scalar, Written::Steps, None),
        };
        let place = |pairs: &[(Key, Node)], name: &str| pairs.iter().position(|(key, _)| key.name == name);
        let (written, fault) = match (place(&pairs, "tasks"), place(&pairs, "steps")) {
            (None, _) => (written, None),
            (Some(tasks), None) => {
                pairs[tasks].0.name = "steps".to_owned();
                (Written::Tasks, None)
            }
            (Some(tasks), Some(steps)) => {
                let later = pairs.remove(tasks.max(steps)).0;
                pairs[tasks.min(steps)].0.name = "steps".to_owned();
                let message = "`tasks` and `steps` are the same: write one of them";
                let fault = Fault::new(later.at, &Path::default().key(&later.name), FaultCode::Contradiction, message);
                (if tasks < steps { Written::Tasks } else { Written::Steps }, Some(fault))
            }
        };
        pairs.retain(|(key, _)| !self.set.contains_key(&key.name));
        let more: Vec<_> = self.usual.iter().filter(|(name, _)| place(&pairs, name).is_none()).collect();
        let said = |(name, value): (&String, &Value)| {
            (Key { at: Position::default(), name: name.clone() }, Node::from_json(value))
        };
        pairs.extend(self.set.iter().chain(more).map(said));
        (Node { at, content: Content::Map(pairs) }, written, fault)
    }
}

impl Written {
    /// Returns the fault with its path as the file has it.
    pub fn named(self, fault: Fault) -> Fault {
        let own = fault.path.strip_prefix("steps").filter(|rest| rest.is_empty() || rest.starts_with(['[', '.']));
        let own = own.filter(|_| fault.file.is_none());
        let path = match (self, own) {
            (Self::Tasks, Some(rest)) => format!("tasks{rest}"),
            (Self::List, Some(rest)) => rest.to_owned(),
            (Self::Steps, _) | (_, None) => return fault,
        };
        Fault { path, ..fault }
    }
}
