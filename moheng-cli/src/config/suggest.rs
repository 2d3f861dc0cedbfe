//! Finds the name that was probably meant.

/// The candidate closest to `word`, unless even that one is far away.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).max(1);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters must be inserted, deleted, replaced or swapped with their neighbour to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let width = b.len() + 1;
    let mut before: Vec<usize> = vec![usize::MAX; width];
    let mut above: Vec<usize> = (0..width).collect();
    let mut left_char = None;
    for (row, a_char) in a.chars().take(200).enumerate() {
        let mut current = vec![row + 1];
        for (column, &b_char) in b.iter().enumerate() {
            let replaced = above[column] + usize::from(a_char != b_char);
            let inserted = current[column] + 1;
            let deleted = above[column + 1] + 1;
            let mut best = replaced.min(inserted).min(deleted);
            if column > 0 && left_char == Some(b_char) && b[column - 1] == a_char {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
        left_char = Some(a_char);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("scrape_intervall", "scrape_interval", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_close_names_are_suggested() {
        let names = ["scrape_interval", "scrape_timeout", "params"];
        let find = |word: &str| nearest(word, names.into_iter());
        assert_eq!(find("scrape_intreval"), Some("scrape_interval"));
        assert_eq!(find("timeout"), None);
        assert_eq!(find("param"), Some("params"));
        assert_eq!(find("x"), None);
    }
}
