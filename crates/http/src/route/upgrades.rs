//! `RouteAction.upgrade_configs`: which upgrades a route allows.

use nuncio_config::{At, Invalid, scalar};
use nuncio_proto::envoy::config::route::v3::route_action as pb;

/// `envoy.config.route.v3.RouteAction.UpgradeConfig`
#[derive(Debug)]
pub(super) struct Upgrade {
    /// What requests ask for, in lower case: a protocol, or `connect`.
    pub(super) kind: String,
    pub(super) is_enabled: bool,
    /// `connect_config`
    pub(super) is_terminated: bool,
}

/// Parses those of a route, of which no two may be for the same.
pub(super) fn parse_upgrades(protos: Vec<pb::UpgradeConfig>, at: &At<'_>) -> Result<Box<[Upgrade]>, Invalid> {
    let mut upgrades: Vec<Upgrade> = Vec::new();
    let mut failed = None;
    for (index, proto) in protos.into_iter().enumerate() {
        let at = at.index(index);
        match Upgrade::parse(proto, &at) {
            Ok(upgrade) if upgrades.iter().any(|other| other.kind == upgrade.kind) => {
                failed = Some(at.invalid(format!("Duplicate upgrade {}", upgrade.kind)));
            }
            Ok(upgrade) => upgrades.push(upgrade),
            Err(invalid) => failed = Some(invalid),
        }
    }
    failed.map_or_else(|| Ok(upgrades.into()), Err)
}

impl Upgrade {
    fn parse(proto: pb::UpgradeConfig, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::UpgradeConfig { upgrade_type, enabled, connect_config } = proto;
        let mut f = at.fields();
        let kind = f.value("upgrade_type", upgrade_type, scalar::non_empty);
        let is_connect = kind.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case("connect"));
        let connect = f.optional("connect_config", connect_config, |proto, at| {
            let pb::upgrade_config::ConnectConfig { proxy_protocol_config, allow_post } = proto;
            let mut f = at.fields();
            f.unsupported("proxy_protocol_config", proxy_protocol_config);
            f.unsupported("allow_post", allow_post);
            let done = f.finish(|| ());
            if is_connect {
                done
            } else {
                Err(at.invalid("only an upgrade of type CONNECT can have a 'connect_config'"))
            }
        });
        f.finish(|| Self {
            kind: kind.take().to_ascii_lowercase(),
            is_enabled: enabled.unwrap_or(true),
            is_terminated: connect.take().is_some(),
        })
    }
}
