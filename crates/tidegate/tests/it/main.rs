//! The real program, run as people run it.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod config;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod models;
#[cfg(test)]
mod program;
#[cfg(test)]
mod serve;
#[cfg(test)]
#[path = "../../../tidegate-registry/tests/it/server.rs"]
mod server;
