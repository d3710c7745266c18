//! `envoy.config.listener.v3.Listener`, parsed: one plain TCP address and one filter chain with one network filter.

use nuncio_config::{AnyConfig, At, Invalid, scalar};
use nuncio_network::Address;
use nuncio_proto::envoy::config::listener::v3 as pb;

/// A listener as configured.
pub struct ListenerConfig<F> {
    /// name, or the address when empty.
    pub name: String,
    /// `stat_prefix`, or the address when empty: what stands in stat names.
    pub stat_name: String,
    /// address
    pub address: Address,
    /// The name of its filter chain; may be empty.
    pub filter_chain_name: String,
    /// What serves its connections.
    pub filter: F,
    /// enable_reuse_port, true by default: one socket a worker.
    pub reuse_port: bool,
    /// tcp_backlog_size
    pub backlog: u32,
}

impl<F> ListenerConfig<F> {
    /// Parses a listener; `filter` parses the network filter of its chain.
    ///
    /// # Errors
    /// Everything that is wrong or not supported is reported at its path.
    pub fn parse(
        proto: pb::Listener,
        at: &At<'_>,
        filter: impl Fn(AnyConfig, u32, &At<'_>) -> Result<F, Invalid>,
    ) -> Result<Self, Invalid> {
        let pb::Listener {
            name,
            address,
            additional_addresses,
            stat_prefix,
            stats_matcher,
            filter_chains,
            fcds_config,
            filter_chain_matcher,
            use_original_dst,
            default_filter_chain,
            per_connection_buffer_limit_bytes,
            per_connection_buffer_high_watermark_timeout,
            metadata,
            deprecated_v1,
            drain_type,
            listener_filters,
            listener_filters_timeout,
            continue_on_listener_filters_timeout,
            transparent,
            freebind,
            socket_options,
            tcp_fast_open_queue_length,
            traffic_direction,
            udp_listener_config,
            api_listener,
            connection_balance_config,
            reuse_port,
            enable_reuse_port,
            access_log,
            tcp_backlog_size,
            max_connections_to_accept_per_socket_event,
            bind_to_port,
            enable_mptcp,
            ignore_global_conn_limit,
            bypass_overload_manager,
            tcp_keepalive,
            listener_specifier,
        } = proto;
        let mut f = at.fields();
        f.unsupported("additional_addresses", additional_addresses);
        f.unsupported("stats_matcher", stats_matcher);
        f.unsupported("fcds_config", fcds_config);
        f.unsupported("filter_chain_matcher", filter_chain_matcher);
        f.unsupported("use_original_dst", use_original_dst);
        f.unsupported("default_filter_chain", default_filter_chain);
        f.unsupported("per_connection_buffer_high_watermark_timeout", per_connection_buffer_high_watermark_timeout);
        f.without_effect("metadata", metadata, "no feature that reads it exists yet");
        f.unsupported("deprecated_v1", deprecated_v1);
        f.unsupported("drain_type", drain_type);
        f.unsupported("listener_filters", listener_filters);
        f.unsupported("listener_filters_timeout", listener_filters_timeout);
        f.unsupported("continue_on_listener_filters_timeout", continue_on_listener_filters_timeout);
        f.unsupported("transparent", transparent);
        f.unsupported("freebind", freebind);
        f.unsupported("socket_options", socket_options);
        f.unsupported("tcp_fast_open_queue_length", tcp_fast_open_queue_length);
        f.unsupported("traffic_direction", traffic_direction);
        f.unsupported("udp_listener_config", udp_listener_config);
        f.unsupported("api_listener", api_listener);
        f.unsupported("connection_balance_config", connection_balance_config);
        f.unsupported("reuse_port", reuse_port);
        f.unsupported("access_log", access_log);
        f.unsupported("max_connections_to_accept_per_socket_event", max_connections_to_accept_per_socket_event);
        f.unsupported("bind_to_port", bind_to_port.filter(|binds| !binds));
        f.unsupported("enable_mptcp", enable_mptcp);
        f.unsupported("ignore_global_conn_limit", ignore_global_conn_limit);
        f.unsupported("bypass_overload_manager", bypass_overload_manager);
        f.unsupported("tcp_keepalive", tcp_keepalive);
        f.unsupported("listener_specifier", listener_specifier);
        // The proto: "If unspecified, an implementation defined default is applied (1MiB)."
        let buffer_limit = per_connection_buffer_limit_bytes.unwrap_or(1024 * 1024);
        let address = f.required("address", address, Address::parse);
        let count = filter_chains.len();
        let chains = f.each("filter_chains", filter_chains, |chain, at| parse_chain(chain, buffer_limit, at, &filter));
        let one = match count {
            0 => f.absent("no filter chains specified"),
            1 => f.keep(Ok(())),
            _ => f.value("filter_chains", (), |(), at| Err(at.index(1).not_implemented("more than one filter chain"))),
        };
        f.finish(|| {
            one.take();
            let address: Address = address.take();
            let (filter_chain_name, filter) = chains.take().swap_remove(0);
            let or_address = |text: String| if text.is_empty() { address.text().to_string() } else { text };
            Self {
                name: or_address(name),
                stat_name: or_address(stat_prefix),
                filter_chain_name,
                filter,
                reuse_port: enable_reuse_port.unwrap_or(true),
                backlog: tcp_backlog_size.unwrap_or(4096),
                address,
            }
        })
    }
}

fn parse_chain<F>(
    proto: pb::FilterChain,
    buffer_limit: u32,
    at: &At<'_>,
    filter: &impl Fn(AnyConfig, u32, &At<'_>) -> Result<F, Invalid>,
) -> Result<(String, F), Invalid> {
    let pb::FilterChain {
        filter_chain_match,
        filters,
        use_proxy_proto,
        metadata,
        transport_socket,
        transport_socket_connect_timeout,
        name,
    } = proto;
    let mut f = at.fields();
    f.unsupported("filter_chain_match", filter_chain_match.filter(|chain| *chain != pb::FilterChainMatch::default()));
    f.unsupported("use_proxy_proto", use_proxy_proto);
    f.without_effect("metadata", metadata, "no feature that reads it exists yet");
    f.unsupported("transport_socket", transport_socket);
    f.unsupported("transport_socket_connect_timeout", transport_socket_connect_timeout);
    let count = filters.len();
    let parsed = f.each("filters", filters, |proto, at| {
        let pb::Filter { name, config_type } = proto;
        let mut f = at.fields();
        let _ = f.value("name", name, scalar::non_empty);
        let parsed = match config_type {
            Some(pb::filter::ConfigType::TypedConfig(any)) => {
                f.value("typed_config", any, |any, at| filter(AnyConfig::parse(any, at)?, buffer_limit, at))
            }
            Some(pb::filter::ConfigType::ConfigDiscovery(_)) => {
                f.value("config_discovery", (), |(), at| Err(at.not_implemented("'config_discovery'")))
            }
            None => f.absent("a filter needs a typed_config"),
        };
        f.finish(|| parsed.take())
    });
    let one = match count {
        0 => f.value("filters", (), |(), at| Err(at.not_implemented("a filter chain without network filters"))),
        1 => f.keep(Ok(())),
        _ => f.value("filters", (), |(), at| Err(at.index(1).not_implemented("more than one network filter"))),
    };
    f.finish(|| {
        one.take();
        (name, parsed.take().swap_remove(0))
    })
}
