//! The gateway over real sockets, in front of an engine that follows a script.
#![forbid(unsafe_code)]

#[cfg(test)]
mod completions;
#[cfg(test)]
mod disconnect;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod embeddings;
#[cfg(test)]
mod house;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod openai;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod trouble;
