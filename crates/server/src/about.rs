//! What this build is, and who this process is: `--version` and `/server_info`.

use nuncio_admin::Json;
use nuncio_admin::pages::{About, Build};
use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::config::core::v3 as pb;
use prost_types::value::Kind;

use crate::extensions::Extensions;
use crate::options::Options;

/// This build. A release sets the revision; without one the parts read as in an Envoy that was built without it.
pub(crate) const BUILD: Build = Build {
    revision: match option_env!("NUNCIO_REVISION") {
        Some(revision) => revision,
        None => "0",
    },
    version: [1, 40, 0],
    status: match option_env!("NUNCIO_REVISION") {
        Some(_) => "Clean",
        None => "redacted",
    },
    kind: if cfg!(debug_assertions) { "DEBUG" } else { "RELEASE" },
    tls: "no-tls",
};

/// The gauge `server.version`: the first six digits of the revision.
pub(crate) fn version_number() -> u64 {
    BUILD.revision.get(..6).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// `envoy.config.core.v3.Node`, as far as operators set it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Node {
    id: String,
    cluster: String,
    metadata: Option<Json>,
    locality: Option<[String; 3]>,
}

impl Node {
    /// Parses the message.
    pub(crate) fn parse(proto: pb::Node, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::Node {
            id,
            cluster,
            metadata,
            dynamic_parameters,
            locality,
            user_agent_name,
            extensions,
            client_features,
            listening_addresses,
            user_agent_version_type,
        } = proto;
        let mut f = at.fields();
        f.unsupported("dynamic_parameters", dynamic_parameters);
        f.without_effect("user_agent_name", user_agent_name, "the server tells its own");
        f.without_effect("extensions", extensions, "the server tells its own");
        f.unsupported("client_features", client_features);
        f.unsupported("listening_addresses", listening_addresses);
        let has_version = user_agent_version_type.is_some();
        f.without_effect("user_agent_version", has_version, "the server tells its own");
        let locality = locality.map(|pb::Locality { region, zone, sub_zone }| [region, zone, sub_zone]);
        f.finish(|| Self { id, cluster, metadata: metadata.as_ref().map(structure), locality })
    }

    /// What was started.
    pub(crate) fn about(self, options: &Options, concurrency: u16, extensions: Extensions) -> About {
        let Self { id, cluster, metadata, locality } = self;
        let extensions = extensions.into_list();
        About { build: BUILD, options: options.as_json(concurrency), id, cluster, metadata, locality, extensions }
    }
}

/// What the command line says of the node counts more than the configuration.
pub(crate) fn override_node(node: &mut Option<pb::Node>, options: &Options) {
    let Options { service_node, service_cluster, service_zone, .. } = options;
    if !service_node.is_empty() {
        node.get_or_insert_default().id.clone_from(service_node);
    }
    if !service_cluster.is_empty() {
        node.get_or_insert_default().cluster.clone_from(service_cluster);
    }
    if !service_zone.is_empty() {
        node.get_or_insert_default().locality.get_or_insert_default().zone.clone_from(service_zone);
    }
}

/// `google.protobuf.Struct` as JSON.
fn structure(fields: &prost_types::Struct) -> Json {
    Json::Object(fields.fields.iter().map(|(name, value)| (name.clone(), json(value))).collect())
}

fn json(value: &prost_types::Value) -> Json {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(*value),
        Some(Kind::NumberValue(number)) => Json::Double(*number),
        Some(Kind::StringValue(text)) => Json::text(text),
        Some(Kind::ListValue(list)) => Json::List(list.values.iter().map(json).collect()),
        Some(Kind::StructValue(fields)) => structure(fields),
    }
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;

    use super::*;

    fn about(node: pb::Node, line: &str) -> About {
        let arguments = std::iter::once("nuncio").chain(line.split_whitespace()).map(Into::into);
        let crate::options::Parsed::Run(options) = Options::read(arguments) else { panic!("{line}") };
        let (sink, mut node) = (Diagnostics::new(), Some(node));
        override_node(&mut node, &options);
        Node::parse(node.unwrap_or_default(), &At::root(&sink)).expect("it is valid").about(
            &options,
            1,
            Extensions::default(),
        )
    }

    #[test]
    fn the_command_line_counts_more_than_the_configuration() {
        let locality = pb::Locality { region: "r".to_owned(), zone: "z".to_owned(), sub_zone: "s".to_owned() };
        let node = || pb::Node {
            id: "i".to_owned(),
            cluster: "c".to_owned(),
            locality: Some(locality.clone()),
            ..pb::Node::default()
        };
        let check = |node, line, id: &str, cluster: &str, zone: Option<&str>| {
            let about = about(node, line);
            assert_eq!((about.id.as_str(), about.cluster.as_str()), (id, cluster), "{line}");
            assert_eq!(about.locality.as_ref().map(|[_, zone, _]| zone.as_str()), zone, "{line}");
        };
        check(node(), "", "i", "c", Some("z"));
        check(node(), "--service-node n --service-cluster s --service-zone y", "n", "s", Some("y"));
        check(pb::Node::default(), "", "", "", None);
        check(pb::Node::default(), "--service-zone y", "", "", Some("y"));
    }

    #[test]
    fn metadata_is_told_as_it_was_written() {
        let value = |kind| prost_types::Value { kind: Some(kind) };
        let list = prost_types::ListValue { values: vec![value(Kind::NumberValue(1.0)), value(Kind::NullValue(0))] };
        let fields = [("a".to_owned(), value(Kind::ListValue(list)))].into();
        let metadata = structure(&prost_types::Struct { fields });
        assert_eq!(metadata.document(), "{\n \"a\": [\n  1,\n  null\n ]\n}\n");
    }
}
