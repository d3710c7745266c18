//! Response flags: what went wrong with a stream, under Envoy's names.

use std::fmt;

macro_rules! flags {
    ($($flag:ident $short:literal $meaning:literal;)*) => {
        /// One thing that went wrong, or was done to a stream.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        pub enum ResponseFlag {
            $(#[doc = concat!("`", $short, "`: ", $meaning)] $flag),*
        }

        impl ResponseFlag {
            /// All flags.
            pub const ALL: &[Self] = &[$(Self::$flag),*];

            /// The name that `RESPONSE_FLAGS` prints, e.g. `UH`.
            pub fn short(self) -> &'static str {
                match self { $(Self::$flag => $short),* }
            }

            /// The name that `RESPONSE_FLAGS_LONG` prints, e.g. `NoHealthyUpstream`.
            pub fn long(self) -> &'static str {
                match self { $(Self::$flag => stringify!($flag)),* }
            }
        }
    };
}

flags! {
    FailedLocalHealthCheck "LH" "the health check filter failed the check of this proxy.";
    NoHealthyUpstream "UH" "no host of the cluster could take the request.";
    UpstreamRequestTimeout "UT" "the upstream did not answer in time.";
    LocalReset "LR" "we reset the stream.";
    UpstreamRemoteReset "UR" "the upstream reset the stream.";
    UpstreamConnectionFailure "UF" "connecting upstream failed.";
    UpstreamConnectionTermination "UC" "the upstream connection ended.";
    UpstreamOverflow "UO" "a circuit breaker was open.";
    NoRouteFound "NR" "no route matched.";
    DelayInjected "DI" "the fault filter delayed it.";
    FaultInjected "FI" "the fault filter answered it.";
    RateLimited "RL" "a rate limit answered it.";
    UnauthorizedExternalService "UAEX" "the authorization service denied it.";
    RateLimitServiceError "RLSE" "the rate limit service failed.";
    DownstreamConnectionTermination "DC" "the downstream connection ended.";
    UpstreamRetryLimitExceeded "URX" "the retries were used up.";
    StreamIdleTimeout "SI" "nothing happened for too long.";
    InvalidEnvoyRequestHeaders "IH" "an `x-envoy-` header was malformed under strict checking.";
    DownstreamProtocolError "DPE" "the client broke the protocol.";
    UpstreamMaxStreamDurationReached "UMSDR" "the upstream stream lasted too long.";
    ResponseFromCacheFilter "RFCF" "the cache answered.";
    NoFilterConfigFound "NFCF" "a filter's configuration did not arrive in time.";
    DurationTimeout "DT" "the stream or connection lasted too long.";
    UpstreamProtocolError "UPE" "the upstream broke the protocol.";
    NoClusterFound "NC" "the cluster does not exist.";
    OverloadManagerTerminated "OM" "the overload manager ended it.";
    DnsResolutionFailed "DF" "a name could not be resolved.";
    DropOverload "DO" "the endpoint assignment asks to drop it.";
    DownstreamRemoteReset "DR" "the client reset the stream.";
    UnconditionalDropOverload "UDO" "the endpoint assignment asks to drop everything.";
}

const COUNT: usize = ResponseFlag::UnconditionalDropOverload as usize + 1;

impl ResponseFlag {
    /// Finds a flag by the name that `RESPONSE_FLAGS` prints.
    pub fn from_short(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|flag| flag.short() == name)
    }
}

/// The flags of one stream. Envoy prints them in the order in which they were first set, so the order is kept.
#[derive(Clone, Copy)]
pub struct ResponseFlags {
    present: u32,
    order: [ResponseFlag; COUNT],
}

impl ResponseFlags {
    /// Adds a flag, unless it is there.
    pub fn set(&mut self, flag: ResponseFlag) {
        if !self.has(flag) {
            self.order[self.len()] = flag;
            self.present |= 1 << flag as u32;
        }
    }

    /// Forgets all flags.
    pub(super) fn clear(&mut self) {
        // What stands in `order` beyond the flags that are set is never read.
        self.present = 0;
    }

    /// Whether the flag is set.
    pub fn has(&self, flag: ResponseFlag) -> bool {
        self.present & (1 << flag as u32) != 0
    }

    /// Whether no flag is set.
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// The flags in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = ResponseFlag> + '_ {
        self.order[..self.len()].iter().copied()
    }

    /// The flags as bits, bit n for the n-th of [`ResponseFlag::ALL`].
    pub fn bits(&self) -> u32 {
        self.present
    }

    fn len(&self) -> usize {
        self.present.count_ones() as usize
    }
}

impl Default for ResponseFlags {
    fn default() -> Self {
        Self { present: 0, order: [ResponseFlag::FailedLocalHealthCheck; COUNT] }
    }
}

impl fmt::Debug for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_keep_the_order_in_which_they_were_set() {
        let mut flags = ResponseFlags::default();
        assert!(flags.is_empty());
        for flag in [ResponseFlag::UpstreamRetryLimitExceeded, ResponseFlag::UpstreamConnectionFailure] {
            flags.set(flag);
            flags.set(flag);
        }
        flags.set(ResponseFlag::UpstreamRetryLimitExceeded);
        assert_eq!(flags.iter().map(ResponseFlag::short).collect::<Vec<_>>(), ["URX", "UF"]);
        assert!(!flags.has(ResponseFlag::NoRouteFound));
    }

    #[test]
    fn all_flags_fit_and_are_found_by_name() {
        let mut flags = ResponseFlags::default();
        for &flag in ResponseFlag::ALL {
            flags.set(flag);
            assert_eq!(ResponseFlag::from_short(flag.short()), Some(flag));
        }
        assert_eq!(flags.iter().count(), 30);
        assert_eq!(ResponseFlag::from_short("uh"), None);
    }
}
