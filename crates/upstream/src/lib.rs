//! Clusters, hosts, load balancing, circuit breakers and connection pools.
//!
//! A cluster's HTTP options are opaque here: they are parsed and read by the HTTP layer.

mod balance;
mod circuit_breakers;
mod cluster;
mod codes;
mod host;
mod parse;
mod pool;
mod registry;
mod stats;

pub use balance::{LoadBalancer, PickContext, RoundRobin};
pub use circuit_breakers::{BreakerSlot, Breakers, Resource, RoutingPriority, Thresholds};
pub use cluster::{Cluster, ClusterConfig, LbPolicy};
pub use codes::{ClusterCodes, ResponseCodes, ResponsePart};
pub use host::{Host, HostLocal, HostSet, HostStats, Locality};
pub use parse::{HttpOptionsProto, ParseContext, ParseHttp};
pub use pool::{Pool, Waiting};
pub use registry::{ClusterRef, Clusters};
pub use stats::{MembershipStats, TrafficStats};
