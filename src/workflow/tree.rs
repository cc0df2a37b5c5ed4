//! A YAML text as a tree in which every value knows its line and column. The only place that names the
//! event parser.
//!
//! Must not know what a workflow is. Scalars keep their text: whether `no` is a word or a truth is decided by
//! whoever knows what is expected there. Work is bounded by the size of the text: anchors, aliases and tags are
//! refused where they stand, so nothing is ever expanded, and what is too deep or too much ends the reading.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::Value;

use super::fault::{Fault, FaultCode, MOST_FAULTS, Path};

/// What a text may be at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: usize,
    pub depth: usize,
    pub nodes: usize,
}

/// The limits of workflow files.
pub const LIMITS: Limits = Limits { bytes: 1_000_000, depth: 64, nodes: 100_000 };

/// A place in the text, both numbers from 1; 0 when there is no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub at: Position,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub at: Position,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    pub text: String,
    /// Written without quotes, so that it may be a number, a truth or nothing.
    pub is_plain: bool,
    layout: Layout,
}

/// How the characters of a scalar lie in the file, to point into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// On one line as they are.
    Line(Position),
    /// As they are, each line after the same indentation.
    Block { first_line: u32, indent: u32 },
    /// Escaped or folded: only the beginning is known.
    Opaque,
}

impl Node {
    /// Returns the place of the `offset`th byte of a scalar's text; the place of the value where that is not known.
    pub fn place_of(&self, offset: usize) -> Position {
        let Content::Scalar(scalar) = &self.content else { return self.at };
        let Some(before) = scalar.text.get(..offset) else { return self.at };
        let chars = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        match scalar.layout {
            Layout::Line(start) => Position { column: start.column.saturating_add(chars(before)), ..start },
            Layout::Block { first_line, indent } => {
                let lines = u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX);
                let in_line = before.rsplit('\n').next().unwrap_or_default();
                Position { line: first_line.saturating_add(lines), column: indent.saturating_add(chars(in_line)) + 1 }
            }
            Layout::Opaque => self.at,
        }
    }

    /// Returns a value of JSON as a tree without places.
    pub fn from_json(value: &Value) -> Self {
        let scalar = |text: String, is_plain| Content::Scalar(Scalar { text, is_plain, layout: Layout::Opaque });
        let content = match value {
            Value::Null => scalar(String::new(), true),
            Value::Bool(truth) => scalar(truth.to_string(), true),
            Value::Number(number) => scalar(number.to_string(), true),
            Value::String(text) => scalar(text.clone(), false),
            Value::Array(items) => Content::List(items.iter().map(Self::from_json).collect()),
            Value::Object(map) => {
                let pair = |(name, value): (&String, &Value)| {
                    (Key { at: Position::default(), name: name.clone() }, Self::from_json(value))
                };
                Content::Map(map.iter().map(pair).collect())
            }
        };
        Self { at: Position::default(), content }
    }

    /// Returns the value as JSON, scalars by the core schema of YAML 1.2.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar.to_json(),
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Map(pairs) => {
                Value::Object(pairs.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect())
            }
        }
    }

    /// Returns the value under a key.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.pairs().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// Returns the keys with their values; nothing when this is no mapping.
    pub fn pairs(&self) -> &[(Key, Self)] {
        match &self.content {
            Content::Map(pairs) => pairs,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// Returns the items; nothing when this is no list.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            Content::Scalar(_) | Content::Map(_) => &[],
        }
    }

    /// Returns what this is, as a person calls it.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(scalar) => match scalar.to_json() {
                Value::Null => "nothing",
                Value::Bool(_) => "true or false",
                Value::Number(_) => "a number",
                Value::String(_) | Value::Array(_) | Value::Object(_) => "text",
            },
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

