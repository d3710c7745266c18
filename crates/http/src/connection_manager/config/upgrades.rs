//! `upgrade_configs`: which upgrades there are, and the filters that they go through.

use nuncio_config::{At, Invalid, scalar};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager as pb;

use super::ParseContext;
use super::filters::Filters;
use crate::filter::ChainFilter;
use crate::router::config::RouterOptions;

/// `HttpConnectionManager.UpgradeConfig`
pub(crate) struct Upgrade {
    /// What requests ask for, in lower case: a protocol, or `connect`.
    pub(crate) kind: String,
    /// Whether it is allowed where the route says nothing.
    pub(crate) is_enabled: bool,
    /// Filters of its own, without the router.
    pub(crate) filters: Option<Vec<ChainFilter>>,
}

/// One with the options that its own router has.
pub(super) struct Parsed {
    upgrade: Upgrade,
    router: Option<RouterOptions>,
}

impl Parsed {
    pub(super) fn parse(proto: pb::UpgradeConfig, at: &At<'_>, cx: &ParseContext<'_>) -> Result<Self, Invalid> {
        let pb::UpgradeConfig { upgrade_type, filters, enabled } = proto;
        let mut f = at.fields();
        let kind = f.value("upgrade_type", upgrade_type, scalar::non_empty);
        let filters = f.optional("filters", Some(filters).filter(|filters| !filters.is_empty()), |filters, at| {
            let filters = Filters::parse(filters, at, cx)?;
            match filters.upstream_filters {
                None => Ok(filters),
                Some(_) => Err(at.not_implemented("'upstream_http_filters' of an upgrade's own router")),
            }
        });
        f.finish(|| {
            let filters = filters.take();
            let router = filters.as_ref().map(|filters| filters.router);
            let kind = kind.take().to_ascii_lowercase();
            let filters = filters.map(|filters| filters.filters);
            Self { upgrade: Upgrade { kind, is_enabled: enabled.unwrap_or(true), filters }, router }
        })
    }

    /// Checks them together: the router of the connection manager serves all.
    pub(super) fn check(all: &[Self], router: Option<&RouterOptions>, at: &At<'_>) -> Result<(), Invalid> {
        for (index, Self { upgrade: Upgrade { kind, .. }, router: own }) in all.iter().enumerate() {
            if all[..index].iter().any(|other| other.upgrade.kind == *kind) {
                let message = format!("Error: multiple upgrade configs with the same name: '{kind}'");
                return Err(at.index(index).invalid(message));
            }
            if let (Some(own), Some(router)) = (own, router)
                && own != router
            {
                return Err(at.index(index).field("filters").not_implemented("a router with other options"));
            }
        }
        Ok(())
    }

    pub(super) fn into_upgrade(self) -> Upgrade {
        self.upgrade
    }
}
