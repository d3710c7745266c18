//! `envoy.config.metrics.v3.StatsConfig`: tags, which stats exist, and the bounds of histograms' buckets.

use std::sync::Arc;

use nuncio_config::diagnostic::code;
use nuncio_config::{At, Invalid};
use nuncio_matching::StringMatcher;
use nuncio_proto::envoy::config::metrics::v3 as pb;
use nuncio_proto::envoy::r#type::matcher::v3::ListStringMatcher;
use nuncio_stats::{NameMatcher, Settings, TagRules};
use pb::stats_matcher::StatsMatcher as Kind;
use pb::tag_specifier::TagValue;
use regex::Regex;

/// Parses the message; `fixed` are the tags of the command line.
///
/// # Errors
/// Everything that is wrong or not supported is reported at its path.
pub(crate) fn parse(proto: pb::StatsConfig, fixed: &[(String, String)], at: &At<'_>) -> Result<Settings, Invalid> {
    let pb::StatsConfig {
        stats_tags,
        use_all_default_tags,
        stats_matcher,
        histogram_bucket_settings,
        allow_default_tag_overrides,
    } = proto;
    let mut f = at.fields();
    f.unsupported("allow_default_tag_overrides", allow_default_tag_overrides.filter(|allows| *allows));
    // The proto: "If not provided, the value is assumed to be true."
    let mut tags = if use_all_default_tags.unwrap_or(true) { TagRules::default() } else { TagRules::none() };
    fixed.iter().for_each(|(tag, value)| tags.add_fixed(tag, value));
    let added: Vec<Result<(), Invalid>> = stats_tags
        .into_iter()
        .enumerate()
        .map(|(index, tag)| add_tag(tag, &mut tags, &at.field("stats_tags").index(index)))
        .collect();
    let added = f.keep(added.into_iter().collect::<Result<(), Invalid>>());
    let accepts = f.optional("stats_matcher", stats_matcher, parse_matcher);
    let bounds = f.each("histogram_bucket_settings", histogram_bucket_settings, parse_bounds);
    f.finish(|| {
        added.take();
        Settings { tags, custom_namespaces: Vec::new(), accepts: accepts.take().flatten(), bounds: bounds.take() }
    })
}

/// Of several rules for one tag, on the command line, here or by default, the first that matches a name counts.
fn add_tag(proto: pb::TagSpecifier, tags: &mut TagRules, at: &At<'_>) -> Result<(), Invalid> {
    let pb::TagSpecifier { tag_name, tag_value } = proto;
    match tag_value {
        Some(TagValue::FixedValue(value)) => tags.add_fixed(&tag_name, &value),
        Some(TagValue::Regex(text)) if !text.is_empty() => {
            let regex = Regex::new(&text).map_err(|error| {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                // std::regex, which Envoy matches names of stats with, has these.
                if reason.contains("look-around") || reason.contains("backreferences") {
                    return at.field("regex").not_implemented(reason.split(',').next().unwrap_or_default());
                }
                at.field("regex").invalid(reason)
            })?;
            if regex.captures_len() < 2 {
                let why = "the expression has no group, so that there is nothing to cut out of a name";
                at.field("regex").warning(code::NO_EFFECT, why);
            } else {
                tags.add_regex(&tag_name, regex);
            }
        }
        // Only a name: Envoy's own rule of that name.
        Some(TagValue::Regex(_)) | None => {
            if !tags.add_default(&tag_name) {
                return Err(at.invalid(format!(
                    "No regex specified for tag specifier and no default regex for name: '{tag_name}'"
                )));
            }
        }
    }
    Ok(())
}

fn parse_matcher(proto: pb::StatsMatcher, at: &At<'_>) -> Result<Option<NameMatcher>, Invalid> {
    let pb::StatsMatcher { stats_matcher } = proto;
    Ok(match stats_matcher {
        None | Some(Kind::RejectAll(false)) => None,
        Some(Kind::RejectAll(true)) => Some(Box::new(|_| false)),
        Some(Kind::ExclusionList(list)) => {
            let patterns = parse_list(list, &at.field("exclusion_list"))?;
            Some(Box::new(move |name| !patterns.iter().any(|pattern| pattern.matches(name.as_bytes()))))
        }
        Some(Kind::InclusionList(list)) => {
            let patterns = parse_list(list, &at.field("inclusion_list"))?;
            Some(Box::new(move |name| patterns.iter().any(|pattern| pattern.matches(name.as_bytes()))))
        }
    })
}

