//! What a seed makes of a world: configuration, clients, requests and answers.

use super::client::Habits;
use super::executor::Sim;
use super::http2::Manners;
use super::ledger::{Answer, AnswerTiming, BodyFraming, Cut, Exchange, Message};
use super::panicker;
use super::pipe::Weather;

/// All that is decided before the world starts.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) clients: Vec<Client>,
    /// Much data; nothing goes wrong.
    pub(crate) is_heavy: bool,
    /// Nothing goes wrong.
    pub(crate) is_calm: bool,
    /// Longest pause of an origin before each read, in microseconds.
    pub(crate) origins_pause: u64,
    /// One connection in so many breaks; none when zero.
    breaking_odds: u64,
    /// Longest time to connect, in microseconds.
    pub(crate) connect_delay: u64,
    /// Percent of connects that never end, and that are refused.
    pub(crate) connects_hang: u64,
    pub(crate) connects_refused: u64,
    /// Percent of the answers after which an HTTP/1 origin closes.
    pub(crate) origins_leave: u64,
    timeouts: Timeouts,
    /// `per_connection_buffer_limit_bytes` of listener and clusters.
    pub(crate) buffer_limit: u32,
    pub(crate) upstream: Protocol,
    window: u32,
    /// What changes while the world runs, and when, in microseconds.
    pub(crate) updates: Vec<(u64, Update)>,
    max_connections: u32,
    max_pending: u32,
    max_requests: u32,
}

/// What one side of the proxy speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// One client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) protocol: Protocol,
    pub(crate) habits: Habits,
    /// Numbered when the world starts.
    pub(crate) exchanges: Vec<Exchange>,
}

/// A change of configuration or of the process's state.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Update {
    ReplaceCluster,
    RemoveCluster,
    DrainConnections,
    FailHealthChecks,
    PassHealthChecks,
}

/// Limits of time and number, as they are written.
#[derive(Debug)]
struct Timeouts {
    stream_idle: &'static str,
    request: &'static str,
    request_headers: &'static str,
    delayed_close: &'static str,
    drain: &'static str,
    downstream_idle: &'static str,
    downstream_max_requests: u32,
    downstream_duration: &'static str,
    upstream_idle: &'static str,
    upstream_max_requests: u32,
}

impl Timeouts {
    fn draw(sim: &Sim, mood: Mood) -> Self {
        let rarely = |usual: &'static str, others: &[&'static str]| {
            if mood == Mood::Rough && sim.chance(20) { sim.pick(others) } else { usual }
        };
        let requests = || if mood == Mood::Rough && sim.chance(20) { sim.between(1, 3) as u32 } else { 0 };
        Self {
            stream_idle: rarely("60s", &["0.3s", "3s"]),
            request: rarely("0s", &["0.2s", "5s"]),
            request_headers: rarely("0s", &["0.1s", "5s"]),
            delayed_close: rarely("1s", &["0.05s", "0s"]),
            drain: rarely("5s", &["0.1s"]),
            downstream_idle: rarely("3600s", &["0.05s", "2s"]),
            downstream_max_requests: requests(),
            downstream_duration: rarely("0s", &["0.5s", "5s"]),
            upstream_idle: rarely("3600s", &["0.05s", "0.5s"]),
            upstream_max_requests: requests(),
        }
    }

    /// The fields of the connection manager.
    fn manager(&self) -> String {
        let Self { stream_idle, request, request_headers, delayed_close, drain, .. } = self;
        let (idle, requests, duration) = (self.downstream_idle, self.downstream_max_requests, self.downstream_duration);
        let mut common = format!("idle_timeout: {idle}");
        if requests > 0 {
            common.push_str(&format!(", max_requests_per_connection: {requests}"));
        }
        if duration != "0s" {
            common.push_str(&format!(", max_connection_duration: {duration}"));
        }
        format!(
            "stream_idle_timeout: {stream_idle}
          request_timeout: {request}
          request_headers_timeout: {request_headers}
          delayed_close_timeout: {delayed_close}
          drain_timeout: {drain}
          common_http_protocol_options: {{{common}}}"
        )
    }

    /// The common options of the cluster.
    fn cluster(&self) -> String {
        let (idle, requests) = (self.upstream_idle, self.upstream_max_requests);
        let requests = if requests > 0 { format!(", max_requests_per_connection: {requests}") } else { String::new() };
        format!("common_http_protocol_options: {{idle_timeout: {idle}{requests}}}")
    }
}

