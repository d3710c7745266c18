//! `/stats/recentlookups`: which names of stats are looked up while requests run.

use nuncio_stats::Store;

use crate::page::{Answer, Ask, Method, Page, Reply};

/// The page, and those that change what it shows.
pub struct RecentLookups {
    /// Whose names.
    pub store: Store,
    /// What asking does.
    pub action: LookupAction,
}

/// What asking for one of the pages does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupAction {
    /// Shows them.
    Show,
    /// Begins to record them.
    Enable,
    /// Ends that, and forgets them.
    Disable,
    /// Forgets them.
    Clear,
}

impl Page for RecentLookups {
    fn path(&self) -> &'static str {
        match self.action {
            LookupAction::Show => "/stats/recentlookups",
            LookupAction::Enable => "/stats/recentlookups/enable",
            LookupAction::Disable => "/stats/recentlookups/disable",
            LookupAction::Clear => "/stats/recentlookups/clear",
        }
    }

    fn help(&self) -> &'static str {
        match self.action {
            LookupAction::Show => "Show recent stat-name lookups",
            LookupAction::Enable => "enable recording of reset stat-name lookup names",
            LookupAction::Disable => "disable recording of reset stat-name lookup names",
            LookupAction::Clear => "clear list of stat-name lookups and counter",
        }
    }

    fn method(&self) -> Method {
        match self.action {
            LookupAction::Show => Method::Any,
            LookupAction::Enable | LookupAction::Disable | LookupAction::Clear => Method::Post,
        }
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        match self.action {
            LookupAction::Show => return Answer::text(200, self.store.recent_lookups()).into(),
            LookupAction::Enable => self.store.record_lookups(true),
            LookupAction::Disable => self.store.record_lookups(false),
            LookupAction::Clear => self.store.clear_lookups(),
        }
        Answer::done().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_does_what_its_path_says() {
        let store = Store::new(1);
        let ask = |action| {
            let page = RecentLookups { store: store.clone(), action };
            let Reply::Now(answer) = page.answer(&Ask { query: "", body: b"" }) else { panic!("it answers at once") };
            answer.body.into_owned()
        };
        let off = "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n";
        assert_eq!(ask(LookupAction::Show), off);
        assert_eq!(ask(LookupAction::Enable), "OK\n");
        assert_eq!(ask(LookupAction::Show), "   Count Lookup\n\ntotal: 0\n");
        assert_eq!((ask(LookupAction::Clear), ask(LookupAction::Disable)), ("OK\n".to_owned(), "OK\n".to_owned()));
        assert_eq!(ask(LookupAction::Show), off);
    }
}
