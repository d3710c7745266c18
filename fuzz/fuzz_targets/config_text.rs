//! Bootstraps: any text, with any other laid over it, is read to its end, and findings are about lines that exist. What is
//! accepted is accepted in wire form too, as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nuncio_config::{At, Policy, Schema, Source, Unknown, diagnostic, load_bootstrap};
use nuncio_proto::envoy::config::bootstrap::v3::bootstrap::StaticResources;
use prost::Message;

thread_local! {
    static STRICT: Schema = Schema::new();
    static LENIENT: Schema =
        Schema::with_policy(Policy { static_unknown: Unknown::Warn, dynamic_unknown: Unknown::Ignore });
}

// The first byte says what the text is; an upper case letter, that unknown fields may pass. Behind two zero bytes an
// overlay follows.
fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    let name = match kind.to_ascii_lowercase() {
        b'y' => "a.yaml",
        b'j' => "a.json",
        b't' => "a.pb_text",
        _ => return,
    };
    let overlay = rest.windows(2).position(|pair| pair == [0, 0]);
    let (text, overlay) = overlay.map_or((rest, None), |end| (&rest[..end], Some(&rest[end + 2..])));
    let source = Source::from_bytes(name, text.to_vec());
    let source = match overlay {
        Some(overlay) => source.with_overlay(Source::from_bytes("b.yaml", overlay.to_vec())),
        None => source,
    };
    let schema = if kind.is_ascii_lowercase() { &STRICT } else { &LENIENT };
    schema.with(|schema| load(&source, schema));
});

fn load(source: &Source, schema: &Schema) {
    let loaded = load_bootstrap(source, schema);
    let findings = loaded.findings();
    for finding in &findings {
        if let Some(span) = finding.span {
            assert!(span.start <= span.end, "{finding:?}");
            assert!(source.line(span.start.line).is_some(), "{finding:?}");
        }
    }
    diagnostic::render_human(&findings, source);
    if loaded.diagnostics.has_errors() {
        return;
    }
    let at = At::root(&loaded.diagnostics);
    let resources = (
        loaded.listeners.iter().map(|listener| listener.message(&at)).collect::<Result<Vec<_>, _>>(),
        loaded.clusters.iter().map(|cluster| cluster.message(&at)).collect::<Result<Vec<_>, _>>(),
        loaded.secrets.iter().map(|secret| secret.message(&at)).collect::<Result<Vec<_>, _>>(),
    );
    // What is nested too deep for a message is found only here.
    let (Ok(listeners), Ok(clusters), Ok(secrets)) = resources else { return };
    let mut whole = loaded.bootstrap.clone();
    whole.static_resources = Some(StaticResources { listeners, clusters, secrets });
    let wire = Source::from_bytes("a.pb", whole.encode_to_vec());
    let again = load_bootstrap(&wire, schema);
    assert!(!again.diagnostics.has_errors(), "{:?}", again.findings());
    assert_eq!(again.bootstrap.encode_to_vec(), loaded.bootstrap.encode_to_vec());
    assert_eq!(again.clusters.len(), loaded.clusters.len());
}
