//! What `serve` prints: where it listens, what it serves, a line to paste.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tidegate_engine::ModelCard;

use crate::cli::VERSION;
use crate::config::Settings;
use crate::load::Plan;
use crate::term;

/// Prints once where the server listens, and once that it is ready if that took a while.
pub(crate) struct Banner {
    address: SocketAddr,
    text: String,
    with_key: bool,
    shown: bool,
}

impl Banner {
    pub(crate) fn new(address: SocketAddr, plans: &[Plan], settings: &Settings) -> Self {
        let mut text = format!("Tidegate {} listens on http://{address}\n", *VERSION);
        let rows: Vec<Vec<String>> = plans.iter().map(row).collect();
        for line in term::table(&rows).lines() {
            text.push_str(&format!("  {line}\n"));
        }
        Self {
            address,
            text,
            with_key: settings.gateway.api_key.is_some(),
            shown: false,
        }
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.shown
    }

    /// The models take longer: say where the server will be.
    pub(crate) fn still_loading(&mut self) {
        self.shown = true;
        print(&format!(
            "{}loading; requests are told to come again until it is done",
            self.text
        ));
    }

    /// All models are loaded. The line to paste asks one that can chat, if there is one.
    pub(crate) fn ready(&mut self, cards: &[ModelCard]) {
        let card = cards.iter().find(|card| card.chat).or(cards.first());
        let try_it = card.map(|card| self.curl(card)).unwrap_or_default();
        if self.shown {
            print(&format!("ready; try it:\n  {try_it}"));
        } else {
            print(&format!("{}try it:\n  {try_it}", self.text));
        }
        self.shown = true;
    }

    /// A line that works when pasted into a shell.
    fn curl(&self, card: &ModelCard) -> String {
        let reachable = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        let base = SocketAddr::new(reachable, self.address.port());
        let name = &card.name;
        let key = if self.with_key {
            " -H \"authorization: Bearer $TIDEGATE_API_KEY\""
        } else {
            ""
        };
        let (path, ask) = if card.chat {
            (
                "chat/completions",
                r#""messages":[{"role":"user","content":"Hello! Who are you?"}]"#,
            )
        } else {
            ("completions", r#""prompt":"Once upon a time","max_tokens":64"#)
        };
        format!(
            "curl http://{base}/v1/{path} -H 'content-type: application/json'{key} -d '{{\"model\":\"{name}\",{ask}}}'"
        )
    }
}

/// A server goes on also where nobody reads what it prints.
fn print(text: &str) {
    drop(term::line(text));
}

fn row(plan: &Plan) -> Vec<String> {
    let estimate = &plan.estimate;
    vec![
        plan.spec.name.clone(),
        format!("weights {}", estimate.weights),
        format!("keys and values {}", estimate.kv),
        format!("context {} tokens", plan.context_length),
    ]
}
