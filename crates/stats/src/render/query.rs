//! The parameters of the stats pages.

use std::borrow::Cow;
use std::fmt;

use crate::group::Kind;
use crate::render::filter::Filter;
use crate::render::filter::InvalidFilter;

/// Which page was asked for: they have the same parameters, and differ in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// `/stats`.
    Stats,
    /// `/stats/prometheus`.
    Prometheus,
}

/// What a request for a stats page asks for.
#[derive(Debug)]
pub struct Query {
    /// How to write it.
    pub format: Format,
    /// `usedonly`: leave out what was never written.
    pub used_only: bool,
    /// `filter` and `invert_filter`: which names.
    pub filter: Option<Filter>,
    /// `type`: which kinds.
    pub kinds: Kinds,
    /// `histogram_buckets`: what to tell of histograms.
    pub buckets: Buckets,
    /// `text_readouts`: tell Prometheus of texts too, as labels of gauges.
    pub text_readouts: bool,
}

/// `format`. `html` and `active-html` are pages of the admin interface, not of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines of `name: value`.
    Text,
    /// One object.
    Json,
    /// The Prometheus text exposition format.
    Prometheus,
}

impl Format {
    /// The `content-type` of a body in this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text | Self::Prometheus => "text/plain; charset=UTF-8",
        }
    }
}

/// `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Everything.
    All,
    /// Nothing: what `hidden=only` leaves, since no stat here is hidden.
    None,
    /// Counters only.
    Counters,
    /// Gauges only.
    Gauges,
    /// Histograms only.
    Histograms,
    /// Text readouts only.
    TextReadouts,
}

impl Kinds {
    pub(crate) const fn include(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Counters => matches!(kind, Kind::Counter),
            Self::Gauges => matches!(kind, Kind::Gauge),
            Self::Histograms => matches!(kind, Kind::Histogram(_)),
            Self::TextReadouts => matches!(kind, Kind::TextReadout),
        }
    }
}

/// `histogram_buckets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buckets {
    /// Quantiles, or Prometheus' cumulative buckets when nothing else is asked for.
    Unset,
    /// Quantiles.
    Summary,
    /// The number of values up to each bound.
    Cumulative,
    /// The number of values between each two bounds.
    Disjoint,
    /// Every bucket that was met, and quantiles.
    Detailed,
}

/// Why a page is refused; its `Display` is the body of Envoy's answer, whose status is 400.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `filter` is no regular expression.
    Filter(InvalidFilter),
    /// `invert_filter` without `filter`.
    InvertWithoutFilter,
    /// An unknown `histogram_buckets`.
    Buckets,
    /// An unknown `hidden`.
    Hidden,
    /// An unknown `type`.
    Kind,
    /// An unknown `format`.
    Format,
    /// `format=html` or `active-html`, which the caller answers or refuses.
    Html,
    /// `histogram_buckets` of a kind that the Prometheus format has not.
    PrometheusBuckets,
    /// `histogram_buckets=prometheusnative`, which needs the protobuf exposition format.
    NativeBuckets,
    /// `histogram_buckets=prometheusnative` where the format is not Prometheus.
    NativeElsewhere,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter(invalid) => return write!(f, "Invalid re2 regex: {invalid}"),
            Self::InvertWithoutFilter => "invert_filter can only be used if filter is also provided",
            Self::Buckets => {
                "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n"
            }
            Self::Hidden => "usage: /stats?hidden=(include|only|exclude)\n\n",
            Self::Kind => "invalid &type= param",
            Self::Format => "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n",
            Self::Html => "format=html is not supported",
            Self::PrometheusBuckets => "unsupported prometheus histogram bucket mode",
            Self::NativeBuckets => {
                "unsupported prometheusnative histogram type when not using protobuf exposition format"
            }
            Self::NativeElsewhere => "Invalid histogram_buckets type for non prometheus stats type",
        })
    }
}

impl std::error::Error for Refusal {}

