//! The commands that print something to start or to edit with.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use crate::running::{Folder, Running};

fn print(arguments: &[&str]) -> String {
    let output = Running::command().args(arguments).output().expect("it was built");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

/// Envoy 1.40, where the parity harness has installed it: see `parity/README.md`.
fn envoy() -> Option<Command> {
    let default = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/parity-venv"));
    let folder = std::env::var_os("PARITY_VENV").map(PathBuf::from).or_else(default)?;
    let versions = std::fs::read_dir(folder.join("lib")).ok()?.flatten();
    let binaries = versions.map(|python| python.path().join("site-packages/envoy/_bin/envoy"));
    binaries.into_iter().find(|binary| binary.is_file()).map(Command::new)
}

#[test]
fn every_starter_is_valid_here_and_for_envoy() {
    let folder = Folder::new();
    for role in ["edge", "sidecar"] {
        let text = print(&["init", role]);
        assert!(text.lines().filter(|line| line.trim_start().starts_with('#')).count() > 5, "{role} explains itself");
        let path = folder.file(&format!("{role}.yaml"), &text);
        let check = ["--mode", "validate", "-l", "error", "-c", &path];
        let output = Running::command().args(check).output().expect("it was built");
        let told = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
        assert_eq!(told, (format!("configuration '{path}' OK\n").into_bytes(), String::new()), "{role}");
        let Some(mut envoy) = envoy() else { continue };
        let status = envoy.args(check).stdout(Stdio::null()).status().expect("it is there");
        assert_eq!(status.code(), Some(0), "{role}");
    }
    for role in ["egress", "tcp"] {
        let output = Running::command().args(["init", role]).output().expect("it was built");
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{role}");
    }
}

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let schema: Value = serde_json::from_str(&print(&["schema"])).expect("it is JSON");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("bootstrap.json", schema).expect("it is a schema");
        let index = compiler.compile("bootstrap.json", &mut schemas).expect("every reference is there");
        Self { schemas, index }
    }

    fn check(&self, text: &Value, is_valid: bool) {
        let found = self.schemas.validate(text, self.index);
        assert_eq!(found.is_ok(), is_valid, "{text}: {:?}", found.err().map(|error| error.to_string()));
        // The loader has the same verdict.
        let arguments = ["--mode", "validate", "--config-yaml", &text.to_string()];
        let output = Running::command().args(arguments).output().expect("it was built");
        assert_eq!(output.status.code(), Some(i32::from(!is_valid)), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_schema_has_the_loaders_verdict() {
    let validator = Validator::new();
    let listener = |filter: Value| {
        let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
        let chains = json!([{"filters": [{"name": "x", "typed_config": filter}]}]);
        json!({"static_resources": {"listeners": [{"name": "in", "address": address, "filter_chains": chains}]}})
    };
    let manager = |prefix: Value| {
        let name =
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
        let router = json!({"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"});
        json!({"@type": name, "stat_prefix": prefix, "http_filters": [{"name": "r", "typed_config": router}],
               "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]}})
    };
    let cluster = |fields: Value| {
        let mut cluster = json!({"name": "a", "load_assignment": {"cluster_name": "a"}});
        cluster.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        json!({"static_resources": {"clusters": [cluster]}})
    };
    let good = [
        json!({}),
        json!({"admin": {"address": {"socketAddress": {"address": "127.0.0.1", "portValue": 0}}}}),
        json!({"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": "80"}}}}),
        json!({"node": {"id": "a", "metadata": {"any": [1, {"thing": true}]}}}),
        cluster(json!({"connect_timeout": "0.25s", "type": "STATIC", "lb_policy": 0})),
        cluster(json!({"connect_timeout": {"seconds": 1}})),
        listener(manager(json!("in"))),
    ];
    good.iter().for_each(|text| validator.check(text, true));
    let broken = [
        json!([]),
        json!({"admn": {}}),
        json!({"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": "http"}}}}),
        cluster(json!({"connect_timeout": 1})),
        cluster(json!({"connect_timeout": "1"})),
        cluster(json!({"type": "STATICK"})),
        cluster(json!({"name": ""})),
        cluster(json!({"load_assignment": [1]})),
        listener(json!({"stat_prefix": "in"})),
        listener(manager(json!(""))),
        listener(manager(json!({}))),
    ];
    broken.iter().for_each(|text| validator.check(text, false));
}

#[test]
fn a_field_is_explained_and_what_is_none_is_not() {
    assert!(print(&["explain", "static_resources.clusters.lb_policy"]).contains("default: ROUND_ROBIN"));
    let output = Running::command().args(["explain", "Clustr"]).output().expect("it was built");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean Cluster?"));
}
