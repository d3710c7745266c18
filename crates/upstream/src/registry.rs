//! Clusters by name. Owner: main; workers hold references and never look names up, except for `cluster_header`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use nuncio_worker::Slot;

use crate::Cluster;

/// A route's hold on a cluster: a slot made on first mention, filled, replaced and emptied by updates. Each attempt
/// loads what is in it then; an empty one is answered with 503 NC.
pub type ClusterRef = Arc<Slot<Cluster>>;

/// All clusters of the process.
#[derive(Default)]
pub struct Clusters {
    /// Written on configuration updates only.
    slots: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    by_name: HashMap<Arc<str>, ClusterRef>,
    in_order: Vec<ClusterRef>,
}

impl Clusters {
    /// The slot of this name, made on first mention.
    pub fn reference(&self, name: &str) -> ClusterRef {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let mut table = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = Arc::from(name);
        let slot = Arc::new(Slot::new(table.in_order.len() as u32, Arc::clone(&name)));
        table.in_order.push(Arc::clone(&slot));
        table.by_name.insert(name, Arc::clone(&slot));
        slot
    }

    /// The slot of this name if it was ever mentioned.
    pub fn find(&self, name: &str) -> Option<ClusterRef> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()
    }

    /// The clusters that are there now, in order of first mention.
    pub fn active(&self) -> Vec<Arc<Cluster>> {
        let table = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        table.in_order.iter().filter_map(|slot| slot.load()).collect()
    }
}
