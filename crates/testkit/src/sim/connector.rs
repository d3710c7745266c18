//! How the simulated worker reaches origins: some refuse, some never answer.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use nuncio_network::{ConnectFuture, Connector, Transport};

use super::executor::Sim;
use super::ledger::Ledger;
use super::pipe::pipe;
use super::scenario::{Protocol, Scenario};
use super::{http2_origin, origin};

/// Connects to the origins of one world. Owner: the world.
pub(crate) struct SimConnector {
    sim: Sim,
    ledger: Ledger,
    scenario: Rc<Scenario>,
}

impl SimConnector {
    pub(crate) fn new(sim: &Sim, ledger: &Ledger, scenario: &Rc<Scenario>) -> Self {
        Self { sim: sim.clone(), ledger: ledger.clone(), scenario: Rc::clone(scenario) }
    }
}

impl Connector for SimConnector {
    fn connect(&self, address: SocketAddr) -> ConnectFuture {
        let (sim, ledger, scenario) = (self.sim.clone(), self.ledger.clone(), Rc::clone(&self.scenario));
        Box::pin(async move {
            let delay = if scenario.connect_delay == 0 { 0 } else { sim.below(scenario.connect_delay) };
            if delay > 0 {
                sim.sleep(delay).await;
            }
            if sim.chance(scenario.connects_hang) {
                sim.trace(|| "connect hangs".to_owned());
                pending::<()>().await;
            }
            if sim.chance(scenario.connects_refused) {
                sim.trace(|| "connect refused".to_owned());
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = pipe(&sim, "up", scenario.weather(&sim));
            match scenario.upstream {
                Protocol::Http1 => {
                    sim.start(origin::serve(sim.clone(), ledger, far, scenario.origins_leave, scenario.origins_pause))
                }
                Protocol::Http2 => {
                    sim.start(http2_origin::serve(
                        sim.clone(),
                        ledger,
                        far,
                        scenario.manners(&sim, scenario.origins_pause),
                    ));
                }
            }
            let local = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
            Ok((Box::new(near) as Box<dyn Transport>, local))
        })
    }
}
