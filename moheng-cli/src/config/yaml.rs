//! YAML as a tree with positions: every scalar keeps its text, every node and key its line and column.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnostics::{Diagnostic, Position};

/// How deep a document may nest, aliases included.
const DEPTH_LIMIT: usize = 200;
/// How many nodes and bytes of text aliases may add to a document.
const ALIAS_COST_LIMIT: usize = 8 << 20;

/// A value with the place it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) value: Value,
    /// Nodes and bytes of text below and including this one.
    cost: usize,
    /// Levels below and including this one.
    height: usize,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text; `plain` when it was written without quotes, so that it may also stand for a number or a boolean.
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_position: Position,
    pub(crate) value: Node,
}

impl Node {
    fn new(position: Position, value: Value) -> Self {
        let (cost, height) = match &value {
            Value::Null => (1, 1),
            Value::Scalar { text, .. } => (1 + text.len(), 1),
            Value::Sequence(items) => measure(items.iter(), 0),
            Value::Mapping(entries) => measure(
                entries.iter().map(|entry| &entry.value),
                entries.iter().map(|entry| entry.key.len()).sum(),
            ),
        };
        Self {
            position,
            value,
            cost,
            height,
        }
    }

    /// What the node is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

fn measure<'a>(children: impl Iterator<Item = &'a Node>, own_bytes: usize) -> (usize, usize) {
    let (cost, height) = children.fold((1 + own_bytes, 0), |(cost, height), child| {
        (cost + child.cost, height.max(child.height))
    });
    (cost, height + 1)
}

/// Reads the first document of `text`; an empty text is [`Value::Null`].
///
/// Anchors, aliases and merge keys (`<<`) are resolved. A key that is given twice is an error.
pub(crate) fn parse(text: &str) -> Result<Node, Diagnostic> {
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| {
            let position = position_of(error.marker().line(), error.marker().col());
            Diagnostic::new(position, format!("not valid YAML: {}", error.info()))
        })?;
        builder.take(event, span)?;
        if let Some(document) = builder.document.take() {
            return Ok(document);
        }
    }
    Ok(Node::new(Position::START, Value::Null))
}

#[derive(Default)]
struct Builder {
    open: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    alias_cost: usize,
    document: Option<Node>,
}

/// A collection whose end was not read yet.
struct Frame {
    position: Position,
    anchor: usize,
    children: Children,
}

enum Children {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        merged: Vec<Entry>,
        key: Option<(String, Position, bool)>,
    },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let position = position_of(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !is_text;
                self.add(scalar(text.into_owned(), plain, position), anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(position, anchor, Children::Sequence(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.open(
                position,
                anchor,
                Children::Mapping {
                    entries: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, position),
            _ => Ok(()),
        }
    }

    fn open(&mut self, position: Position, anchor: usize, children: Children) -> Result<(), Diagnostic> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(Diagnostic::new(position, "nested too deep"));
        }
        self.open.push(Frame {
            position,
            anchor,
            children,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Diagnostic> {
        let Some(frame) = self.open.pop() else {
            return Ok(());
        };
        let value = match frame.children {
            Children::Sequence(items) => Value::Sequence(items),
            Children::Mapping {
                mut entries, merged, ..
            } => {
                for entry in merged {
                    if entries.iter().all(|known| known.key != entry.key) {
                        entries.push(entry);
                    }
                }
                Value::Mapping(entries)
            }
        };
        self.add(Node::new(frame.position, value), frame.anchor)
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Diagnostic> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Diagnostic::new(position, "an alias inside of its own anchor"));
        };
        self.alias_cost += node.cost;
        if self.alias_cost > ALIAS_COST_LIMIT {
            return Err(Diagnostic::new(position, "aliases make this document too large"));
        }
        let node = node.clone();
        self.add(node, 0)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        if self.open.len() + node.height > DEPTH_LIMIT {
            return Err(Diagnostic::new(node.position, "nested too deep"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.open.last_mut() else {
            self.document = Some(node);
            return Ok(());
        };
        match &mut frame.children {
            Children::Sequence(items) => items.push(node),
            Children::Mapping { entries, merged, key } => match key.take() {
                None => *key = Some(mapping_key(node)?),
                Some((text, _, true)) if text == "<<" => merge(node, merged)?,
                Some((text, key_position, _)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                        let line = first.key_position.line;
                        return Err(Diagnostic::new(
                            key_position,
                            format!("`{text}` is given twice; first on line {line}"),
                        ));
                    }
                    entries.push(Entry {
                        key: text,
                        key_position,
                        value: node,
                    });
                }
            },
        }
        Ok(())
    }
}

fn scalar(text: String, plain: bool, position: Position) -> Node {
    let is_null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    let value = if is_null {
        Value::Null
    } else {
        Value::Scalar { text, plain }
    };
    Node::new(position, value)
}

fn mapping_key(node: Node) -> Result<(String, Position, bool), Diagnostic> {
    match node.value {
        Value::Scalar { text, plain } => Ok((text, node.position, plain)),
        _ => Err(Diagnostic::new(
            node.position,
            format!("expected text as a key, found {}", node.kind()),
        )),
    }
}

fn merge(node: Node, merged: &mut Vec<Entry>) -> Result<(), Diagnostic> {
    match node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                if merged.iter().all(|known| known.key != entry.key) {
                    merged.push(entry);
                }
            }
            Ok(())
        }
        Value::Sequence(items) => items.into_iter().try_for_each(|item| match item.value {
            Value::Mapping(_) => merge(item, merged),
            _ => Err(not_mergeable(&item)),
        }),
        _ => Err(not_mergeable(&node)),
    }
}

