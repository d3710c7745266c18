//! A worker's connections, each in a place with an alarm.
//!
//! Invariant: a place keeps its alarm when its connection goes, as streams' places do. Entries of the wheel are never
//! removed early, so an alarm of the connection's own would leave one entry behind for each that ever was.

use std::cell::RefCell;
use std::rc::Rc;

use nuncio_message::Tick;
use nuncio_worker::Alarm;
use slab::Slab;

use crate::connection_manager::Connection;

/// Owner: the worker.
#[derive(Default)]
pub(crate) struct Connections {
    open: RefCell<Slab<Rc<Connection>>>,
    /// One a place of `open`.
    alarms: RefCell<Vec<Alarm>>,
}

impl Connections {
    pub(crate) fn add(&self, connection: &Rc<Connection>) {
        let place = self.open.borrow_mut().insert(Rc::clone(connection));
        let mut alarms = self.alarms.borrow_mut();
        if place == alarms.len() {
            alarms.push(Alarm::default());
        }
        connection.slot.set(place as u32);
    }

    pub(crate) fn remove(&self, connection: &Connection) {
        self.open.borrow_mut().try_remove(connection.slot.get() as usize);
    }

    pub(crate) fn len(&self) -> usize {
        self.open.borrow().len()
    }

    pub(crate) fn all(&self) -> Vec<Rc<Connection>> {
        self.open.borrow().iter().map(|(_, connection)| Rc::clone(connection)).collect()
    }

    /// Runs `f` with the alarm of the connection's place.
    pub(crate) fn with_alarm(&self, connection: &Connection, f: impl FnOnce(&Alarm)) {
        if let Some(alarm) = self.alarms.borrow().get(connection.slot.get() as usize) {
            f(alarm);
        }
    }

    /// The connection whose timer entry with deadline `at` has fired, if it is the current entry of its place.
    pub(crate) fn expired(&self, place: u32, at: Tick) -> Option<Rc<Connection>> {
        let is_current = self.alarms.borrow().get(place as usize)?.take(at);
        if !is_current {
            return None;
        }
        self.open.borrow().get(place as usize).cloned()
    }
}
