//! The one error shape that crosses crate borders: data for the caller and for the log.
//!
//! A [`Fault`] knows nothing of HTTP or gRPC; the gateway turns it into an answer in one file per
//! protocol.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What went wrong, in the caller's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request is not valid; sending it again changes nothing.
    Invalid,
    /// No valid identity came with the request.
    Unauthenticated,
    /// The identity may not do this.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// The input is larger than a limit.
    TooLarge,
    /// This build or this model cannot do what was asked.
    Unsupported,
    /// A queue or a budget is full; the same request may succeed later.
    Overloaded,
    /// The service is starting, draining or its upstream is gone.
    Unavailable,
    /// The deadline passed.
    Deadline,
    /// The caller went away.
    Cancelled,
    /// A bug or a broken machine.
    Internal,
}

/// Who caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The caller.
    Client,
    /// This process.
    Server,
    /// A server that this process called.
    Upstream,
}

/// Whether the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// At once, elsewhere or here.
    Now,
    /// Not before this much time has passed.
    After(Duration),
}

/// An error for two readers: `public` says to the caller what to do, `detail` and `source` tell the
/// log what happened.
#[derive(Debug)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// Who caused it.
    pub origin: Origin,
    /// Whether to try again.
    pub retry: Retry,
    /// The sentence that the caller reads.
    pub public: String,
    /// The parameter of the request that is wrong, as the caller wrote it (`messages[0].role`).
    pub param: Option<String>,
    /// A stable machine-readable word (`context_length_exceeded`).
    pub code: Option<&'static str>,
    /// What the log should know beyond `public`; never sent to the caller.
    pub detail: Option<String>,
    /// What the reader may do about it, printed on its own line.
    pub hint: Option<String>,
    /// The cause.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    fn new(kind: FaultKind, origin: Origin, retry: Retry, public: String) -> Self {
        Self {
            kind,
            origin,
            retry,
            public,
            param: None,
            code: None,
            detail: None,
            hint: None,
            source: None,
        }
    }

    /// The request is not valid.
    pub fn invalid(public: impl Into<String>) -> Self {
        Self::new(FaultKind::Invalid, Origin::Client, Retry::Never, public.into())
    }

    /// The named thing does not exist.
    pub fn not_found(public: impl Into<String>) -> Self {
        Self::new(FaultKind::NotFound, Origin::Client, Retry::Never, public.into())
    }

    /// The input is larger than a limit.
    pub fn too_large(public: impl Into<String>) -> Self {
        Self::new(FaultKind::TooLarge, Origin::Client, Retry::Never, public.into())
    }

    /// This build or this model cannot do what was asked.
    pub fn unsupported(public: impl Into<String>) -> Self {
        Self::new(
            FaultKind::Unsupported,
            Origin::Client,
            Retry::Never,
            public.into(),
        )
    }

    /// A queue or a budget is full.
    pub fn overloaded(public: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(
            FaultKind::Overloaded,
            Origin::Server,
            Retry::After(retry_after),
            public.into(),
        )
    }

    /// The service is starting or draining.
    pub fn unavailable(public: impl Into<String>) -> Self {
        Self::new(
            FaultKind::Unavailable,
            Origin::Server,
            Retry::After(Duration::from_secs(1)),
            public.into(),
        )
    }

    /// The deadline passed.
    pub fn deadline(public: impl Into<String>) -> Self {
        Self::new(FaultKind::Deadline, Origin::Server, Retry::Now, public.into())
    }

    /// The caller went away.
    pub fn cancelled(public: impl Into<String>) -> Self {
        Self::new(FaultKind::Cancelled, Origin::Client, Retry::Never, public.into())
    }

    /// A bug or a broken machine. The caller reads one fixed sentence; `detail` is for the log.
    pub fn internal(detail: impl Into<String>) -> Self {
        let mut fault = Self::new(
            FaultKind::Internal,
            Origin::Server,
            Retry::Now,
            "the server failed to answer this request".to_owned(),
        );
        fault.detail = Some(detail.into());
        fault
    }

    /// Names the parameter that is wrong.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Sets the stable machine-readable word.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds what the reader may do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what only the log should know.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_fault_hides_its_detail_from_the_caller() {
        let fault = Fault::internal("page 7 freed twice");
        assert!(!fault.public.contains("page"));
        assert!(fault.to_string().contains("page 7 freed twice"));
    }

    #[test]
    fn the_cause_is_kept() {
        let fault = Fault::invalid("no").with_source(std::io::Error::other("disk"));
        assert_eq!(fault.source().map(ToString::to_string).as_deref(), Some("disk"));
    }
}