impl Scalar {
    /// Returns the value by the core schema: <https://yaml.org/spec/1.2.2/#103-core-schema>.
    pub fn to_json(&self) -> Value {
        if !self.is_plain {
            return Value::from(self.text.as_str());
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" => Value::from(true),
            "false" | "False" | "FALSE" => Value::from(false),
            text => number(text).unwrap_or_else(|| Value::from(text)),
        }
    }
}

impl Scalar {
    /// Returns the value, a number only if it is written as it would be printed: `3.10` is a version, and as a number
    /// would be another one.
    pub fn as_written(&self) -> Value {
        match self.to_json() {
            Value::Number(number) if number.to_string() != self.text => Value::from(self.text.as_str()),
            value => value,
        }
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let whole = text.strip_prefix('+').unwrap_or(text);
    let integer = whole.parse::<i64>().map(Value::from).or_else(|_| whole.parse::<u64>().map(Value::from));
    integer.ok().or_else(|| whole.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from))
}

/// Reads one document. Faults that leave a tree behind (a key twice) come with it.
pub fn read(text: &str, limits: Limits) -> (Option<Node>, Vec<Fault>) {
    if text.len() > limits.bytes {
        let message = format!("the text has {} bytes, more than {}", text.len(), limits.bytes);
        return (None, vec![Fault::new(Position::default(), &Path::default(), FaultCode::TooLarge, message)]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        lines: text.lines().collect(),
        cursor: Cursor::default(),
        limits,
        nodes: 0,
        is_foreign: false,
        faults: Vec::new(),
    };
    match reader.document() {
        Ok(node) => (Some(node).filter(|_| !reader.is_foreign), reader.faults),
        Err(fault) => {
            reader.faults.push(*fault);
            (None, reader.faults)
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    lines: Vec<&'a str>,
    cursor: Cursor,
    limits: Limits,
    nodes: usize,
    /// Something in it makes it mean something else than it says.
    is_foreign: bool,
    faults: Vec<Fault>,
}

/// Where on its line the last value was found: counting from the beginning of the line for each value would
/// make one long line cost its square.
#[derive(Clone, Copy, Default)]
struct Cursor {
    line: u32,
    chars: u32,
    bytes: usize,
}

/// A fault that ends the reading.
type End = Box<Fault>;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), End> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax(&error)),
            None => Err(Box::new(Fault::new(
                Position::default(),
                &Path::default(),
                FaultCode::Syntax,
                "the text ends too early",
            ))),
        }
    }

    fn document(&mut self) -> Result<Node, End> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => return root.ok_or_else(empty),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(refused(span, "a second document", "keep one workflow in a file"));
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, &Path::default(), 0)?);
                }
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {
                    return Err(Box::new(Fault::new(
                        position(span),
                        &Path::default(),
                        FaultCode::Syntax,
                        "a value outside the document",
                    )));
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &Path, depth: usize) -> Result<Node, End> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes || depth > self.limits.depth {
            let message = if depth > self.limits.depth {
                format!("nested deeper than {} levels", self.limits.depth)
            } else {
                format!("more than {} values", self.limits.nodes)
            };
            return Err(Box::new(Fault::new(position(span), path, FaultCode::TooLarge, message)));
        }
        self.plain_yaml(&event, span);
        let at = position(span);
        let content = match event {
            // Told above; the tree is not handed out.
            Event::Alias(_) => Content::List(Vec::new()),
            Event::Scalar(text, style, ..) => Content::Scalar(self.scalar(text.into_owned(), style, at)),
            Event::SequenceStart(..) => Content::List(self.items(path, depth)?),
            Event::MappingStart(..) => Content::Map(self.pairs(path, depth)?),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(Box::new(Fault::new(at, path, FaultCode::Syntax, "a value is missing here")));
            }
        };
        Ok(Node { at, content })
    }

    fn items(&mut self, path: &Path, depth: usize) -> Result<Vec<Node>, End> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(items);
            }
            items.push(self.node(event, span, &path.item(items.len()), depth + 1)?);
        }
    }

    fn pairs(&mut self, path: &Path, depth: usize) -> Result<Vec<(Key, Node)>, End> {
        let mut pairs: Vec<(Key, Node)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(pairs);
            }
            self.plain_yaml(&event, span);
            let at = position(span);
            let Event::Scalar(name, ..) = event else {
                return Err(Box::new(self.no_key(at, path)));
            };
            let name = name.into_owned();
            let path = path.key(&name);
            let (event, span) = self.next()?;
            let value = self.node(event, span, &path, depth + 1)?;
            if names.insert(name.clone()) {
                pairs.push((Key { at, name }, value));
            } else {
                let message = format!("`{name}` stands here twice");
                self.faults.push(Fault::new(at, &path, FaultCode::DuplicateKey, message));
            }
        }
    }

    /// Refuses what makes a text mean something else than it says. All of it is told, and no tree is made of it.
    fn plain_yaml(&mut self, event: &Event<'_>, span: Span) {
        const OUT: &str = "write the value out, or put what steps share under `defaults`";
        let (anchor, tag) = match event {
            Event::Alias(_) => return self.refuse(span, "an alias", OUT),
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return,
        };
        if anchor != 0 {
            self.refuse(span, "an anchor", OUT);
        }
        if tag.is_some() {
            self.refuse(span, "a tag", "leave it out: the key decides what the value is");
        }
    }

    fn refuse(&mut self, span: Span, what: &str, suggestion: &str) {
        self.is_foreign = true;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(*refused(span, what, suggestion));
        }
    }

    /// A text that begins with an insertion is a mapping to YAML, with a mapping as its key.
    fn no_key(&mut self, at: Position, path: &Path) -> Fault {
        let fault = Fault::new(at, path, FaultCode::Syntax, "a key must be a word");
        let begins = at.column.checked_sub(2).and_then(|before| self.rest_of_line(at.line, before));
        let Some(text) = begins.filter(|text| text.starts_with("{{")) else { return fault };
        let whole = text.find("}}").and_then(|end| text.get(..end + 2)).filter(|it| it.len() < 60 && !it.contains('"'));
        fault.suggest(format!("put a text with `{{{{ }}}}` in quotes: `\"{}\"`", whole.unwrap_or("{{ … }}")))
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, at: Position) -> Scalar {
        let layout = match style {
            ScalarStyle::Plain => self.on_one_line(&text, at, 0),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => self.on_one_line(&text, at, 1),
            ScalarStyle::Literal => self.in_block(&text, at),
            ScalarStyle::Folded => Layout::Opaque,
        };
        Scalar { text, is_plain: style == ScalarStyle::Plain, layout }
    }

    fn line(&self, number: u32) -> Option<&'a str> {
        self.lines.get((number as usize).checked_sub(1)?).copied()
    }

    /// The text is looked for where it should stand: escapes and folds make it stand otherwise.
    fn on_one_line(&mut self, text: &str, at: Position, quote: u32) -> Layout {
        let column = at.column + quote;
        match self.rest_of_line(at.line, column - 1) {
            Some(rest) if rest.starts_with(text) => Layout::Line(Position { line: at.line, column }),
            Some(_) | None => Layout::Opaque,
        }
    }

    /// Returns a line without its first `chars` characters.
    fn rest_of_line(&mut self, number: u32, chars: u32) -> Option<&'a str> {
        let line = self.line(number)?;
        if self.cursor.line != number || self.cursor.chars > chars {
            self.cursor = Cursor { line: number, ..Cursor::default() };
        }
        let further = (chars - self.cursor.chars) as usize;
        let rest = line.get(self.cursor.bytes..)?;
        let bytes = rest.char_indices().map(|(at, _)| at).chain([rest.len()]).nth(further)?;
        self.cursor = Cursor { line: number, chars, bytes: self.cursor.bytes + bytes };
        rest.get(bytes..)
    }

    fn in_block(&self, text: &str, at: Position) -> Layout {
        let first = text.lines().next().unwrap_or_default();
        let place = |line: u32| {
            let indent = self.line(line)?.strip_suffix(first)?;
            let indent = indent.chars().all(|c| c == ' ').then_some(indent.len())?;
            Some(Layout::Block { first_line: line, indent: u32::try_from(indent).ok()? })
        };
        // The parser points at the sign of the block or at its first line.
        if first.is_empty() { None } else { place(at.line).or_else(|| place(at.line + 1)) }.unwrap_or(Layout::Opaque)
    }
}