impl Query {
    /// Parses the part of the path behind the question mark, in Envoy's order, so that of two mistakes the same one
    /// is told.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn parse(page: Page, query: &str) -> Result<Self, Refusal> {
        let parameters = Parameters(query);
        let filter = parse_filter(&parameters)?;
        let buckets = parse_buckets(&parameters)?;
        let kinds = parse_kinds(&parameters)?;
        let hidden_only = parse_hidden_only(&parameters)?;
        let format = match page {
            Page::Stats => parse_format(&parameters)?,
            // The parameter is checked, but does not count.
            Page::Prometheus => match parse_format(&parameters) {
                Err(Refusal::Format) => return Err(Refusal::Format),
                _ => Format::Prometheus,
            },
        };
        // Prometheus is told of all kinds whatever `type` says.
        let kinds = match (hidden_only, format) {
            (true, _) => Kinds::None,
            (false, Format::Prometheus) => Kinds::All,
            (false, Format::Text | Format::Json) => kinds,
        };
        Ok(Self {
            format,
            used_only: parameters.value("usedonly").is_some(),
            filter,
            kinds,
            buckets: check_buckets(buckets, format)?,
            text_readouts: parameters.value("text_readouts").is_some(),
        })
    }
}

fn parse_filter(parameters: &Parameters<'_>) -> Result<Option<Filter>, Refusal> {
    let invert = parameters.value("invert_filter").is_some();
    match parameters.value("filter").filter(|value| !value.is_empty()) {
        Some(pattern) => {
            let pattern = String::from_utf8(pattern).map_err(|_| Refusal::Filter(InvalidFilter::not_utf8()))?;
            Filter::parse(&pattern, invert).map(Some).map_err(Refusal::Filter)
        }
        None if invert => Err(Refusal::InvertWithoutFilter),
        None => Ok(None),
    }
}

/// What `histogram_buckets` says, before it is known whether the format has it.
enum AskedBuckets {
    Plain(Buckets),
    Native,
}

fn parse_buckets(parameters: &Parameters<'_>) -> Result<AskedBuckets, Refusal> {
    Ok(AskedBuckets::Plain(match &*parameters.text("histogram_buckets") {
        "" | "none" => Buckets::Unset,
        "summary" => Buckets::Summary,
        "cumulative" => Buckets::Cumulative,
        "disjoint" => Buckets::Disjoint,
        "detailed" => Buckets::Detailed,
        "prometheusnative" => return Ok(AskedBuckets::Native),
        _ => return Err(Refusal::Buckets),
    }))
}

fn check_buckets(buckets: AskedBuckets, format: Format) -> Result<Buckets, Refusal> {
    match (buckets, format) {
        (AskedBuckets::Native, Format::Prometheus) => Err(Refusal::NativeBuckets),
        (AskedBuckets::Native, Format::Text | Format::Json) => Err(Refusal::NativeElsewhere),
        (AskedBuckets::Plain(Buckets::Disjoint | Buckets::Detailed), Format::Prometheus) => {
            Err(Refusal::PrometheusBuckets)
        }
        (AskedBuckets::Plain(buckets), _) => Ok(buckets),
    }
}

fn parse_kinds(parameters: &Parameters<'_>) -> Result<Kinds, Refusal> {
    match &*parameters.text("type") {
        "" | "All" => Ok(Kinds::All),
        "Counters" => Ok(Kinds::Counters),
        "Gauges" => Ok(Kinds::Gauges),
        "Histograms" => Ok(Kinds::Histograms),
        "TextReadouts" => Ok(Kinds::TextReadouts),
        _ => Err(Refusal::Kind),
    }
}

fn parse_hidden_only(parameters: &Parameters<'_>) -> Result<bool, Refusal> {
    match &*parameters.text("hidden") {
        "" | "include" | "exclude" => Ok(false),
        "only" => Ok(true),
        _ => Err(Refusal::Hidden),
    }
}

fn parse_format(parameters: &Parameters<'_>) -> Result<Format, Refusal> {
    match &*parameters.text("format") {
        "" | "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        "prometheus" => Ok(Format::Prometheus),
        "html" | "active-html" => Err(Refusal::Html),
        _ => Err(Refusal::Format),
    }
}

