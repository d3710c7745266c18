//! The filter chain through the whole stack: what each status word obliges, at every place of a chain.

mod bodies;
mod errors;
mod exchange;
mod heads;
mod trailers;
mod upstream;