fn not_mergeable(node: &Node) -> Diagnostic {
    Diagnostic::new(
        node.position,
        format!("`<<` merges mappings only, found {}", node.kind()),
    )
}

/// The parser counts lines from 1 and columns from 0.
fn position_of(line: usize, column: usize) -> Position {
    Position {
        line,
        column: column + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in one line; `@` precedes positions.
    fn show(node: &Node) -> String {
        let at = format!("@{}:{}", node.position.line, node.position.column);
        match &node.value {
            Value::Null => format!("null{at}"),
            Value::Scalar { text, plain: true } => format!("{text}{at}"),
            Value::Scalar { text, plain: false } => format!("{text:?}{at}"),
            Value::Sequence(items) => {
                format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
            }
            Value::Mapping(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|entry| format!("{}={}", entry.key, show(&entry.value)))
                    .collect();
                format!("{{{}}}", entries.join(" "))
            }
        }
    }

    fn check(text: &str, expected: &str) {
        let shown = match parse(text) {
            Ok(node) => show(&node),
            Err(error) => format!(
                "{}:{}: {}",
                error.position.line, error.position.column, error.message
            ),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn trees() {
        check("", "null@1:1");
        check("# only a comment\n", "null@1:1");
        check(
            "a: 1\nb: [x, 'y']\nc:\n",
            "{a=1@1:4 b=[x@2:5 \"y\"@2:8] c=null@3:2}",
        );
        check("a: !!str 5\n", "{a=\"5\"@1:10}");
        check("a: &x {k: 1}\nb: *x\n", "{a={k=1@1:11} b={k=1@1:11}}");
        check(
            "base: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3\n",
            "{base={k=1@1:14 l=2@1:20} b={k=3@4:6 l=2@1:20}}",
        );
        check("a: 1\n---\nb: 2\n", "{a=1@1:4}");
    }

    #[test]
    fn refusals() {
        check("a: 1\nb: 2\na: 3\n", "3:1: `a` is given twice; first on line 1");
        check("a: &x [*x]\n", "1:8: an alias inside of its own anchor");
        check("b: {<<: 5}\n", "1:9: `<<` merges mappings only, found text");
        check("[a]: 1\n", "1:1: expected text as a key, found a list");
        check(
            &format!("{}{}", "[".repeat(220), "]".repeat(220)),
            "1:201: nested too deep",
        );
    }

    #[test]
    fn aliases_cannot_blow_up_a_document() {
        let mut text = String::from("a0: &a0 [xxxxxxxxxxxxxxxx]\n");
        for level in 1..20 {
            let below = level - 1;
            let ten = vec![format!("*a{below}"); 10].join(", ");
            let line = format!("a{level}: &a{level} [{ten}]\n");
            text.push_str(&line);
        }
        let error = parse(&text).unwrap_err();
        assert_eq!(error.message, "aliases make this document too large");
    }
}