fn position(span: Span) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(span.start.line()), column: number(span.start.col()).saturating_add(1) }
}

fn refused(span: Span, what: &str, suggestion: &str) -> End {
    let message = format!("{what} is not part of the workflow language");
    Box::new(Fault::new(position(span), &Path::default(), FaultCode::NotAllowed, message).suggest(suggestion))
}

fn empty() -> End {
    let message = "the text is empty";
    Box::new(
        Fault::new(Position::default(), &Path::default(), FaultCode::Syntax, message).suggest("begin with `steps:`"),
    )
}

fn syntax(error: &ScanError) -> End {
    let mark = error.marker();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let at = Position { line: number(mark.line()), column: number(mark.col()).saturating_add(1) };
    let message = format!("this is not YAML: {}", error.info());
    Box::new(Fault::new(at, &Path::default(), FaultCode::Syntax, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let (node, faults) = read(text, LIMITS);
        assert_eq!(faults, []);
        node.unwrap()
    }

    fn fault(text: &str) -> (FaultCode, Option<u32>, Option<u32>) {
        let (_, faults) = read(text, LIMITS);
        (faults[0].code, faults[0].line, faults[0].column)
    }

    fn get<'a>(node: &'a Node, key: &str) -> &'a Node {
        let Content::Map(pairs) = &node.content else { panic!("{node:?}") };
        &pairs.iter().find(|(name, _)| name.name == key).unwrap().1
    }

    #[test]
    fn every_value_knows_its_place() {
        let node = tree("a: 1\nb:\n  - x\n  - {c: 'd'}\n");
        let Content::List(items) = &get(&node, "b").content else { panic!() };
        assert_eq!(get(&node, "a").at, Position { line: 1, column: 4 });
        assert_eq!(items[0].at, Position { line: 3, column: 5 });
        assert_eq!(get(&items[1], "c").at, Position { line: 4, column: 9 });
        assert_eq!(node.to_json(), serde_json::json!({"a": 1, "b": ["x", {"c": "d"}]}));
    }

    #[test]
    fn places_inside_a_text_are_found_where_it_lies_as_it_is() {
        let node =
            tree("p: ab{{x}}\nq: 'ab{{x}}'\nb: |\n    one\n    tw{{x}}\nf: >\n  folded\n  text\ne: \"a\\tb{{\"\n");
        let place = |key: &str, offset| {
            let at = get(&node, key).place_of(offset);
            (at.line, at.column)
        };
        assert_eq!(place("p", 2), (1, 6));
        assert_eq!(place("q", 2), (2, 7));
        assert_eq!(place("b", 6), (5, 7));
        assert_eq!(place("f", 3), (7, 3));
        assert_eq!(place("e", 3), (9, 4));
    }

    #[test]
    fn scalars_are_what_the_core_schema_says() {
        let node = tree("[no, yes, 1.0, 0x1, true, ~, '1', -3, 1e3, .5, nan, 18446744073709551615, +7, 1_000]");
        let expected = serde_json::json!([
            "no",
            "yes",
            1.0,
            "0x1",
            true,
            null,
            "1",
            -3,
            1000.0,
            0.5,
            "nan",
            18_446_744_073_709_551_615_u64,
            7,
            "1_000"
        ]);
        assert_eq!(node.to_json(), expected);
    }

    #[test]
    fn what_is_not_plain_yaml_is_refused_where_it_stands() {
        assert_eq!(fault("a: &x 1\nb: *x\n"), (FaultCode::NotAllowed, Some(1), Some(4)));
        assert_eq!(fault("a: !!str 1\n"), (FaultCode::NotAllowed, Some(1), Some(4)));
        assert_eq!(fault("a: 1\n---\nb: 2\n"), (FaultCode::NotAllowed, Some(2), Some(1)));
        assert_eq!(fault("a: 1\nb: 2\na: 3\n"), (FaultCode::DuplicateKey, Some(3), Some(1)));
        assert_eq!(fault("? [a]\n: 1\n").0, FaultCode::Syntax);
        assert_eq!(fault("a: [1\n").0, FaultCode::Syntax);
        assert_eq!(fault("").0, FaultCode::Syntax);
        assert_eq!(fault(&"x".repeat(LIMITS.bytes + 1)), (FaultCode::TooLarge, None, None));
    }

    #[test]
    fn everything_that_is_not_plain_is_told_at_once() {
        let (tree, faults) = read("a: &x 1\nb: *x\nc: !!str 2\n", LIMITS);
        let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.code)).collect();
        assert_eq!((tree, told), (None, [1, 2, 3].map(|line| (Some(line), FaultCode::NotAllowed)).to_vec()));
    }

    #[test]
    fn an_insertion_without_quotes_is_told_as_what_it_is() {
        let told = |text: &str| {
            let fault = read(text, LIMITS).1.remove(0);
            (fault.line, fault.column, fault.suggestion)
        };
        let quoted = |text: &str| Some(format!("put a text with `{{{{ }}}}` in quotes: `\"{text}\"`"));
        assert_eq!(told("a: 1\nprompt: {{ params.x }} y\n"), (Some(2), Some(10), quoted("{{ params.x }}")));
        assert_eq!(told("- {{ x }}\n"), (Some(1), Some(4), quoted("{{ x }}")));
        assert_eq!(told("a: {{\n"), (Some(1), Some(5), quoted("{{ … }}")));
        assert_eq!(told("? [a]\n: 1\n").2, None);
    }

    /// By what was done, not by the clock: the bomb would have 10^9 values.
    #[test]
    fn a_bomb_costs_what_its_text_costs() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n");
        for (below, name) in
            ["a", "b", "c", "d", "e", "f", "g", "h"].iter().zip(["b", "c", "d", "e", "f", "g", "h", "i"])
        {
            bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{below}"); 10].join(",")));
        }
        let mut reader = Reader {
            parser: Parser::new_from_str(&bomb),
            lines: Vec::new(),
            cursor: Cursor::default(),
            limits: LIMITS,
            nodes: 0,
            is_foreign: false,
            faults: Vec::new(),
        };
        assert!(reader.document().is_ok() && reader.is_foreign);
        assert!(reader.nodes <= bomb.len(), "{}", reader.nodes);
        assert_eq!((read(&bomb, LIMITS).0, read(&bomb, LIMITS).1.len()), (None, 89));
    }

    #[test]
    fn deep_and_wide_texts_end_at_the_limit() {
        // The parser has a limit of its own for what is nested on one line.
        let is_refused = |text: &str| matches!(fault(text).0, FaultCode::TooLarge | FaultCode::Syntax);
        assert!(is_refused(&"[".repeat(500_000)) && is_refused(&"- ".repeat(400_000)));
        let deep: String = (0..100).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert_eq!(fault(&deep).0, FaultCode::TooLarge);
        assert_eq!(fault(&format!("[{}]", "1,".repeat(200_000))).0, FaultCode::TooLarge);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", yamlish in "[-:?&*!|>%@`{}\\[\\],#'\"\\\\ \t\n\ra0~<.]{0,120}") {
            read(&text, LIMITS);
            read(&yamlish, LIMITS);
        }
    }
}
