//! The admin pages, one file a page, served by the proxy's own HTTP stack.
//!
//! A [`Site`] is a list of pages. [`SiteFilter`] makes it the only HTTP filter of a connection manager of its own, which
//! main serves: admin requests run through the same codecs, streams and stats as all traffic. What takes long to write,
//! such as all stats, is written by a thread that lives as long as somebody waits for it.

mod filter;
mod home;
mod json;
mod page;
pub mod pages;
mod render;
mod site;

pub use filter::SiteFilter;
pub use json::Json;
pub use page::{Answer, Ask, MakeBody, Method, Page, Parameter, Reply, Takes};
pub use site::{PathMatcher, Request, Site};
