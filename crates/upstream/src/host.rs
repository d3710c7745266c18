//! Hosts: the running side of configured endpoints.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use nuncio_network::Address;
use nuncio_telemetry::HostDescription;
use nuncio_worker::WorkerIndex;

/// `envoy.config.core.v3.Locality`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Locality {
    /// region
    pub region: String,
    /// zone
    pub zone: String,
    /// sub_zone
    pub sub_zone: String,
}

/// One host of a cluster. Shared; counts are per-worker cells that one worker writes.
pub struct Host {
    /// Where it listens.
    pub address: Address,
    /// `hostname` of the endpoint; empty when unset.
    pub hostname: String,
    /// `load_balancing_weight`, 1 when unset.
    pub weight: u32,
    /// The locality's priority.
    pub priority: u32,
    /// Where it stands.
    pub locality: Arc<Locality>,
    /// `address`, as telemetry wants it.
    described: nuncio_telemetry::Address,
    cells: Box<[OnceLock<Box<HostCells>>]>,
}

macro_rules! host_stats {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Counts of one host, summed over workers.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct HostStats { $($(#[doc = $doc])* pub $name: i64,)* }

        #[derive(Default)]
        struct HostCells { $($name: AtomicI64,)* }

        impl Host {
            /// The counts as they are now. For pages, not for the request path.
            pub fn stats(&self) -> HostStats {
                let mut sum = HostStats::default();
                for cells in self.cells.iter().filter_map(OnceLock::get) {
                    $(sum.$name += cells.$name.load(Ordering::Relaxed);)*
                }
                sum
            }
        }

        impl HostLocal {
            $($(#[doc = $doc])* pub fn $name(&self, change: i64) {
                if let Some(cells) = self.cells() {
                    let cell = &cells.$name;
                    cell.store(cell.load(Ordering::Relaxed).wrapping_add(change), Ordering::Relaxed);
                }
            })*
        }
    };
}

host_stats! {
    /// Open connections.
    cx_active,
    /// Connections that could not be made.
    cx_connect_fail,
    /// Connections started.
    cx_total,
    /// Requests under way.
    rq_active,
    /// Requests that failed or were answered with 5xx.
    rq_error,
    /// Requests waiting for a connection.
    rq_pending_active,
    /// Requests answered without 5xx.
    rq_success,
    /// Requests that timed out.
    rq_timeout,
    /// Requests sent.
    rq_total,
}

impl Host {
    /// A host without counts, for `threads` threads (main and the workers).
    pub fn new(
        address: Address,
        hostname: String,
        weight: u32,
        priority: u32,
        locality: Arc<Locality>,
        threads: u16,
    ) -> Self {
        let cells = (0..threads).map(|_| OnceLock::new()).collect();
        let described = address.socket().into();
        Self { address, hostname, weight, priority, locality, described, cells }
    }

    /// The worker's way to count.
    pub fn local(self: &Arc<Self>, worker: WorkerIndex) -> HostLocal {
        if let Some(cells) = self.cells.get(usize::from(worker.0)) {
            cells.get_or_init(Box::default);
        }
        HostLocal { host: Arc::clone(self), worker }
    }
}

impl HostDescription for Host {
    fn address(&self) -> &nuncio_telemetry::Address {
        &self.described
    }

    fn address_text(&self) -> &str {
        self.address.text()
    }

    fn hostname(&self) -> &str {
        &self.hostname
    }
}

/// One worker's view of a host. Owner: the worker.
pub struct HostLocal {
    host: Arc<Host>,
    worker: WorkerIndex,
}

impl HostLocal {
    /// The shared host.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    fn cells(&self) -> Option<&HostCells> {
        self.host.cells.get(usize::from(self.worker.0))?.get().map(|cells| &**cells)
    }
}

/// The hosts of a cluster, in configured order. Immutable: an update makes a new one.
#[derive(Default)]
pub struct HostSet {
    hosts: Vec<Arc<Host>>,
    /// Indices into `hosts` of the lowest priority number that has hosts: who gets traffic while all are healthy.
    preferred: Vec<u32>,
}

impl HostSet {
    /// Sorts out who is preferred.
    pub fn new(hosts: Vec<Arc<Host>>) -> Self {
        let first = hosts.iter().map(|host| host.priority).min();
        let is_preferred = |&(_, host): &(usize, &Arc<Host>)| Some(host.priority) == first;
        let preferred = hosts.iter().enumerate().filter(is_preferred).map(|(at, _)| at as u32).collect();
        Self { hosts, preferred }
    }

    /// All hosts.
    pub fn hosts(&self) -> &[Arc<Host>] {
        &self.hosts
    }

    /// Indices of the hosts that get traffic.
    pub fn preferred(&self) -> &[u32] {
        &self.preferred
    }
}
