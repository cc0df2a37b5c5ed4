//! Where a workflow comes from: a file, an inline text, or a name that stands for a template, a workflow of the
//! user's own, or an example that is shipped.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};

use super::{
    AbsolutePath, Call, Code, OpError,
    step_maker::task_vocabulary,
    workflow::{InlineWorkflow, read_file, shown},
};
use crate::{
    core::{TemplateName, nearest},
    engine::{Engine, real, roles},
    workflow::{Checked, EXAMPLES, Known, Source, Tasks, check, example},
};

/// How somebody named a workflow; exactly one of these.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub file: Option<AbsolutePath>,
    pub workflow: Option<InlineWorkflow>,
    /// The name of one that is known here.
    pub template: Option<String>,
}

impl Wanted {
    /// On the command line one word may be a file or a name: a file that is there wins.
    pub fn or_by_name(self) -> Self {
        let Some(file) = self.file.as_ref().filter(|_| self.template.is_none()) else { return self };
        let here = std::env::current_dir().ok();
        let is_word = file.0.parent().map(Utf8Path::as_std_path) == here.as_deref();
        let is_there = file.0.exists() && !file.0.is_dir();
        match file.0.file_name().filter(|_| is_word && !is_there) {
            Some(name) => Self { template: Some(name.to_owned()), file: None, ..self },
            None => self,
        }
    }
}

/// Where nested files of a workflow are looked for.
#[derive(Clone, Debug)]
enum Beside {
    Folder(Utf8PathBuf),
    Examples,
    Nothing,
}

/// A workflow that was found, not checked yet.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// As messages name it; a run without a name of its own is named after it.
    pub shown: String,
    /// YAML text, or an object of the same shape.
    pub source: Value,
    pub file: Option<Utf8PathBuf>,
    pub template: Option<TemplateName>,
    beside: Beside,
    /// Of a file of tasks: keys that hold whatever it says, and those that hold where it says nothing.
    tasks: Option<[Map<String, Value>; 2]>,
}

/// Finds a workflow.
///
/// # Errors
/// There is none of this name, the file cannot be read, or not exactly one was named.
pub(super) fn find(call: &Call<'_>, wanted: Wanted) -> Result<Found, OpError> {
    match (wanted.file, wanted.workflow, wanted.template) {
        (Some(file), None, None) => of_file(&file.0),
        (None, Some(inline), None) => Ok(Found::inline(inline.0)),
        (None, None, Some(name)) => by_name(call, &name),
        (None, None, None) => {
            Err(OpError::invalid("no workflow").hint("name its file or template, or give it as `workflow`"))
        }
        (_, _, _) => Err(OpError::invalid("`file`, `workflow` and `template` exclude each other")),
    }
}

/// Takes the workflow of a file.
///
/// # Errors
/// It cannot be read.
pub(super) fn of_file(path: &Utf8Path) -> Result<Found, OpError> {
    read_as(path, shown(path))
}

fn read_as(path: &Utf8Path, shown: String) -> Result<Found, OpError> {
    let beside = path.parent().map_or(Beside::Nothing, |folder| Beside::Folder(folder.to_owned()));
    let source = Value::from(read_file(path)?);
    Ok(Found { shown, source, file: Some(path.to_owned()), template: None, beside, tasks: None })
}

/// Finds a workflow by its name: a template, else one of the user's workflows, else an example.
///
/// # Errors
/// There is none, or its file cannot be read.
pub(super) fn by_name(call: &Call<'_>, name: &str) -> Result<Found, OpError> {
    let home = call.engine.home();
    if let Ok(template) = name.parse::<TemplateName>() {
        let path = home.template(&template);
        if path.exists() {
            return Ok(Found { template: Some(template), ..read_as(&path, name.to_owned())? });
        }
        let path = home.workflows().join(format!("{name}.yaml"));
        if path.exists() {
            return read_as(&path, name.to_owned());
        }
    }
    match example(name) {
        Some(shipped) => Ok(Found {
            shown: name.to_owned(),
            source: Value::from(shipped.text),
            file: None,
            template: None,
            beside: Beside::Examples,
            tasks: None,
        }),
        None => Err(unknown(call, name)),
    }
}

