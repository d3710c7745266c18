//! Resources and bootstraps in wire form: any bytes are taken or refused, and what was taken is taken again as it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nuncio_config::{At, Diagnostics, Policy, Schema, Source, Unknown, check_resource, load_bootstrap};
use prost_types::Any;

const TYPES: [&str; 5] = [
    "envoy.config.cluster.v3.Cluster",
    "envoy.config.listener.v3.Listener",
    "envoy.config.route.v3.RouteConfiguration",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "xds.type.v3.TypedStruct",
];

thread_local! {
    static SCHEMA: Schema =
        Schema::with_policy(Policy { static_unknown: Unknown::Warn, dynamic_unknown: Unknown::Warn });
}

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    SCHEMA.with(|schema| match TYPES.get(usize::from(kind % 6)) {
        Some(name) => check(&format!("type.googleapis.com/{name}"), bytes, schema),
        None => drop(load_bootstrap(&Source::from_bytes("a.pb", bytes.to_vec()), schema).findings()),
    });
});

fn check(type_url: &str, bytes: &[u8], schema: &Schema) {
    let resource = Any { type_url: type_url.to_owned(), value: bytes.to_vec() };
    let found = Diagnostics::new();
    let Ok(taken) = check_resource(&resource, schema, &At::root(&found)) else {
        assert!(found.has_errors());
        return;
    };
    let again = check_resource(&taken, schema, &At::root(&found));
    assert_eq!(again.as_ref(), Ok(&taken), "{:?}", found.sorted());
}
