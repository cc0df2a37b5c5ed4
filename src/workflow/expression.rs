//! Expressions and templates: what they refer to, known before anything runs, and their values. The only
//! place that names the template engine.
//!
//! Only `{{ }}` means something in a text, and inside it only a small part of the engine's language: names,
//! comparisons, `and` `or` `not` `in`, a few filters, and `any` `all` `count` over a matrix step. No loops, macros,
//! includes or escaping. An undefined name is an error. A value is inserted once and as it is: the text that is
//! being filled is cut at its insertions before any value is known, so no value is ever read as a template.
//!
//! `steps.review.any(result.blocking)` evaluates its argument once for each member. The engine evaluates arguments
//! beforehand, so the argument is handed over as text ([`runnable`]) and evaluated by the group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior, Value as Datum,
    machinery::{Token, Tokenizer, ast, parse_expr},
    value::{Object, ObjectRepr, Serde},
};
use serde_json::{Map, Value};

use crate::core::marked;

/// The calls that a group of members understands.
pub const GROUP_CALLS: [&str; 3] = ["all", "any", "count"];
/// A chain of operators is as deep a tree as it is long, and trees are walked by recursion.
const LONGEST: usize = 1_000;
const FILTERS: [&str; 5] = ["default", "join", "json", "length", "trim"];

/// An expression that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    given: String,
    runnable: String,
    pub references: Vec<Reference>,
}

/// A name that an expression uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where it begins, in bytes of the text it was read from.
    pub offset: usize,
    /// `steps`, `plan`, `output`: up to the first part that is only known when it runs.
    pub path: Vec<String>,
    /// The path does not say all: a subscript is computed.
    pub is_open: bool,
    /// The step whose members the name belongs to, inside `any(…)`.
    pub member_of: Option<String>,
}

/// Something that cannot be read or evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// In bytes of the text.
    pub offset: usize,
    pub message: String,
    pub suggestion: Option<String>,
}

fn wrong(offset: usize, message: impl Into<String>) -> ExpressionError {
    ExpressionError { offset, message: message.into(), suggestion: None }
}

/// A text with insertions.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Insert { offset: usize, expression: Expression },
}

/// How values are put into a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insertion {
    /// The most bytes of one value; what is longer is cut, with a note of the cut.
    pub limit: usize,
    /// Whether what a step said stands between marks, so that the reader can tell it from the text around it.
    pub is_delimited: bool,
}

impl Insertion {
    /// The size that goes into a prompt unless a setting says otherwise.
    pub const LIMIT: usize = 64 * 1024;

    /// How values go into prompts.
    pub const fn for_prompts() -> Self {
        Self { limit: Self::LIMIT, is_delimited: true }
    }

    /// How values go everywhere else.
    pub const fn plain() -> Self {
        Self { limit: Self::LIMIT, is_delimited: false }
    }
}

/// What names stand for while something is evaluated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    pub params: Map<String, Value>,
    pub steps: BTreeMap<String, Facts>,
    pub matrix: Map<String, Value>,
    pub env: BTreeMap<String, String>,
    /// What the project remembers, where the run was given it.
    pub loaf: Option<Map<String, Value>>,
    /// The parameters whose value was said by a step: of the run that this one is nested in.
    pub said: BTreeSet<String>,
}

/// What is known of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Facts {
    One(StepFacts),
    /// A matrix step: each member with its label, `security` or `security,linux`.
    Group(Vec<(String, StepFacts)>),
}

/// What is known of one run of a step. What is absent is undefined in expressions.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct StepFacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub matrix: Map<String, Value>,
}

impl StepFacts {
    /// The names that [`StepFacts`] gives.
    pub const NAMES: [&str; 7] = ["backend", "diff", "files", "output", "result", "status", "verification"];
    /// Those of them that a group has as a whole.
    pub const GROUP_NAMES: [&str; 5] = ["diff", "files", "output", "status", "verification"];
}

