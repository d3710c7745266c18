use std::collections::BTreeMap;

use nuncio_proto::envoy::config::core::v3::{RuntimeUInt32, TypedExtensionConfig};
use prost::{Message, Name};
use prost_types::Any;

use crate::{AnyConfig, At, Diagnostics, Extension, Invalid, Path, Severity};

/// Findings as `path: message`.
fn findings(found: &Diagnostics) -> Vec<String> {
    let all = found.sorted();
    all.iter().map(|d| format!("{}: {}", d.path, d.message)).collect()
}

fn even(value: u32, at: &At<'_>) -> Result<u32, Invalid> {
    if value.is_multiple_of(2) { Ok(value) } else { Err(at.invalid("must be even")) }
}

#[test]
fn every_error_of_a_message_is_reported_with_its_path() {
    let found = Diagnostics::new();
    let base = Path::root().field("clusters").index(1);
    let at = At::path(&found, &base);
    let mut f = at.fields();
    let missing = f.required("a", None, even);
    let odd = f.required("b", Some(3), even);
    let list = f.each("c", vec![2, 5, 4, 7], even);
    let entries = BTreeMap::from([("x".to_owned(), 1), ("y".to_owned(), 2)]);
    let map = f.entries("d", entries, |_, value, at| even(value, at));
    f.unsupported("e", true);
    f.unsupported("f", 0_u32);
    let result = f.finish(|| (missing.take(), odd.take(), list.take(), map.take()));
    assert!(result.is_err());
    assert_eq!(
        findings(&found),
        [
            "clusters[1].a: must be set",
            "clusters[1].b: must be even",
            "clusters[1].c[1]: must be even",
            "clusters[1].c[3]: must be even",
            "clusters[1].d[\"x\"]: must be even",
            "clusters[1].e: 'e' is not supported yet",
        ]
    );
}

#[test]
fn valid_fields_arrive_in_order() {
    let found = Diagnostics::new();
    let at = At::root(&found);
    let mut f = at.fields();
    let value = f.value("a", 2, even);
    let absent = f.optional("b", None, even);
    let present = f.optional("c", Some(4), even);
    let default = f.optional_or("d", None, 6, even);
    let list = f.each("e", vec![2, 4], even);
    assert_eq!(value.as_ref(), Some(&2));
    let result = f.finish(|| (value.take(), absent.take(), present.take(), default.take(), list.take()));
    assert_eq!(result, Ok((2, None, Some(4), 6, vec![2, 4])));
    assert!(findings(&found).is_empty());
}

#[test]
fn a_field_without_effect_is_a_warning() {
    let found = Diagnostics::new();
    let at = At::root(&found);
    let mut f = at.fields();
    f.without_effect("a", Some(1), "there is one worker");
    f.without_effect("b", None::<u32>, "there is one worker");
    assert_eq!(f.finish(|| 1), Ok(1));
    let all = found.sorted();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].severity, Severity::Warning);
    assert_eq!(all[0].message, "'a' has no effect: there is one worker");
}

#[test]
fn a_check_of_the_whole_message_can_fail() {
    let found = Diagnostics::new();
    let at = At::root(&found);
    let mut f = at.fields();
    let low = f.value("low", 4, even);
    let high = f.value("high", 2, even);
    let result = f.finish_with(|at| {
        let (low, high) = (low.take(), high.take());
        if low > high { Err(at.invalid("low must not be above high")) } else { Ok((low, high)) }
    });
    assert!(result.is_err());
    assert_eq!(findings(&found), [": low must not be above high"]);
}

#[test]
fn a_typed_configuration_is_unpacked_as_the_type_it_is() {
    let found = Diagnostics::new();
    let at = At::root(&found);
    let message = RuntimeUInt32 { default_value: 5, runtime_key: "k".to_owned() };
    let any = Any { type_url: RuntimeUInt32::type_url(), value: message.encode_to_vec() };
    assert_eq!(at.any::<RuntimeUInt32>(&any), Ok(message.clone()));
    assert!(at.any::<TypedExtensionConfig>(&any).is_err());
    let config = AnyConfig::parse(any, &at).expect("it has a type");
    assert_eq!(config.type_name(), "envoy.config.core.v3.RuntimeUInt32");
    assert_eq!(config.decode::<RuntimeUInt32>(&at), Ok(message));
    assert_eq!(
        findings(&found),
        [": expected type envoy.config.core.v3.TypedExtensionConfig, found envoy.config.core.v3.RuntimeUInt32"]
    );
}

#[test]
fn an_extension_needs_a_configuration_with_a_type() {
    let check = |typed_config: Option<Any>, expected: &str| {
        let found = Diagnostics::new();
        let proto = TypedExtensionConfig { name: "x".to_owned(), typed_config };
        assert!(Extension::parse(proto, &At::root(&found)).is_err());
        assert_eq!(findings(&found), [expected]);
    };
    check(None, "typed_config: must be set");
    check(Some(Any::default()), "typed_config: a typed configuration must have a '@type'");
}

#[test]
fn an_unknown_type_is_named_and_a_similar_one_suggested() {
    let found = Diagnostics::new();
    let at = At::root(&found);
    let any = Any { type_url: "type.googleapis.com/a.v3.Ruoter".to_owned(), value: Vec::new() };
    let config = AnyConfig::parse(any, &at).expect("it has a type");
    config.unknown(&at, "HTTP filter", ["a.v3.Router", "b.v3.Lua"].into_iter());
    let all = found.sorted();
    assert_eq!(all[0].message, "there is no HTTP filter of type 'a.v3.Ruoter'");
    assert_eq!(all[0].help.as_deref(), Some("did you mean type.googleapis.com/a.v3.Router?"));
}

#[test]
fn a_flood_of_findings_is_counted_but_not_kept() {
    let found = Diagnostics::new();
    let at = At::root(&found);
    for index in 0..1_500 {
        at.index(index).invalid("must be even");
    }
    assert_eq!((found.errors(), found.dropped(), found.sorted().len()), (1_500, 500, 1_000));
}
