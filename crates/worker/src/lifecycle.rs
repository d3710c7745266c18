//! Where the process is in its life, for the pages that tell it and the connections that drain because of it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// The state of the server, as `/ready` and `/server_info` tell it. Shared, atomic; written by main.
#[derive(Debug, Default)]
pub struct Lifecycle {
    phase: AtomicU8,
    is_health_check_failed: AtomicBool,
}

/// `envoy.admin.v3.ServerInfo.State`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerState {
    /// Live and serving.
    Live,
    /// Health checks fail on purpose: connections end with their next response.
    Draining,
    /// Listeners are not up yet, though clusters may be.
    PreInitializing,
    /// Not up yet.
    Initializing,
}

impl ServerState {
    /// Envoy's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Draining => "DRAINING",
            Self::PreInitializing => "PRE_INITIALIZING",
            Self::Initializing => "INITIALIZING",
        }
    }

    /// Its number, as the gauge `server.state` tells it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Live => 0,
            Self::Draining => 1,
            Self::PreInitializing => 2,
            Self::Initializing => 3,
        }
    }
}

impl Lifecycle {
    /// The listeners are up.
    pub fn set_live(&self) {
        self.phase.store(1, Ordering::Release);
    }

    /// `/healthcheck/fail` and `/healthcheck/ok`.
    pub fn fail_health_checks(&self, is_failed: bool) {
        self.is_health_check_failed.store(is_failed, Ordering::Release);
    }

    /// Whether connections are to be ended with their next response.
    pub fn is_draining(&self) -> bool {
        self.is_health_check_failed.load(Ordering::Relaxed)
    }

    /// The state now.
    pub fn state(&self) -> ServerState {
        if self.phase.load(Ordering::Acquire) == 0 {
            ServerState::Initializing
        } else if self.is_draining() {
            ServerState::Draining
        } else {
            ServerState::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_health_checks_are_draining_once_live() {
        let life = Lifecycle::default();
        assert_eq!(life.state(), ServerState::Initializing);
        life.fail_health_checks(true);
        assert_eq!(life.state(), ServerState::Initializing);
        life.set_live();
        assert_eq!(life.state(), ServerState::Draining);
        life.fail_health_checks(false);
        assert_eq!(life.state(), ServerState::Live);
    }
}
