//! A filter that does what its script says, and notes what it is called with.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use nuncio_http::{
    DataStatus, Direction, FilterFactory, HeadersStatus, HttpFilter, Interest, LocalReply, Resume, Sleep, StreamCx,
    TrailersStatus,
};
use nuncio_message::{Chunk, Headers};

use super::made;

/// Calls in order: `A>head`, `A<body.` and the like; `>` is the request, `<` the response, a dot the end, `!` a local
/// reply and `$` the stream's end.
pub type Log = Arc<Mutex<Vec<String>>>;

/// An empty log.
pub fn new_log() -> Log {
    Log::default()
}

/// A callback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
    /// `request_headers`
    RequestHead,
    /// `request_data`
    RequestData,
    /// `request_trailers`
    RequestTrailers,
    /// `response_headers`
    ResponseHead,
    /// `response_data`
    ResponseData,
    /// `response_trailers`
    ResponseTrailers,
}

/// What a callback returns; words that it does not have are Continue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Say {
    /// Continue
    Continue,
    /// StopIteration
    Stop,
    /// StopAllIterationAndBuffer
    StopAllBuffer,
    /// StopAllIterationAndWatermark
    StopAllWatermark,
    /// ContinueAndDontEndStream
    DontEnd,
    /// StopIterationAndBuffer
    Buffer,
    /// StopIterationAndWatermark
    Watermark,
    /// StopIterationNoBuffer
    NoBuffer,
}