impl Expression {
    /// # Errors
    /// It is not an expression, or uses what is not part of the language.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > LONGEST {
            return Err(wrong(0, format!("an expression of {} bytes, more than {LONGEST}", text.len())));
        }
        let tree = parse_expr(text).map_err(|error| wrong(0, said(&error)))?;
        let mut references = Vec::new();
        walk(&tree, None, &mut references)?;
        Ok(Self { given: text.trim().to_owned(), runnable: runnable(text)?, references })
    }

    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// Returns whether it holds.
    ///
    /// # Errors
    /// A name is undefined, or the value is neither true nor false.
    pub fn holds(&self, scope: &Scope) -> Result<bool, ExpressionError> {
        match self.value(scope)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(wrong(0, format!("`{}` is {}, neither true nor false", self.given, shortened(&other)))),
        }
    }

    /// # Errors
    /// A name is undefined, or an operation does not suit its values.
    pub fn value(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        let environment = environment();
        let failed = |error: &Error| wrong(0, format!("`{}`: {}", self.given, said(error)));
        let compiled = environment.compile_expression(&self.runnable).map_err(|error| failed(&error))?;
        let datum = compiled.eval(scope.to_datum()).map_err(|error| failed(&error))?;
        if datum.is_undefined() {
            return Err(wrong(0, format!("`{}` is undefined", self.given)));
        }
        serde_json::to_value(&datum).map_err(|error| wrong(0, format!("`{}`: {error}", self.given)))
    }

    /// Whether a part of it was said by a step. What a loaf holds may have been written by agents.
    pub(super) fn is_said(&self, scope: &Scope) -> bool {
        let is_said = |reference: &Reference| match reference.path.as_slice() {
            [root, ..] if root == "steps" || root == "loaf" => true,
            [root, name, ..] if root == "params" => scope.said.contains(name),
            [root] if root == "params" => !scope.said.is_empty(),
            [] | [..] => false,
        };
        self.references.iter().any(is_said)
    }
}

impl Template {
    /// # Errors
    /// An insertion is not closed or cannot be read.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if let Some(offset) = statement(text) {
            let message = "`{% %}` is not part of the workflow language: only `{{ }}` is";
            let suggestion = "use `when`, `matrix` or `repeat` of a step";
            return Err(ExpressionError { suggestion: Some(suggestion.into()), ..wrong(offset, message) });
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{").map(|found| at + found) {
            if open > at {
                parts.push(Part::Text(text[at..open].to_owned()));
            }
            let inner = open + 2;
            let (length, close) = insertion_end(&text[inner..]).map_err(|message| wrong(open, message))?;
            let expression = Expression::parse(&text[inner..inner + length])
                .map_err(|error| ExpressionError { offset: inner + error.offset, ..error })?;
            parts.push(Part::Insert { offset: inner, expression });
            at = inner + close;
        }
        if at < text.len() {
            parts.push(Part::Text(text[at..].to_owned()));
        }
        Ok(Self { parts })
    }

    /// Returns what the insertions refer to, with offsets into the text.
    pub fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        self.parts.iter().flat_map(|part| match part {
            Part::Text(_) => Vec::new(),
            Part::Insert { offset, expression } => {
                let moved =
                    |reference: &Reference| Reference { offset: offset + reference.offset, ..reference.clone() };
                expression.references.iter().map(moved).collect()
            }
        })
    }

    /// Returns the insertions with their offsets in the text.
    pub(super) fn insertions(&self) -> impl Iterator<Item = (usize, &Expression)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Insert { offset, expression } => Some((*offset, expression)),
        })
    }

    /// Whether there is nothing to insert.
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Returns the expression if the text is one insertion and nothing else: then its value may be of any type.
    pub fn sole(&self) -> Option<&Expression> {
        match self.parts.as_slice() {
            [Part::Insert { expression, .. }] => Some(expression),
            _ => None,
        }
    }

    /// Whether a part of what is inserted was said by a step.
    pub fn is_said(&self, scope: &Scope) -> bool {
        let is_said = |part: &Part| matches!(part, Part::Insert { expression, .. } if expression.is_said(scope));
        self.parts.iter().any(is_said)
    }

    /// Returns the value of what is one insertion and nothing else, in its own type; else the text.
    ///
    /// # Errors
    /// A name is undefined, or has no value in the midst of a text.
    pub fn value(&self, scope: &Scope, insertion: Insertion) -> Result<Value, ExpressionError> {
        match self.sole().map(|expression| expression.value(scope)).transpose()? {
            Some(value) if !value.is_string() => Ok(value),
            // A text has a limit.
            Some(_) | None => self.render(scope, insertion).map(Value::from),
        }
    }

    /// Returns the text with the values in place.
    ///
    /// # Errors
    /// A name is undefined or has no value.
    pub fn render(&self, scope: &Scope, insertion: Insertion) -> Result<String, ExpressionError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Insert { offset, expression } => {
                    let value =
                        expression.value(scope).map_err(|error| ExpressionError { offset: *offset, ..error })?;
                    let is_said = insertion.is_delimited && expression.is_said(scope);
                    let one = inserted(expression, value, insertion.limit, is_said);
                    text.push_str(&one.map_err(|message| wrong(*offset, message))?);
                }
            }
        }
        Ok(text)
    }
}

