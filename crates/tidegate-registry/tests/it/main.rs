//! The registry against a server that breaks, lies, redirects and refuses.

#[cfg(test)]
mod pull;
#[cfg(test)]
mod server;