/// What a callback does.
#[derive(Clone, Debug)]
pub enum Act {
    /// Adds data in a direction.
    Add(Direction, &'static str),
    /// Injects data in a direction; whether it ends there.
    Inject(Direction, &'static str, bool),
    /// Replaces the piece at hand.
    Replace(&'static str),
    /// Replaces the body that is held in a direction.
    ReplaceHeld(Direction, &'static str),
    /// Adds a trailer.
    AddTrailer(Direction, &'static str),
    /// Removes a header or trailer that is there.
    Remove(Direction, &'static str),
    /// Appends a header to a head.
    Header(Direction, &'static str, &'static str),
    /// Replies locally.
    Reply(u16, &'static str),
    /// Resets the stream.
    Reset,
    /// Lets go of a direction.
    Resume(Direction),
    /// Does more after some milliseconds.
    Later(u64, Vec<Self>),
}

/// What to do in the callback when it comes for the `nth` time, from zero.
#[derive(Clone, Debug)]
pub struct Step {
    on: On,
    nth: usize,
    acts: Vec<Act>,
    say: Say,
}

/// A step.
pub fn step(on: On, nth: usize, acts: &[Act], say: Say) -> Step {
    Step { on, nth, acts: acts.to_vec(), say }
}

/// A filter with this name in the log; without a step for it, a callback continues.
pub fn script(name: &'static str, log: &Log, steps: &[Step]) -> Arc<dyn FilterFactory> {
    let (log, steps) = (Arc::clone(log), steps.to_vec());
    made(Interest::ALL, move || {
        Box::new(Script { name, log: Arc::clone(&log), steps: steps.clone(), counts: [0; 6], later: Vec::new() })
    })
}

struct Script {
    name: &'static str,
    log: Log,
    steps: Vec<Step>,
    counts: [usize; 6],
    later: Vec<(Pin<Box<Sleep>>, Vec<Act>)>,
}

impl Script {
    fn note(&self, what: &str) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{}{what}", self.name));
    }

    fn run(&mut self, on: On, cx: &mut StreamCx<'_>, data: Option<&mut Chunk>) -> Say {
        let nth = self.counts[on as usize];
        self.counts[on as usize] += 1;
        let step = self.steps.iter().find(|step| (step.on, step.nth) == (on, nth)).cloned();
        let Some(Step { acts, say, .. }) = step else { return Say::Continue };
        self.act(acts, cx, data);
        say
    }

    fn act(&mut self, acts: Vec<Act>, cx: &mut StreamCx<'_>, mut data: Option<&mut Chunk>) {
        for act in acts {
            match act {
                Act::Add(direction, text) => cx.add_data(direction, Chunk::copy_from(text.as_bytes())),
                Act::Inject(direction, text, end_stream) => {
                    cx.inject_data(direction, Chunk::copy_from(text.as_bytes()), end_stream);
                }
                Act::Replace(text) => {
                    if let Some(data) = data.as_deref_mut() {
                        *data = Chunk::copy_from(text.as_bytes());
                    }
                }
                Act::ReplaceHeld(direction, text) => {
                    let held = cx.held_body(direction);
                    held.clear();
                    held.extend_from_slice(text.as_bytes());
                }
                Act::AddTrailer(Direction::Request, name) => {
                    cx.add_request_trailers().push_name(name.as_bytes(), self.name.as_bytes());
                }
                Act::AddTrailer(Direction::Response, name) => {
                    cx.add_response_trailers().push_name(name.as_bytes(), self.name.as_bytes());
                }
                Act::Remove(direction, name) => {
                    for headers in all(cx, direction) {
                        headers.remove_by_name(name.as_bytes());
                    }
                }
                Act::Header(Direction::Request, name, value) => {
                    cx.request_headers_mut().push_name(name.as_bytes(), value.as_bytes());
                }
                Act::Header(Direction::Response, name, value) => {
                    if let Some(headers) = cx.response_headers_mut() {
                        headers.push_name(name.as_bytes(), value.as_bytes());
                    }
                }
                Act::Reply(status, body) => cx.reply(LocalReply::new(status, body, "scripted")),
                Act::Reset => cx.reset(),
                Act::Resume(direction) => cx.resume(direction),
                Act::Later(millis, acts) => {
                    self.later.push((Box::pin(cx.sleep(Duration::from_millis(millis))), acts));
                    cx.poll_me();
                }
            }
        }
    }
}

/// Head or trailers of a direction, whatever is there.
fn all<'a>(cx: &'a mut StreamCx<'_>, direction: Direction) -> Vec<&'a mut Headers> {
    // One at a time: the trailers if there are any.
    match direction {
        Direction::Request if cx.request_trailers_mut().is_some() => cx.request_trailers_mut().into_iter().collect(),
        Direction::Request => vec![cx.request_headers_mut()],
        Direction::Response if cx.response_trailers_mut().is_some() => cx.response_trailers_mut().into_iter().collect(),
        Direction::Response => cx.response_headers_mut().into_iter().collect(),
    }
}

fn text(data: &Chunk, end_stream: bool) -> String {
    let text = String::from_utf8_lossy(data);
    let text = if text.len() > 20 { format!("({})", text.len()) } else { text.into_owned() };
    format!("{text}{}", if end_stream { "." } else { "" })
}

fn of_head(say: Say) -> HeadersStatus {
    match say {
        Say::Stop => HeadersStatus::StopIteration,
        Say::StopAllBuffer => HeadersStatus::StopAllIterationAndBuffer,
        Say::StopAllWatermark => HeadersStatus::StopAllIterationAndWatermark,
        Say::DontEnd => HeadersStatus::ContinueAndDontEndStream,
        Say::Continue | Say::Buffer | Say::Watermark | Say::NoBuffer => HeadersStatus::Continue,
    }
}

fn of_data(say: Say) -> DataStatus {
    match say {
        Say::Buffer => DataStatus::StopIterationAndBuffer,
        Say::Watermark => DataStatus::StopIterationAndWatermark,
        Say::NoBuffer => DataStatus::StopIterationNoBuffer,
        Say::Continue | Say::Stop | Say::StopAllBuffer | Say::StopAllWatermark | Say::DontEnd => DataStatus::Continue,
    }
}

fn of_trailers(say: Say) -> TrailersStatus {
    if say == Say::Stop { TrailersStatus::StopIteration } else { TrailersStatus::Continue }
}

impl HttpFilter for Script {
    fn request_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        self.note(if end_stream { ">head." } else { ">head" });
        of_head(self.run(On::RequestHead, cx, None))
    }

    fn request_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        self.note(&format!(">{}", text(data, end_stream)));
        of_data(self.run(On::RequestData, cx, Some(data)))
    }

    fn request_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.note(">trailers");
        of_trailers(self.run(On::RequestTrailers, cx, None))
    }

    fn response_informational(&mut self, _: &mut StreamCx<'_>, _: &mut Headers) {
        self.note("<1xx");
    }

    fn response_headers(&mut self, cx: &mut StreamCx<'_>, end_stream: bool) -> HeadersStatus {
        self.note(if end_stream { "<head." } else { "<head" });
        of_head(self.run(On::ResponseHead, cx, None))
    }

    fn response_data(&mut self, cx: &mut StreamCx<'_>, data: &mut Chunk, end_stream: bool) -> DataStatus {
        self.note(&format!("<{}", text(data, end_stream)));
        of_data(self.run(On::ResponseData, cx, Some(data)))
    }

    fn response_trailers(&mut self, cx: &mut StreamCx<'_>) -> TrailersStatus {
        self.note("<trailers");
        of_trailers(self.run(On::ResponseTrailers, cx, None))
    }

    fn local_reply(&mut self, _: &mut StreamCx<'_>, reply: &LocalReply) {
        self.note(&format!("!{}", reply.status));
    }

    fn complete(&mut self, _: &mut StreamCx<'_>) {
        self.note("$");
    }

    fn poll_resume(&mut self, cx: &mut StreamCx<'_>, task: &mut Context<'_>) -> Poll<Resume> {
        let mut due = Vec::new();
        self.later.retain_mut(|(sleep, acts)| {
            let is_due = sleep.as_mut().poll(task).is_ready();
            if is_due {
                due.append(acts);
            }
            !is_due
        });
        self.act(due, cx, None);
        Poll::Pending
    }
}
