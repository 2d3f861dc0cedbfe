//! Character classes: `[a-z]`, `\d`, `[[:alpha:]]`, `\p{Greek}`.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::error::{Problem, SyntaxError};
use super::escape::character_escape;

/// Ranges of code points.
type Ranges = &'static [(char, char)];

const DIGITS: Ranges = &[('0', '9')];
const SPACES: Ranges = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: Ranges = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// The classes of POSIX, ASCII only. Its space has a vertical tab that `\s` does not.
const POSIX: [(&str, Ranges); 14] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", DIGITS),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

/// Unicode's general categories by their short names, which are the ones RE2 knows.
const CATEGORIES: [&str; 39] = [
    "C", "Cc", "Cf", "Cn", "Co", "Cs", "L", "LC", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N",
    "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl",
    "Zp", "Zs", "Any",
];

/// A class that was read, and how many bytes it took.
pub(super) type Read = (ClassUnicode, usize);

/// Reads `[...]` at the start of `text`. At most `max_ranges` ranges are collected.
pub(super) fn bracket_class(text: &str, fold_case: bool, max_ranges: usize) -> Result<Read, SyntaxError> {
    let is_negated = text.get(1..).is_some_and(|rest| rest.starts_with('^'));
    let mut at = if is_negated { 2 } else { 1 };
    let mut is_first = true;
    let mut ranges: Vec<ClassUnicodeRange> = Vec::new();
    loop {
        let rest = &text[at..];
        if rest.starts_with(']') && !is_first {
            break;
        }
        is_first = false;
        if ranges.len() > max_ranges {
            return Err(SyntaxError::new(Problem::TooLarge, text));
        }
        if let Some((class, length)) = named_class(rest, fold_case)? {
            ranges.extend_from_slice(class.ranges());
            at += length;
            continue;
        }
        let (low, length) = class_character(rest, text)?;
        at += length;
        let mut high = low;
        // A dash before the closing bracket is itself.
        let after = text.as_bytes().get(at..).unwrap_or_default();
        if let [b'-', next, ..] = after
            && *next != b']'
        {
            at += 1;
            let (character, length) = class_character(&text[at..], text)?;
            at += length;
            high = character;
            if high < low {
                let range = &rest[..rest.len() - (text.len() - at)];
                return Err(SyntaxError::new(Problem::CharacterRange, range));
            }
        }
        ranges.extend(range(low, high));
    }
    let mut class = ClassUnicode::new(ranges);
    if fold_case {
        fold(&mut class);
    }
    if is_negated {
        class.negate();
    }
    Ok((class, at + 1))
}

/// Reads a class with a name, if one comes next: `\d`, `\pN`, `\p{Greek}`, and inside brackets `[:alpha:]`.
fn named_class(text: &str, fold_case: bool) -> Result<Option<Read>, SyntaxError> {
    match text.as_bytes() {
        [b'[', b':', ..] => posix_class(text, fold_case),
        [b'\\', ..] => escaped_class(text, fold_case),
        _ => Ok(None),
    }
}

/// Reads `\d`, `\pN` or `\p{Greek}`, if one of their kind comes next.
pub(super) fn escaped_class(text: &str, fold_case: bool) -> Result<Option<Read>, SyntaxError> {
    let (ranges, is_negated) = match text.as_bytes().get(1) {
        Some(b'd') => (DIGITS, false),
        Some(b'D') => (DIGITS, true),
        Some(b's') => (SPACES, false),
        Some(b'S') => (SPACES, true),
        Some(b'w') => (WORD, false),
        Some(b'W') => (WORD, true),
        Some(b'p') => return unicode_class(text, false, fold_case).map(Some),
        Some(b'P') => return unicode_class(text, true, fold_case).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((finish(of_ranges(ranges), is_negated, fold_case), 2)))
}

fn posix_class(text: &str, fold_case: bool) -> Result<Option<Read>, SyntaxError> {
    let Some(end) = text.get(2..).and_then(|rest| rest.find(":]")) else {
        return Ok(None);
    };
    let length = end + 4;
    let name = &text[2..end + 2];
    let (name, is_negated) = strip_negation(name);
    let ranges = POSIX.iter().find(|(candidate, _)| *candidate == name);
    let (_, ranges) = ranges.ok_or_else(|| SyntaxError::new(Problem::CharacterRange, &text[..length]))?;
    Ok(Some((finish(of_ranges(ranges), is_negated, fold_case), length)))
}

fn unicode_class(text: &str, is_negated: bool, fold_case: bool) -> Result<Read, SyntaxError> {
    let after = &text[2..];
    let (name, length) = if after.starts_with('{') {
        let Some(end) = after.find('}') else {
            return Err(SyntaxError::new(Problem::CharacterRange, text));
        };
        (&after[1..end], 2 + end + 1)
    } else {
        let length = after.chars().next().map_or(0, char::len_utf8);
        (&after[..length], 2 + length)
    };
    let (name, is_negated_inside) = strip_negation(name);
    let class =
        unicode_table(name).ok_or_else(|| SyntaxError::new(Problem::CharacterRange, &text[..length]))?;
    Ok((finish(class, is_negated != is_negated_inside, fold_case), length))
}

fn strip_negation(name: &str) -> (&str, bool) {
    name.strip_prefix('^').map_or((name, false), |name| (name, true))
}

/// The code points of a general category or a script, taken from the engine's tables.
fn unicode_table(name: &str) -> Option<ClassUnicode> {
    let query = match name {
        // Surrogates are not characters, so no text has one.
        "Cs" => return Some(ClassUnicode::empty()),
        "Any" => "any".to_owned(),
        _ if CATEGORIES.contains(&name) => format!("gc={name}"),
        _ if is_script_name(name) => format!("sc={name}"),
        _ => return None,
    };
    let hir = regex_syntax::parse(&format!("\\p{{{query}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        HirKind::Class(Class::Bytes(class)) => class.to_unicode_class(),
        _ => None,
    }
}

/// Whether `name` is written like the name of a script: `Greek`, `Old_Italic`, `SignWriting`.
fn is_script_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Reads one end of a range.
fn class_character(rest: &str, class: &str) -> Result<(u32, usize), SyntaxError> {
    match rest.chars().next() {
        None => Err(SyntaxError::new(Problem::MissingBracket, class)),
        Some('\\') => character_escape(rest),
        Some(character) => Ok((character.into(), character.len_utf8())),
    }
}

fn of_ranges(ranges: Ranges) -> ClassUnicode {
    ClassUnicode::new(
        ranges
            .iter()
            .map(|&(low, high)| ClassUnicodeRange::new(low, high)),
    )
}

/// Letters match in either case before a negation is applied, so that `\W` never matches a letter of a word.
fn finish(mut class: ClassUnicode, is_negated: bool, fold_case: bool) -> ClassUnicode {
    if fold_case {
        fold(&mut class);
    }
    if is_negated {
        class.negate();
    }
    class
}

/// Adds the other case of every letter.
pub(super) fn fold(class: &mut ClassUnicode) {
    class.case_fold_simple();
}

/// The characters between two code points, surrogates left out.
pub(super) fn range(low: u32, high: u32) -> Option<ClassUnicodeRange> {
    let low = char::from_u32(low).or((low <= 0xdfff).then_some('\u{e000}'))?;
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    (low <= high).then(|| ClassUnicodeRange::new(low, high))
}