/// A query string, read anew for each parameter: there are few, and the first of a name counts.
struct Parameters<'a>(&'a str);

impl Parameters<'_> {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.into_iter().find(|(found, _)| *found == name)?;
        Some(percent_decode(value))
    }

    fn text(&self, name: &str) -> Cow<'static, str> {
        // What is no UTF-8 is no known word either, and is refused as such.
        self.value(name).map_or(Cow::Borrowed(""), |value| Cow::Owned(String::from_utf8_lossy(&value).into_owned()))
    }
}

/// Decodes `%41`; what is not two hex digits stays as it is, and a plus sign too.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_digit(*high) << 4 | hex_digit(*low));
                after
            }
            _ => {
                decoded.push(*byte);
                after
            }
        };
    }
    decoded
}

const fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Envoy 1.40 answers.
    #[test]
    fn mistakes_are_told_in_envoys_words_and_order() {
        let check = |query: &str, expected: &str| {
            let refusal = Query::parse(Page::Stats, query).unwrap_err().to_string();
            assert_eq!(refusal, expected, "{query}");
        };
        let buckets = "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n";
        let format = "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n";
        check("type=bogus", "invalid &type= param");
        check("type=counters&filter=concurr", "invalid &type= param");
        check("type=bogus&format=nope", "invalid &type= param");
        check("type=bogus&filter=(", "Invalid re2 regex: missing ): (");
        check("histogram_buckets=z&filter=(", "Invalid re2 regex: missing ): (");
        check("histogram_buckets=z&type=x", buckets);
        check("histogram_buckets=z&format=nope", buckets);
        check("hidden=bogus", "usage: /stats?hidden=(include|only|exclude)\n\n");
        check("hidden=bogus&type=bogus", "invalid &type= param");
        check("hidden=bogus&histogram_buckets=bogus", buckets);
        check("histogram_buckets=bogus&invert_filter", "invert_filter can only be used if filter is also provided");
        check("format=nope", format);
        check("format=Json", format);
        check("filter=%FF", "Invalid re2 regex: invalid UTF-8");
        let native = "unsupported prometheusnative histogram type when not using protobuf exposition format";
        check("format=prometheus&histogram_buckets=prometheusnative", native);
        let elsewhere = "Invalid histogram_buckets type for non prometheus stats type";
        check("format=json&histogram_buckets=prometheusnative", elsewhere);
        check("histogram_buckets=prometheusnative", elsewhere);
        check("format=prometheus&histogram_buckets=detailed", "unsupported prometheus histogram bucket mode");
        assert_eq!(Query::parse(Page::Prometheus, "format=nope").unwrap_err(), Refusal::Format);
    }

    #[test]
    fn empty_values_are_as_if_absent_and_the_first_of_a_name_counts() {
        let query = Query::parse(Page::Stats, "type=&format=&filter=&histogram_buckets=&hidden=&x=y").unwrap();
        assert_eq!((query.kinds, query.format, query.buckets), (Kinds::All, Format::Text, Buckets::Unset));
        assert!(query.filter.is_none() && !query.used_only);
        let query = Query::parse(Page::Stats, "usedonly=false&filter=concurr&filter=nope").unwrap();
        assert!(query.used_only && query.filter.unwrap().accepts("server.concurrency"));
    }

    #[test]
    fn values_are_percent_decoded_but_plus_is_no_space() {
        assert_eq!(percent_decode("%5E(server.conc%2Buu?rrency)"), b"^(server.conc+uu?rrency)");
        assert_eq!(percent_decode("conc+urrency%zz%4"), b"conc+urrency%zz%4");
    }

    #[test]
    fn prometheus_page_shows_all_kinds_in_its_format() {
        let query = Query::parse(Page::Prometheus, "format=json&type=Gauges&text_readouts").unwrap();
        assert_eq!((query.format, query.kinds, query.text_readouts), (Format::Prometheus, Kinds::All, true));
    }
}
