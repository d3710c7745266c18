use std::collections::BTreeMap;

use nuncio_proto::envoy::config::cluster::v3::Cluster;
use nuncio_proto::envoy::config::core::v3::TransportSocket;
use nuncio_proto::envoy::config::core::v3::transport_socket::ConfigType;
use nuncio_proto::envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
use nuncio_proto::xds::r#type::v3::TypedStruct;
use prost::{Message, Name};
use prost_types::value::Kind;
use prost_types::{Any, Struct, Value};

use super::check_resource;
use crate::{At, Diagnostics, Policy, Schema, Unknown};

fn pack<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn cluster(socket: Option<Any>) -> Cluster {
    let config = |any| TransportSocket { name: "tls".to_owned(), config_type: Some(ConfigType::TypedConfig(any)) };
    Cluster { name: "a".to_owned(), transport_socket: socket.map(config), ..Cluster::default() }
}

fn typed_struct(url: String, field: &str, kind: Kind) -> Any {
    let fields = BTreeMap::from([(field.to_owned(), Value { kind: Some(kind) })]);
    pack(&TypedStruct { type_url: url, value: Some(Struct { fields }) })
}

/// The resource that is accepted, or the findings.
fn check(resource: &Any) -> Result<Any, Vec<String>> {
    check_with(Policy::default(), resource)
}

fn check_with(policy: Policy, resource: &Any) -> Result<Any, Vec<String>> {
    let found = Diagnostics::new();
    let checked = check_resource(resource, &Schema::with_policy(policy), &At::root(&found));
    checked.map_err(|_| found.sorted().iter().map(|d| format!("{}: {}", d.path, d.message)).collect())
}

#[test]
fn a_valid_resource_keeps_its_bytes() {
    let resource = pack(&cluster(Some(pack(&UpstreamTlsContext { sni: "x".to_owned(), ..Default::default() }))));
    assert_eq!(check(&resource), Ok(resource));
}

#[test]
fn a_typed_struct_becomes_the_message_that_it_describes() {
    let sni = typed_struct(UpstreamTlsContext::type_url(), "sni", Kind::StringValue("x".to_owned()));
    let described = pack(&UpstreamTlsContext { sni: "x".to_owned(), ..Default::default() });
    assert_eq!(check(&pack(&cluster(Some(sni)))), Ok(pack(&cluster(Some(described)))));
}

#[test]
fn what_a_typed_struct_describes_is_checked_as_if_it_were_a_text() {
    let policy = Policy { dynamic_unknown: Unknown::Reject, ..Policy::default() };
    let describe = |field, kind| {
        check_with(policy, &pack(&cluster(Some(typed_struct(UpstreamTlsContext::type_url(), field, kind)))))
    };
    assert_eq!(
        describe("snii", Kind::StringValue("x".to_owned())),
        Err(vec!["transport_socket.typed_config.snii: unknown field 'snii' in UpstreamTlsContext".to_owned()])
    );
    assert_eq!(
        describe("sni", Kind::NumberValue(5.0)),
        Err(vec!["transport_socket.typed_config.sni: expected a string, found a number".to_owned()])
    );
}

#[test]
fn a_broken_rule_is_found_inside_what_is_packed() {
    let long = UpstreamTlsContext { sni: "x".repeat(256), ..Default::default() };
    assert_eq!(
        check(&pack(&cluster(Some(pack(&long))))),
        Err(vec!["transport_socket.typed_config.sni: must have at most 255 bytes, has 256".to_owned()])
    );
    let nameless = Cluster::default();
    assert_eq!(check(&pack(&nameless)), Err(vec!["name: must not be empty".to_owned()]));
}

#[test]
fn unknown_types_and_broken_bytes_are_errors() {
    let unknown = Any { type_url: "type.googleapis.com/a.B".to_owned(), value: Vec::new() };
    assert_eq!(check(&unknown), Err(vec![": unknown type 'a.B'".to_owned()]));
    let inner = pack(&cluster(Some(unknown)));
    assert_eq!(check(&inner), Err(vec!["transport_socket.typed_config: unknown type 'a.B'".to_owned()]));
    let broken = Any { type_url: Cluster::type_url(), value: vec![0x0A, 0xFF] };
    assert_eq!(check(&broken).map_err(|found| found.len()), Err(1));
}

/// Verdicts and counts of Envoy 1.40 with `--reject-unknown-dynamic-fields`, without, and with
/// `--ignore-unknown-dynamic-fields`.
#[test]
fn an_unknown_field_is_what_the_policy_says() {
    let mut resource = pack(&cluster(None));
    resource.value.extend([0xF8, 0xFF, 0x07, 1]); // field 16383, varint 1
    let described = typed_struct(UpstreamTlsContext::type_url(), "snii", Kind::StringValue("x".to_owned()));
    let described = pack(&cluster(Some(described)));
    let check = |resource: &Any, dynamic_unknown, is_accepted, messages: &[&str], counted| {
        let schema = Schema::with_policy(Policy { dynamic_unknown, ..Policy::default() });
        let found = Diagnostics::new();
        assert_eq!(check_resource(resource, &schema, &At::root(&found)).is_ok(), is_accepted);
        let texts: Vec<String> = found.sorted().into_iter().map(|d| d.message).collect();
        assert_eq!(
            (texts, schema.counts().dynamic_unknown_fields),
            (messages.iter().map(|m| (*m).to_owned()).collect(), counted)
        );
    };
    check(&resource, Unknown::Reject, false, &["unknown fields of Cluster: 16383"], 0);
    check(&resource, Unknown::Warn, true, &["unknown fields of Cluster: 16383"], 1);
    check(&resource, Unknown::Ignore, true, &[], 0);
    check(&described, Unknown::Reject, false, &["unknown field 'snii' in UpstreamTlsContext"], 0);
    check(&described, Unknown::Warn, true, &["unknown field 'snii' in UpstreamTlsContext is ignored"], 1);
    check(&described, Unknown::Ignore, true, &[], 0);
}
