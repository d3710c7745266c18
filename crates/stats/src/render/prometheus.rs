//! `/stats/prometheus`: families by the names that are left without tags, values by their full names.

use std::fmt::Write;

use crate::group::Unit;
use crate::histogram::Merged;
use crate::histogram::QUANTILES;
use crate::render::Extra;
use crate::render::number::push_shortest;
use crate::render::number::push_significant;
use crate::render::query::Buckets;
use crate::render::query::Query;
use crate::settings::Settings;
use crate::snapshot::Sample;
use crate::snapshot::ScalarKind;
use crate::snapshot::Snapshot;

/// Significant digits of a value that is no integer.
const DIGITS: usize = 32;

/// Counters, gauges, text readouts if asked for, histograms, and last the same again of what is not in the store.
pub(super) fn render(snapshot: &Snapshot, extras: &[&Extra], query: &Query, settings: &Settings, out: &mut String) {
    for (kind, name) in [(ScalarKind::Counter, "counter"), (ScalarKind::Gauge, "gauge")] {
        let samples = snapshot.scalars.iter().filter(|sample| sample.value.kind == kind);
        push_families(out, name, families(snapshot, samples, settings), |out, row| {
            push_scalar(out, &row.family, &row.labels, row.value.value)
        });
    }
    if query.text_readouts {
        push_families(out, "gauge", families(snapshot, snapshot.texts.iter(), settings), |out, row| {
            push_scalar(out, &row.family, &with_label(&row.labels, "text_value", row.value), 0);
        });
    }
    let histograms = families(snapshot, snapshot.histograms.iter(), settings);
    match query.buckets {
        Buckets::Summary => push_families(out, "summary", histograms, push_summary),
        Buckets::Unset | Buckets::Cumulative | Buckets::Disjoint | Buckets::Detailed => {
            push_families(out, "histogram", histograms, |out, row| push_histogram(out, row, settings));
        }
    }
    push_extras(out, extras, settings);
}

/// A stat with its name taken apart.
struct Row<'a, T> {
    /// What is left of the name.
    extracted: String,
    /// As written, with commas between them.
    labels: String,
    full_name: String,
    family: String,
    value: &'a T,
}

fn families<'a, T: 'a>(
    snapshot: &Snapshot,
    samples: impl Iterator<Item = &'a Sample<T>>,
    settings: &Settings,
) -> Vec<Row<'a, T>> {
    let row = |sample: &'a Sample<T>| {
        let full_name = snapshot.name(sample).to_string();
        let tagged = settings.tags.extract(&full_name);
        let mut labels = String::new();
        for (tag, value) in &tagged.tags {
            push_label(&mut labels, tag, value);
        }
        let family = family_name(&tagged.name, settings);
        Row { extracted: tagged.name, labels, full_name, family, value: &sample.value }
    };
    let mut rows: Vec<Row<'a, T>> = samples.map(row).collect();
    // Stable: inside a family they stay in the order of their full names.
    rows.sort_by(|one, other| one.extracted.cmp(&other.extracted));
    rows
}

fn push_families<T>(
    out: &mut String,
    kind: &str,
    rows: Vec<Row<'_, T>>,
    mut push: impl FnMut(&mut String, &Row<'_, T>),
) {
    for family in rows.chunk_by(|one, other| one.extracted == other.extracted) {
        push_type(out, &family[0].family, kind);
        family.iter().for_each(|row| push(out, row));
    }
}

fn push_extras(out: &mut String, extras: &[&Extra], settings: &Settings) {
    let fixed = settings.tags.fixed();
    for (kind, name) in [(ScalarKind::Counter, "counter"), (ScalarKind::Gauge, "gauge")] {
        let row = |extra: &&'_ Extra| {
            let mut labels = String::new();
            fixed.clone().for_each(|(tag, value)| push_label(&mut labels, tag, value));
            extra.tags.iter().for_each(|(tag, value)| push_label(&mut labels, tag, value));
            (family_name(&extra.extracted_name, settings), labels, extra.value)
        };
        let mut rows: Vec<_> = extras.iter().filter(|extra| extra.kind == kind).map(row).collect();
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        for family in rows.chunk_by(|one, other| one.0 == other.0) {
            push_type(out, &family[0].0, name);
            for (family, labels, value) in family {
                push_scalar(out, family, labels, *value);
            }
        }
    }
}

fn push_type(out: &mut String, family: &str, kind: &str) {
    _ = writeln!(out, "# TYPE {family} {kind}");
}

fn push_scalar(out: &mut String, family: &str, labels: &str, value: u64) {
    // Writing to a string cannot fail.
    _ = writeln!(out, "{family}{{{labels}}} {value}");
}

/// Quantiles of the last interval.
fn push_summary(out: &mut String, row: &Row<'_, (Unit, Merged)>) {
    let (_, merged) = row.value;
    let family = &row.family;
    for (quantile, value) in QUANTILES.iter().zip(merged.interval.quantiles()) {
        let mut name = String::new();
        push_shortest(&mut name, *quantile);
        _ = write!(out, "{family}{{{}}} ", with_label(&row.labels, "quantile", &name));
        push_significant(out, value, DIGITS);
        out.push('\n');
    }
    push_sum_and_count(out, family, &row.labels, merged.interval.sum(), merged.interval.count());
}

/// Counts of all time.
fn push_histogram(out: &mut String, row: &Row<'_, (Unit, Merged)>, settings: &Settings) {
    let (_, merged) = row.value;
    let family = &row.family;
    let bounds = settings.bounds(&row.full_name);
    for (bound, count) in bounds.iter().zip(merged.cumulative.cumulative_counts(bounds)) {
        let mut name = String::new();
        push_significant(&mut name, *bound, DIGITS);
        _ = writeln!(out, "{family}_bucket{{{}}} {count}", with_label(&row.labels, "le", &name));
    }
    let count = merged.cumulative.count();
    _ = writeln!(out, "{family}_bucket{{{}}} {count}", with_label(&row.labels, "le", "+Inf"));
    push_sum_and_count(out, family, &row.labels, merged.cumulative.sum(), count);
}

fn push_sum_and_count(out: &mut String, family: &str, labels: &str, sum: f64, count: u64) {
    _ = write!(out, "{family}_sum{{{labels}}} ");
    push_significant(out, sum, DIGITS);
    _ = writeln!(out, "\n{family}_count{{{labels}}} {count}");
}

fn with_label(labels: &str, name: &str, value: &str) -> String {
    let mut labels = labels.to_owned();
    push_label(&mut labels, name, value);
    labels
}

fn push_label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    push_letters(labels, name);
    labels.push_str("=\"");
    for character in value.chars() {
        match character {
            '\\' => labels.push_str("\\\\"),
            '"' => labels.push_str("\\\""),
            '\n' => labels.push_str("\\n"),
            other => labels.push(other),
        }
    }
    labels.push('"');
}

/// The name in Prometheus' letters.
fn family_name(extracted: &str, settings: &Settings) -> String {
    let custom =
        extracted.split_once('.').filter(|(first, _)| settings.custom_namespaces.iter().any(|own| **own == **first));
    let mut name = String::with_capacity(extracted.len() + 6);
    match custom {
        Some((_, rest)) => push_letters(&mut name, rest),
        None => {
            name.push_str("envoy_");
            push_letters(&mut name, extracted);
        }
    }
    name
}

/// Each byte that Prometheus does not allow becomes an underscore.
fn push_letters(out: &mut String, text: &str) {
    out.extend(text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte) } else { '_' }));
}