fn unknown(call: &Call<'_>, name: &str) -> OpError {
    let home = call.engine.home();
    let templates = call.engine.template_names().unwrap_or_default();
    let own = crate::os::files::names_in(&home.workflows()).unwrap_or_default();
    let own = own.iter().filter_map(|file| file.strip_suffix(".yaml"));
    let shipped = EXAMPLES.iter().map(|example| example.name);
    let known = templates.iter().map(TemplateName::as_str).chain(own).chain(shipped);
    let word = name.trim_end_matches(".yaml");
    let meant = if word.len() <= 80 { nearest(word, known) } else { None };
    let mut error = OpError::new(Code::NotFound, format!("no workflow `{}`", crate::ui::clip(name, 80)));
    if let Some(meant) = meant {
        error = error.hint(format!("did you mean `{meant}`?"));
    }
    error.hint(format!(
        "a file wins, then a template in `{}`, then a file in `{}`, then an example: `mgr template list` and `mgr workflow list --examples` show the names",
        home.templates(),
        home.workflows()
    ))
}

/// Whoever may ask for a template by its name may read what stands beside it.
///
/// # Errors
/// The file lies outside of where whoever asks may go.
pub(super) fn admit_reading(engine: &Engine, path: &Utf8Path) -> Result<(), OpError> {
    let own = [engine.home().templates(), engine.home().workflows()];
    let is_own = || own.iter().any(|dir| real(path).starts_with(real(dir)));
    engine.admit(path).or_else(|error| if is_own() { Ok(()) } else { Err(error.into()) })
}

impl Found {
    /// A workflow without a file.
    pub fn inline(source: Value) -> Self {
        Self { shown: "workflow".to_owned(), source, file: None, template: None, beside: Beside::Nothing, tasks: None }
    }

    /// Makes it a file of tasks, for which these keys of a workflow hold: whatever it says, and where it says nothing.
    /// That the file means something else as a workflow is no change of it.
    pub fn of_tasks(self, set: Map<String, Value>, usual: Map<String, Value>) -> Self {
        Self { tasks: Some([set, usual]), file: None, ..self }
    }

    /// Checks it with the values of its parameters; without any, those without a default stay open.
    pub fn check(&self, call: &Call<'_>, params: Option<&Map<String, Value>>) -> Checked {
        let backends: Vec<String> = call.engine.backend_names().iter().map(ToString::to_string).collect();
        let roles: Vec<String> = roles().into_iter().map(|role| role.name).collect();
        let task = task_vocabulary();
        let admit = |path: &Utf8Path| admit_reading(call.engine, path).map_err(|error| with_hints(&error));
        let load = |path: &str| self.nested(path, &admit);
        let known = Known { backends: &backends, roles: &roles, task, load: &load };
        let source = match (self.source.as_str(), &self.tasks) {
            (Some(text), Some([set, usual])) => Source::Tasks(Tasks { text, set, usual }),
            (Some(text), None) => Source::Text(text),
            (None, _) => Source::Json(&self.source),
        };
        check(source, params, &known)
    }

    fn nested(&self, path: &str, admit: &dyn Fn(&Utf8Path) -> Result<(), String>) -> Result<String, String> {
        let path = match &self.beside {
            Beside::Folder(folder) => folder.join(path),
            Beside::Examples => {
                let found = path.trim_start_matches("./").strip_suffix(".yaml").and_then(example);
                return found
                    .map(|shipped| shipped.text.to_owned())
                    .ok_or_else(|| format!("no example `{path}` is shipped"));
            }
            Beside::Nothing if Utf8Path::new(path).is_absolute() => Utf8PathBuf::from(path),
            Beside::Nothing => {
                return Err(format!("`{path}` is relative to a file, and this workflow has none: write it out here"));
            }
        };
        admit(&path)?;
        read_file(&path).map_err(|error| error.message)
    }
}

/// A fault has one line for what happened and what to do.
fn with_hints(error: &OpError) -> String {
    std::iter::once(&error.message).chain(&error.hints).cloned().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_have_each_other_beside_them_and_an_inline_text_has_nothing() {
        let anywhere = |_: &Utf8Path| Ok(());
        let shipped = Found { beside: Beside::Examples, ..Found::inline(Value::Null) };
        let text = example("security-audit").map(|shipped| shipped.text.to_owned());
        assert_eq!(
            (
                shipped.nested("security-audit.yaml", &anywhere).ok(),
                shipped.nested("./security-audit.yaml", &anywhere).ok()
            ),
            (text.clone(), text)
        );
        assert_eq!(shipped.nested("/etc/passwd", &anywhere), Err("no example `/etc/passwd` is shipped".to_owned()));
        assert!(
            Found::inline(Value::Null)
                .nested("security-audit.yaml", &anywhere)
                .unwrap_err()
                .contains("is relative to a file")
        );
    }
}