/// Returns a value as text: a text as it is, the rest as JSON.
fn inserted(expression: &Expression, value: Value, limit: usize, is_delimited: bool) -> Result<String, String> {
    let text = match value {
        Value::Null => return Err(format!("`{}` has no value; `| default(…)` gives it one", expression.given)),
        Value::String(text) => text,
        other => other.to_string(),
    };
    let text = capped(text, limit);
    if !is_delimited {
        return Ok(text);
    }
    Ok(marked(&expression.given, &text))
}

fn capped(mut text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let all = text.len();
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text.push_str(&format!("\n[cut here by mgr: {} of {all} bytes are left out]", all - end));
    text
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(40).collect()
}

/// Returns where a statement of the engine's full language begins, which somebody may expect to work.
fn statement(text: &str) -> Option<usize> {
    const WORDS: [&str; 8] = ["if", "for", "set", "raw", "endif", "endfor", "macro", "include"];
    let begins = |(at, _): &(usize, &str)| {
        let rest = text[at + 2..].trim_start_matches(['-', '+']).trim_start();
        let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
        WORDS.contains(&word.as_str())
    };
    text.match_indices("{%").find(begins).map(|(at, _)| at)
}

/// Returns the length of the expression that begins the text and where its `}}` ends.
fn insertion_end(text: &str) -> Result<(usize, usize), String> {
    let mut tokens = Tokenizer::new(text, "", true, Default::default());
    loop {
        match tokens.next_token() {
            Ok(Some((Token::VariableEnd, span))) => {
                let (length, close) = (span.start_offset as usize, span.end_offset as usize);
                if text[length..close] != *"}}" || text.starts_with('-') {
                    return Err("`{{-` and `-}}` are not part of the workflow language".to_owned());
                }
                return Ok((length, close));
            }
            Ok(Some(_)) => {}
            Ok(None) => return Err("`{{` without `}}`".to_owned()),
            Err(error) => return Err(said(&error)),
        }
    }
}

/// Returns the expression with the arguments of `any`, `all` and `count` as texts.
fn runnable(text: &str) -> Result<String, ExpressionError> {
    let mut tokens = Tokenizer::new(text, "", true, Default::default());
    let mut result = String::new();
    let (mut copied, mut call, mut depth, mut after_dot, mut named) = (0, None, 0_usize, false, false);
    while let Some((token, span)) = tokens.next_token().map_err(|error| wrong(0, said(&error)))? {
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        match (&token, call) {
            (Token::ParenOpen, None) if named => {
                result.push_str(&text[copied..end]);
                (call, copied, depth) = (Some(end), end, 0);
            }
            (Token::ParenOpen, Some(_)) => depth += 1,
            (Token::ParenClose, Some(from)) if depth == 0 => {
                let argument = text[from..start].replace('\\', "\\\\").replace('"', "\\\"");
                result.push_str(&format!("\"{argument}\""));
                (call, copied) = (None, start);
            }
            (Token::ParenClose, Some(_)) => depth = depth.saturating_sub(1),
            _ => {}
        }
        named = after_dot && matches!(&token, Token::Ident(name) if GROUP_CALLS.contains(name));
        after_dot = matches!(token, Token::Dot);
    }
    result.push_str(&text[copied..]);
    Ok(result.trim().to_owned())
}

