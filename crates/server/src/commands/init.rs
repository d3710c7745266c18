//! `nuncio init`: configurations to start from, one a role, of nothing but what there is today.

/// What a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Before origins, towards clients that are not trusted.
    Edge,
    /// Beside an application.
    Sidecar,
    /// On the way out, to origins of others.
    Egress,
    /// Of connections instead of requests.
    Tcp,
}

impl Role {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "edge" => Ok(Self::Edge),
            "sidecar" => Ok(Self::Sidecar),
            "egress" => Ok(Self::Egress),
            "tcp" => Ok(Self::Tcp),
            _ => Err(format!("there is no role '{text}': edge, sidecar, egress or tcp")),
        }
    }

    /// The configuration, or what is not there yet for one.
    pub(super) fn starter(self) -> Result<&'static str, String> {
        match self {
            Self::Edge => Ok(include_str!("starters/edge.yaml")),
            Self::Sidecar => Ok(include_str!("starters/sidecar.yaml")),
            Self::Egress => {
                Err("origins of others are found by name and spoken to by TLS; there is neither yet".to_owned())
            }
            Self::Tcp => Err("there is no tcp_proxy yet".to_owned()),
        }
    }
}
