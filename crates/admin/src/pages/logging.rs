//! `/logging`: the levels of the process's own log, component by component, under Envoy's names of the components.

use std::fmt;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::page::{Answer, Ask, Method, Page, Parameter, Reply, Takes};

/// Envoy's components in its order, and the modules here that do the same. A component without modules logs nothing.
const COMPONENTS: &[(&str, &[&str])] = &[
    ("a2a", &[]),
    ("admin", &["nuncio_admin", "nuncio::admin"]),
    ("ai_protocol_manager", &[]),
    ("alternate_protocols_cache", &[]),
    ("aws", &[]),
    ("assert", &[]),
    ("backtrace", &[]),
    ("basic_auth", &[]),
    ("cache_filter", &[]),
    ("client", &["nuncio_codec"]),
    ("config", &["nuncio_config", "nuncio::bootstrap"]),
    ("connection", &["nuncio_network", "nuncio_http::connection_manager::driver"]),
    ("conn_handler", &["nuncio_listener"]),
    ("compression", &[]),
    ("credential_injector", &[]),
    ("decompression", &[]),
    ("dns", &[]),
    ("dubbo", &[]),
    ("envoy_bug", &[]),
    ("ext_authz", &[]),
    ("ext_proc", &[]),
    ("rocketmq", &[]),
    ("file", &["nuncio_telemetry::access_log"]),
    ("filter", &["nuncio_extensions_http"]),
    ("forward_proxy", &[]),
    ("geolocation", &[]),
    ("grpc", &[]),
    ("happy_eyeballs", &[]),
    ("hc", &[]),
    ("health_checker", &[]),
    ("http", &["nuncio_http"]),
    ("http2", &["nuncio_codec::http2"]),
    ("hystrix", &[]),
    ("init", &[]),
    ("io", &[]),
    ("jwt", &[]),
    ("json_rpc", &[]),
    ("kafka", &[]),
    ("key_value_store", &[]),
    ("lua", &[]),
    ("local_rate_limit", &[]),
    ("main", &["nuncio", "nuncio_worker"]),
    ("matcher", &["nuncio_matching"]),
    ("mcp", &[]),
    ("misc", &[]),
    ("mongo", &[]),
    ("multi_connection", &[]),
    ("notification", &[]),
    ("oauth2", &[]),
    ("quic", &[]),
    ("quic_stream", &[]),
    ("pool", &["nuncio_http::router::pool"]),
    ("rate_limit_quota", &[]),
    ("rbac", &[]),
    ("rds", &[]),
    ("redis", &[]),
    ("router", &["nuncio_http::router"]),
    ("runtime", &[]),
    ("stats", &["nuncio_stats"]),
    ("secret", &[]),
    ("sse", &[]),
    ("tap", &[]),
    ("testing", &[]),
    ("thrift", &[]),
    ("tracing", &[]),
    ("upstream", &["nuncio_upstream"]),
    ("udp", &[]),
    ("wasm", &[]),
    ("websocket", &[]),
    ("golang", &[]),
    ("stats_sinks", &[]),
    ("dynamic_modules", &[]),
    ("ip_tagging", &[]),
];

/// The component whose level other people's modules have.
const OTHERS: &str = "misc";

/// How much a component logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// trace
    Trace,
    /// debug
    Debug,
    /// info
    Info,
    /// warning
    Warning,
    /// error
    Error,
    /// critical
    Critical,
    /// off
    Off,
}

impl Level {
    const ALL: [Self; 7] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical, Self::Off];

    /// Its name on pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Off => "off",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// A change that cannot be made; its `Display` is Envoy's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// More than one parameter.
    Count,
    /// `group`, which needs what is not supported.
    Group,
    /// A pair without its name or its level.
    Empty,
    /// No such level.
    Level,
    /// No such component.
    Name,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "invalid number of parameters",
            Self::Group => "group parameter requires fine-grain logging to be enabled",
            Self::Empty => "empty logger name or empty logger level",
            Self::Level => "unknown logger level",
            Self::Name => "unknown logger name",
        })
    }
}

