use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};

use crate::rules::constraint::Constraint;
use crate::rules::plan::Rules;
use crate::schema::{Pool, Schema};

/// Every rule that is implemented, by the kind it belongs to.
const KNOWN: [(&str, &[&str]); 9] = [
    ("message", &["required", "skip"]),
    ("any", &["required"]),
    ("duration", &["required", "const", "lt", "lte", "gt", "gte", "in", "not_in"]),
    ("bool", &["const"]),
    ("enum", &["const", "defined_only", "in", "not_in"]),
    ("bytes", &["min_len", "max_len"]),
    ("repeated", &["min_items", "max_items", "unique", "items"]),
    ("map", &["min_pairs", "max_pairs", "keys", "values"]),
    (
        "string",
        &[
            "const",
            "len",
            "min_len",
            "max_len",
            "len_bytes",
            "min_bytes",
            "max_bytes",
            "pattern",
            "prefix",
            "suffix",
            "contains",
            "not_contains",
            "in",
            "not_in",
            "well_known_regex",
            "strict",
            "ignore_empty",
        ],
    ),
];
const KNOWN_OF_NUMBERS: &[&str] = &["const", "lt", "lte", "gt", "gte", "in", "not_in", "ignore_empty"];

/// Names the rules in a `validate.FieldRules` that are not implemented.
fn unknown_rules(rules: &DynamicMessage, unknown: &mut Vec<String>) {
    for (kind, value) in rules.fields() {
        let value = value.as_message().expect("each kind of rules is a message");
        let known = KNOWN.iter().find(|(k, _)| *k == kind.name()).map_or(KNOWN_OF_NUMBERS, |(_, rules)| rules);
        for (rule, value) in value.fields() {
            if !known.contains(&rule.name()) {
                unknown.push(format!("{}.{}", kind.name(), rule.name()));
            }
            if let Some(nested) = value.as_message().filter(|m| m.descriptor().name() == "FieldRules") {
                unknown_rules(nested, unknown);
            }
        }
    }
}

fn messages(pool: &Pool) -> impl Iterator<Item = MessageDescriptor> {
    let all: String = pool.names().flat_map(|name| ["/", name]).collect();
    pool.expect("", std::iter::once(all.as_bytes()));
    pool.names().filter_map(|name| pool.message(name))
}

#[test]
fn every_rule_that_the_protos_use_is_implemented() {
    let schema = Schema::new();
    let pool = schema.pool();
    let mut count = 0;
    let mut unknown = Vec::new();
    for field in messages(&pool).flat_map(|m| m.fields().collect::<Vec<_>>()) {
        let options = field.options();
        if options.has_extension(&pool.options.rules) {
            let rules = options.get_extension(&pool.options.rules);
            unknown_rules(rules.as_message().expect("rules are a message"), &mut unknown);
            count += 1;
        }
    }
    assert!(count > 1_100, "found only {count} fields with rules");
    assert_eq!(unknown, Vec::<String>::new());
}

fn broken_patterns(rules: &Rules, broken: &mut Vec<String>) {
    match &rules.constraint {
        Some(Constraint::Text(text)) => broken.extend(text.broken_pattern().map(str::to_owned)),
        Some(Constraint::List { items, .. }) => items.iter().for_each(|r| broken_patterns(r, broken)),
        Some(Constraint::Map { keys, values, .. }) => {
            keys.iter().chain(values).for_each(|r| broken_patterns(r, broken))
        }
        _ => {}
    }
}

#[test]
fn every_pattern_in_the_protos_is_a_regex_that_we_can_read() {
    let schema = Schema::new();
    let pool = schema.pool();
    let mut broken = Vec::new();
    for message in messages(&pool) {
        pool.plan(&message).fields.iter().for_each(|f| broken_patterns(&f.rules, &mut broken));
    }
    assert_eq!(broken, Vec::<String>::new());
}
