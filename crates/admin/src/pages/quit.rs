//! `/quitquitquit`: the end of the process.

use crate::page::{Answer, Ask, Method, Page, Reply};

/// Ends the process, by what it is given; the answer is still sent.
pub struct Quit(pub Box<dyn Fn() + Send + Sync>);

impl Page for Quit {
    fn path(&self) -> &'static str {
        "/quitquitquit"
    }

    fn help(&self) -> &'static str {
        "exit the server"
    }

    fn method(&self) -> Method {
        Method::Post
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        (self.0)();
        Answer::done().into()
    }
}