fn said(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

/// Collects the names and refuses what is not part of the language.
fn walk(expr: &ast::Expr<'_>, group: Option<&str>, out: &mut Vec<Reference>) -> Result<(), ExpressionError> {
    use ast::{BinOpKind, Expr};
    let offset = expr.span().start_offset as usize;
    match expr {
        Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => name(expr, group, out),
        Expr::Const(_) => Ok(()),
        Expr::UnaryOp(operation) => walk(&operation.expr, group, out),
        Expr::BinOp(operation) => match operation.op {
            BinOpKind::Mul | BinOpKind::Div | BinOpKind::FloorDiv | BinOpKind::Rem | BinOpKind::Pow => {
                Err(wrong(offset, "`*`, `/`, `//`, `%` and `**` are not part of the workflow language"))
            }
            BinOpKind::Eq
            | BinOpKind::Ne
            | BinOpKind::Lt
            | BinOpKind::Lte
            | BinOpKind::Gt
            | BinOpKind::Gte
            | BinOpKind::ScAnd
            | BinOpKind::ScOr
            | BinOpKind::Add
            | BinOpKind::Sub
            | BinOpKind::Concat
            | BinOpKind::In => {
                walk(&operation.left, group, out)?;
                walk(&operation.right, group, out)
            }
        },
        Expr::Compare(comparison) => {
            walk(&comparison.expr, group, out)?;
            comparison.ops.iter().try_for_each(|operation| walk(&operation.expr, group, out))
        }
        Expr::List(list) => list.items.iter().try_for_each(|item| walk(item, group, out)),
        Expr::Filter(filter) => {
            if !FILTERS.contains(&filter.name) {
                let suggestion = crate::core::nearest(filter.name, FILTERS).map_or_else(
                    || format!("filters: {}", FILTERS.join(", ")),
                    |meant| format!("did you mean `{meant}`?"),
                );
                let message = format!("no filter `{}`", filter.name);
                return Err(ExpressionError { suggestion: Some(suggestion), ..wrong(offset, message) });
            }
            filter.expr.as_ref().map_or(Ok(()), |inner| walk(inner, group, out))?;
            arguments(&filter.args, offset)?.iter().try_for_each(|argument| walk(argument, group, out))
        }
        Expr::Call(call) => group_call(call, offset, group, out),
        Expr::Slice(_) | Expr::IfExpr(_) | Expr::Test(_) | Expr::Tuple(_) | Expr::Map(_) => {
            Err(wrong(offset, format!("a {} is not part of the workflow language", expr.description())))
        }
    }
}

fn arguments<'a, 'b>(given: &'b [ast::CallArg<'a>], offset: usize) -> Result<Vec<&'b ast::Expr<'a>>, ExpressionError> {
    let plain = |argument: &'b ast::CallArg<'a>| match argument {
        ast::CallArg::Pos(expr) => Ok(expr),
        ast::CallArg::Kwarg(..) | ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
            Err(wrong(offset, "arguments with names or stars are not part of the workflow language"))
        }
    };
    given.iter().map(plain).collect()
}

