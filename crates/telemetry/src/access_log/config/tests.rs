use nuncio_config::Diagnostics;
use nuncio_message::Headers;
use nuncio_message::Tick;
use nuncio_proto::envoy::config::accesslog::v3::access_log_filter::FilterSpecifier;
use nuncio_proto::envoy::config::accesslog::v3::comparison_filter::Op;
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_proto::envoy::config::route::v3 as route;
use prost_types::Any;

use super::super::file::Batches;
use super::super::file::Options;
use super::*;
use crate::formatter::Inputs;
use crate::formatter::LogType;
use crate::stream_info::Moment;
use crate::stream_info::ResponseFlag;
use crate::stream_info::StreamInfo;

fn log(message: &impl prost::Name, filter: Option<FilterSpecifier>) -> pb::AccessLog {
    let any = Any { type_url: prost_url(message), value: message.encode_to_vec() };
    pb::AccessLog {
        name: String::new(),
        filter: filter.map(|specifier| pb::AccessLogFilter { filter_specifier: Some(specifier) }),
        config_type: Some(pb::access_log::ConfigType::TypedConfig(any)),
    }
}

fn prost_url<M: prost::Name>(_: &M) -> String {
    M::type_url()
}

fn file_log(format: Option<AccessLogFormat>) -> file_pb::FileAccessLog {
    file_pb::FileAccessLog { path: "/dev/null".to_owned(), access_log_format: format }
}

fn substitution(format: Option<core::substitution_format_string::Format>) -> SubstitutionFormatString {
    SubstitutionFormatString { format, ..SubstitutionFormatString::default() }
}

fn inline(text: &str) -> SubstitutionFormatString {
    substitution(Some(core::substitution_format_string::Format::TextFormat(text.to_owned())))
}

/// The errors of a log, each with its place.
fn errors(log: pb::AccessLog) -> Vec<String> {
    let found = Diagnostics::new();
    let parsed = Config::parse(vec![log], &At::root(&found).field("access_log"));
    assert_eq!(parsed.is_err(), found.has_errors());
    found.sorted().into_iter().map(|error| format!("{}: {}", error.path, error.message)).collect()
}

#[track_caller]
fn check_error(log: pb::AccessLog, expected: &str) {
    assert_eq!(errors(log), [expected]);
}

#[test]
fn wrong_logs_are_refused_with_their_place() {
    let bare = pb::AccessLog::default();
    check_error(bare, "access_log[0].typed_config: must be set");
    let empty = file_pb::FileAccessLog { path: String::new(), access_log_format: None };
    check_error(log(&empty, None), "access_log[0].typed_config.path: must not be empty");
    let unset = file_log(Some(AccessLogFormat::LogFormat(substitution(None))));
    check_error(
        log(&unset, None),
        "access_log[0].typed_config.log_format: a format must be set: 'text_format_source' or 'json_format'",
    );
    let unknown = file_log(Some(AccessLogFormat::LogFormat(inline("x %FOO%"))));
    check_error(
        log(&unknown, None),
        "access_log[0].typed_config.log_format.text_format: Not supported field in StreamInfo: FOO (at position 2)",
    );
    let source = core::DataSource {
        specifier: Some(core::data_source::Specifier::Filename("x".to_owned())),
        watched_directory: None,
    };
    let format = substitution(Some(core::substitution_format_string::Format::TextFormatSource(source)));
    check_error(
        log(&file_log(Some(AccessLogFormat::LogFormat(format))), None),
        "access_log[0].typed_config.log_format.text_format_source.filename: a format from a file is not supported yet",
    );
    let formatters =
        SubstitutionFormatString { formatters: vec![core::TypedExtensionConfig::default()], ..inline("x") };
    check_error(
        log(&file_log(Some(AccessLogFormat::LogFormat(formatters))), None),
        "access_log[0].typed_config.log_format.formatters: 'formatters' is not supported yet",
    );
}

#[test]
fn other_loggers_are_refused_by_name() {
    let grpc = nuncio_proto::envoy::extensions::access_loggers::grpc::v3::HttpGrpcAccessLogConfig::default();
    check_error(
        log(&grpc, None),
        "access_log[0].typed_config: the access logger \
        'envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig' is not supported yet",
    );
    check_error(
        log(&pb::AndFilter::default(), None),
        "access_log[0].typed_config: there is no access logger of type 'envoy.config.accesslog.v3.AndFilter'",
    );
}

