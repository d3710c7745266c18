//! `/healthcheck/fail` and `/healthcheck/ok`: whether health checks of this server fail on purpose.

use std::sync::Arc;

use nuncio_worker::Lifecycle;

use crate::page::{Answer, Ask, Method, Page, Reply};

/// The server drains: it fails health checks, and connections end with their next response.
pub struct HealthCheckFail(pub Arc<Lifecycle>);

/// Takes that back.
pub struct HealthCheckOk(pub Arc<Lifecycle>);

impl Page for HealthCheckFail {
    fn path(&self) -> &'static str {
        "/healthcheck/fail"
    }

    fn help(&self) -> &'static str {
        "cause the server to fail health checks"
    }

    fn method(&self) -> Method {
        Method::Post
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        self.0.fail_health_checks(true);
        Answer::done().into()
    }
}

impl Page for HealthCheckOk {
    fn path(&self) -> &'static str {
        "/healthcheck/ok"
    }

    fn help(&self) -> &'static str {
        "cause the server to pass health checks"
    }

    fn method(&self) -> Method {
        Method::Post
    }

    fn answer(&self, _: &Ask<'_>) -> Reply {
        self.0.fail_health_checks(false);
        Answer::done().into()
    }
}
