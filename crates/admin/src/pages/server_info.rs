//! `/server_info`: what runs here, since when, and how it was started.

use std::sync::Arc;

use nuncio_worker::{Lifecycle, Stopwatch};

use crate::json::Json;
use crate::page::{Answer, Ask, Page, Reply};

/// What was built. Envoy's tools read the line of five parts.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// The commit.
    pub revision: &'static str,
    /// The version of Envoy whose configuration and behaviour this is.
    pub version: [u8; 3],
    /// Whether the revision is all that was built.
    pub status: &'static str,
    /// RELEASE or DEBUG.
    pub kind: &'static str,
    /// The TLS library.
    pub tls: &'static str,
}

impl Build {
    /// Revision, version, status, kind and TLS library, with slashes between them.
    pub fn line(&self) -> String {
        let Self { revision, version: [major, minor, patch], status, kind, tls } = self;
        format!("{revision}/{major}.{minor}.{patch}/{status}/{kind}/{tls}")
    }

    fn as_json(&self) -> Json {
        let Self { revision, version: [major, minor, patch], status, kind, tls } = *self;
        let number = |number: u8| Json::Number(number.into());
        let version = [("major_number", number(major)), ("minor_number", number(minor)), ("patch", number(patch))];
        Json::object([
            ("version", Json::object(version)),
            (
                "metadata",
                Json::object([
                    ("build.type", Json::text(kind)),
                    ("ssl.version", Json::text(tls)),
                    ("revision.status", Json::text(status)),
                    ("revision.sha", Json::text(revision)),
                ]),
            ),
        ])
    }
}

/// What the process was started as. Shared, immutable.
#[derive(Debug, Clone)]
pub struct About {
    /// What was built.
    pub build: Build,
    /// `envoy.admin.v3.CommandLineOptions`
    pub options: Json,
    /// `node.id`
    pub id: String,
    /// `node.cluster`
    pub cluster: String,
    /// `node.metadata`, when there is one.
    pub metadata: Option<Json>,
    /// `node.locality`: region, zone and sub zone, when there is one.
    pub locality: Option<[String; 3]>,
    /// Extensions that are built in.
    pub extensions: Vec<Extension>,
}

/// An extension that is built in.
#[derive(Debug, Clone)]
pub struct Extension {
    /// What it extends.
    pub category: &'static str,
    /// Its name.
    pub name: String,
    /// The types of its configurations.
    pub types: Vec<&'static str>,
    /// Whether it was left out by `--disable-extensions`.
    pub is_disabled: bool,
}

/// Tells it.
pub struct ServerInfo {
    /// What was started.
    pub about: Arc<About>,
    /// The server's state.
    pub lifecycle: Arc<Lifecycle>,
    /// Since when it runs.
    pub uptime: Stopwatch,
}

impl Page for ServerInfo {
    fn path(&self) -> &'static str {
        "/server_info"
    }

    fn help(&self) -> &'static str {
        "print server version/status information"
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        Answer::json(&describe(&self.about, self.lifecycle.state().name(), self.uptime.elapsed().as_secs())).into()
    }
}

/// `envoy.admin.v3.ServerInfo`
fn describe(about: &About, state: &str, uptime_seconds: u64) -> Json {
    let uptime = Json::text(format!("{uptime_seconds}s"));
    Json::object([
        ("version", Json::text(about.build.line())),
        ("state", Json::text(state)),
        ("uptime_current_epoch", uptime.clone()),
        ("uptime_all_epochs", uptime),
        ("hot_restart_version", Json::text("disabled")),
        ("command_line_options", about.options.clone()),
        ("node", node(about)),
        ("hot_restart_initializing", Json::Bool(false)),
    ])
}

/// `envoy.config.core.v3.Node`, every field but messages that are not set.
fn node(about: &About) -> Json {
    let mut fields = vec![("id", Json::text(&about.id)), ("cluster", Json::text(&about.cluster))];
    if let Some(metadata) = &about.metadata {
        fields.push(("metadata", metadata.clone()));
    }
    if let Some([region, zone, sub_zone]) = &about.locality {
        let texts = [("region", region), ("zone", zone), ("sub_zone", sub_zone)];
        fields.push(("locality", Json::object(texts.map(|(name, text)| (name, Json::text(text))))));
    }
    let extensions = about.extensions.iter().map(|Extension { category, name, types, is_disabled }| {
        // Envoy knows the types of those only that are not disabled.
        let types = types.iter().filter(|_| !is_disabled).map(|name| Json::text(*name));
        Json::object([
            ("name", Json::text(name)),
            ("category", Json::text(*category)),
            ("type_descriptor", Json::text("")),
            ("disabled", Json::Bool(*is_disabled)),
            ("type_urls", Json::List(types.collect())),
        ])
    });
    fields.extend([
        ("user_agent_name", Json::text("envoy")),
        ("user_agent_build_version", about.build.as_json()),
        ("extensions", Json::List(extensions.collect())),
        ("client_features", Json::List(Vec::new())),
        ("listening_addresses", Json::List(Vec::new())),
        ("dynamic_parameters", Json::object([])),
    ]);
    Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            build: Build { revision: "abc", version: [1, 40, 0], status: "Clean", kind: "RELEASE", tls: "none" },
            options: Json::object([("base_id", Json::wide(27))]),
            id: "n".to_owned(),
            cluster: String::new(),
            metadata: None,
            locality: Some(["r".to_owned(), String::new(), String::new()]),
            extensions: vec![Extension {
                category: "envoy.filters.http",
                name: "envoy.filters.http.router".to_owned(),
                types: vec!["a.Router"],
                is_disabled: false,
            }],
        }
    }

    #[test]
    fn the_version_line_has_five_parts() {
        assert_eq!(about().build.line(), "abc/1.40.0/Clean/RELEASE/none");
    }

    #[test]
    fn everything_is_told_in_the_order_of_the_proto() {
        let text = describe(&about(), "LIVE", 3).document();
        let start = "{\n \"version\": \"abc/1.40.0/Clean/RELEASE/none\",\n \"state\": \"LIVE\",\n \
                     \"uptime_current_epoch\": \"3s\",\n \"uptime_all_epochs\": \"3s\",\n \
                     \"hot_restart_version\": \"disabled\",\n \"command_line_options\": {\n  \"base_id\": \"27\"\n },\n \
                     \"node\": {\n  \"id\": \"n\",\n  \"cluster\": \"\",\n  \"locality\": {\n   \"region\": \"r\",\n   \
                     \"zone\": \"\",\n   \"sub_zone\": \"\"\n  },\n  \"user_agent_name\": \"envoy\",\n";
        assert!(text.starts_with(start), "{text}");
        let end = "\"client_features\": [],\n  \"listening_addresses\": [],\n  \"dynamic_parameters\": {}\n },\n \
                   \"hot_restart_initializing\": false\n}\n";
        assert!(text.ends_with(end), "{text}");
        assert!(text.contains("\"type_urls\": [\n     \"a.Router\"\n    ]"), "{text}");
    }
}
