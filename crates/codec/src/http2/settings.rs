//! SETTINGS frames (RFC 9113 section 6.5).

use super::frame;
use super::options::Options;
use crate::Role;

/// Bytes of one parameter.
pub(super) const PARAMETER_BYTES: usize = 6;

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// A parameter of the peer that means something to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setting {
    HeaderTableSize(u32),
    MaxConcurrentStreams(u32),
    InitialWindowSize(u32),
    EnableConnectProtocol(bool),
    /// Unknown, or of no consequence: frames never exceed the smallest maximum, and nothing is pushed.
    Other,
}

/// A parameter has a value that it may not have.
#[derive(Debug)]
pub(super) struct InvalidSetting;

/// Reads the parameters of a payload whose length is a multiple of [`PARAMETER_BYTES`].
pub(super) fn parse(role: Role, payload: &[u8]) -> impl Iterator<Item = Result<Setting, InvalidSetting>> {
    // RFC 9113 section 6.5.2: a server does not allow pushes.
    let max_push = if role == Role::Client { 0 } else { 1 };
    payload.as_chunks::<PARAMETER_BYTES>().0.iter().map(move |&[i0, i1, ref value @ ..]| {
        let value = frame::number(value);
        match (u16::from_be_bytes([i0, i1]), value) {
            (HEADER_TABLE_SIZE, _) => Ok(Setting::HeaderTableSize(value)),
            (ENABLE_PUSH, _) if value > max_push => Err(InvalidSetting),
            (MAX_CONCURRENT_STREAMS, _) => Ok(Setting::MaxConcurrentStreams(value)),
            (INITIAL_WINDOW_SIZE, 0x8000_0000..) => Err(InvalidSetting),
            (INITIAL_WINDOW_SIZE, _) => Ok(Setting::InitialWindowSize(value)),
            (MAX_FRAME_SIZE, ..0x4000 | 0x0100_0000..) => Err(InvalidSetting),
            (ENABLE_CONNECT_PROTOCOL, 2..) => Err(InvalidSetting),
            (ENABLE_CONNECT_PROTOCOL, _) => Ok(Setting::EnableConnectProtocol(value == 1)),
            _ => Ok(Setting::Other),
        }
    })
}

/// Appends the payload of our own SETTINGS: custom parameters, then Envoy's in Envoy's order.
pub(super) fn encode(role: Role, options: &Options, payload: &mut Vec<u8>) {
    let mut put = |id: u16, value: u32| {
        payload.extend_from_slice(&id.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    };
    let custom = &options.custom_settings_parameters;
    custom.iter().for_each(|&(id, value)| put(id, value));
    let push = (role == Role::Client).then_some((ENABLE_PUSH, 0));
    let ours = [
        (HEADER_TABLE_SIZE, options.hpack_table_size),
        (ENABLE_CONNECT_PROTOCOL, options.allow_connect.into()),
        (MAX_CONCURRENT_STREAMS, options.max_concurrent_streams),
        (INITIAL_WINDOW_SIZE, options.initial_stream_window_size),
    ];
    let is_ours = |id: u16| !custom.iter().any(|&(other, _)| other == id);
    push.into_iter().chain(ours).filter(|&(id, _)| is_ours(id)).for_each(|(id, value)| put(id, value));
}
