//! `/stats` as text.

use std::fmt::Write;

use crate::histogram::Distribution;
use crate::histogram::Merged;
use crate::histogram::QUANTILES;
use crate::render::Extra;
use crate::render::number::push_shortest;
use crate::render::number::push_shortest_single;
use crate::render::number::push_significant;
use crate::render::query::Buckets;
use crate::settings::Settings;
use crate::snapshot::Name;
use crate::snapshot::Snapshot;

/// Text readouts, then counters and gauges together, then histograms; each by name.
pub(super) fn render(snapshot: &Snapshot, extras: &[&Extra], buckets: Buckets, settings: &Settings, out: &mut String) {
    // Writing to a string cannot fail.
    for (name, text) in snapshot.texts() {
        _ = writeln!(out, "{name}: \"{text}\"");
    }
    for (name, scalar) in snapshot.scalars() {
        _ = writeln!(out, "{name}: {}", scalar.value);
    }
    for extra in extras {
        _ = writeln!(out, "{}: {}", extra.name, extra.value);
    }
    for sample in &snapshot.histograms {
        let (_, merged) = &sample.value;
        push_histogram(out, snapshot.name(sample), merged, buckets, settings);
    }
}

fn push_histogram(out: &mut String, name: Name<'_>, merged: &Merged, buckets: Buckets, settings: &Settings) {
    if merged.cumulative.is_empty() {
        _ = writeln!(out, "{name}: No recorded values");
        return;
    }
    match buckets {
        Buckets::Unset | Buckets::Summary => {
            _ = write!(out, "{name}: ");
            push_quantiles(out, merged);
        }
        Buckets::Cumulative | Buckets::Disjoint => {
            _ = write!(out, "{name}: ");
            push_counts(out, settings.bounds(&name.to_string()), merged, buckets);
        }
        Buckets::Detailed => {
            _ = write!(out, "{name}:\n  totals=");
            push_buckets(out, &merged.cumulative);
            out.push_str("\n  intervals=");
            push_buckets(out, &merged.interval);
            out.push_str("\n  summary=");
            push_quantiles(out, merged);
        }
    }
    out.push('\n');
}

fn push_quantiles(out: &mut String, merged: &Merged) {
    let values = merged.interval.quantiles().into_iter().zip(merged.cumulative.quantiles());
    for (index, (quantile, (interval, cumulative))) in QUANTILES.iter().zip(values).enumerate() {
        out.push_str(if index == 0 { "P" } else { " P" });
        push_significant(out, quantile * 100.0, 6);
        out.push('(');
        push_shortest(out, interval);
        out.push(',');
        push_shortest(out, cumulative);
        out.push(')');
    }
}

fn push_counts(out: &mut String, bounds: &[f64], merged: &Merged, buckets: Buckets) {
    let interval = counts(&merged.interval, bounds, buckets);
    let cumulative = counts(&merged.cumulative, bounds, buckets);
    for (index, ((bound, interval), cumulative)) in bounds.iter().zip(interval).zip(cumulative).enumerate() {
        out.push_str(if index == 0 { "B" } else { " B" });
        push_significant(out, *bound, 6);
        _ = write!(out, "({interval},{cumulative})");
    }
}

/// The counts for each bound, of all below it or of those above the bound before.
pub(super) fn counts(distribution: &Distribution, bounds: &[f64], buckets: Buckets) -> Vec<u64> {
    let mut counts = distribution.cumulative_counts(bounds);
    if buckets == Buckets::Disjoint {
        let mut before = 0;
        for count in &mut counts {
            before += std::mem::replace(count, *count - before) - before;
        }
    }
    counts
}

fn push_buckets(out: &mut String, distribution: &Distribution) {
    for (index, (lower, width, count)) in distribution.buckets().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        push_shortest_single(out, lower);
        out.push(',');
        push_shortest_single(out, width);
        _ = write!(out, ":{count}");
    }
}
