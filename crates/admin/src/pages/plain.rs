//! Pages whose answer never changes while the process runs.

use crate::json::Json;
use crate::page::{Answer, Ask, Page, Reply};

/// A page with one answer.
pub struct Plain {
    path: &'static str,
    help: &'static str,
    answer: Answer,
}

impl Plain {
    /// `/hot_restart_version`: there is no hot restart, which Envoy tells by this word.
    pub fn hot_restart_version() -> Self {
        Self {
            path: "/hot_restart_version",
            help: "print the hot restart compatibility version",
            answer: Answer::text(200, "disabled"),
        }
    }

    /// `/certs`: no transport socket has certificates yet.
    pub fn certs() -> Self {
        let none = Json::object([("certificates", Json::List(Vec::new()))]);
        Self { path: "/certs", help: "print certs on machine", answer: Answer::json(&none) }
    }

    /// `/contention`: nothing is known of locks that are waited for, which Envoy tells by these words.
    pub fn contention() -> Self {
        let text = "Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing.";
        Self {
            path: "/contention",
            help: "dump current mutex contention stats (if enabled)",
            answer: Answer::text(200, text),
        }
    }

    /// `/init_dump`: nothing is waited for once pages are served.
    pub fn init_dump() -> Self {
        Self {
            path: "/init_dump",
            help: "dump current init manager information (experimental)",
            answer: Answer::json(&Json::object([])),
        }
    }
}

impl Page for Plain {
    fn path(&self) -> &'static str {
        self.path
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        self.answer.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_envoys_for_a_server_without_any() {
        let check = |page: Plain, expected: &str| assert_eq!(page.answer.body, expected, "{}", page.path);
        check(Plain::hot_restart_version(), "disabled");
        check(Plain::certs(), "{\n \"certificates\": []\n}\n");
        check(Plain::init_dump(), "{}\n");
    }
}
