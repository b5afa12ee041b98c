//! "Did you mean …?"

/// The candidate that a word most likely was to be, if there is one.
///
/// Case and the separators `-` and `_` do not count, so a key in the other dialect's spelling is
/// always found.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any key: no need to measure what somebody pasted here.
    if word.len() > 64 {
        return None;
    }
    let word = fold(word);
    let candidates = candidates.collect::<Vec<_>>();
    // `username`, `passwordFile`
    if let Some(stem) = candidates.iter().find(|candidate| word.starts_with(&fold(candidate))) {
        return Some(stem);
    }
    let (distance, candidate) = candidates
        .into_iter()
        .map(|candidate| (distance(&word, &fold(candidate)), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    let allowed = (candidate.len() / 3).clamp(1, 3);
    (distance <= allowed).then_some(candidate)
}

fn fold(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// Number of characters to insert, delete or replace.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let here = if x == y { diagonal } else { 1 + diagonal.min(above).min(left) };
            diagonal = above;
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            left = here;
        }
        if let Some(last) = row.last_mut() {
            *last = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances() {
        let d = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(d("", ""), 0);
        assert_eq!(d("", "abc"), 3);
        assert_eq!(d("abc", ""), 3);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("abc", "abc"), 0);
        assert_eq!(d("datacenter", "datacenters"), 1);
        assert_eq!(d("usr", "user"), 1);
    }

    #[test]
    fn finds_the_other_spelling_and_typos() {
        let keys = ["user", "password", "insecureFlag", "caFile", "datacenters"];
        let near = |word| nearest(word, keys.into_iter());
        assert_eq!(near("insecure-flag"), Some("insecureFlag"));
        assert_eq!(near("CA_FILE"), Some("caFile"));
        assert_eq!(near("datacenter"), Some("datacenters"));
        assert_eq!(near("passwd"), Some("password"));
        assert_eq!(near("username"), Some("user"));
        assert_eq!(near("login"), None);
        assert_eq!(near("hunter2"), None);
        assert_eq!(near(""), None);
    }
}
