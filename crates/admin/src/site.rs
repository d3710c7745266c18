//! The list of pages, and who answers a path.

use std::fmt::Write;

use crate::page::{Answer, Ask, Method, Page};

/// The pages of the admin. Shared, immutable.
pub struct Site {
    pages: Vec<Box<dyn Page>>,
}

impl Site {
    /// A site of these pages and `/help`, which lists them all.
    pub fn new(mut pages: Vec<Box<dyn Page>>) -> Self {
        pages.sort_by_key(|page| page.path());
        Self { pages }
    }

    /// The answer to a request.
    pub fn answer(&self, method: &[u8], path: &str, body: &[u8]) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let Some(page) = self.pages.iter().find(|page| page.path() == path) else {
            return match path {
                "/help" => Answer::text(200, self.help()),
                _ => Answer::text(404, format!("invalid path. {}", self.help())),
            };
        };
        if page.method() == Method::Post && method != b"POST" {
            let method = String::from_utf8_lossy(method);
            return Answer::text(405, format!("Method {method} not allowed, POST required."));
        }
        page.answer(&Ask { query, body })
    }

    fn help(&self) -> String {
        let mut text = String::from("admin commands are:\n");
        let own = ("/help", "print out list of admin commands", Method::Any, &[][..]);
        let pages = self.pages.iter().map(|page| (page.path(), page.help(), page.method(), page.parameters()));
        let mut lines: Vec<_> = pages.chain([own]).collect();
        lines.sort_by_key(|(path, ..)| *path);
        for (path, help, method, parameters) in lines {
            let post = if method == Method::Post { " (POST)" } else { "" };
            let _ = writeln!(text, "  {path}{post}: {help}");
            for parameter in parameters {
                let _ = writeln!(text, "      {}: {}", parameter.name, parameter.help);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static str, Method);

    impl Page for Fixed {
        fn path(&self) -> &'static str {
            self.0
        }
        fn help(&self) -> &'static str {
            "does it"
        }
        fn method(&self) -> Method {
            self.1
        }
        fn answer(&self, ask: &Ask<'_>) -> Answer {
            Answer::text(200, ask.query.to_owned())
        }
    }

    #[test]
    fn pages_are_found_by_path_and_guarded_by_method() {
        let site = Site::new(vec![Box::new(Fixed("/b", Method::Post)), Box::new(Fixed("/a", Method::Any))]);
        let check = |method: &str, path: &str, status: u16, body: &str| {
            assert_eq!(site.answer(method.as_bytes(), path, b""), Answer::text(status, body.to_owned()), "{path}");
        };
        check("GET", "/a?x=1", 200, "x=1");
        check("POST", "/b", 200, "");
        check("GET", "/b", 405, "Method GET not allowed, POST required.");
        let help =
            "admin commands are:\n  /a: does it\n  /b (POST): does it\n  /help: print out list of admin commands\n";
        check("GET", "/help", 200, help);
        check("GET", "/c", 404, &format!("invalid path. {help}"));
    }
}