#[test]
fn every_way_to_write_a_format_is_understood() {
    use core::substitution_format_string::Format;
    let source = |specifier| {
        Some(Format::TextFormatSource(core::DataSource { watched_directory: None, specifier: Some(specifier) }))
    };
    for format in [
        None,
        Some(AccessLogFormat::Format(String::new())),
        Some(AccessLogFormat::Format("%PROTOCOL%".to_owned())),
        Some(AccessLogFormat::JsonFormat(prost_types::Struct::default())),
        Some(AccessLogFormat::TypedJsonFormat(prost_types::Struct::default())),
        Some(AccessLogFormat::LogFormat(inline(""))),
        Some(AccessLogFormat::LogFormat(substitution(source(core::data_source::Specifier::InlineString("x".into()))))),
        Some(AccessLogFormat::LogFormat(substitution(source(core::data_source::Specifier::InlineBytes(b"x".into()))))),
    ] {
        assert_eq!(errors(log(&file_log(format), None)), [""; 0]);
    }
    assert_eq!(errors(log(&stream_pb::StdoutAccessLog::default(), None)), [""; 0]);
    assert_eq!(errors(log(&stream_pb::StderrAccessLog::default(), None)), [""; 0]);
}

fn comparison(op: Op, value: u32) -> Option<pb::ComparisonFilter> {
    let value = core::RuntimeUInt32 { default_value: value, runtime_key: "x.y".to_owned() };
    Some(pb::ComparisonFilter { op: op.into(), value: Some(value) })
}

fn status(op: Op, value: u32) -> FilterSpecifier {
    FilterSpecifier::StatusCodeFilter(pb::StatusCodeFilter { comparison: comparison(op, value) })
}

fn header(name: &str) -> FilterSpecifier {
    let header = route::HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(route::header_matcher::HeaderMatchSpecifier::PresentMatch(true)),
        ..route::HeaderMatcher::default()
    };
    FilterSpecifier::HeaderFilter(pb::HeaderFilter { header: Some(header) })
}

fn filters(list: Vec<FilterSpecifier>) -> Vec<pb::AccessLogFilter> {
    list.into_iter().map(|specifier| pb::AccessLogFilter { filter_specifier: Some(specifier) }).collect()
}

/// Path, status, flag, duration in milliseconds, `grpc-status` and headers of a request.
type Request<'a> = (&'a str, u16, Option<ResponseFlag>, u64, Option<&'a str>, &'a [(&'a str, &'a str)]);

/// Which of the requests of the parity case `access-log/json-and-filters` a filter lets pass, by path.
#[track_caller]
fn check_filter(specifier: FilterSpecifier, expected: &[&str]) {
    let found = Diagnostics::new();
    let proto = pb::AccessLogFilter { filter_specifier: Some(specifier) };
    let filter = Filter::parse(proto, &At::root(&found)).unwrap();
    let requests: [Request<'_>; 5] = [
        ("/a", 200, None, 1, None, &[("x-log", "1")]),
        ("/a/slow", 200, None, 700, None, &[("x-or", "x")]),
        ("/none", 404, Some(ResponseFlag::NoRouteFound), 0, None, &[("x-log", "2")]),
        ("/dead", 503, Some(ResponseFlag::UpstreamConnectionFailure), 2, None, &[]),
        ("/a/grpc", 200, None, 1, Some("5"), &[]),
    ];
    let mut passed = Vec::new();
    for (path, code, flag, millis, grpc_status, list) in requests {
        let mut info = StreamInfo { response_code: Some(code), ..StreamInfo::default() };
        flag.into_iter().for_each(|flag| info.flags.set(flag));
        info.timing.mark(Moment::DownstreamReceiveBegin, Tick(5));
        info.timing.mark(Moment::Complete, Tick(5 + millis));
        let (mut request, mut response) = (Headers::new(), Headers::new());
        list.iter().for_each(|(name, value)| _ = request.push_name(name.as_bytes(), value.as_bytes()));
        grpc_status.into_iter().for_each(|status| _ = response.push_name(b"grpc-status", status.as_bytes()));
        let inputs = Inputs {
            info: &info,
            request: Some(&request),
            response: Some(&response),
            trailers: None,
            local_reply_body: b"",
            log_type: LogType::DownstreamEnd,
        };
        if filter.passes(&inputs) {
            passed.push(path);
        }
    }
    assert_eq!(passed, expected);
}

