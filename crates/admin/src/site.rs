//! The list of pages, who may be asked for, and who answers a path.

use std::fmt::Write;

use crate::home;
use crate::page::{Answer, Ask, Method, Page, Parameter, Reply, Takes};

/// Tells whether a path, query included, may be asked for.
pub type PathMatcher = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The pages of the admin. Shared, immutable.
pub struct Site {
    pages: Vec<Box<dyn Page>>,
    /// `allow_paths`; `None` allows all.
    allowed: Option<PathMatcher>,
}

/// What is asked, as it stands in the request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `:path`
    pub path: &'a str,
    /// `content-type`; empty without one.
    pub content_type: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

impl Site {
    /// A site of these pages, a home page that links to them, and `/help`, which lists them.
    pub fn new(mut pages: Vec<Box<dyn Page>>) -> Self {
        pages.sort_by_key(|page| page.path());
        Self { pages, allowed: None }
    }

    /// Refuses every path that `allowed` does not accept.
    #[must_use]
    pub fn with_allowed_paths(self, allowed: PathMatcher) -> Self {
        Self { allowed: Some(allowed), ..self }
    }

    /// The answer to a request.
    pub fn answer(&self, request: &Request<'_>) -> Reply {
        if self.allowed.as_ref().is_some_and(|allowed| !allowed(request.path)) {
            return Answer::text(403, format!("request to path {} not allowed", request.path)).into();
        }
        let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
        let Some(page) = self.pages.iter().find(|page| page.path() == path) else {
            return match path {
                "/" => Answer::html(home::render(&self.directory())),
                "/help" => Answer::text(200, self.help()),
                _ => Answer::text(404, format!("invalid path. {}", self.help())),
            }
            .into();
        };
        if page.method() == Method::Post && request.method != b"POST" {
            let method = String::from_utf8_lossy(request.method);
            return Answer::text(405, format!("Method {method} not allowed, POST required.")).into();
        }
        let form = std::str::from_utf8(request.body).unwrap_or_default();
        // A form counts only when the path has no parameters.
        let query = if query.is_empty() && is_form(request.content_type) { form } else { query };
        page.answer(&Ask { query, body: request.body })
    }

    /// All pages by path.
    fn directory(&self) -> Vec<Entry> {
        let own = [("/", "Admin home page"), ("/help", "print out list of admin commands")];
        let own = own.map(|(path, help)| Entry { path, help, method: Method::Any, parameters: &[] });
        let pages = self.pages.iter().map(|page| Entry {
            path: page.path(),
            help: page.help(),
            method: page.method(),
            parameters: page.parameters(),
        });
        let mut entries: Vec<_> = pages.chain(own).collect();
        entries.sort_by_key(|entry| entry.path);
        entries
    }

    fn help(&self) -> String {
        let mut text = String::from("admin commands are:\n");
        for Entry { path, help, method, parameters } in self.directory() {
            let post = if method == Method::Post { " (POST)" } else { "" };
            let _ = writeln!(text, "  {path}{post}: {help}");
            for Parameter { name, help, takes } in parameters {
                let _ = write!(text, "      {name}: {help}");
                if let Takes::OneOf(choices) = takes {
                    let _ = write!(text, "; One of ({})", choices.join(", "));
                }
                text.push('\n');
            }
        }
        text
    }
}

fn is_form(content_type: &[u8]) -> bool {
    content_type == b"application/x-www-form-urlencoded"
}

/// A page, as lists show it.
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) help: &'static str,
    pub(crate) method: Method,
    pub(crate) parameters: &'static [Parameter],
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
        fn parameters(&self) -> &'static [Parameter] {
            if self.0 == "/a" { &[Parameter { name: "x", help: "an x", takes: Takes::OneOf(&["", "y"]) }] } else { &[] }
        }
        fn method(&self) -> Method {
            self.1
        }
        fn answer(&self, ask: &Ask<'_>) -> Reply {
            Answer::text(200, ask.query.to_owned()).into()
        }
    }

    const HELP: &str = "admin commands are:\n  /: Admin home page\n  /a: does it\n      x: an x; One of (, y)\n  \
                        /b (POST): does it\n  /help: print out list of admin commands\n";

    fn site() -> Site {
        Site::new(vec![Box::new(Fixed("/b", Method::Post)), Box::new(Fixed("/a", Method::Any))])
    }

    fn ask(site: &Site, method: &str, path: &str, content_type: &str, body: &str) -> (u16, String) {
        let (content_type, body) = (content_type.as_bytes(), body.as_bytes());
        match site.answer(&Request { method: method.as_bytes(), path, content_type, body }) {
            Reply::Now(answer) => (answer.status, answer.body.into_owned()),
            Reply::Later { .. } => panic!("{path} is answered at once"),
        }
    }

    #[test]
    fn pages_are_found_by_path_and_guarded_by_method() {
        let site = site();
        let check = |method: &str, path: &str, status: u16, body: &str| {
            assert_eq!(ask(&site, method, path, "", ""), (status, body.to_owned()), "{path}");
        };
        check("GET", "/a?x=1", 200, "x=1");
        check("POST", "/b", 200, "");
        check("GET", "/b", 405, "Method GET not allowed, POST required.");
        check("GET", "/help", 200, HELP);
        check("GET", "/c", 404, &format!("invalid path. {HELP}"));
    }

    #[test]
    fn a_form_counts_when_the_path_has_no_parameters() {
        let site = site();
        let form = "application/x-www-form-urlencoded";
        let check = |path: &str, content_type: &str, expected: &str| {
            let (_, body) = ask(&site, "POST", path, content_type, "y=2");
            assert_eq!(body, expected, "{path} {content_type}");
        };
        check("/b", form, "y=2");
        check("/b?x=1", form, "x=1");
        check("/b", "text/plain", "");
    }

    #[test]
    fn paths_that_are_not_allowed_are_refused_with_their_query() {
        let site = site().with_allowed_paths(Box::new(|path| path == "/a"));
        let check = |path: &str, status: u16, body: &str| {
            assert_eq!(ask(&site, "GET", path, "", ""), (status, body.to_owned()));
        };
        check("/a", 200, "");
        check("/a?x", 403, "request to path /a?x not allowed");
        check("/c", 403, "request to path /c not allowed");
    }
}
