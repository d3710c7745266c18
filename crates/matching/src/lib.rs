//! String, header, path, address and runtime-fraction matchers.
//!
//! Matching allocates nothing and works on bytes: what arrives is not always UTF-8.

mod cidr;
mod header;
mod path;
mod query;
mod regex;
mod runtime_fraction;
mod string;

pub use cidr::CidrRange;
pub use header::HeaderMatcher;
pub use path::PathMatcher;
pub use path::without_query;
pub use query::Query;
pub use query::QueryParameterMatcher;
pub use regex::RegexMatcher;
pub use regex::RegexRewrite;
pub use runtime_fraction::RuntimeFraction;
pub use string::StringMatcher;
pub use string::starts_with_any_case;
