//! `/stats` and `/stats/prometheus`.

use std::sync::Arc;

use nuncio_stats::Store;
use nuncio_stats::render::{Page as Kind, Query, Refusal, render};

use crate::page::{Answer, Ask, Page, Parameter};

/// All stats, as text, JSON or for Prometheus.
pub struct Stats {
    /// Where they are.
    pub store: Store,
    /// Called first, to bring totals up to date that are kept elsewhere.
    pub refresh: Arc<dyn Fn() + Send + Sync>,
}

/// All stats for Prometheus.
pub struct Prometheus {
    /// Where they are.
    pub store: Store,
    /// Called first, to bring totals up to date that are kept elsewhere.
    pub refresh: Arc<dyn Fn() + Send + Sync>,
}

const USED_ONLY: Parameter =
    Parameter { name: "usedonly", help: "Only include stats that have been written by system since restart" };
const TEXT_READOUTS: Parameter = Parameter {
    name: "text_readouts",
    help: "Render text_readouts as new gaugues with value 0 (increases Prometheus data size)",
};
const FILTER: Parameter = Parameter { name: "filter", help: "Regular expression (Google re2) for filtering stats" };
const BUCKETS: Parameter = Parameter { name: "histogram_buckets", help: "Histogram bucket display mode" };

impl Page for Stats {
    fn path(&self) -> &'static str {
        "/stats"
    }

    fn help(&self) -> &'static str {
        "print server stats"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[USED_ONLY, FILTER, BUCKETS]
    }

    fn answer(&self, ask: &Ask<'_>) -> Answer {
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
        &[USED_ONLY, TEXT_READOUTS, FILTER, BUCKETS]
    }

    fn answer(&self, ask: &Ask<'_>) -> Answer {
        answer(&self.store, &self.refresh, Kind::Prometheus, ask)
    }
}

fn answer(store: &Store, refresh: &Arc<dyn Fn() + Send + Sync>, kind: Kind, ask: &Ask<'_>) -> Answer {
    let query = match Query::parse(kind, ask.query) {
        Ok(query) => query,
        Err(refusal) => return refuse(&refusal),
    };
    refresh();
    let mut body = String::new();
    render(store, &query, &[], &mut body);
    Answer { status: 200, content_type: query.format.content_type(), body: body.into() }
}

fn refuse(refusal: &Refusal) -> Answer {
    Answer::text(400, refusal.to_string())
}
