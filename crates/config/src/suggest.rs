//! Did you mean …?

use std::collections::BTreeSet;

/// Below this similarity a suggestion is more confusing than none.
const LIKELY: f64 = 0.6;

/// The candidate that looks most like `word`, if any looks like it. Of two, the one of the same letters: fingers are faster
/// than they should be.
pub(crate) fn closest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let scored = candidates.map(|candidate| {
        let candidate_letters = candidate.to_lowercase();
        let bonus = if letters(&word) == letters(&candidate_letters) { SAME_LETTERS } else { 0.0 };
        (strsim::normalized_damerau_levenshtein(&word, &candidate_letters) + bonus, candidate)
    });
    let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(score, _)| *score >= LIKELY).map(|(_, candidate)| candidate)
}

/// Small enough to decide between what is as near.
const SAME_LETTERS: f64 = 0.01;

/// The letters of a word, without what separates its parts.
fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().filter(|letter| *letter != '_').collect();
    letters.sort_unstable();
    letters
}

/// What to do about a name that refers to nothing: the one that looks like it, or those that there are. `what` says what
/// they name.
pub fn instead_of(name: &str, known: &BTreeSet<String>, what: &str) -> Option<String> {
    /// More would not help.
    const FEW: usize = 4;
    if let Some(meant) = closest(name, known.iter().map(String::as_str)) {
        return Some(format!("did you mean '{meant}'?"));
    }
    let list = || known.iter().map(|known| format!("'{known}'")).collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => Some(format!("there is no {what}")),
        1 => Some(format!("the only {what} is {}", list())),
        2..=FEW => Some(format!("there are {}", list())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{closest, instead_of};

    #[test]
    fn a_name_of_nothing_is_told_what_there_is() {
        let check = |known: &[&str], expected: Option<&str>| {
            let known = known.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(instead_of("service", &known, "cluster").as_deref(), expected, "{known:?}");
        };
        check(&[], Some("there is no cluster"));
        check(&["other"], Some("the only cluster is 'other'"));
        check(&["a", "b"], Some("there are 'a', 'b'"));
        check(&["a", "b", "services"], Some("did you mean 'services'?"));
        check(&["a", "b", "c", "d", "e"], None);
    }

    #[test]
    fn only_what_looks_alike_is_suggested() {
        let check = |word, expected| {
            let known = ["connect_timeout", "name", "STRICT_DNS", "lb_policy", "http_options", "http2_options"];
            assert_eq!(closest(word, known.into_iter()), expected, "{word}");
        };
        check("connect_timout", Some("connect_timeout"));
        check("STRICT_DSN", Some("STRICT_DNS"));
        check("strict_dns", Some("STRICT_DNS"));
        check("htt2p_options", Some("http2_options"));
        check("htp_options", Some("http_options"));
        check("zzz", None);
    }
}
