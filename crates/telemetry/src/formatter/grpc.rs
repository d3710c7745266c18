//! `GRPC_STATUS`: the status of a gRPC call, from trailers, head or HTTP status.

use nuncio_message::HeaderId;
use nuncio_message::Headers;

use super::Inputs;

/// How the status is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GrpcForm {
    /// `NotFound`
    Camel,
    /// `NOT_FOUND`
    Snake,
    /// `5`
    Number,
}

const NAMES: [(&str, &str); 17] = [
    ("OK", "OK"),
    ("Canceled", "CANCELLED"),
    ("Unknown", "UNKNOWN"),
    ("InvalidArgument", "INVALID_ARGUMENT"),
    ("DeadlineExceeded", "DEADLINE_EXCEEDED"),
    ("NotFound", "NOT_FOUND"),
    ("AlreadyExists", "ALREADY_EXISTS"),
    ("PermissionDenied", "PERMISSION_DENIED"),
    ("ResourceExhausted", "RESOURCE_EXHAUSTED"),
    ("FailedPrecondition", "FAILED_PRECONDITION"),
    ("Aborted", "ABORTED"),
    ("OutOfRange", "OUT_OF_RANGE"),
    ("Unimplemented", "UNIMPLEMENTED"),
    ("Internal", "INTERNAL"),
    ("Unavailable", "UNAVAILABLE"),
    ("DataLoss", "DATA_LOSS"),
    ("Unauthenticated", "UNAUTHENTICATED"),
];

impl GrpcForm {
    /// Parses the operator's argument.
    ///
    /// # Errors
    /// What is wrong, in Envoy's words.
    pub(super) fn parse(argument: &str) -> Result<Self, String> {
        match argument {
            "" | "CAMEL_STRING" => Ok(Self::Camel),
            "SNAKE_STRING" => Ok(Self::Snake),
            "NUMBER" => Ok(Self::Number),
            _ => {
                Err(format!("GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: {argument}"))
            }
        }
    }

    /// The name of a status; `None` when it is printed as a number.
    pub(super) fn name(self, status: i64) -> Option<&'static str> {
        let names = NAMES.get(usize::try_from(status).ok()?)?;
        match self {
            Self::Camel => Some(names.0),
            Self::Snake => Some(names.1),
            Self::Number => None,
        }
    }
}

/// The status of the call, when the request was gRPC.
pub(super) fn status_of_call(inputs: &Inputs<'_>) -> Option<i64> {
    is_grpc(inputs.request?).then(|| status(inputs)).flatten()
}

/// The status of the response, whatever the request was.
pub(crate) fn status(inputs: &Inputs<'_>) -> Option<i64> {
    let told = [inputs.trailers, inputs.response].into_iter().flatten().find_map(told_status);
    told.or_else(|| inputs.info.response_code.map(of_http))
}

fn told_status(headers: &Headers) -> Option<i64> {
    let value = headers.get(HeaderId::GRPC_STATUS).filter(|value| !value.is_empty())?;
    // Anything that is no number is printed as -1.
    let number = str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
    Some(number.map_or(-1, u64::cast_signed))
}

fn of_http(status: u16) -> i64 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

fn is_grpc(request: &Headers) -> bool {
    let rest = request.get(HeaderId::CONTENT_TYPE).and_then(|value| value.strip_prefix(b"application/grpc"));
    matches!(rest, Some([] | [b'+', ..]))
}