/// `steps.review.any(…)`: the argument speaks of one member.
fn group_call(
    call: &ast::Call<'_>,
    offset: usize,
    group: Option<&str>,
    out: &mut Vec<Reference>,
) -> Result<(), ExpressionError> {
    let unknown = |message: &str| {
        let suggestion = "the calls are `steps.ID.any(…)`, `.all(…)` and `.count(…)` of a matrix step";
        Err(ExpressionError { suggestion: Some(suggestion.into()), ..wrong(offset, message) })
    };
    let ast::Expr::GetAttr(method) = &call.expr else { return unknown("this cannot be called") };
    if !GROUP_CALLS.contains(&method.name) || group.is_some() {
        return unknown(&format!("`{}(…)` cannot be called here", method.name));
    }
    name(&call.expr, None, out)?;
    let step = match out.last().map(|reference| reference.path.as_slice()) {
        Some([root, step, _]) if root == "steps" => step.clone(),
        Some(_) | None => return unknown("only a matrix step has members"),
    };
    match arguments(&call.args, offset)?.as_slice() {
        [argument] => walk(argument, Some(&step), out),
        _ => unknown("one argument is needed: what to ask of each member"),
    }
}

/// Adds a name with its attributes.
fn name(expr: &ast::Expr<'_>, group: Option<&str>, out: &mut Vec<Reference>) -> Result<(), ExpressionError> {
    let (mut path, mut is_open, mut at) = (Vec::new(), false, expr);
    loop {
        match at {
            ast::Expr::Var(var) => {
                path.push(var.id.to_owned());
                path.reverse();
                let offset = var.span().start_offset as usize;
                out.push(Reference { offset, path, is_open, member_of: group.map(str::to_owned) });
                return Ok(());
            }
            ast::Expr::GetAttr(attribute) => {
                path.push(attribute.name.to_owned());
                at = &attribute.expr;
            }
            ast::Expr::GetItem(item) => {
                match item.subscript_expr.as_const() {
                    Some(key) => path.push(key.to_string()),
                    // What comes after it is of something not known yet.
                    None => {
                        walk(&item.subscript_expr, group, out)?;
                        path.clear();
                        is_open = true;
                    }
                }
                at = &item.expr;
            }
            other => return walk(other, group, out),
        }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter(
        "default",
        |value: Datum, instead: Datum| {
            if value.is_undefined() || value.is_none() { instead } else { value }
        },
    );
    environment.add_filter("json", |value: Datum| {
        serde_json::to_string(&value).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
    });
    environment.add_filter("length", |value: Datum| {
        let none = || Error::new(ErrorKind::InvalidOperation, format!("{} has no length", value.kind()));
        value.as_str().map(|text| text.chars().count()).or_else(|| value.len()).ok_or_else(none)
    });
    environment.add_filter("join", |values: Vec<Datum>, between: String| {
        values.iter().map(ToString::to_string).collect::<Vec<_>>().join(&between)
    });
    environment.add_filter("trim", |text: String| text.trim().to_owned());
    environment
}

fn datum(value: impl serde::Serialize) -> Datum {
    Datum::from(Serde(value))
}

impl Scope {
    fn to_datum(&self) -> Datum {
        let steps: BTreeMap<&str, Datum> =
            self.steps.iter().map(|(name, facts)| (name.as_str(), facts.to_datum())).collect();
        let mut roots = BTreeMap::from([
            ("params", datum(&self.params)),
            ("steps", Datum::from_pairs(steps)),
            ("matrix", datum(&self.matrix)),
            ("env", datum(&self.env)),
        ]);
        if let Some(loaf) = &self.loaf {
            roots.insert("loaf", datum(loaf));
        }
        Datum::from_pairs(roots)
    }
}

impl Facts {
    fn to_datum(&self) -> Datum {
        match self {
            Self::One(facts) => datum(facts),
            Self::Group(members) => Datum::from_object(Group(members.clone())),
        }
    }
}

/// The members of a matrix step.
#[derive(Debug)]
struct Group(Vec<(String, StepFacts)>);

impl Group {
    /// Each member's text under its label.
    fn together(&self, of: impl Fn(&StepFacts) -> Option<&String>) -> Option<Datum> {
        let texts = self.0.iter().filter_map(|(label, facts)| Some(format!("[{label}]\n{}", of(facts)?)));
        Some(Datum::from(texts.collect::<Vec<_>>().join("\n\n")))
    }

    /// The first of `words` that a member has; the word of the first member otherwise.
    fn worst(&self, words: &[&str], of: impl Fn(&StepFacts) -> Option<&String>) -> Option<Datum> {
        let said: Vec<&String> = self.0.iter().filter_map(|(_, facts)| of(facts)).collect();
        let worst = words.iter().find_map(|word| said.iter().find(|said| said.as_str() == *word));
        worst.or_else(|| said.first()).map(|word| Datum::from(word.as_str()))
    }

    /// Skipped members have nothing to say and are left out.
    fn ask(&self, state: &State<'_, '_>, question: &str) -> Result<Vec<bool>, Error> {
        let expression = state.env().compile_expression_owned(question.to_owned())?;
        let mut answers = Vec::new();
        for (label, facts) in self.0.iter().filter(|(_, facts)| facts.status.as_deref() != Some("skipped")) {
            let mut names: BTreeMap<String, Datum> = ["params", "env", "loaf", "steps"]
                .into_iter()
                .filter_map(|root| Some((root.to_owned(), state.lookup(root)?)))
                .collect();
            names.insert("matrix".to_owned(), datum(&facts.matrix));
            if let Ok(Value::Object(own)) = serde_json::to_value(facts) {
                names.extend(own.into_iter().map(|(name, value)| (name, datum(value))));
            }
            let of_member =
                |message: String| Error::new(ErrorKind::InvalidOperation, format!("member `{label}`: {message}"));
            let answer = expression.eval(Datum::from_pairs(names)).map_err(|error| of_member(said(&error)))?;
            if answer.is_undefined() {
                return Err(of_member(format!("`{question}` is undefined")));
            }
            answers.push(answer.is_true());
        }
        Ok(answers)
    }
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Datum) -> Option<Datum> {
        match key.as_str()? {
            "output" => self.together(|facts| facts.output.as_ref()),
            "diff" => self.together(|facts| facts.diff.as_ref()),
            "status" => {
                let words = ["failed", "timed_out", "lost", "cancelled", "skipped", "running", "queued", "done"];
                self.worst(&words, |facts| facts.status.as_ref())
            }
            "verification" => self.worst(&["failed", "error", "passed", "none"], |facts| facts.verification.as_ref()),
            "files" => {
                let all: std::collections::BTreeSet<&String> =
                    self.0.iter().flat_map(|(_, facts)| facts.files.iter().flatten()).collect();
                Some(datum(all))
            }
            label => {
                let member = self.0.iter().find(|(name, _)| name == label);
                member.map(|(_, facts)| datum(facts))
            }
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Datum]) -> Result<Datum, Error> {
        let [question] = args else { return Err(Error::from(ErrorKind::MissingArgument)) };
        let answers = self.ask(state, question.as_str().unwrap_or_default())?;
        match method {
            "any" => Ok(Datum::from(answers.contains(&true))),
            "all" => Ok(Datum::from(!answers.contains(&false))),
            "count" => Ok(Datum::from(answers.iter().filter(|holds| **holds).count())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn member(lens: &str, blocking: bool, status: &str) -> (String, StepFacts) {
        let result = (status != "skipped").then(|| json!({"blocking": blocking}));
        let matrix = object(json!({"lens": lens}));
        let output = Some(format!("about {lens}"));
        (lens.to_owned(), StepFacts { result, status: Some(status.into()), matrix, output, ..StepFacts::default() })
    }

    fn scope() -> Scope {
        let plan = StepFacts {
            output: Some("the plan".into()),
            result: Some(json!({"files": ["a", "b"], "risk": 3})),
            status: Some("done".into()),
            ..StepFacts::default()
        };
        let review =
            vec![member("security", true, "done"), member("speed", false, "done"), member("x", true, "skipped")];
        Scope {
            params: object(json!({"target": "core", "rounds": 2, "none": null})),
            steps: [("plan".to_owned(), Facts::One(plan)), ("review".to_owned(), Facts::Group(review))].into(),
            matrix: object(json!({"lens": "security"})),
            ..Scope::default()
        }
    }

    fn value(text: &str) -> Result<Value, String> {
        let parsed = Expression::parse(text).map_err(|error| error.message)?;
        parsed.value(&scope()).map_err(|error| error.message)
    }

    fn render(text: &str) -> Result<String, String> {
        let parsed = Template::parse(text).map_err(|error| error.message)?;
        parsed.render(&scope(), Insertion::plain()).map_err(|error| error.message)
    }

    #[test]
    fn expressions_have_values() {
        for (text, expected) in [
            ("params.rounds + 1", json!(3)),
            ("steps.plan.status == 'done' and not params.rounds > 2", json!(true)),
            ("'a' in steps.plan.result.files", json!(true)),
            ("steps.plan.result.risk not in [1, 2]", json!(true)),
            ("steps['plan'].result['risk']", json!(3)),
            ("steps.plan.result.files | length", json!(2)),
            ("steps.plan.result.files | join(', ')", json!("a, b")),
            ("steps.plan.result | json", json!(r#"{"files":["a","b"],"risk":3}"#)),
            ("params.none | default('x')", json!("x")),
            ("steps.plan.result.nothing | default(7)", json!(7)),
            ("steps.review[matrix.lens].output", json!("about security")),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_condition_is_true_or_false_and_nothing_else() {
        let holds = |text: &str| Expression::parse(text).unwrap().holds(&scope()).map_err(|error| error.message);
        assert_eq!(holds("params.rounds >= 2"), Ok(true));
        assert_eq!(holds("not true"), Ok(false));
        assert_eq!(holds("params.rounds"), Err("`params.rounds` is 2, neither true nor false".into()));
    }

    #[test]
    fn a_group_is_asked_member_by_member() {
        for (text, expected) in [
            ("steps.review.any(result.blocking)", json!(true)),
            ("steps.review.all(result.blocking)", json!(false)),
            ("steps.review.count(result.blocking == false)", json!(1)),
            ("steps.review.any(matrix.lens == \"speed\" and (result.blocking or params.rounds == 2))", json!(true)),
            ("steps.review.any(matrix.lens == 'x')", json!(false)),
            ("steps.review['speed'].result.blocking", json!(false)),
            ("steps.review.status", json!("skipped")),
            ("steps.review.output", json!("[security]\nabout security\n\n[speed]\nabout speed\n\n[x]\nabout x")),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
        let missing = value("steps.review.any(result.typo)").unwrap_err();
        assert_eq!(missing, "`steps.review.any(result.typo)`: member `security`: `result.typo` is undefined");
    }

    #[test]
    fn an_undefined_name_is_an_error_and_so_is_nothing() {
        assert_eq!(render("{{ params.typo }}"), Err("`params.typo` is undefined".into()));
        assert!(render("{{ params.typo.more }}").is_err());
        assert!(render("{{ params.typo ~ 'x' }}").is_err());
        assert!(render("{{ nobody }}").is_err());
        assert_eq!(render("{{ params.none }}"), Err("`params.none` has no value; `| default(…)` gives it one".into()));
    }

    #[test]
    fn only_a_small_language_is_read() {
        for text in [
            "{% if x %}a{% endif %}",
            "{{ 'a' * 1000 }}",
            "{{ params.rounds ** 99 }}",
            "{{ params | items }}",
            "{{ x is defined }}",
            "{{ range(9) }}",
            "{{ params.target.upper() }}",
            "{{ 1 if 2 else 3 }}",
            "{{- params.target -}}",
            "{{ params.target",
            "{{ 'open }}",
            "{{ }}",
            "{{ a b }}",
            "{{ steps.review.any() }}",
            "{{ steps.review.any(steps.review.any(1)) }}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    /// Would end the process if it were read: a stack that is too small is no error that can be handled.
    #[test]
    fn a_long_chain_is_refused_unread() {
        for link in ["1+", "a.", "not ", "-", "(", "[", "a|trim|", "a(", "a["] {
            let chain = format!("{{{{ {}1 }}}}", link.repeat(200_000));
            assert!(Template::parse(&chain).is_err(), "{link}");
            let short = format!("{}1", link.repeat(990 / link.len()));
            let _ = Expression::parse(&short).map(|expression| expression.value(&scope()));
        }
    }

    #[test]
    fn everything_but_insertions_stays_as_it_is() {
        let text = "a {# not a comment #} ${#array} {%Y-%m} }} { { \r\n\ttail\n\n";
        assert_eq!(render(text).as_deref(), Ok(text));
        assert_eq!(render("{{ '{{' }} {{ '}}' }} {{ '{' ~ '% if' }}").as_deref(), Ok("{{ }} {% if"));
        assert_eq!(
            render("{{params.target}}{{ params.rounds }}{{ steps.plan.result.files }}").as_deref(),
            Ok("core2[\"a\",\"b\"]")
        );
    }

    #[test]
    fn what_was_said_comes_out_unchanged_and_is_never_expanded() {
        let nasty = "{{ params.target }} {% if 1 %} {{ steps.plan.output }}\n- a: *b\n```sh\n$(rm)\n```\n\u{1b}[31m <b>&amp; 'q' \"q\" \\n \u{0} \u{202e}";
        let mut scope = scope();
        let said = StepFacts { output: Some(nasty.into()), ..StepFacts::default() };
        scope.steps.insert("plan".into(), Facts::One(said));
        let template = Template::parse("<{{ steps.plan.output }}>").unwrap();
        assert_eq!(template.render(&scope, Insertion::plain()).unwrap(), format!("<{nasty}>"));
        let delimited = template.render(&scope, Insertion::for_prompts()).unwrap();
        let mark = &blake3::hash(nasty.as_bytes()).to_hex()[..16];
        let expected = format!("<<data of=\"steps.plan.output\" mark=\"{mark}\">\n{nasty}\n</data {mark}>>");
        assert_eq!(delimited, expected);
        let fixed = Template::parse("{{ params.target }}").unwrap();
        assert_eq!(fixed.render(&scope, Insertion::for_prompts()).unwrap(), "core");
    }

    #[test]
    fn a_long_value_is_cut_between_characters_with_a_note() {
        let mut scope = scope();
        scope.params.insert("target".into(), json!("ä".repeat(10)));
        let template = Template::parse("{{ params.target }}").unwrap();
        let cut = template.render(&scope, Insertion { limit: 5, is_delimited: false }).unwrap();
        assert_eq!(cut, "ää\n[cut here by mgr: 16 of 20 bytes are left out]");
    }

    #[test]
    fn references_say_what_and_where() {
        let template = Template::parse(
            "x {{ steps.plan.result.a[0] }} {{ steps.r.any(result.b == params.c) }} {{ steps[matrix.l].output }}",
        )
        .unwrap();
        let found: Vec<_> =
            template.references().map(|r| (r.offset, r.path.join("."), r.is_open, r.member_of)).collect();
        assert_eq!(
            found,
            [
                (5, "steps.plan.result.a.0".to_owned(), false, None),
                (34, "steps.r.any".to_owned(), false, None),
                (46, "result.b".to_owned(), false, Some("r".to_owned())),
                (58, "params.c".to_owned(), false, Some("r".to_owned())),
                (80, "matrix.l".to_owned(), false, None),
                (74, "steps".to_owned(), true, None),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_value_is_inserted_as_it_is(text in "(\\PC|[{}%#\\n`$\\\\]){0,80}") {
            let mut scope = scope();
            scope.params.insert("target".into(), json!(text.clone()));
            let template = Template::parse("a{{ params.target }}b").unwrap();
            proptest::prop_assert_eq!(template.render(&scope, Insertion::plain()).unwrap(), format!("a{text}b"));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "(\\PC|[{}%#()|.'\"\\[\\]~=<>]|\\{\\{|\\}\\}|any\\(){0,60}") {
            let _ = Template::parse(&text);
            let _ = Expression::parse(&text);
        }
    }
}
