//! Did you mean …?

/// Below this similarity a suggestion is more confusing than none.
const LIKELY: f64 = 0.6;

/// The candidate that looks most like `word`, if any looks like it.
pub(crate) fn closest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let scored = candidates.map(|candidate| {
        let score = strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase());
        (score, candidate)
    });
    let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(score, _)| *score >= LIKELY).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn only_what_looks_alike_is_suggested() {
        let check = |word, expected| {
            let known = ["connect_timeout", "name", "STRICT_DNS", "lb_policy"];
            assert_eq!(closest(word, known.into_iter()), expected, "{word}");
        };
        check("connect_timout", Some("connect_timeout"));
        check("STRICT_DSN", Some("STRICT_DNS"));
        check("strict_dns", Some("STRICT_DNS"));
        check("zzz", None);
    }
}