/// How much goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Nothing goes wrong, and there is time enough.
    Calm,
    Rough,
    /// Much data and slow readers, and nothing that goes wrong: what is held back is counted.
    Heavy,
}

impl Scenario {
    pub(crate) fn draw(sim: &Sim) -> Self {
        let mood = match sim.below(100) {
            0..20 => Mood::Calm,
            20..24 => Mood::Heavy,
            _ => Mood::Rough,
        };
        let pause = if mood == Mood::Heavy { sim.pick(&[0, 100, 10_000, 100_000]) } else { 0 };
        let is_rough = mood == Mood::Rough;
        let often = |percent| if is_rough { sim.pick(&[0, 0, percent]) } else { 0 };
        let tight = |limits: &[u32]| if is_rough && sim.chance(30) { sim.pick(limits) } else { 1024 };
        let clients =
            (0..sim.between(1, if mood == Mood::Heavy { 2 } else { 4 })).map(|_| Client::draw(sim, mood)).collect();
        Self {
            clients,
            is_heavy: mood == Mood::Heavy,
            is_calm: mood != Mood::Rough,
            origins_pause: pause,
            breaking_odds: if is_rough { sim.pick(&[0, 0, 3, 10]) } else { 0 },
            connect_delay: sim.pick(&[0, 1, 1_000, 100_000]),
            connects_hang: often(20),
            connects_refused: often(30),
            origins_leave: often(50),
            timeouts: Timeouts::draw(sim, mood),
            buffer_limit: sim.pick(if mood == Mood::Heavy {
                &[1_024, 4_096, 32_768]
            } else {
                &[1_024, 4_096, 32_768, 1_048_576]
            }),
            upstream: sim.pick(&[Protocol::Http1, Protocol::Http2]),
            window: sim.pick(&[65_535, 65_535, 200_000]),
            updates: if is_rough { updates(sim) } else { Vec::new() },
            max_connections: tight(&[1, 2, 3]),
            max_pending: tight(&[1, 2]),
            max_requests: tight(&[1, 2, 3]),
        }
    }

    /// How a peer treats one HTTP/2 connection.
    pub(crate) fn manners(&self, sim: &Sim, max_pause: u64) -> Manners {
        Manners {
            window: sim.pick(if self.is_heavy { &[20_000, 65_535] } else { &[500, 3_000, 20_000, 65_535, 1_000_000] }),
            refills: sim.pick(&[0, 30, 100]),
            max_streams: sim.pick(&[1, 2, 100, 100]),
            max_pause,
            their_window: i64::from(self.window),
        }
    }

    /// How a connection treats its bytes.
    pub(crate) fn weather(&self, sim: &Sim) -> Weather {
        if self.is_heavy {
            return Weather::draw_steady(sim);
        }
        let weather = Weather::draw(sim, self.breaking_odds);
        // Time enough, also for many small pieces.
        Weather { max_delay: if self.is_calm { weather.max_delay.min(1_000) } else { weather.max_delay }, ..weather }
    }

    /// Bytes of one body that may be between its sender and its receiver: what two connections hold, what the proxy
    /// may hold for either of them, and the windows of HTTP/2.
    pub(crate) fn most_under_way(&self) -> u64 {
        const CONNECTION: u64 = 16_000;
        const READ: u64 = 64 * 1024;
        2 * (CONNECTION + READ + 2 * u64::from(self.buffer_limit) + 2 * u64::from(self.window))
    }

