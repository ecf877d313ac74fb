//! How the program ends: exit codes, and the one shape of an error that a person reads.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use tidegate_base::{Fault, FaultKind};
use tidegate_registry::{PullError, StoreError};

/// What the shell learns. The numbers are those of `sysexits.h`, which scripts know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Ok = 0,
    /// Wrong command line or configuration.
    Usage = 64,
    /// The input is there, but broken.
    Data = 65,
    /// The input is not there.
    NoInput = 66,
    /// A server or the network is not there, or is full.
    Unavailable = 69,
    /// A bug or a broken machine.
    Internal = 70,
    /// The disk refused.
    Io = 74,
    /// Somebody refused access.
    Denied = 77,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the program could not do what it was told.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One line that says what, where and what was expected; further lines are details.
    pub(crate) message: String,
    /// What the reader may do about it.
    pub(crate) hint: Option<String>,
}

/// What a command answers.
pub(crate) type Outcome = Result<Exit, Failure>;

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The error and its causes, one below the other.
    pub(crate) fn caused(exit: Exit, error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut seen = message.clone();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat the cause in their own text.
            if !seen.contains(&text) {
                let _infallible = write!(message, "\n  because {text}");
            }
            seen = text;
            cause = error.source();
        }
        Self::new(exit, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Nothing is left to say: the reader of a pipe went away, or it was said already.
    pub(crate) fn is_quiet(&self) -> bool {
        self.message.is_empty()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Ok, "");
        }
        let known = [
            (io::ErrorKind::NotFound, Exit::NoInput),
            (io::ErrorKind::PermissionDenied, Exit::Denied),
        ];
        let known = known.iter().find(|(kind, _)| *kind == error.kind());
        Self::caused(known.map_or(Exit::Io, |(_, exit)| *exit), &error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let exit = match fault.kind {
            FaultKind::Invalid | FaultKind::TooLarge | FaultKind::Unsupported => Exit::Usage,
            FaultKind::Unauthenticated | FaultKind::Forbidden => Exit::Denied,
            FaultKind::NotFound => Exit::NoInput,
            FaultKind::Overloaded | FaultKind::Unavailable | FaultKind::Deadline => Exit::Unavailable,
            FaultKind::Cancelled => Exit::Interrupted,
            FaultKind::Internal => Exit::Internal,
        };
        Self {
            hint: fault.hint.clone(),
            ..Self::caused(exit, &fault)
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io(error) => error.into(),
            missing @ StoreError::Missing(_) => {
                Self::caused(Exit::NoInput, &missing).hint("`tidegate models` lists what is there")
            }
            other @ StoreError::Manifest { .. } => Self::caused(Exit::Data, &other),
        }
    }
}

impl From<PullError> for Failure {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is left has its own conversion above or comes from the other side"
    )]
    fn from(error: PullError) -> Self {
        let hint = error.hint();
        let failure = match error {
            PullError::Io(error) => error.into(),
            PullError::Store(error) => error.into(),
            PullError::NotFound { .. } => Self::caused(Exit::NoInput, &error),
            PullError::Denied { .. } => Self::caused(Exit::Denied, &error),
            PullError::Mismatch { .. } | PullError::NotAModel { .. } => Self::caused(Exit::Data, &error),
            PullError::Choose { .. } | PullError::ManyFiles(_) | PullError::Taken { .. } => {
                Self::caused(Exit::Usage, &error)
            }
            PullError::Space { .. } => Self::caused(Exit::Io, &error),
            _ => Self::caused(Exit::Unavailable, &error),
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pipe_is_quiet_and_other_errors_are_not() {
        assert!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_quiet());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::NotFound)).is_quiet());
    }

    #[test]
    fn causes_stand_below_the_error() {
        let fault = Fault::invalid("no").with_source(io::Error::other("disk"));
        assert_eq!(Failure::from(fault).message, "no\n  because disk");
    }
}