fn parse_list(proto: ListStringMatcher, at: &At<'_>) -> Result<Vec<StringMatcher>, Invalid> {
    let ListStringMatcher { patterns } = proto;
    let mut f = at.fields();
    let patterns = f.each("patterns", patterns, StringMatcher::parse);
    f.finish(|| patterns.take())
}

fn parse_bounds(proto: pb::HistogramBucketSettings, at: &At<'_>) -> Result<(NameMatcher, Arc<[f64]>), Invalid> {
    let pb::HistogramBucketSettings { r#match, buckets, bins } = proto;
    let mut f = at.fields();
    // How fine the kept histogram is, which here is always as fine as circllhist's.
    f.unsupported("bins", bins);
    let matcher = f.required("match", r#match, StringMatcher::parse);
    f.finish(|| {
        let matcher = matcher.take();
        let matches: NameMatcher = Box::new(move |name: &str| matcher.matches(name.as_bytes()));
        (matches, buckets.into())
    })
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;
    use nuncio_proto::envoy::r#type::matcher::v3 as matcher;
    use nuncio_stats::Store;

    use super::*;

    fn tag(name: &str, tag_value: Option<TagValue>) -> pb::TagSpecifier {
        pb::TagSpecifier { tag_name: name.to_owned(), tag_value }
    }

    fn settings(proto: pb::StatsConfig) -> Result<Settings, String> {
        let sink = Diagnostics::new();
        parse(proto, &[("cli".to_owned(), "1".to_owned())], &At::root(&sink))
            .map_err(|_| sink.sorted().iter().map(|found| found.message.clone()).collect())
    }

    #[test]
    fn tags_are_added_to_the_default_ones_or_stand_alone() {
        let check = |use_all_default_tags, expected: &[(&str, &str)]| {
            let regex = Some(TagValue::Regex("^cluster\\.((\\w+)\\.)".to_owned()));
            let stats_tags = vec![tag("mine", regex), tag("zone", Some(TagValue::FixedValue("z".to_owned())))];
            let config = pb::StatsConfig { stats_tags, use_all_default_tags, ..Default::default() };
            let settings = settings(config).expect("it is valid");
            let tagged = settings.tags.extract("cluster.a.upstream_rq_200");
            let mut tags: Vec<_> = tagged.tags.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
            tags.sort_unstable();
            assert_eq!(tags, expected);
        };
        check(Some(false), &[("cli", "1"), ("mine", "a"), ("zone", "z")]);
        let all =
            [("cli", "1"), ("envoy.cluster_name", "a"), ("envoy.response_code", "200"), ("mine", "a"), ("zone", "z")];
        check(None, &all);
    }

    #[test]
    fn mistakes_in_tags_are_told() {
        let check = |tags: &[pb::TagSpecifier], expected: &str| {
            let config = pb::StatsConfig { stats_tags: tags.to_vec(), ..Default::default() };
            let text = settings(config).err().unwrap_or_default();
            assert!(text.contains(expected), "{expected} in {text}");
        };
        let regex = |text: &str| Some(TagValue::Regex(text.to_owned()));
        check(&[tag("a", None)], "No regex specified for tag specifier and no default regex for name: 'a'");
        check(&[tag("a", regex("(a"))], "unclosed group");
        check(&[tag("a", regex("(a)(?=b)"))], "look-around is not supported yet");
    }

    #[test]
    fn the_matcher_decides_which_stats_exist() {
        let check = |kind: Kind, expected: [bool; 2]| {
            let stats_matcher = Some(pb::StatsMatcher { stats_matcher: Some(kind) });
            let settings = settings(pb::StatsConfig { stats_matcher, ..Default::default() }).expect("it is valid");
            let accepts = |name: &str| settings.accepts.as_ref().is_none_or(|accepts| accepts(name));
            assert_eq!([accepts("cluster.a"), accepts("http.a")], expected);
        };
        let prefix = matcher::StringMatcher {
            match_pattern: Some(matcher::string_matcher::MatchPattern::Prefix("cluster.".to_owned())),
            ..Default::default()
        };
        let list = || ListStringMatcher { patterns: vec![prefix.clone()] };
        check(Kind::RejectAll(true), [false, false]);
        check(Kind::RejectAll(false), [true, true]);
        check(Kind::InclusionList(list()), [true, false]);
        check(Kind::ExclusionList(list()), [false, true]);
    }

    #[test]
    fn stores_take_the_settings() {
        let store = Store::with_settings(1, settings(pb::StatsConfig::default()).expect("it is valid"));
        assert_eq!(store.counter("x"), None);
    }
}
