//! What is there, and yet not the same as in Envoy.

/// A known difference.
pub(super) struct Difference {
    /// The full name of the type concerned; none for what concerns every file.
    pub(super) of: Option<&'static str>,
    pub(super) how: &'static str,
    pub(super) why: &'static str,
}

/// All that is known. A difference that is found is a bug, unless it is wanted: then it stands here.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        of: Some("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        how: "without http_filters it is refused",
        why: "Envoy takes it, and never answers a request",
    },
    Difference {
        of: Some("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        how: "a filter of a type that is not there is refused also with is_optional",
        why: "Envoy leaves out what it does not know, but it knows what is not there yet",
    },
    Difference {
        of: None,
        how: "a cluster of lds_config that does not exist is an error of --mode validate",
        why: "Envoy finds it only when it serves",
    },
    Difference {
        of: None,
        how: "a free structure may be nested 30 levels at the most, in Envoy 98",
        why: "it is decoded by recursion, which has a bound",
    },
    Difference {
        of: None,
        how: "control characters in YAML are refused outside quotes",
        why: "YAML forbids them; Envoy's reader lets them pass",
    },
];