/// What takes over new levels: the default of all modules, and the modules with a level of their own.
pub type Apply = Box<dyn Fn(Level, &[(&'static str, Level)]) + Send + Sync>;

/// The levels of all components. Shared; main changes them.
#[derive(Clone)]
pub struct Loggers(Arc<Inner>);

struct Inner {
    // Locked by main only, when somebody asks or changes.
    levels: Mutex<Vec<Level>>,
    apply: Apply,
}

impl Loggers {
    /// All components at `level`; `apply` is told of this and of every change.
    pub fn new(level: Level, apply: Apply) -> Self {
        let loggers = Self(Arc::new(Inner { levels: Mutex::new(vec![level; COMPONENTS.len()]), apply }));
        loggers.apply(&loggers.lock());
        loggers
    }

    /// Whether there is a component of that name.
    pub fn is_component(name: &str) -> bool {
        COMPONENTS.iter().any(|(known, _)| *known == name)
    }

    /// The component of a module: that with the longest path that the module's begins with.
    pub fn component_of(module: &str) -> &'static str {
        let is_in =
            |path: &str| module.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        COMPONENTS
            .iter()
            .flat_map(|(name, paths)| paths.iter().filter(|path| is_in(path)).map(|path| (path.len(), *name)))
            .max_by_key(|(length, _)| *length)
            .map_or(OTHERS, |(_, name)| name)
    }

    /// Changes the levels of components; one that there is not is passed over.
    pub fn set_levels(&self, changes: &[(String, Level)]) {
        self.change(|levels| {
            for (name, level) in changes {
                if let Some(index) = COMPONENTS.iter().position(|(known, _)| known == name) {
                    levels[index] = *level;
                }
            }
        });
    }

    /// Changes all components.
    pub fn set_all(&self, level: Level) {
        self.change(|levels| levels.fill(level));
    }

    /// Changes some components, `upstream:debug,http:info`.
    ///
    /// # Errors
    /// When there is no such component or level: then nothing is changed.
    pub fn set_some(&self, pairs: &str) -> Result<(), Refusal> {
        let mut changes = Vec::new();
        for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
            let (name, level) = pair.split_once(':').ok_or(Refusal::Empty)?;
            if name.is_empty() || level.is_empty() {
                return Err(Refusal::Empty);
            }
            changes.push((name, level));
        }
        self.set(&changes)
    }

    fn set(&self, pairs: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut changes = Vec::new();
        for (name, level) in pairs {
            changes.push((*name, Level::from_name(level).ok_or(Refusal::Level)?));
        }
        let find = |name: &str| COMPONENTS.iter().position(|(known, _)| *known == name).ok_or(Refusal::Name);
        let found = changes.into_iter().map(|(name, level)| Ok((find(name)?, level)));
        let found = found.collect::<Result<Vec<_>, Refusal>>()?;
        self.change(|levels| found.iter().for_each(|(index, level)| levels[*index] = *level));
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut [Level])) {
        let mut levels = self.lock();
        change(&mut levels);
        self.apply(&levels);
    }

    fn apply(&self, levels: &[Level]) {
        let mut others = Level::Info;
        let mut modules = Vec::new();
        for ((name, paths), level) in COMPONENTS.iter().zip(levels) {
            modules.extend(paths.iter().map(|path| (*path, *level)));
            if *name == OTHERS {
                others = *level;
            }
        }
        (self.0.apply)(others, &modules);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Level>> {
        self.0.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, out: &mut String) {
        out.push_str("active loggers:\n");
        for ((name, _), level) in COMPONENTS.iter().zip(&*self.lock()) {
            let _ = writeln!(out, "  {name}: {}", level.name());
        }
        out.push('\n');
    }
}

/// Tells and changes the levels.
pub struct Logging(pub Loggers);

impl Page for Logging {
    fn path(&self) -> &'static str {
        "/logging"
    }

    fn help(&self) -> &'static str {
        "query/change logging levels"
    }

    fn method(&self) -> Method {
        Method::Post
    }

    fn parameters(&self) -> &'static [Parameter] {
        const LEVELS: Takes = Takes::OneOf(&["", "trace", "debug", "info", "warning", "error", "critical", "off"]);
        &[
            Parameter {
                name: "paths",
                help: "Change several components: <name1>:<level1>,<name2>:<level2>",
                takes: Takes::Text,
            },
            Parameter { name: "level", help: "Change all components", takes: LEVELS },
        ]
    }

    fn answer(&self, ask: &Ask<'_>) -> Reply {
        match self.change(ask) {
            Ok(()) => {
                let mut body = String::new();
                self.0.list(&mut body);
                Answer::text(200, body)
            }
            Err(refusal) => {
                let mut body = format!("error: {refusal}\n\n{USAGE}");
                self.0.list(&mut body);
                Answer::text(400, body)
            }
        }
        .into()
    }
}

const USAGE: &str = "usage: /logging?<name>=<level> (change single level)\n\
                     usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n\
                     usage: /logging?level=<level> (change all levels)\n\
                     usage: /logging?group=<group_name>:<level> (change group of loggers)\n\
                     levels: trace debug info warning error critical off \n";

