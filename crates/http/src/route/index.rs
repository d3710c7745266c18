//! Which routes of a long list can match a path, so that not every one has to be asked.
//!
//! Only the order decides between routes that match, and asking has no effects: the routes that an index leaves out are
//! those that cannot match.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::entry::Route;

/// Below this many routes asking each is quicker.
const MIN_ROUTES: usize = 16;
/// Routes for each lookup that a request takes, at least.
const MIN_ROUTES_A_LENGTH: usize = 4;

/// The routes of a virtual host by what their path begins with. Shared, immutable.
#[derive(Debug, Default)]
pub(super) struct RouteIndex {
    /// The different lengths of what paths begin with.
    lengths: Box<[usize]>,
    /// Routes in order, by what the path of a match begins with.
    by_start: HashMap<Box<[u8]>, Vec<u32>, RandomState>,
    /// Routes in order that have to be asked whatever the path.
    others: Box<[u32]>,
}

impl RouteIndex {
    /// An index of `routes`; `None` where it would not pay.
    pub(super) fn build(routes: &[Route]) -> Option<Self> {
        let starts = || routes.iter().filter_map(|route| route.matcher.path_start());
        let lengths: HashSet<usize, RandomState> = starts().map(<[u8]>::len).collect();
        if routes.len() < MIN_ROUTES || starts().count() < lengths.len() * MIN_ROUTES_A_LENGTH {
            return None;
        }
        let mut lengths: Vec<_> = lengths.into_iter().collect();
        lengths.sort_unstable();
        let mut index = Self { lengths: lengths.into(), ..Self::default() };
        let mut others = Vec::new();
        for (at, route) in (0..).zip(routes) {
            match route.matcher.path_start() {
                Some(start) => index.by_start.entry(start.into()).or_default().push(at),
                None => others.push(at),
            }
        }
        index.others = others.into();
        Some(index)
    }

    /// The first route for which `is_match` holds, of those that can match `path`.
    pub(super) fn find(&self, path: &[u8], is_match: impl Fn(usize) -> bool) -> Option<usize> {
        let mut first = u32::MAX;
        let mut ask = |candidates: &[u32]| {
            let earlier = candidates.iter().copied().take_while(|&at| at < first);
            if let Some(at) = earlier.into_iter().find(|&at| is_match(at as usize)) {
                first = at;
            }
        };
        for start in self.lengths.iter().map_while(|&length| path.get(..length)) {
            if let Some(candidates) = self.by_start.get(start) {
                ask(candidates);
            }
        }
        ask(&self.others);
        (first != u32::MAX).then_some(first as usize)
    }
}
