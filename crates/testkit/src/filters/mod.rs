//! Filters that each use one seam of the filter contract, alone and in the shape of a real one. Every one of them works
//! in a connection manager's chain and in a cluster's.

mod call;
mod collect;
mod cross;
mod passthrough;
mod pause;
mod rewrite;
mod script;

use std::sync::Arc;

use nuncio_http::{FactoryContext, FilterFactory, FilterLocal, HttpFilter, Interest};

pub use call::call;
pub use collect::collect;
pub use cross::cross;
pub use passthrough::passthrough;
pub use pause::pause;
pub use rewrite::rewrite;
pub use script::{Act, Log, On, Say, Step, new_log, script, step};

/// A factory whose filters are made by a function.
struct Made<F> {
    interest: Interest,
    make: Arc<F>,
}

struct MadeLocal<F>(Arc<F>);

fn made<F>(interest: Interest, make: F) -> Arc<dyn FilterFactory>
where
    F: Fn() -> Box<dyn HttpFilter> + Send + Sync + 'static,
{
    Arc::new(Made { interest, make: Arc::new(make) })
}

impl<F: Fn() -> Box<dyn HttpFilter> + Send + Sync + 'static> FilterFactory for Made<F> {
    fn interest(&self) -> Interest {
        self.interest
    }

    fn local(&self, _: &FactoryContext<'_>) -> Box<dyn FilterLocal> {
        Box::new(MadeLocal(Arc::clone(&self.make)))
    }
}

impl<F: Fn() -> Box<dyn HttpFilter>> FilterLocal for MadeLocal<F> {
    fn build(&self) -> Option<Box<dyn HttpFilter>> {
        Some((self.0)())
    }
}

#[cfg(test)]
mod places {
    use std::sync::Arc;

    use nuncio_http::FilterFactory;
    use nuncio_upstream::Clusters;

    use crate::rig::{Rig, Setup};

    /// Runs `test` with the filter in the connection manager's chain, and with it in the cluster's.
    pub(super) fn both(setup: Setup, make: impl Fn(&Clusters) -> Arc<dyn FilterFactory>, test: impl Fn(&Rig)) {
        let registry = Arc::new(Clusters::default());
        let Setup { buffer_limit, route, is_http2_upstream, .. } = setup;
        let filters = || vec![make(&registry)];
        let downstream = Setup { filters: filters(), buffer_limit, route, is_http2_upstream, ..Setup::default() };
        test(&Rig::with_registry(&downstream, &registry));
        let upstream = Setup { cluster_filters: filters(), buffer_limit, route, is_http2_upstream, ..Setup::default() };
        test(&Rig::with_registry(&upstream, &registry));
    }
}
