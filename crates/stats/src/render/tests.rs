//! Replays of what Envoy 1.40 was given and answered.

use regex::Regex;

use super::*;
use crate::Dynamic;
use crate::LocalDynamic;
use crate::Settings;
use crate::TagRules;
use crate::Unit;
use crate::WorkerIndex;
use crate::stat_group;

/// The body for a path with a query.
fn get(store: &Store, path: &str, extras: &[Extra]) -> String {
    let (page, query) = path.split_once('?').unwrap_or((path, ""));
    let page = if page == "/stats/prometheus" { Page::Prometheus } else { Page::Stats };
    let mut body = String::new();
    render(store, &Query::parse(page, query).expect("recorded queries are valid"), extras, &mut body);
    body
}

/// Steps `> record <values>` and `> get <path>`; what follows the latter is the answer. A line with a percent sign
/// ends an answer that has no line end of its own.
fn steps(recorded: &str) -> impl Iterator<Item = (&str, &str, String)> {
    recorded.split_terminator("> ").filter(|step| !step.is_empty()).map(|step| {
        let (head, body) = step.split_once('\n').expect("a step has a line");
        let (verb, argument) = head.split_once(' ').expect("a step has a verb");
        let body = body.strip_suffix("\n%\n").unwrap_or(body);
        (verb, argument, body.to_owned())
    })
}

#[test]
fn histograms_are_shown_as_recorded() {
    let store = Store::new(2);
    let names = Dynamic::new(&store.scope("cluster.b."));
    let workers = [names.local(WorkerIndex(0)), names.local(WorkerIndex(1))];
    let parts = workers.map(|worker| worker.histogram("upstream_rq_body_size", Unit::Bytes));
    let mut answers = 0;
    for (verb, argument, expected) in steps(include_str!("recorded/histogram.txt")) {
        match verb {
            "record" => {
                let values = argument.split(' ').map(|value| value.parse().expect("a number"));
                values.zip(parts.iter().cycle()).for_each(|(value, part): (u64, _)| part.record(value));
            }
            "get" => {
                assert_eq!(get(&store, argument, &[]), expected, "{argument}");
                // With stats_flush_on_admin, Envoy answers first and merges then.
                store.latch_histograms();
                answers += 1;
            }
            other => panic!("unknown step {other}"),
        }
    }
    assert_eq!(answers, 24);
}

/// The rules of the recorded configuration.
fn settings() -> Settings {
    let mut tags = TagRules::default();
    let regex = |expression| Regex::new(expression).expect("an expression");
    tags.add_regex("my.tag", regex(r"^cluster\.((a)\.)"));
    tags.add_fixed("fixed.one", "a \"quoted\"\\ \n x");
    tags.add_regex("anyrx", regex("((change|total))$"));
    tags.add_regex("one", regex("(upstream_cx_)rx"));
    Settings { tags, ..Settings::default() }
}

/// Registers stats one by one under many scopes, so that scopes are inside of others and out of order.
#[derive(Default)]
struct Registered(Vec<LocalDynamic>);

impl Registered {
    /// The name's part below its scope, and the scope's stats.
    fn place<'n>(&mut self, store: &Store, name: &'n str) -> (&'n str, &LocalDynamic) {
        let dots: Vec<usize> = name.match_indices('.').map(|(at, _)| at + 1).collect();
        let at = dots.get((name.len() * 7) % dots.len().max(1)).copied().unwrap_or(0);
        let scope = store.scope(&name[..at]);
        self.0.push(Dynamic::new(&scope).local(WorkerIndex::MAIN));
        (&name[at..], self.0.last().expect("just pushed"))
    }
}

stat_group! { struct Texts { text_readout version_text } }

stat_group! { struct Versions { set_gauge version } }