#[test]
fn filters_let_the_same_requests_pass_as_envoys() {
    check_filter(status(Op::Ge, 400), &["/none", "/dead"]);
    check_filter(
        FilterSpecifier::ResponseFlagFilter(pb::ResponseFlagFilter { flags: vec!["NR".to_owned(), "UF".to_owned()] }),
        &["/none", "/dead"],
    );
    check_filter(FilterSpecifier::ResponseFlagFilter(pb::ResponseFlagFilter { flags: vec![] }), &["/none", "/dead"]);
    let both = filters(vec![header("x-log"), status(Op::Eq, 404)]);
    let either = filters(vec![header("x-or"), FilterSpecifier::AndFilter(pb::AndFilter { filters: both })]);
    check_filter(FilterSpecifier::OrFilter(pb::OrFilter { filters: either }), &["/a/slow", "/none"]);
    check_filter(
        FilterSpecifier::DurationFilter(pb::DurationFilter { comparison: comparison(Op::Ge, 500) }),
        &["/a/slow"],
    );
    check_filter(
        FilterSpecifier::GrpcStatusFilter(pb::GrpcStatusFilter { statuses: vec![5], exclude: false }),
        &["/a/grpc"],
    );
}

#[test]
fn filters_compare_and_exclude() {
    check_filter(status(Op::Ne, 200), &["/none", "/dead"]);
    check_filter(status(Op::Le, 404), &["/a", "/a/slow", "/none", "/a/grpc"]);
    let types = |exclude| FilterSpecifier::LogTypeFilter(pb::LogTypeFilter { types: vec![3], exclude });
    check_filter(types(false), &[]);
    check_filter(types(true), &["/a", "/a/slow", "/none", "/dead", "/a/grpc"]);
}

#[test]
fn wrong_filters_are_refused_with_their_place() {
    let file = file_log(None);
    let one = FilterSpecifier::AndFilter(pb::AndFilter { filters: filters(vec![header("x")]) });
    check_error(log(&file, Some(one)), "access_log[0].filter.and_filter.filters: must have at least 2 filters, has 1");
    let flag = FilterSpecifier::ResponseFlagFilter(pb::ResponseFlagFilter { flags: vec!["XX".to_owned()] });
    let message = errors(log(&file, Some(flag))).join("");
    assert!(
        message.starts_with(
            "access_log[0].filter.response_flag_filter.flags[0]: 'XX' is not a response flag; there are LH, UH, "
        ),
        "{message}"
    );
    check_error(
        log(&file, Some(FilterSpecifier::StatusCodeFilter(pb::StatusCodeFilter { comparison: None }))),
        "access_log[0].filter.status_code_filter.comparison: must be set",
    );
    check_error(
        log(&file, Some(FilterSpecifier::RuntimeFilter(pb::RuntimeFilter::default()))),
        "access_log[0].filter.runtime_filter: 'runtime_filter' is not supported yet",
    );
}

#[test]
fn a_stream_is_logged_in_each_log_whose_filter_passes() {
    let folder = std::env::temp_dir();
    let path = |name: &str| {
        folder.join(format!("nuncio-access-logs-{}-{name}", std::process::id())).to_str().unwrap().to_owned()
    };
    let file = |name: &str, text: &str| file_pb::FileAccessLog {
        path: path(name),
        access_log_format: Some(AccessLogFormat::LogFormat(inline(text))),
    };
    let found = Diagnostics::new();
    let config = Config::parse(
        vec![
            log(&file("all", "%RESPONSE_CODE%\n"), None),
            log(&file("bad", "bad %RESPONSE_CODE%\n"), Some(status(Op::Ge, 400))),
        ],
        &At::root(&found),
    );
    let files = FileManager::new(Options::default());
    let logs = config.unwrap().open(&files).unwrap();
    let batches = Batches::new();
    for code in [200, 404] {
        let info = StreamInfo { response_code: Some(code), ..StreamInfo::default() };
        let inputs = Inputs {
            info: &info,
            request: None,
            response: None,
            trailers: None,
            local_reply_body: b"",
            log_type: LogType::DownstreamEnd,
        };
        logs.log(&inputs, &batches);
    }
    batches.flush();
    files.shut_down();
    let written = |name| std::fs::read_to_string(path(name)).unwrap();
    assert_eq!((written("all").as_str(), written("bad").as_str()), ("200\n404\n", "bad 404\n"));
    for name in ["all", "bad"] {
        std::fs::remove_file(path(name)).unwrap();
    }
}
