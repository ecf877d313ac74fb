//! A model that says what it is told, and a tokenizer of single bytes: for tests of text.

use std::time::Duration;

use serde_json::{Map, json};
use tidegate_llm::{Forward, Step, StepError};
use tidegate_weights::tokenizer::Tokenizer;

/// The token that opens a turn; the answer begins behind the last one.
pub(crate) const START: u32 = 256;
/// The token that ends a turn.
pub(crate) const END: u32 = 257;
pub(crate) const VOCABULARY: usize = 262;

/// `ChatML` with tools in the Hermes form.
const TEMPLATE: &str = "{%- if tools %}<|im_start|>system\n<tools>{{ tools | tojson }}</tools> answer in <tool_call></tool_call><|im_end|>\n{% endif -%}\
{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor -%}\
{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif -%}";

/// The characters that byte-level vocabularies write for bytes (GPT-2's `bytes_to_unicode`).
fn byte_character(byte: u8) -> char {
    let is_plain = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if is_plain(byte) {
        return char::from(byte);
    }
    let place = (0..byte).filter(|byte| !is_plain(*byte)).count();
    char::from_u32(256 + u32::try_from(place).unwrap()).unwrap()
}

/// A token for each byte, then the control tokens of `ChatML`.
pub(crate) fn tokenizer(chats: bool) -> Tokenizer {
    let vocabulary: Map<String, serde_json::Value> = (0..=255_u8)
        .map(|byte| (byte_character(byte).to_string(), json!(byte)))
        .collect();
    let special = |(id, content): (u32, &str)| {
        json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false})
    };
    let byte_level =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let specials = [
        (START, "<|im_start|>"),
        (END, "<|im_end|>"),
        (258, "<|endoftext|>"),
        (259, "<|other|>"),
        (260, "<tool_call>"),
        (261, "</tool_call>"),
    ];
    let file = json!({
        "version": "1.0",
        "added_tokens": specials.map(special),
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    });
    let mut config = json!({"eos_token": "<|im_end|>"});
    if chats {
        config["chat_template"] = json!(TEMPLATE);
    }
    Tokenizer::from_json(file.to_string().as_bytes(), Some(config.to_string().as_bytes())).unwrap()
}

/// Says `reply`, then ends. Reads how far it is through the page table.
pub(crate) struct Parrot {
    reply: Vec<u32>,
    slots: Vec<u32>,
    page_size: usize,
    context: usize,
    answer: Vec<f32>,
    pub(crate) pace: Duration,
}

impl Parrot {
    pub(crate) fn new(reply: &[u32]) -> Self {
        Self {
            reply: reply.to_vec(),
            slots: vec![0; 64 * 16],
            page_size: 16,
            context: 512,
            answer: Vec::new(),
            pace: Duration::ZERO,
        }
    }

    fn next(&self, step: &Step<'_>, row: u32) -> u32 {
        let span = step
            .spans
            .iter()
            .find(|span| (span.first_row..span.first_row + span.rows).contains(&row))
            .unwrap();
        let pages = &step.page_table[span.pages.start as usize..span.pages.end as usize];
        let last = (span.first_position + row - span.first_row) as usize;
        let said: Vec<u32> = (0..=last)
            .map(|position| {
                let page = pages[position / self.page_size] as usize;
                self.slots[page * self.page_size + position % self.page_size]
            })
            .collect();
        // Behind `<|im_start|>assistant\n`; where there is none, behind the whole prompt `>`.
        let start = said
            .iter()
            .rposition(|token| *token == START)
            .map(|place| place + 11);
        let start = start.or(said
            .iter()
            .rposition(|token| *token == u32::from(b'>'))
            .map(|place| place + 1));
        let place = (last + 1).saturating_sub(start.unwrap_or(0));
        self.reply.get(place).copied().unwrap_or(END)
    }
}

impl Forward for Parrot {
    fn vocabulary(&self) -> usize {
        VOCABULARY + 10
    }
    fn hidden(&self) -> usize {
        4
    }
    fn context_length(&self) -> usize {
        self.context
    }
    fn page_size(&self) -> usize {
        self.page_size
    }
    fn pages(&self) -> usize {
        self.slots.len() / self.page_size
    }
    fn max_rows(&self) -> usize {
        64
    }
    fn max_outputs(&self) -> usize {
        16
    }

    fn forward(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        step.check(self)?;
        std::thread::sleep(self.pace);
        for span in step.spans {
            for row in 0..span.rows {
                let position = (span.first_position + row) as usize;
                let page = step.page_table[span.pages.start as usize + position / self.page_size];
                self.slots[page as usize * self.page_size + position % self.page_size] =
                    step.tokens[(span.first_row + row) as usize];
            }
        }
        let mut answer = std::mem::take(&mut self.answer);
        answer.clear();
        for row in step.outputs {
            let next = self.next(step, *row);
            // The last ten are no tokens at all, but the model's matrix has rows for them.
            answer.extend((0..VOCABULARY).map(|token| if token == next as usize { 10.0 } else { -10.0 }));
            answer.extend([50.0; 10]);
        }
        self.answer = answer;
        Ok(&self.answer)
    }

    fn hidden_states(&mut self, step: &Step<'_>) -> Result<&[f32], StepError> {
        step.check(self)?;
        self.answer.clear();
        for token in step.tokens {
            let byte = f32::from(u8::try_from(*token).unwrap_or(0));
            self.answer.extend([byte, 1.0, -1.0, 0.0]);
        }
        Ok(&self.answer)
    }
}
