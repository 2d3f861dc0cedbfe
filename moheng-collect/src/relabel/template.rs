//! [`Template`]: a replacement text with capture groups, parsed once.

use regex_automata::PatternID;
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;

/// A text with `$1`, `${1}`, `$name`, `${name}` and `$$`. A group that the expression does not have is empty; a `$` that
/// starts none of these stands for itself.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Group(usize),
}

impl Template {
    pub(super) fn new(text: &str, regex: &Regex) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            literal.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            if let Some(after_second) = after.strip_prefix('$') {
                literal.push('$');
                rest = after_second;
            } else if let Some((name, after_name)) = split_name(after) {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.extend(group_index(name, regex).map(Part::Group));
                rest = after_name;
            } else {
                literal.push('$');
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self { parts }
    }

    /// The text with what `captures` matched in `haystack`.
    pub(super) fn expand(&self, haystack: &str, captures: &Captures) -> String {
        let mut expanded = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => expanded.push_str(text),
                Part::Group(index) => {
                    let matched = captures
                        .get_group(*index)
                        .and_then(|span| haystack.get(span.range()));
                    expanded.push_str(matched.unwrap_or_default());
                }
            }
        }
        expanded
    }
}

/// Splits `name` or `{name}` off the text behind a `$`.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(braced) = text.strip_prefix('{') {
        let (name, rest) = braced.split_once('}')?;
        return (!name.is_empty() && name.chars().all(is_name)).then_some((name, rest));
    }
    let length = text.find(|c| !is_name(c)).unwrap_or(text.len());
    (length > 0).then(|| text.split_at(length))
}

fn group_index(name: &str, regex: &Regex) -> Option<usize> {
    let groups = regex.group_info();
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number {
        name.parse()
            .ok()
            .filter(|index| *index < groups.group_len(PatternID::ZERO))
    } else {
        groups.to_index(PatternID::ZERO, name)
    }
}