impl Logging {
    fn change(&self, ask: &Ask<'_>) -> Result<(), Refusal> {
        // Empty ones come from the home page's form, where a field may be left open. Of repeated ones the first counts.
        let mut given: Vec<(String, String)> = Vec::new();
        for (name, value) in ask.parameters().filter(|(_, value)| !value.is_empty()) {
            if given.iter().all(|(known, _)| *known != name) {
                given.push((name, value));
            }
        }
        let (name, value) = match &*given {
            [] => return Ok(()),
            [(name, value)] => (name.as_str(), value.as_str()),
            _ => return Err(Refusal::Count),
        };
        match name {
            "level" => {
                self.0.set_all(Level::from_name(value).ok_or(Refusal::Level)?);
                Ok(())
            }
            "paths" => self.0.set_some(value),
            "group" => Err(Refusal::Group),
            name => self.0.set(&[(name, value)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Applied = Arc<Mutex<Vec<(&'static str, Level)>>>;

    fn page() -> (Logging, Applied) {
        let applied = Applied::default();
        let seen = Arc::clone(&applied);
        let apply: Apply = Box::new(move |others, modules| {
            let mut seen = seen.lock().expect("no test panics with it");
            *seen = modules.to_vec();
            seen.push(("", others));
        });
        (Logging(Loggers::new(Level::Warning, apply)), applied)
    }

    fn ask(page: &Logging, query: &str) -> (u16, String) {
        match page.answer(&Ask { query, body: b"" }) {
            Reply::Now(answer) => (answer.status, answer.body.into_owned()),
            Reply::Later { .. } => panic!("answered at once"),
        }
    }

    #[test]
    fn changes_are_one_at_a_time_and_mistakes_are_told_in_envoys_words() {
        let (page, _) = page();
        let check = |query: &str, expected: Result<[&str; 3], &str>| {
            let (status, body) = ask(&page, query);
            let list = match expected {
                Ok([http, router, upstream]) => {
                    assert_eq!(status, 200, "{query}");
                    [
                        format!("\n  http: {http}\n"),
                        format!("\n  router: {router}\n"),
                        format!("\n  upstream: {upstream}\n"),
                    ]
                }
                Err(text) => {
                    assert_eq!(status, 400, "{query}");
                    let start = format!("error: {text}\n\nusage: /logging?<name>=<level> (change single level)\n");
                    assert!(body.starts_with(&start), "{query}: {body}");
                    Default::default()
                }
            };
            assert!(list.iter().all(|line| body.contains(line)), "{query}: {body}");
            assert!(body.contains("active loggers:\n  a2a: ") && body.ends_with("\n\n"), "{query}: {body}");
        };
        let same = ["warning"; 3];
        check("", Ok(same));
        check("level=nope", Err("unknown logger level"));
        check("nope=error", Err("unknown logger name"));
        check("nope=bogus", Err("unknown logger level"));
        check("=error", Err("unknown logger name"));
        check("nope=", Ok(same));
        check("level=error&http=error", Err("invalid number of parameters"));
        check("group=http:error", Err("group parameter requires fine-grain logging to be enabled"));
        check("paths=http", Err("empty logger name or empty logger level"));
        check("paths=:error", Err("empty logger name or empty logger level"));
        check("paths=http:error:info", Err("unknown logger level"));
        check("paths=http:error,nope:error", Err("unknown logger name"));
        check("paths=", Ok(same));
        check("paths=http:error,,router:critical,", Ok(["error", "critical", "warning"]));
        check("upstream=debug", Ok(["error", "critical", "debug"]));
        check("paths=&level=info", Ok(["info"; 3]));
        check("level=off&level=error", Ok(["off"; 3]));
    }

    #[test]
    fn modules_have_the_component_of_the_longest_path() {
        let check = |module: &str, expected: &str| assert_eq!(Loggers::component_of(module), expected, "{module}");
        check("nuncio::process", "main");
        check("nuncio::bootstrap", "config");
        check("nuncio_http::router::pool::idle", "pool");
        check("nuncio_http::router", "router");
        check("nuncio_http::routes", "http");
        check("nuncio_httpx", "misc");
        check("tokio", "misc");
    }

    #[test]
    fn modules_are_told_their_component_s_level() {
        let (page, applied) = page();
        ask(&page, "upstream=debug");
        ask(&page, "misc=off");
        let applied = applied.lock().expect("no test panics with it").clone();
        let of = |module| applied.iter().find(|(of, _)| *of == module).map(|(_, level)| *level);
        assert_eq!(of("nuncio_upstream"), Some(Level::Debug));
        assert_eq!(of("nuncio_http"), Some(Level::Warning));
        assert_eq!(of(""), Some(Level::Off));
    }
}
