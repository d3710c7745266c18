//! Envoy's own rules, in its order: more particular names first.

/// A rule for one tag.
pub(super) struct Rule {
    pub(super) tag: &'static str,
    pub(super) pattern: Pattern,
    /// What a name must contain, which is quicker to see than whether the expression matches.
    pub(super) needs: &'static str,
    /// A value that does not count.
    pub(super) never: &'static str,
}

pub(super) enum Pattern {
    /// Parts between dots: `*` any, `$` the value, `**` any number of them.
    Parts(&'static str),
    /// The first group is cut out, the second is the value.
    Regex(&'static str),
}

const fn parts(tag: &'static str, pattern: &'static str) -> Rule {
    Rule { tag, pattern: Pattern::Parts(pattern), needs: "", never: "" }
}

const fn regex(tag: &'static str, needs: &'static str, pattern: &'static str) -> Rule {
    Rule { tag, pattern: Pattern::Regex(pattern), needs, never: "" }
}

pub(super) static RULES: &[Rule] = &[
    regex("envoy.response_code", "_rq_", r"_rq(_([0-9]{3}))$"),
    regex("envoy.response_code_class", "_rq_", r"_rq_(([0-9]))xx$"),
    regex(
        "envoy.dynamo_partition_id",
        ".dynamodb.table.",
        r"^http\.[^.]+\.dynamodb\.table\.[^.]+\.capacity\.[^.]+(\.__partition_id=([0-9A-Za-z_]{7}))$",
    ),
    regex(
        "envoy.dynamo_operation",
        ".dynamodb.",
        r"^http\.[^.]+\.dynamodb\.(?:operation|table\.[^.]+\.capacity)(\.([^.]+))(?:\.|$)",
    ),
    parts("envoy.mongo_callsite", "mongo.*.collection.*.callsite.$.query.**"),
    regex("envoy.dynamo_table", ".dynamodb.", r"^http\.[^.]+\.dynamodb\.(?:table|error)\.(([^.]+)\.)"),
    parts("envoy.mongo_collection", "mongo.*.collection.$.**.query.*"),
    parts("envoy.mongo_cmd", "mongo.*.cmd.$.**"),
    parts("envoy.grpc_bridge_method", "cluster.*.grpc.*.$.**"),
    parts("envoy.http_user_agent", "http.*.user_agent.$.**"),
    parts("envoy.virtual_cluster", "vhost.*.vcluster.$.**"),
    parts("envoy.fault_downstream_cluster", "http.*.fault.$.**"),
    regex("envoy.ssl_cipher", ".ssl.ciphers.", r"^listener\..*?\.ssl\.ciphers(\.([-0-9A-Za-z_]+))$"),
    regex("cipher_suite", ".ssl.ciphers.", r"^cluster\.[^.]+\.ssl\.ciphers(\.([-0-9A-Za-z_]+))$"),
    regex("envoy.ssl_curve", ".ssl.curves.", r"^(?:listener|cluster)\..*?\.ssl\.curves(\.([-0-9A-Za-z_]+))$"),
    regex("envoy.ssl_sigalg", ".ssl.sigalgs.", r"^(?:listener|cluster)\..*?\.ssl\.sigalgs(\.([-0-9A-Za-z_]+))$"),
    regex("envoy.ssl_version", ".ssl.versions.", r"^(?:listener|cluster)\..*?\.ssl\.versions(\.(TLSv[0-9]\.[0-9]))$"),
    regex(
        "envoy.tls_certificate",
        ".ssl.certificate.",
        r"^(?:listener|cluster)\..*?\.ssl\.certificate\.(([^.]+)\.).*$",
    ),
    parts("envoy.grpc_bridge_service", "cluster.*.grpc.$.**"),
    parts("envoy.tcp_prefix", "tcp.$.**"),
    parts("envoy.udp_prefix", "udp.$.**"),
    parts("envoy.clientssl_prefix", "auth.clientssl.$.**"),
    parts("envoy.ratelimit_prefix", "ratelimit.$.**"),
    regex("envoy.health_check_name", ".health_check.", r"^cluster\.[^.]+\.health_check(\.name\.([^.]+))\..+"),
    parts("envoy.cluster_name", "cluster.$.**"),
    parts("envoy.ext_authz_prefix", "cluster.*.ext_authz.$.**"),
    regex("envoy.rds_route_config", ".rds.", r"^http\.[^.]+\.rds\.(([-.0-9A-Za-z_]+)\.)[0-9A-Za-z_]+?$"),
    regex("envoy.scoped_rds_config", ".scoped_rds.", r"^http\.[^.]+\.scoped_rds\.(([-.0-9A-Za-z_]+)\.)[0-9A-Za-z_]+?$"),
    regex(
        "envoy.rbac_policy_name",
        ".policy.",
        r"^http\.[^.]+\.rbac\.(?:[^.]+\.)?policy\.(([^.]+)\.)(?:allowed|shadow_allowed|denied|shadow_denied)$",
    ),
    Rule { never: "policy", ..regex("envoy.rbac_http_prefix", ".rbac.", r"^http\.[^.]+\.rbac\.(([^.]+)\.)") },
    parts("envoy.ext_authz_prefix", "http.*.ext_authz.$.**"),
    regex("envoy.http_conn_manager_prefix", ".http.", r"^listener\..*?\.http\.(([^.]+)\.)"),
    parts("envoy.http_conn_manager_prefix", "http.$.**"),
    // The admin's listener has no address in its names.
    Rule {
        never: "admin",
        ..regex(
            "envoy.listener_address",
            "",
            r"^listener\.(((?:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[[a-fA-F_0-9]+\])_[0-9]+|[^.]+)\.)",
        )
    },
    parts("envoy.virtual_host", "vhost.$.**"),
    parts("envoy.route", "vhost.*.route.$.**"),
    parts("envoy.mongo_prefix", "mongo.$.**"),
    regex(
        "envoy.worker_id",
        ".worker_",
        r"^(?:listener\.(?:(?:[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[[a-fA-F_0-9]+\])_[0-9]+|[^.]+)|server|listener_manager|thread_local_cluster_manager)\.worker_(([0-9]+)\.)",
    ),
    parts("envoy.redis_prefix", "redis.$.**"),
    parts("envoy.thrift_prefix", "thrift.$.**"),
    parts("envoy.connection_limit_prefix", "connection_limit.$.**"),
    parts("envoy.local_http_ratelimit_prefix", "$.http_local_rate_limit.**"),
    parts("envoy.local_network_ratelimit_prefix", "local_rate_limit.$.**"),
    parts("envoy.local_listener_ratelimit_prefix", "listener_local_ratelimit.$.**"),
    parts("envoy.dns_filter_prefix", "dns_filter.$.**"),
    parts("envoy.rbac_prefix", "$.rbac.**"),
    Rule { never: "versions", ..regex("envoy.proxy_protocol_prefix", "", r"^proxy_proto\.(([^.]+)\.).+$") },
    regex(
        "envoy.proxy_protocol_version",
        ".versions.v",
        r"^proxy_proto\.((?:[^.]+\.)?versions\.v([0-9])\.)[0-9A-Za-z_]+$",
    ),
    parts("envoy.google_grpc_client_prefix", "grpc.$.**"),
    regex("envoy.xds_resource_name", "", r"^sds\.(([^.]+)\.).+"),
];
