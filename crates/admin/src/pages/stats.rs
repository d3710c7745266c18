//! `/stats` and `/stats/prometheus`.

use std::sync::Arc;

use nuncio_stats::Store;
use nuncio_stats::render::{Page as Kind, Query, Refusal, render};

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
    Parameter { name: "format", help: "Format to use", takes: Takes::OneOf(&["text", "json", "prometheus"]) };
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
    let query = match Query::parse(kind, ask.query) {
        Ok(query) => query,
        Err(refusal) => return refuse(&refusal).into(),
    };
    refresh();
    let store = store.clone();
    Reply::Later(Box::new(move || {
        let mut body = String::new();
        render(&store, &query, &[], &mut body);
        Answer { status: 200, content_type: query.format.content_type(), body: body.into() }
    }))
}

fn refuse(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::Html => Answer::text(
            400,
            "format=html and format=active-html are not supported yet; use text, json or prometheus\n",
        ),
        other => Answer::text(400, other.to_string()),
    }
}
