//! `/stats` and `/stats/prometheus`.

use std::sync::Arc;

use nuncio_stats::Store;
use nuncio_stats::render::{Format, Page as Kind, Query, Refusal, render};

use crate::home;
use crate::page::{Answer, Ask, Page, Parameter, Reply, Takes};

/// What is called before stats are read, on main, to set those that are not kept as they change.
pub type Refresh = Arc<dyn Fn() + Send + Sync>;

/// All stats, as text, JSON or for Prometheus.
pub struct Stats {
    /// Where they are.
    pub store: Store,
    /// Called first.
    pub refresh: Refresh,
}

/// All stats for Prometheus.
pub struct Prometheus {
    /// Where they are.
    pub store: Store,
    /// Called first.
    pub refresh: Refresh,
}

const USED_ONLY: Parameter = Parameter {
    name: "usedonly",
    help: "Only include stats that have been written by system since restart",
    takes: Takes::Flag,
};
const TEXT_READOUTS: Parameter = Parameter {
    name: "text_readouts",
    help: "Render text_readouts as new gaugues with value 0 (increases Prometheus data size)",
    takes: Takes::Flag,
};
const FILTER: Parameter =
    Parameter { name: "filter", help: "Regular expression (Google re2) for filtering stats", takes: Takes::Text };
const INVERT: Parameter = Parameter { name: "invert_filter", help: "Invert the filter regex", takes: Takes::Flag };
const FORMAT: Parameter =
    Parameter { name: "format", help: "Format to use", takes: Takes::OneOf(&["html", "text", "json"]) };
const TYPE: Parameter = Parameter {
    name: "type",
    help: "Stat types to include.",
    takes: Takes::OneOf(&["All", "Counters", "Histograms", "Gauges", "TextReadouts"]),
};
const BUCKETS: Parameter = Parameter {
    name: "histogram_buckets",
    help: "Histogram bucket display mode",
    takes: Takes::OneOf(&["cumulative", "disjoint", "detailed", "summary"]),
};
const PROMETHEUS_BUCKETS: Parameter = Parameter {
    name: "histogram_buckets",
    help: "Histogram bucket display mode",
    takes: Takes::OneOf(&["cumulative", "summary"]),
};

impl Page for Stats {
    fn path(&self) -> &'static str {
        "/stats"
    }

    fn help(&self) -> &'static str {
        "print server stats"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[USED_ONLY, FILTER, INVERT, FORMAT, TYPE, BUCKETS]
    }

    fn answer(&self, ask: &Ask<'_>) -> Reply {
        answer(&self.store, &self.refresh, Kind::Stats, ask)
    }
}

impl Page for Prometheus {
    fn path(&self) -> &'static str {
        "/stats/prometheus"
    }

    fn help(&self) -> &'static str {
        "print server stats in prometheus format"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[USED_ONLY, TEXT_READOUTS, FILTER, INVERT, PROMETHEUS_BUCKETS]
    }

    fn answer(&self, ask: &Ask<'_>) -> Reply {
        answer(&self.store, &self.refresh, Kind::Prometheus, ask)
    }
}

fn answer(store: &Store, refresh: &Refresh, kind: Kind, ask: &Ask<'_>) -> Reply {
    let (query, is_html) = match Query::parse(kind, ask.query) {
        Ok(query) => (query, false),
        Err(Refusal::Html) if ask.parameter("format").as_deref() == Some("html") => {
            // The text, in a page. What else is asked is the text's.
            let rest: Vec<&str> = ask.query.split('&').filter(|pair| !pair.starts_with("format=")).collect();
            match Query::parse(kind, &rest.join("&")) {
                Ok(query) => (query, true),
                Err(refusal) => return refuse(&refusal).into(),
            }
        }
        Err(refusal) => return refuse(&refusal).into(),
    };
    refresh();
    let store = store.clone();
    // Envoy counts the answer before it writes the stats, but for Prometheus.
    let head_first = query.format != Format::Prometheus;
    let content_type = if is_html { Answer::HTML } else { query.format.content_type() };
    let body = Box::new(move || {
        let mut body = String::new();
        render(&store, &query, &[], &mut body);
        if is_html { home::page("Stats", &format!("<pre>{}</pre>\n", home::escape(&body))) } else { body }
    });
    Reply::Later { head_first, status: 200, content_type, body }
}

fn refuse(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::Html => {
            Answer::text(400, "format=active-html is not supported yet; use html, text, json or prometheus\n")
        }
        other => Answer::text(400, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_in_the_format_that_is_asked_for() {
        let page = Stats { store: Store::new(1), refresh: Arc::new(|| {}) };
        let check = |query: &str, status: u16, content_type: &str, expected: &str| {
            let (told, kind, body) = match page.answer(&Ask { query, body: b"" }) {
                Reply::Now(answer) => (answer.status, answer.content_type, answer.body.into_owned()),
                Reply::Later { status, content_type, body, .. } => (status, content_type, body()),
            };
            assert_eq!((told, kind), (status, content_type), "{query}");
            assert!(body.contains(expected), "{expected} in {body}");
        };
        check("", 200, Answer::TEXT, "");
        check("format=json", 200, Answer::JSON, "{\"stats\":[]}");
        check("format=html&usedonly", 200, Answer::HTML, "<pre></pre>");
        check("format=html&filter=(", 400, Answer::TEXT, "Invalid re2 regex: missing ): (");
        check("format=active-html", 400, Answer::TEXT, "format=active-html is not supported yet");
        check("format=nope", 400, Answer::TEXT, "usage: /stats?format=(html|active-html|json|prometheus|text)\n");
    }
}
