//! `/runtime` and `/runtime_modify`, of a server without runtime layers.

use crate::json::Json;
use crate::page::{Answer, Ask, Method, Page, Reply};

/// The runtime's values: none, since `layered_runtime` is not supported yet.
pub struct Runtime;

/// Would change values of the admin layer, of which there is none.
pub struct RuntimeModify;

impl Page for Runtime {
    fn path(&self) -> &'static str {
        "/runtime"
    }

    fn help(&self) -> &'static str {
        "print runtime values"
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        let none = Json::object([("entries", Json::object([])), ("layers", Json::List(Vec::new()))]);
        Answer::json(&none).into()
    }
}

const USAGE: &str = "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n       \
                     or send the parameters as form values\n\
                     use an empty value to remove a previously added override";

impl Page for RuntimeModify {
    fn path(&self) -> &'static str {
        "/runtime_modify"
    }

    fn help(&self) -> &'static str {
        "change runtime values of the admin layer, given as key=value"
    }

    fn method(&self) -> Method {
        Method::Post
    }

    fn answer(&self, ask: &Ask<'_>) -> Reply {
        match ask.parameters().next() {
            None => Answer::text(400, USAGE),
            Some(_) => Answer::text(503, "No admin layer specified"),
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(page: &dyn Page, query: &str) -> Answer {
        match page.answer(&Ask { query, body: b"" }) {
            Reply::Now(answer) => answer,
            Reply::Later { .. } => panic!("answered at once"),
        }
    }

    #[test]
    fn without_layers_nothing_is_shown_and_nothing_changed() {
        assert_eq!(ask(&Runtime, "").body, "{\n \"entries\": {},\n \"layers\": []\n}\n");
        assert_eq!(ask(&RuntimeModify, "a=b"), Answer::text(503, "No admin layer specified"));
        assert_eq!(ask(&RuntimeModify, "").status, 400);
    }
}
