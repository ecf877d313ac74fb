// Tries a running server with the stock OpenAI client for Node.
//
//     node check.mjs http://127.0.0.1:8000/v1 MODEL [--scripted]
//
// It checks shapes, not wisdom: any model will do. `--scripted` adds what only the scripted engine of
// `crates/tidegate-gateway/examples/scripted.rs` does on demand.

import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL, model, ...flags] = process.argv.slice(2);
if (!baseURL || !model) {
  console.error("usage: node check.mjs BASE_URL MODEL [--scripted]");
  process.exit(2);
}
const scripted = flags.includes("--scripted");
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, timeout: 300_000 });
const messages = [{ role: "user", content: "Say something short." }];
const chat = (more = {}) => client.chat.completions.create({ model, messages, max_tokens: 16, temperature: 0, ...more });
const tool = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

const checks = {
  async "models are listed and found"() {
    const names = [];
    for await (const one of client.models.list()) names.push(one.id);
    assert(names.includes(model), String(names));
    assert.equal((await client.models.retrieve(model)).id, model);
  },

  async "a chat is answered"() {
    const answer = await chat();
    assert.equal(answer.choices[0].message.role, "assistant");
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  },

  async "greedy streams say the same as whole answers"() {
    const whole = (await chat()).choices[0].message.content;
    let text = "";
    let usage = null;
    for await (const chunk of await chat({ stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole);
    assert(usage.completion_tokens > 0);
  },

  async "the stream helper collects tool calls"() {
    const stream = client.chat.completions.stream({
      model, messages, max_tokens: 64, temperature: 0, tools: [tool], tool_choice: "required",
    });
    const final = await stream.finalChatCompletion();
    const call = final.choices[0].message.tool_calls[0];
    assert.equal(call.function.name, "get_weather");
    assert(["Paris", "Rome"].includes(JSON.parse(call.function.arguments).city));
  },

  async "schemas are obeyed"() {
    const schema = {
      type: "object",
      properties: { name: { type: "string", maxLength: 12 }, age: { type: "integer", minimum: 0, maximum: 150 } },
      required: ["name", "age"],
      additionalProperties: false,
    };
    const response_format = { type: "json_schema", json_schema: { name: "person", schema, strict: true } };
    const answer = await chat({ max_tokens: 64, response_format });
    assert.deepEqual(Object.keys(JSON.parse(answer.choices[0].message.content)).sort(), ["age", "name"]);
  },

  async "likelihoods come with their tokens"() {
    const answer = await chat({ logprobs: true, top_logprobs: 2 });
    assert(answer.choices[0].logprobs.content.every((token) => token.top_logprobs.length === 2));
  },

  async "completions continue texts"() {
    const answer = await client.completions.create({ model, prompt: "Once upon", max_tokens: 5, temperature: 0 });
    let text = "";
    const ask = { model, prompt: "Once upon", max_tokens: 5, temperature: 0, stream: true };
    for await (const chunk of await client.completions.create(ask)) text += chunk.choices[0]?.text ?? "";
    assert.equal(text, answer.choices[0].text);
  },

  async "embeddings are the same as numbers and as base64"() {
    const packed = await client.embeddings.create({ model, input: ["one", "two"] });
    const plain = await client.embeddings.create({ model, input: ["one", "two"], encoding_format: "float" });
    packed.data.forEach((one, place) =>
      one.embedding.forEach((value, index) => assert(Math.abs(value - plain.data[place].embedding[index]) < 1e-6)),
    );
  },

  async "errors have the client's own classes"() {
    await assert.rejects(chat({ model: "no-such-model" }), (error) => {
      return error instanceof OpenAI.NotFoundError && error.code === "model_not_found" && error.param === "model";
    });
    await assert.rejects(chat({ temperature: 7 }), (error) => {
      return error instanceof OpenAI.BadRequestError && error.param === "temperature";
    });
    await assert.rejects(chat({ messages: [{ role: "user", content: 5 }] }), (error) => {
      return error instanceof OpenAI.BadRequestError && error.param === "messages[0].content";
    });
  },

  async "a body beyond the limit is refused in words"() {
    const content = "x".repeat(64 << 20);
    await assert.rejects(chat({ messages: [{ role: "user", content }] }), (error) => {
      return error.status === 413 && /larger than the limit/.test(error.message);
    });
  },

  async "a stream that is aborted leaves the server free"() {
    const stream = await chat({ max_tokens: 2000, stream: true, ignore_eos: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta?.content) break;
    stream.controller.abort();
    await chat({ max_tokens: 1 });
  },

  async "a request that is aborted before its answer rejects"() {
    const controller = new AbortController();
    const asked = client.chat.completions.create({ model, messages, max_tokens: 2000 }, { signal: controller.signal });
    controller.abort();
    await assert.rejects(asked, OpenAI.APIUserAbortError);
  },
};

if (scripted) {
  checks["a full queue is a rate limit error"] = async () => {
    const asked = chat({ messages: [{ role: "user", content: "please overload" }] });
    await assert.rejects(asked, (error) => error instanceof OpenAI.RateLimitError && error.headers.get("retry-after") === "1");
  };
  checks["an error in the middle of a stream is thrown"] = async () => {
    const stream = await chat({ stream: true, messages: [{ role: "user", content: "please break in the middle" }] });
    const read = async () => {
      for await (const _ of stream);
    };
    await assert.rejects(read(), (error) => error instanceof OpenAI.APIError && /broke in the middle/.test(error.message));
  };
}

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error?.constructor?.name}: ${error?.message}`);
  }
}
const total = Object.keys(checks).length;
console.log(`${total - failed} of ${total} checks passed with openai for Node on ${process.version}`);
process.exit(failed ? 1 : 0);