    /// The configuration.
    pub(crate) fn bootstrap(&self) -> String {
        let Self { buffer_limit, max_connections, max_pending, max_requests, window, .. } = self;
        let http2 = format!(
            "http2_protocol_options: {{initial_stream_window_size: {window}, initial_connection_window_size: {window}}}"
        );
        let explicit = match self.upstream {
            Protocol::Http1 => "http_protocol_options: {}",
            Protocol::Http2 => &http2,
        };
        let (manager, cluster) = (self.timeouts.manager(), self.timeouts.cluster());
        let upstream = format!(
            "typed_extension_protocol_options: {{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{\"@type\": \
             type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
             explicit_http_config: {{{explicit}}}, {cluster}}}}}"
        );
        let again = "retry_policy: {retry_on: \"5xx,reset,connect-failure,refused-stream\", num_retries: 2, \
                     per_try_timeout: 2s, retry_back_off: {base_interval: 0.01s}}";
        let retry = "retry_policy: {retry_on: \"connect-failure,reset-before-request\", num_retries: 2}";
        format!(
            "static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: 80}}}}
    per_connection_buffer_limit_bytes: {buffer_limit}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          {manager}
          {http2}
          http_filters:
          - name: sim.panicker
            typed_config: {{\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}
          - name: envoy.filters.http.router
            typed_config: {{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            name: r
            virtual_hosts:
            - name: v
              domains: [\"*\"]
              routes:
              - {{match: {{prefix: /plain}}, route: {{cluster: a, timeout: 20s}}}}
              - {{match: {{prefix: /retry}}, route: {{cluster: a, timeout: 20s, {retry}}}}}
              - {{match: {{prefix: /again}}, route: {{cluster: a, timeout: 20s, {again}}}}}
              - {{match: {{prefix: /short}}, route: {{cluster: a, timeout: 0.1s}}}}
              - {{match: {{prefix: /none}}, route: {{cluster: a, timeout: 0s}}}}
              - {{match: {{prefix: /direct}}, direct_response: {{status: 418, body: {{inline_string: tea}}}}}}
              - {{match: {{prefix: /redirect}}, redirect: {{path_redirect: /elsewhere}}}}
  clusters:
  - name: a
    connect_timeout: 1s
    {upstream}
    per_connection_buffer_limit_bytes: {buffer_limit}
    circuit_breakers: {{thresholds: [{{max_connections: {max_connections}, max_pending_requests: {max_pending}, \
             max_requests: {max_requests}}}]}}
    load_assignment:
      cluster_name: a
      endpoints:
      - lb_endpoints:
        - {{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 1001}}}}}}}}
        - {{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 1002}}}}}}}}
"
        )
    }
}

impl Client {
    fn draw(sim: &Sim, mood: Mood) -> Self {
        let is_rough = mood == Mood::Rough;
        let rare = |limit| if is_rough && sim.chance(10) { Some(sim.size(limit)) } else { None };
        let is_heavy = mood == Mood::Heavy;
        let habits = Habits {
            reads_slowly: if is_heavy { sim.pick(&[0, 100, 10_000, 100_000]) } else { 0 },
            pipelined: if is_rough { sim.pick(&[1, 1, 2, 5]) } else { 1 },
            max_pause: sim.pick(&[0, 0, 10_000, 3_000_000]),
            stops_reading: rare(50_000),
            // As in Envoy, a FIN ends the connection with what is under way.
            half_closes: is_rough && sim.chance(20),
            leaves_after: rare(50_000),
        };
        let count = if is_heavy { 1 } else { sim.between(1, 5) };
        Self {
            protocol: sim.pick(&[Protocol::Http1, Protocol::Http2]),
            habits,
            exchanges: (0..count).map(|_| if is_heavy { heavy(sim) } else { exchange(sim, mood) }).collect(),
        }
    }
}

fn updates(sim: &Sim) -> Vec<(u64, Update)> {
    let kinds = [
        Update::ReplaceCluster,
        Update::ReplaceCluster,
        Update::RemoveCluster,
        Update::DrainConnections,
        Update::FailHealthChecks,
        Update::PassHealthChecks,
    ];
    let count = if sim.chance(40) { sim.between(1, 4) } else { 0 };
    let longest = sim.pick(&[5_000, 50_000, 2_000_000]);
    (0..count).map(|_| (sim.below(longest), sim.pick(&kinds))).collect()
}

