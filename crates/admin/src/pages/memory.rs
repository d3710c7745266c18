//! `/memory`: how much memory the process uses.

use crate::json::Json;
use crate::page::{Answer, Ask, Page, Reply};

/// Asks the allocator and the system.
pub struct Memory(pub fn() -> Usage);

/// `envoy.admin.v3.Memory`, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Handed out by the allocator.
    pub allocated: u64,
    /// Taken from the system by the allocator.
    pub heap_size: u64,
    /// Held free by the allocator.
    pub pageheap_free: u64,
    /// The process's pages that are in memory.
    pub total_physical_bytes: u64,
}

impl Page for Memory {
    fn path(&self) -> &'static str {
        "/memory"
    }

    fn help(&self) -> &'static str {
        "print current allocation/heap usage"
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        Answer::json(&describe(&(self.0)())).into()
    }
}

fn describe(usage: &Usage) -> Json {
    let Usage { allocated, heap_size, pageheap_free, total_physical_bytes } = *usage;
    Json::object([
        ("allocated", Json::wide(allocated)),
        ("heap_size", Json::wide(heap_size)),
        // The allocator has neither pages that it gave back but keeps addresses of, nor caches of threads that it tells.
        ("pageheap_unmapped", Json::wide(0)),
        ("pageheap_free", Json::wide(pageheap_free)),
        ("total_thread_cache", Json::wide(0)),
        ("total_physical_bytes", Json::wide(total_physical_bytes)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_texts_as_in_envoy() {
        let usage = Usage { allocated: 6_319_752, heap_size: 12, pageheap_free: 3, total_physical_bytes: 4 };
        let expected = "{\n \"allocated\": \"6319752\",\n \"heap_size\": \"12\",\n \"pageheap_unmapped\": \"0\",\n \
                        \"pageheap_free\": \"3\",\n \"total_thread_cache\": \"0\",\n \"total_physical_bytes\": \"4\"\n}\n";
        assert_eq!(describe(&usage).document(), expected);
    }
}
