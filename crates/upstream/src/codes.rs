//! Counters of responses by status, `upstream_rq_200`, `upstream_rq_2xx`, and how long they took: made when the first
//! response of their kind is counted, as in Envoy.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use nuncio_stats::{
    Counter, Dynamic, Histogram, Local, LocalDynamic, LocalNumbered, Numbered, Scope, Unit, WorkerIndex, sanitize,
};

/// Per worker: the responses of one scope, such as `cluster.a.external.`.
pub struct ResponseCodes {
    names: LocalDynamic,
    completed: OnceCell<Local<Counter>>,
    classes: LocalNumbered,
    codes: LocalNumbered,
    unknown: OnceCell<Local<Counter>>,
    time: OnceCell<Local<Histogram>>,
}

impl ResponseCodes {
    /// Nothing counted yet in `scope`.
    pub fn new(scope: &Scope, worker: WorkerIndex) -> Self {
        Self {
            names: Dynamic::new(scope).local(worker),
            completed: OnceCell::new(),
            classes: Numbered::new(scope, "upstream_rq_", "xx").local(worker),
            codes: Numbered::new(scope, "upstream_rq_", "").local(worker),
            unknown: OnceCell::new(),
            time: OnceCell::new(),
        }
    }

    /// A response with `status`: `upstream_rq_completed`, `upstream_rq_<n>xx` and `upstream_rq_<status>`; `upstream_rq_unknown`
    /// where it is no status from 100 to 599.
    pub fn count(&self, status: u16) {
        self.completed.get_or_init(|| self.names.counter("upstream_rq_completed")).inc();
        if (100..600).contains(&status) {
            self.classes.inc(status / 100);
            self.codes.inc(status);
        } else {
            self.unknown.get_or_init(|| self.names.counter("upstream_rq_unknown")).inc();
        }
    }

    /// A response that took `ms` from the end of the request: `upstream_rq_time`.
    pub fn took(&self, ms: u64) {
        self.time.get_or_init(|| self.names.histogram("upstream_rq_time", Unit::Milliseconds)).record(ms);
    }
}

/// Per worker: the responses of a cluster, all of them and apart by where the request came from.
pub struct ClusterCodes {
    scope: Scope,
    worker: WorkerIndex,
    all: ResponseCodes,
    parts: [OnceCell<ResponseCodes>; PARTS],
    alternatives: RefCell<Vec<Alternative>>,
}

/// What is counted under a name that requests have chosen.
type Alternative = (Box<[u8]>, Rc<ClusterCodes>);

/// The most alternative names that are told apart: clients choose them.
const MAX_ALTERNATIVES: usize = 256;

/// A part of a cluster's responses that is counted apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponsePart {
    /// `canary.`: what hosts marked as canaries answered.
    Canary,
    /// `internal.`: answers to requests with `x-envoy-internal: true`.
    Internal,
    /// `external.`: answers to all others.
    External,
    /// `retry.`: answers that were not passed on, because the request was tried again.
    Retry,
}

const PARTS: usize = ResponsePart::Retry as usize + 1;

impl ResponsePart {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Canary => "canary.",
            Self::Internal => "internal.",
            Self::External => "external.",
            Self::Retry => "retry.",
        }
    }
}

impl ClusterCodes {
    /// Nothing counted yet in the cluster's `scope`.
    pub fn new(scope: &Scope, worker: WorkerIndex) -> Self {
        Self {
            all: ResponseCodes::new(scope, worker),
            scope: scope.clone(),
            worker,
            parts: Default::default(),
            alternatives: RefCell::default(),
        }
    }

    /// The same once more under a name that the request has chosen: `x-envoy-upstream-alt-stat-name`. Nothing for more
    /// names than can be told apart, or for one that is no text.
    pub fn alternative(&self, name: &[u8]) -> Option<Rc<Self>> {
        let mut alternatives = self.alternatives.borrow_mut();
        if let Some((_, codes)) = alternatives.iter().find(|(known, _)| **known == *name) {
            return Some(Rc::clone(codes));
        }
        let text = std::str::from_utf8(name).ok().filter(|text| !text.is_empty())?;
        if alternatives.len() >= MAX_ALTERNATIVES {
            return None;
        }
        let codes = Rc::new(Self::new(&self.scope.scope(&format!("{}.", sanitize(text))), self.worker));
        alternatives.push((name.into(), Rc::clone(&codes)));
        Some(codes)
    }

    /// All responses but those that were followed by another try.
    pub fn all(&self) -> &ResponseCodes {
        &self.all
    }

    /// Those of `part`.
    pub fn part(&self, part: ResponsePart) -> &ResponseCodes {
        self.parts[part as usize].get_or_init(|| ResponseCodes::new(&self.scope.scope(part.prefix()), self.worker))
    }
}

#[cfg(test)]
mod tests {
    use nuncio_stats::Store;

    use super::*;

    #[test]
    fn alternative_names_are_counted_beside_and_bounded() {
        let store = Store::new(2);
        let codes = ClusterCodes::new(&store.scope("cluster.a."), WorkerIndex(1));
        for _ in 0..2 {
            codes.alternative(b"alt").expect("a name").all().count(200);
        }
        assert_eq!(store.counter("cluster.a.alt.upstream_rq_200"), Some(2));
        assert!(codes.alternative(b"").is_none() && codes.alternative(b"\xff").is_none());
        let many = (0..1000).filter(|number| codes.alternative(format!("n{number}").as_bytes()).is_some());
        assert_eq!(many.count(), MAX_ALTERNATIVES - 1);
    }

    #[test]
    fn responses_are_counted_by_status_class_and_part() {
        let store = Store::new(2);
        let codes = ClusterCodes::new(&store.scope("cluster.a."), WorkerIndex(1));
        assert_eq!(store.counter("cluster.a.external.upstream_rq_completed"), None);
        for status in [200, 200, 404, 600] {
            codes.all().count(status);
            codes.part(ResponsePart::External).count(status);
        }
        codes.part(ResponsePart::Retry).count(503);
        for (name, expected) in [
            ("upstream_rq_completed", Some(4)),
            ("upstream_rq_2xx", Some(2)),
            ("upstream_rq_404", Some(1)),
            ("upstream_rq_unknown", Some(1)),
            ("upstream_rq_600", None),
            ("upstream_rq_6xx", None),
            ("external.upstream_rq_200", Some(2)),
            ("external.upstream_rq_4xx", Some(1)),
            ("retry.upstream_rq_503", Some(1)),
            ("upstream_rq_503", None),
            ("internal.upstream_rq_completed", None),
        ] {
            assert_eq!(store.counter(&format!("cluster.a.{name}")), expected, "{name}");
        }
    }
}