fn exchange(sim: &Sim, mood: Mood) -> Exchange {
    let method = sim.pick(&["GET", "POST", "POST", "PUT", "HEAD", "DELETE"]);
    let routes = ["plain", "plain", "retry", "again", "again", "none", "short", "direct", "redirect", "unknown"];
    let request = if matches!(method, "GET" | "HEAD") { Message::default() } else { message(sim) };
    let mut exchange = Exchange {
        id: 0,
        method,
        route: sim.pick(&routes),
        request,
        answer: answer(sim),
        recovers: sim.chance(60),
        may_be_short: false,
        panics: None,
    };
    if mood == Mood::Rough {
        exchange.may_be_short = exchange.answer.message.framing == BodyFraming::Close;
        spoil(sim, &mut exchange);
    } else {
        exchange.answer.timing = AnswerTiming::AfterRequest;
        exchange.answer.closes = false;
        exchange.answer.message.body %= 20_000;
        exchange.request.body %= 20_000;
    }
    exchange
}

/// Much data in one direction or both.
fn heavy(sim: &Sim) -> Exchange {
    let message = || {
        let body = sim.pick(&[0, 1_000_000, 2_000_000]);
        let framing = sim.pick(&[BodyFraming::Length, BodyFraming::Chunked]);
        Message { body, framing, max_pause: 0, cut: None }
    };
    let answer = Answer {
        status: 200,
        message: message(),
        informational: 0,
        delay: 0,
        timing: AnswerTiming::AfterRequest,
        closes: false,
    };
    Exchange {
        id: 0,
        method: "POST",
        route: "none",
        request: message(),
        answer,
        recovers: false,
        may_be_short: false,
        panics: None,
    }
}

fn message(sim: &Sim) -> Message {
    let framings = [BodyFraming::Length, BodyFraming::Length, BodyFraming::Chunked, BodyFraming::ChunkedWithTrailers];
    Message {
        body: if sim.chance(20) { 0 } else { sim.size(100_000) },
        framing: sim.pick(&framings),
        max_pause: sim.pick(&[0, 0, 0, 1_000, 100_000]),
        cut: None,
    }
}

fn answer(sim: &Sim) -> Answer {
    let mut message = message(sim);
    if sim.chance(15) {
        message.framing = BodyFraming::Close;
    }
    Answer {
        status: sim.pick(&[200, 200, 200, 204, 304, 404, 500, 503]),
        message,
        informational: if sim.chance(10) { sim.between(1, 2) as u32 } else { 0 },
        delay: sim.pick(&[0, 0, 1_000, 300_000]),
        timing: if sim.chance(15) { AnswerTiming::Early } else { AnswerTiming::AfterRequest },
        closes: sim.chance(15),
    }
}

/// Something goes wrong with this one, perhaps.
fn spoil(sim: &Sim, exchange: &mut Exchange) {
    match sim.below(12) {
        0 => exchange.request.cut = cut(sim, &exchange.request),
        1 | 2 => exchange.answer.message.cut = cut(sim, &exchange.answer.message),
        3 if sim.chance(30) => exchange.panics = Some(sim.pick(&panicker::PLACES)),
        3 | 4 => {
            exchange.answer.timing =
                sim.pick(&[AnswerTiming::Never, AnswerTiming::CloseAtOnce, AnswerTiming::ResetAtOnce]);
        }
        _ => {}
    }
}

/// Where and how a message ends early: visibly, so that nobody may take it for a whole one.
fn cut(sim: &Sim, message: &Message) -> Option<(u64, Cut)> {
    let at = sim.size(message.body);
    let cut = match message.framing {
        BodyFraming::Length if at == message.body => return None,
        // Garbage would be content.
        BodyFraming::Length => sim.pick(&[Cut::Fin, Cut::Reset, Cut::Stall]),
        BodyFraming::Chunked | BodyFraming::ChunkedWithTrailers => {
            sim.pick(&[Cut::Fin, Cut::Reset, Cut::Stall, Cut::Garbage])
        }
        // FIN would be the end.
        BodyFraming::Close => sim.pick(&[Cut::Reset, Cut::Stall]),
    };
    Some((at, cut))
}
