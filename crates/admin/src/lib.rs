//! The admin pages, one file a page, served by the proxy's own HTTP stack.
//!
//! A [`Site`] is a list of pages. [`SiteFilter`] makes it the only HTTP filter of a connection manager of its own, which
//! main serves: admin requests run through the same codecs, streams and stats as all traffic.

mod filter;
mod page;
pub mod pages;
mod site;

pub use filter::SiteFilter;
pub use page::{Answer, Ask, Method, Page, Parameter};
pub use site::Site;
