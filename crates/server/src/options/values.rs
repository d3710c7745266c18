//! Values of options, as Envoy reads and refuses them.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser};
use nuncio_admin::pages::{Level, Loggers};
use nuncio_network::IpVersion;

use super::fault::NotANumber;

/// A number as a C++ stream reads it, but for negative ones, which Envoy takes for very large ones.
pub(super) fn number<N: FromStr>(text: &str) -> Result<N, NotANumber> {
    let unreadable = || NotANumber::Unreadable(text.to_owned());
    if text.ends_with(char::is_whitespace) {
        return Err(unreadable());
    }
    let mut words = text.split_whitespace().map(N::from_str);
    let first = words.next().and_then(Result::ok).ok_or_else(unreadable)?;
    match words.next() {
        None => Ok(first),
        Some(Ok(_)) => Err(NotANumber::Several(text.to_owned())),
        Some(Err(_)) => Err(unreadable()),
    }
}

/// A path, which may be empty as if it was not given.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// `--mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Checks and serves.
    Serve,
    /// Checks only.
    Validate,
    /// Starts up as to serve, and ends.
    InitOnly,
}

impl Mode {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "serve" => Ok(Self::Serve),
            "validate" => Ok(Self::Validate),
            "init_only" => Ok(Self::InitOnly),
            _ => Err(format!("unknown mode '{text}'")),
        }
    }

    /// As `/server_info` shows it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Serve => "Serve",
            Self::Validate => "Validate",
            Self::InitOnly => "InitOnly",
        }
    }
}

/// `--drain-strategy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrainStrategy {
    /// More and more connections over the drain time.
    Gradual,
    /// All at once.
    Immediate,
}

impl DrainStrategy {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "gradual" => Ok(Self::Gradual),
            "immediate" => Ok(Self::Immediate),
            // Envoy names the mode here, by mistake.
            _ => Err(format!("unknown drain-strategy '{text}'")),
        }
    }

    /// As `/server_info` shows it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gradual => "Gradual",
            Self::Immediate => "Immediate",
        }
    }
}

/// `--local-address-ip-version`
pub(super) fn ip_version(text: &str) -> Result<IpVersion, String> {
    match text {
        "v4" => Ok(IpVersion::V4),
        "v6" => Ok(IpVersion::V6),
        _ => Err(format!("unknown IP address version '{text}'")),
    }
}

/// A level's name, or the short name that the command line, unlike the page, knows.
pub(super) fn level(text: &str) -> Result<Level, String> {
    let name = if text == "warn" { "warning" } else { text };
    Level::from_name(name).ok_or_else(|| format!("invalid log level specified '{text}'"))
}

/// Levels of components, `upstream:debug,http:trace`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ComponentLevels {
    /// As written.
    pub(crate) text: String,
    /// What it says.
    pub(crate) levels: Vec<(String, Level)>,
}

pub(super) fn component_levels(text: &str) -> Result<ComponentLevels, String> {
    let mut levels = Vec::new();
    for pair in text.split(',').filter(|_| !text.is_empty()) {
        let (name, of) = pair
            .split_once(':')
            .filter(|(_, level)| !level.contains(':'))
            .ok_or_else(|| format!("component log level not correctly specified '{pair}'"))?;
        let of = level(of)?;
        if !Loggers::is_component(name) {
            return Err(format!("invalid component specified '{name}'"));
        }
        levels.push((name.to_owned(), of));
    }
    Ok(ComponentLevels { text: text.to_owned(), levels })
}

/// `--stats-tag`: a name of letters and digits, which may be empty, and a value without dots.
pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once(':') else { return Err(format!("misformatted stats-tag '{text}'")) };
    let invalid = |part: &str| format!("misformatted stats-tag '{text}' contains invalid char in '{part}'");
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(invalid(name));
    }
    if value.is_empty() || value.contains('.') {
        return Err(invalid(value));
    }
    Ok((name.to_owned(), value.to_owned()))
}
