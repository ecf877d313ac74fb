//! The commands, one file each.

pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod inspect;
pub(crate) mod models;
pub(crate) mod pull;
pub(crate) mod run;
pub(crate) mod serve;

use tidegate_engine::FinishReason;

/// The name of a reason as OpenAI writes it; nothing for an answer that was stopped from here.
pub(crate) fn finish_name(reason: Option<FinishReason>) -> Option<&'static str> {
    Some(match reason? {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    })
}
