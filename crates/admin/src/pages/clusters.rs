//! `/clusters`: every cluster's limits, and every host with its counts.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use nuncio_stats::render::Filter;
use nuncio_upstream::{Cluster, Host, HostStats, Thresholds};

use crate::json::Json;
use crate::page::{Answer, Ask, Page, Parameter, Reply, Takes};

/// Tells of the clusters that are there, as text or JSON.
pub struct Clusters(pub Arc<nuncio_upstream::Clusters>);

impl Page for Clusters {
    fn path(&self) -> &'static str {
        "/clusters"
    }

    fn help(&self) -> &'static str {
        "upstream cluster status"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "filter",
            help: "Regular expression (Google re2) for filtering clusters by name",
            takes: Takes::Text,
        }]
    }

    fn answer(&self, ask: &Ask<'_>) -> Reply {
        let pattern = ask.parameter("filter").filter(|pattern| !pattern.is_empty());
        let Ok(filter) = pattern.map(|pattern| Filter::parse(&pattern, false)).transpose() else {
            return Answer::text(400, "Invalid re2 regex").into();
        };
        // Any other format is text, as in Envoy.
        let is_json = ask.parameter("format").as_deref() == Some("json");
        let registry = Arc::clone(&self.0);
        let body = Box::new(move || {
            let mut clusters = registry.active();
            clusters.retain(|cluster| filter.as_ref().is_none_or(|filter| filter.accepts(&cluster.config.name)));
            if is_json { as_json(&clusters).document() } else { as_text(&clusters) }
        });
        let content_type = if is_json { Answer::JSON } else { Answer::TEXT };
        Reply::Later { head_first: false, status: 200, content_type, body }
    }
}

/// The nine counts of a host under their names, by name.
fn counts(stats: &HostStats) -> [(&'static str, i64, Kind); 9] {
    let HostStats {
        cx_active,
        cx_connect_fail,
        cx_total,
        rq_active,
        rq_error,
        rq_pending_active,
        rq_success,
        rq_timeout,
        rq_total,
    } = *stats;
    [
        ("cx_active", cx_active, Kind::Gauge),
        ("cx_connect_fail", cx_connect_fail, Kind::Counter),
        ("cx_total", cx_total, Kind::Counter),
        ("rq_active", rq_active, Kind::Gauge),
        ("rq_error", rq_error, Kind::Counter),
        ("rq_pending_active", rq_pending_active, Kind::Gauge),
        ("rq_success", rq_success, Kind::Counter),
        ("rq_timeout", rq_timeout, Kind::Counter),
        ("rq_total", rq_total, Kind::Counter),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

fn as_text(clusters: &[Arc<Cluster>]) -> String {
    let mut out = String::new();
    for cluster in clusters {
        let (name, config) = (&cluster.config.name, &cluster.config);
        let _ = writeln!(out, "{name}::observability_name::{}", config.stat_name);
        for (priority, thresholds) in ["default", "high"].iter().zip(&config.thresholds) {
            let Thresholds { max_connections, max_pending_requests, max_requests, max_retries, .. } = thresholds;
            let _ = writeln!(out, "{name}::{priority}_priority::max_connections::{max_connections}");
            let _ = writeln!(out, "{name}::{priority}_priority::max_pending_requests::{max_pending_requests}");
            let _ = writeln!(out, "{name}::{priority}_priority::max_requests::{max_requests}");
            let _ = writeln!(out, "{name}::{priority}_priority::max_retries::{max_retries}");
        }
        let _ = writeln!(out, "{name}::added_via_api::false");
        for host in cluster.hosts().hosts() {
            host_as_text(name, host, &mut out);
        }
    }
    out
}

fn host_as_text(cluster: &str, host: &Host, out: &mut String) {
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(out, "{cluster}::{}::{key}::{value}", host.address);
    };
    for (name, value, _) in counts(&host.stats()) {
        line(name, &value);
    }
    line("hostname", &host.hostname);
    // Hosts have no other health yet: health checks and `health_status` are refused.
    line("health_flags", &"healthy");
    line("weight", &host.weight);
    line("region", &host.locality.region);
    line("zone", &host.locality.zone);
    line("sub_zone", &host.locality.sub_zone);
    line("canary", &false);
    line("priority", &host.priority);
    line("success_rate", &-1);
    line("local_origin_success_rate", &-1);
}

/// `envoy.admin.v3.Clusters`
fn as_json(clusters: &[Arc<Cluster>]) -> Json {
    Json::sparse([("cluster_statuses", Json::List(clusters.iter().map(|cluster| status(cluster)).collect()))])
}

fn status(cluster: &Cluster) -> Json {
    let config = &cluster.config;
    let hosts = cluster.hosts().hosts().iter().map(|host| host_status(host)).collect();
    let thresholds = ["", "HIGH"].iter().zip(&config.thresholds).map(|(priority, thresholds)| {
        let Thresholds { max_connections, max_pending_requests, max_requests, max_retries, .. } = *thresholds;
        let limit = |number: u32| Json::Number(number.into());
        // They are wrapped numbers, so that zero is told too.
        let mut fields = vec![
            ("max_connections".to_owned(), limit(max_connections)),
            ("max_pending_requests".to_owned(), limit(max_pending_requests)),
            ("max_requests".to_owned(), limit(max_requests)),
            ("max_retries".to_owned(), limit(max_retries)),
        ];
        if !priority.is_empty() {
            fields.insert(0, ("priority".to_owned(), Json::text(*priority)));
        }
        Json::Object(fields)
    });
    Json::sparse([
        ("name", Json::text(&*config.name)),
        ("host_statuses", Json::List(hosts)),
        ("circuit_breakers", Json::object([("thresholds", Json::List(thresholds.collect()))])),
        ("observability_name", Json::text(&config.stat_name)),
    ])
}

fn host_status(host: &Host) -> Json {
    let counts = counts(&host.stats());
    let of = |kind| counts.iter().filter(move |(_, _, of)| *of == kind);
    let simple = |(name, value, kind): &(&str, i64, Kind)| {
        let kind = if *kind == Kind::Gauge { "GAUGE" } else { "" };
        let value = if *value == 0 { Json::Null } else { Json::wide(value) };
        Json::sparse([("type", Json::text(kind)), ("value", value), ("name", Json::text(*name))])
    };
    let stats = of(Kind::Counter).chain(of(Kind::Gauge)).map(simple).collect();
    let locality = &host.locality;
    Json::sparse([
        ("address", socket_address(host.address.socket())),
        ("stats", Json::List(stats)),
        ("health_status", Json::object([("eds_health_status", Json::text("HEALTHY"))])),
        ("weight", Json::Number(host.weight.into())),
        ("hostname", Json::text(&host.hostname)),
        ("priority", Json::Number(host.priority.into())),
        (
            "locality",
            Json::sparse([
                ("region", Json::text(&locality.region)),
                ("zone", Json::text(&locality.zone)),
                ("sub_zone", Json::text(&locality.sub_zone)),
            ]),
        ),
    ])
}

/// `envoy.config.core.v3.Address` of an IP address.
pub(super) fn socket_address(address: SocketAddr) -> Json {
    let fields =
        [("address", Json::text(address.ip().to_string())), ("port_value", Json::Number(address.port().into()))];
    Json::object([("socket_address", Json::object(fields))])
}
