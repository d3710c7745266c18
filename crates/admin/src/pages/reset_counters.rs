//! `/reset_counters`: counters start at zero again.

use nuncio_stats::Store;

use crate::page::{Answer, Ask, Method, Page, Reply};

/// Moves the counters' baseline, and empties histograms.
pub struct ResetCounters(pub Store);

impl Page for ResetCounters {
    fn path(&self) -> &'static str {
        "/reset_counters"
    }

    fn help(&self) -> &'static str {
        "reset all counters to zero"
    }

    fn method(&self) -> Method {
        Method::Post
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        self.0.reset_counters();
        Answer::done().into()
    }
}
