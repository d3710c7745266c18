//! `/ready`: whether the server takes traffic.

use std::sync::Arc;

use nuncio_worker::{Lifecycle, ServerState};

use crate::page::{Answer, Ask, Page, Reply};

/// 200 while live, else 503; the body is the state.
pub struct Ready(pub Arc<Lifecycle>);

impl Page for Ready {
    fn path(&self) -> &'static str {
        "/ready"
    }

    fn help(&self) -> &'static str {
        "print server state, return 200 if LIVE, otherwise return 503"
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        let state = self.0.state();
        let status = if state == ServerState::Live { 200 } else { 503 };
        Answer::text(status, format!("{}\n", state.name())).into()
    }
}
