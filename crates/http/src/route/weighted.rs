//! Clusters that share the requests of a route by weight.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::route::v3 as pb;

use super::action::ClusterRef;
use super::context::ParseContext;
use super::level::Level;
use super::level::LevelFields;

/// `envoy.config.route.v3.WeightedCluster`.
pub struct WeightedClusters {
    clusters: Box<[WeightedCluster]>,
    total: u64,
    /// The lower-case name of the header that has the random number.
    random_header: Option<Box<[u8]>>,
}

/// `envoy.config.route.v3.WeightedCluster.ClusterWeight`.
pub struct WeightedCluster {
    /// The cluster, or the header that names it.
    pub target: WeightedTarget,
    /// The authority that the request gets before the route's own rewrite.
    pub host_rewrite: Option<Box<[u8]>>,
    /// Its changes to heads are made before those of the route.
    pub(super) level: Level,
    weight: u32,
}

/// Where the requests of one share go.
pub enum WeightedTarget {
    /// To this cluster.
    Cluster(ClusterRef),
    /// To the cluster that a request header names. Its lower-case name.
    Header(Box<[u8]>),
}

impl WeightedClusters {
    pub(super) fn parse(proto: pb::WeightedCluster, cx: &ParseContext<'_>, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::weighted_cluster::RandomValueSpecifier;
        // `total_weight` is deprecated; Envoy sums the weights whatever it says.
        let pb::WeightedCluster { clusters, total_weight, runtime_key_prefix, random_value_specifier } = proto;
        let mut f = at.fields();
        let clusters = f.each("clusters", clusters, |cluster, at| WeightedCluster::parse(cluster, cx, at));
        f.without_effect("total_weight", total_weight, "the weights are summed");
        f.unsupported("runtime_key_prefix", runtime_key_prefix);
        let random_header = match random_value_specifier {
            Some(RandomValueSpecifier::HeaderName(name)) => Some(name.to_ascii_lowercase().into_bytes().into()),
            Some(RandomValueSpecifier::UseHashPolicy(use_hash_policy)) => {
                f.unsupported("use_hash_policy", use_hash_policy);
                None
            }
            None => None,
        };
        let total = clusters.as_ref().map_or(1, |all| all.iter().map(|cluster| u64::from(cluster.weight)).sum());
        if total == 0 {
            f.reject("clusters", "Sum of weights in the weighted_cluster must be greater than 0.");
        } else if total > u64::from(u32::MAX) {
            f.reject("clusters", format!("The sum of weights of all weighted clusters exceeds {}", u32::MAX));
        }
        f.finish(|| Self { clusters: clusters.take().into(), total, random_header })
    }

    /// Which of the clusters a request goes to: the number in the header that is configured, or else a random one,
    /// modulo the sum of the weights.
    pub fn pick(&self, headers: &Headers, random: u64) -> usize {
        let from_header = self.random_header.as_ref().and_then(|name| number(headers.get_by_name(name)?));
        let mut point = from_header.unwrap_or(random) % self.total;
        for (index, cluster) in self.clusters.iter().enumerate() {
            match point.checked_sub(u64::from(cluster.weight)) {
                None => return index,
                Some(rest) => point = rest,
            }
        }
        unreachable!("the point is below the sum of the weights")
    }

    /// The clusters, in order.
    pub fn clusters(&self) -> &[WeightedCluster] {
        &self.clusters
    }
}

impl WeightedCluster {
    fn parse(proto: pb::weighted_cluster::ClusterWeight, cx: &ParseContext<'_>, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::weighted_cluster::cluster_weight::HostRewriteSpecifier;
        let pb::weighted_cluster::ClusterWeight {
            name,
            cluster_header,
            weight,
            metadata_match,
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            typed_per_filter_config,
            host_rewrite_specifier,
        } = proto;
        let mut f = at.fields();
        let target = match (name.is_empty(), cluster_header.is_empty()) {
            (true, true) => Err(at.invalid("At least one of name or cluster_header need to be specified")),
            (false, false) => Err(at.invalid("Only one of name or cluster_header can be specified")),
            (false, true) => Ok(WeightedTarget::Cluster(cx.cluster(name, true, &at.field("name")))),
            (true, false) => Ok(WeightedTarget::Header(cluster_header.to_ascii_lowercase().into_bytes().into())),
        };
        let target = f.keep(target);
        let weight = f.required("weight", weight, |weight, _| Ok(weight));
        f.unsupported("metadata_match", metadata_match);
        let level = LevelFields {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            typed_per_filter_config,
        };
        let level = f.keep(Level::parse(level, cx, at));
        f.finish(|| Self {
            target: target.take(),
            host_rewrite: match host_rewrite_specifier {
                Some(HostRewriteSpecifier::HostRewriteLiteral(host)) if !host.is_empty() => {
                    Some(host.into_bytes().into())
                }
                Some(HostRewriteSpecifier::HostRewriteLiteral(_)) | None => None,
            },
            level: level.take(),
            weight: weight.take(),
        })
    }
}

/// A header value that is a decimal number.
fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}
