//! The extensions that Envoy 1.40 registers: what is among them but not here is not implemented yet, and what is not
//! among them is a mistake.
//!
//! `extensions.txt` has a type a line and the categories in which it is registered. It is what Envoy tells of itself in
//! `node.extensions`, which `/server_info` shows.

/// One line a type, sorted.
const EXTENSIONS: &str = include_str!("extensions.txt");

/// Envoy's categories of what this proxy calls a kind of extension.
const KINDS: &[(&str, &str)] = &[
    ("HTTP filter", "envoy.filters.http"),
    ("access logger", "envoy.access_loggers"),
    ("network filter", "envoy.filters.network"),
    ("request id extension", "envoy.request_id"),
    ("upstream HTTP filter", "envoy.filters.http.upstream"),
];

/// What Envoy would do with a type where an extension of some kind is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// Take it.
    Here,
    /// Refuse it: it is an extension of another category, this one for example.
    Elsewhere(&'static str),
    /// Refuse it: it is no extension.
    Nowhere,
}

/// Whether Envoy has an extension of this kind and type.
pub(crate) fn registered(kind: &str, type_name: &str) -> Registered {
    let mut lines = EXTENSIONS.lines().map(|line| line.split_once(' ').unwrap_or((line, "")));
    let Some((_, categories)) = lines.find(|(name, _)| *name == type_name) else {
        return Registered::Nowhere;
    };
    let wanted = KINDS.iter().find(|(of, _)| *of == kind).map(|(_, category)| *category);
    let is_wanted = |category: &str| wanted.is_none_or(|wanted| wanted == category);
    match categories.split(' ').any(is_wanted) {
        true => Registered::Here,
        false => Registered::Elsewhere(categories.split(' ').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::{EXTENSIONS, KINDS, Registered, registered};
    use crate::Schema;

    #[test]
    fn every_registered_type_is_known_to_the_schema() {
        let schema = Schema::new();
        let types: Vec<&str> = EXTENSIONS.lines().filter_map(|line| line.split(' ').next()).collect();
        let unknown: Vec<_> = types.iter().filter(|name| !schema.knows(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert_eq!(types.len(), 380); // as many as Envoy 1.40 tells
        assert!(types.is_sorted());
    }

    #[test]
    fn kinds_are_categories_of_envoy() {
        for (kind, category) in KINDS {
            let mut categories = EXTENSIONS.lines().flat_map(|line| line.split(' ').skip(1));
            assert!(categories.any(|known| known == *category), "{kind}");
        }
    }

    #[test]
    fn a_type_is_registered_where_envoy_takes_it() {
        let check = |kind, name, expected| assert_eq!(registered(kind, name), expected, "{kind} {name}");
        let lua = "envoy.extensions.filters.http.lua.v3.Lua";
        check("HTTP filter", lua, Registered::Here);
        check("upstream HTTP filter", lua, Registered::Here);
        check("network filter", lua, Registered::Elsewhere("envoy.filters.http"));
        check("something else", lua, Registered::Here);
        // In the protos, but not in the binary.
        check("HTTP filter", "envoy.extensions.filters.http.gzip.v3.Gzip", Registered::Nowhere);
        check("HTTP filter", "envoy.config.core.v3.Node", Registered::Nowhere);
    }
}
