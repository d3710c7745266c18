//! Whether a request may ask for an upgrade, and through which filters it goes then.

use std::rc::Rc;

use nuncio_codec::Protocol;

use super::config::Upgrade;
use super::{Core, Manager, Source, Stream};
use crate::chain::Plan;
use crate::filter::{FactoryContext, LocalReply};
use crate::route::Route;
use crate::upgrade;

/// One worker's half of an upgrade. Owner: the worker.
pub(crate) struct UpgradeLocal {
    kind: String,
    is_enabled: bool,
    /// Filters of its own.
    plan: Option<Rc<Plan>>,
}

impl UpgradeLocal {
    pub(super) fn build(upgrade: &Upgrade, cx: &FactoryContext<'_>) -> Self {
        Self {
            kind: upgrade.kind.clone(),
            is_enabled: upgrade.is_enabled,
            plan: upgrade.filters.as_deref().map(|filters| Rc::new(Plan::build(filters, cx))),
        }
    }
}

impl Manager {
    /// The filters for an upgrade; `Err` when it is not allowed. `by_route` is what the route says.
    fn upgrade_plan(&self, kind: &[u8], by_route: Option<bool>) -> Result<&Rc<Plan>, Refused> {
        let known = self.upgrades.iter().find(|upgrade| upgrade.kind.as_bytes().eq_ignore_ascii_case(kind));
        match by_route {
            Some(false) => return Err(Refused),
            Some(true) => {}
            None if known.is_some_and(|upgrade| upgrade.is_enabled) => {}
            None => return Err(Refused),
        }
        Ok(known.and_then(|upgrade| upgrade.plan.as_ref()).unwrap_or(&self.plan))
    }
}

/// The upgrade is not allowed.
struct Refused;

impl Stream {
    /// Where the request asks for an upgrade: takes it into the books and gives it its filters.
    ///
    /// # Errors
    /// Envoy's reply where it is not allowed.
    pub(super) fn begin_upgrade(&mut self) -> Result<(), LocalReply> {
        match upgrade::kind(&self.core.request).map(<[u8]>::to_vec) {
            None => Ok(()),
            Some(kind) => self.begin_upgrade_to(&kind),
        }
    }

    #[cold]
    fn begin_upgrade_to(&mut self, kind: &[u8]) -> Result<(), LocalReply> {
        let route = self.core.route();
        let has_route = route.is_some();
        let by_route = route.and_then(Route::forward).and_then(|forward| forward.allows_upgrade(kind));
        let stats = &self.core.manager.stats;
        let Ok(plan) = self.core.manager.upgrade_plan(kind, by_route) else {
            if !has_route {
                // The router will say so.
                return Ok(());
            }
            stats.downstream_rq_ws_on_non_ws_route.inc();
            self.core.drain_http2();
            return Err(LocalReply::new(403, "", "upgrade_failed"));
        };
        stats.downstream_cx_upgrades_total.inc();
        self.core.upgrade = Some(stats.guard(|stats| &stats.downstream_cx_upgrades_active));
        if !Rc::ptr_eq(plan, &self.core.manager.plan) {
            self.chain.renew(plan);
        }
        Ok(())
    }
}

impl Core {
    /// As Envoy does when it refuses an upgrade.
    fn drain_http2(&self) {
        if let (Source::Connection { connection, .. }, Some(Protocol::Http2)) = (&self.source, self.info.protocol) {
            connection.begin_drain();
        }
    }

    /// HTTP/2 has another form for upgrades.
    pub(super) fn read_extended_connect(&mut self) {
        self.is_extended_connect =
            self.info.protocol == Some(Protocol::Http2) && upgrade::request_from_http2(&mut self.request);
    }
}