#[test]
fn tags_and_order_are_as_recorded() {
    let store = Store::with_settings(1, settings());
    let mut registered = Registered::default();
    let mut texts = Vec::new();
    let mut versions = Vec::new();
    let mut extras = Vec::new();
    let mut answers = 0;
    for (verb, argument, body) in steps(include_str!("recorded/tags.txt")) {
        let lines = body.lines().map(|line| line.split_once(": ").expect("a name and a value"));
        match verb {
            // Of a host with per_endpoint_stats, which are not in the store.
            "counters" | "gauges" => lines.for_each(|(name, value)| {
                let value: u64 = value.parse().expect("a number");
                let kind = if verb == "counters" { ScalarKind::Counter } else { ScalarKind::Gauge };
                if let Some(rest) = name.strip_prefix("cluster.a.endpoint.127.0.0.1_21201.") {
                    extras.push(Extra {
                        name: name.to_owned(),
                        extracted_name: format!("cluster.endpoint.{rest}"),
                        tags: vec![
                            ("envoy.cluster_name".to_owned(), "a".to_owned()),
                            ("envoy.endpoint_address".to_owned(), "127.0.0.1:21201".to_owned()),
                        ],
                        kind,
                        value,
                    });
                    return;
                }
                if let Some(prefix) = name.strip_suffix("version") {
                    let group = Versions::new(&store.scope(prefix));
                    group.local(WorkerIndex::MAIN).version.set(value);
                    versions.push(group);
                    return;
                }
                let (rest, scope) = registered.place(&store, name);
                match kind {
                    ScalarKind::Counter => scope.counter(rest).add(value),
                    ScalarKind::Gauge => scope.gauge(rest).add(value.cast_signed()),
                }
            }),
            "texts" => lines.for_each(|(name, text)| {
                let (prefix, _) = name.split_at(name.len() - "version_text".len());
                let group = Texts::new(&store.scope(prefix));
                group.local(WorkerIndex::MAIN).version_text.set(text.trim_matches('"'));
                texts.push(group);
            }),
            "get" => {
                let answer = get(&store, argument, &extras);
                let (answer, body): (Vec<_>, Vec<_>) = (answer.lines().collect(), body.lines().collect());
                assert_eq!(first_difference(&answer, &body), None, "{argument}");
                answers += 1;
            }
            other => panic!("unknown step {other}"),
        }
    }
    assert_eq!(answers, 3);
}

/// The first lines that differ; the answers are too long to be shown whole.
fn first_difference<'a>(one: &[&'a str], other: &[&'a str]) -> Option<(usize, String, String)> {
    let length = one.len().max(other.len());
    let line = |lines: &[&'a str], at: usize| lines.get(at).map_or("<end>", |line| line).to_owned();
    (0..length).map(|at| (at, line(one, at), line(other, at))).find(|(_, one, other)| one != other)
}

#[test]
fn bounds_are_those_of_the_first_setting_that_matches() {
    let settings = Settings {
        bounds: vec![
            (
                Box::new(|name| name.starts_with("cluster.b.upstream_rq_body")),
                [0.1, 7.0, 100.5, 1e6, 2.5e9, 1.5e17].into(),
            ),
            (Box::new(|name| name.ends_with("per_try_percent_used")), [0.01, 0.1, 0.105, 0.2, 50.0].into()),
            (Box::new(|name| name.starts_with("cluster.b")), [1.0].into()),
        ],
        ..Settings::default()
    };
    let store = Store::with_settings(1, settings);
    let names = Dynamic::new(&store.scope("")).local(WorkerIndex::MAIN);
    let mut answers = 0;
    for (verb, argument, expected) in steps(include_str!("recorded/bounds.txt")) {
        match verb {
            "record" => {
                let (name, values) = argument.split_once(' ').expect("a name and values");
                let histogram = names.histogram(name, Unit::Unspecified);
                values.split(' ').for_each(|value| histogram.record(value.parse().expect("a number")));
            }
            "latch" => {
                store.latch_histograms();
                store.latch_histograms();
            }
            "get" => {
                assert_eq!(get(&store, argument, &[]), expected, "{argument}");
                answers += 1;
            }
            other => panic!("unknown step {other}"),
        }
    }
    assert_eq!(answers, 8);
}
