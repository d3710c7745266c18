//! `/stats?format=json`.

use std::fmt::Write;

use crate::histogram::Distribution;
use crate::histogram::Merged;
use crate::histogram::QUANTILES;
use crate::render::Extra;
use crate::render::number::push_json;
use crate::render::query::Buckets;
use crate::render::text::counts;
use crate::settings::Settings;
use crate::snapshot::Snapshot;

/// One array: texts, counters and gauges, and last an object with all histograms, if any.
pub(super) fn render(snapshot: &Snapshot, extras: &[&Extra], buckets: Buckets, settings: &Settings, out: &mut String) {
    let mut list = List::open(out, "{\"stats\":[");
    for (name, text) in snapshot.texts() {
        let out = list.item();
        push_name(out, &name.to_string());
        out.push_str(",\"value\":");
        push_string(out, text);
        out.push('}');
    }
    for (name, scalar) in snapshot.scalars() {
        push_scalar(list.item(), &name.to_string(), scalar.value);
    }
    for extra in extras {
        push_scalar(list.item(), &extra.name, extra.value);
    }
    if !snapshot.histograms.is_empty() {
        let out = list.item();
        out.push_str("{\"histograms\":");
        match buckets {
            Buckets::Unset | Buckets::Summary => push_summaries(out, snapshot),
            Buckets::Cumulative | Buckets::Disjoint => push_counts(out, snapshot, buckets, settings),
            Buckets::Detailed => push_details(out, snapshot),
        }
        out.push('}');
    }
    list.close("]}");
}

fn push_scalar(out: &mut String, name: &str, value: u64) {
    push_name(out, name);
    // Writing to a string cannot fail.
    _ = write!(out, ",\"value\":{value}}}");
}

fn push_summaries(out: &mut String, snapshot: &Snapshot) {
    push_quantile_names(out, "{\"supported_quantiles\":");
    let mut list = List::open(out, ",\"computed_quantiles\":[");
    for sample in &snapshot.histograms {
        let out = list.item();
        let (_, merged) = &sample.value;
        push_name(out, &snapshot.name(sample).to_string());
        push_quantiles(out, ",\"values\":[", merged);
        out.push('}');
    }
    list.close("]}");
}

fn push_counts(out: &mut String, snapshot: &Snapshot, buckets: Buckets, settings: &Settings) {
    let mut list = List::open(out, "[");
    for sample in &snapshot.histograms {
        let out = list.item();
        let (_, merged) = &sample.value;
        let name = snapshot.name(sample).to_string();
        push_name(out, &name);
        let bounds = settings.bounds(&name);
        let interval = counts(&merged.interval, bounds, buckets);
        let cumulative = counts(&merged.cumulative, bounds, buckets);
        let mut list = List::open(out, ",\"buckets\":[");
        for ((bound, interval), cumulative) in bounds.iter().zip(interval).zip(cumulative) {
            let out = list.item();
            out.push_str("{\"upper_bound\":");
            push_json(out, *bound);
            _ = write!(out, ",\"interval\":{interval},\"cumulative\":{cumulative}}}");
        }
        list.close("]}");
    }
    list.close("]");
}

fn push_details(out: &mut String, snapshot: &Snapshot) {
    push_quantile_names(out, "{\"supported_percentiles\":");
    let mut list = List::open(out, ",\"details\":[");
    for sample in &snapshot.histograms {
        let out = list.item();
        let (_, merged) = &sample.value;
        push_name(out, &snapshot.name(sample).to_string());
        push_buckets(out, ",\"totals\":[", &merged.cumulative);
        push_buckets(out, ",\"intervals\":[", &merged.interval);
        push_quantiles(out, ",\"percentiles\":[", merged);
        out.push('}');
    }
    list.close("]}");
}

fn push_quantile_names(out: &mut String, key: &str) {
    out.push_str(key);
    let mut list = List::open(out, "[");
    for quantile in QUANTILES {
        push_json(list.item(), quantile * 100.0);
    }
    list.close("]");
}

fn push_quantiles(out: &mut String, open: &str, merged: &Merged) {
    let mut list = List::open(out, open);
    for (interval, cumulative) in merged.interval.quantiles().into_iter().zip(merged.cumulative.quantiles()) {
        let out = list.item();
        out.push_str("{\"cumulative\":");
        push_json(out, cumulative);
        out.push_str(",\"interval\":");
        push_json(out, interval);
        out.push('}');
    }
    list.close("]");
}

fn push_buckets(out: &mut String, open: &str, distribution: &Distribution) {
    let mut list = List::open(out, open);
    for (lower, width, count) in distribution.buckets() {
        let out = list.item();
        out.push_str("{\"lower_bound\":");
        push_json(out, lower);
        out.push_str(",\"width\":");
        push_json(out, width);
        _ = write!(out, ",\"count\":{count}}}");
    }
    list.close("]");
}

/// Opens the object of a stat.
fn push_name(out: &mut String, name: &str) {
    out.push_str("{\"name\":");
    push_string(out, name);
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => _ = write!(out, "\\u{:04x}", u32::from(control)),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Items with commas between them.
struct List<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl<'a> List<'a> {
    fn open(out: &'a mut String, open: &str) -> Self {
        out.push_str(open);
        Self { out, is_empty: true }
    }

    fn item(&mut self) -> &mut String {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(',');
        }
        self.out
    }

    fn close(self, close: &str) {
        self.out.push_str(close);
    }
}
