//! The holds of a direction. Usually one filter holds at most; the list is for those that stop behind one another.

use super::hold::Hold;

/// The holds of a direction, by position.
#[derive(Default)]
pub(super) struct Holds {
    list: Vec<Hold>,
}

impl Holds {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn at(&mut self, position: usize) -> Option<&mut Hold> {
        self.list.iter_mut().find(|hold| hold.at == position)
    }

    pub(super) fn add(&mut self, hold: Hold) -> &mut Hold {
        debug_assert!(self.list.iter().all(|other| other.at != hold.at), "one hold a filter");
        let at = self.list.partition_point(|other| other.at < hold.at);
        self.list.insert(at, hold);
        &mut self.list[at]
    }

    pub(super) fn take(&mut self, position: usize) -> Option<Hold> {
        let at = self.list.iter().position(|hold| hold.at == position)?;
        Some(self.list.remove(at))
    }
}
