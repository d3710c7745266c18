//! `/reopen_logs`: files of access logs are opened again, after they were moved away.

use crate::page::{Answer, Ask, Method, Page, Reply};

/// Opens the files again, by what it is given.
pub struct ReopenLogs(pub Box<dyn Fn() + Send + Sync>);

impl Page for ReopenLogs {
    fn path(&self) -> &'static str {
        "/reopen_logs"
    }

    fn help(&self) -> &'static str {
        "reopen access logs"
    }

    fn method(&self) -> Method {
        Method::Post
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        (self.0)();
        Answer::done().into()
    }
}
