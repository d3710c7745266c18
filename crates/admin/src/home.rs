//! What HTML pages look like, and `/`: a page with a link for each page that shows something, and a button for each that does something.

use crate::page::{Method, Parameter, Takes};
use crate::site::Entry;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nuncio admin</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
p { margin-top: 0; }
.page { display: grid; grid-template-columns: 15rem 1fr; gap: 0 1rem; padding: .6rem 0; border-top: 1px solid #8884; }
.path { font-family: ui-monospace, monospace; }
form { display: contents; }
label { grid-column: 2; display: grid; grid-template-columns: 10rem 1fr; gap: 0 1rem; font-size: .875rem; }
input, select, button { font: inherit; }
input[type=checkbox] { justify-self: start; }
button { justify-self: start; align-self: start; font-family: ui-monospace, monospace; cursor: pointer; }
@media (max-width: 40rem) { .page, label { grid-template-columns: 1fr; } label { grid-column: 1; } }
</style>
</head>
<body>
"#;

/// The page.
pub(crate) fn render(pages: &[Entry]) -> String {
    let mut out = String::from("<p>The admin pages of this server. A button with POST changes its state.</p>\n");
    for page in pages.iter().filter(|page| page.path != "/") {
        out.push_str("<div class=\"page\">");
        if page.method == Method::Any && page.parameters.is_empty() {
            out.push_str(&format!(
                "<a class=\"path\" href=\"{0}\">{0}</a><span>{1}</span>",
                page.path,
                escape(page.help)
            ));
        } else {
            form(page, &mut out);
        }
        out.push_str("</div>\n");
    }
    page("Nuncio", &out)
}

/// A document with a heading.
pub(crate) fn page(heading: &str, body: &str) -> String {
    format!("{HEAD}<h1>{heading}</h1>\n{body}</body>\n</html>\n")
}

fn form(page: &Entry, out: &mut String) {
    let (method, note) = match page.method {
        Method::Any => ("get", ""),
        Method::Post => ("post", "POST "),
    };
    let (path, help) = (page.path, escape(page.help));
    out.push_str(&format!(
        "<form method=\"{method}\" action=\"{path}\"><button>{note}{path}</button><span>{help}</span>"
    ));
    for parameter in page.parameters {
        field(parameter, out);
    }
    out.push_str("</form>");
}

fn field(parameter: &Parameter, out: &mut String) {
    let Parameter { name, help, takes } = parameter;
    out.push_str(&format!("<label title=\"{}\">{name} ", escape(help)));
    match takes {
        Takes::Text => out.push_str(&format!("<input name=\"{name}\">")),
        Takes::Flag => out.push_str(&format!("<input type=\"checkbox\" name=\"{name}\">")),
        Takes::OneOf(choices) => {
            out.push_str(&format!("<select name=\"{name}\">"));
            // None, the default, comes first.
            let choices = std::iter::once(&"").chain(choices.iter().filter(|choice| !choice.is_empty()));
            choices.for_each(|choice| out.push_str(&format!("<option>{choice}</option>")));
            out.push_str("</select>");
        }
    }
    out.push_str("</label>");
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_change_something_are_forms_and_others_links() {
        let check = |page: Entry, expected: &str| {
            let html = render(&[page]);
            assert!(html.contains(expected), "{expected} in {html}");
        };
        let page = |path, method, parameters| Entry { path, help: "a < b", method, parameters };
        check(page("/ready", Method::Any, &[]), "<a class=\"path\" href=\"/ready\">/ready</a><span>a &lt; b</span>");
        check(page("/quit", Method::Post, &[]), "<form method=\"post\" action=\"/quit\"><button>POST /quit</button>");
        const FILTER: &[Parameter] = &[Parameter { name: "filter", help: "", takes: Takes::OneOf(&["x"]) }];
        check(
            page("/stats", Method::Any, FILTER),
            "<select name=\"filter\"><option></option><option>x</option></select>",
        );
        check(page("/stats", Method::Any, FILTER), "<form method=\"get\" action=\"/stats\">");
    }
}
