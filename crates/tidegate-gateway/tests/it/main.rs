//! The gateway over real sockets, in front of an engine that follows a script.
#![forbid(unsafe_code)]

mod house;
mod openai;
