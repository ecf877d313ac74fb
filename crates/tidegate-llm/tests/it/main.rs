//! Integration tests of the engine for language models, in one binary.

// `cfg(test)` tells clippy that helpers in these files are test code too.
#[cfg(test)]
mod allocations;
#[cfg(test)]
mod drive;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod families;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod parrot;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod tiny;
#[cfg(test)]
mod whole;
#[cfg(test)]
mod worker;
