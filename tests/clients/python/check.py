#!/usr/bin/env python3
"""Tries a running server with the stock OpenAI client for Python.

    check.py http://127.0.0.1:8000/v1 MODEL [--scripted]

It checks shapes, not wisdom: any model will do. `--scripted` adds what only the scripted engine of
`crates/tidegate-gateway/examples/scripted.rs` does on demand.
"""

import argparse
import asyncio
import base64
import json
import struct
import sys
import time

import openai

parser = argparse.ArgumentParser()
parser.add_argument("base_url")
parser.add_argument("model")
parser.add_argument("--scripted", action="store_true")
parser.add_argument("--only", help="run the checks whose name contains this")
options = parser.parse_args()

client = openai.OpenAI(base_url=options.base_url, api_key="none", max_retries=0, timeout=300)
USER = [{"role": "user", "content": "Say something short."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def chat(**arguments):
    arguments = {"model": options.model, "messages": USER, "max_tokens": 16, "temperature": 0} | arguments
    return client.chat.completions.create(**arguments)


def refused(kind, param, **arguments):
    """The request must fail with this class of error and name this parameter."""
    try:
        chat(**arguments)
    except kind as error:
        assert error.param == param, f"named {error.param}, expected {param}"
        return error
    raise AssertionError(f"nothing was refused, expected {kind.__name__}")


@check
def models_are_listed_and_found():
    names = [model.id for model in client.models.list()]
    assert options.model in names, names
    model = client.models.retrieve(options.model)
    assert model.id == options.model and model.object == "model"


@check
def a_chat_is_answered():
    answer = chat()
    choice = answer.choices[0]
    assert answer.id.startswith("chatcmpl-") and answer.object == "chat.completion"
    assert choice.message.role == "assistant" and isinstance(choice.message.content, str)
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens <= 16
    assert answer.system_fingerprint


@check
def greedy_streams_say_the_same_as_whole_answers():
    whole = chat().choices[0].message.content
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole, (text, whole)
    assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in ("stop", "length")
    assert len({chunk.id for chunk in chunks}) == 1


@check
def the_stream_helper_collects_a_stream():
    with client.chat.completions.stream(model=options.model, messages=USER, max_tokens=16) as stream:
        try:
            kinds = {event.type for event in stream}
        except openai.LengthFinishReasonError:
            return  # the helper's own way to say that the answer was cut
        final = stream.get_final_completion()
    assert "content.delta" in kinds, kinds
    assert final.choices[0].message.role == "assistant"


@check
def several_choices_are_numbered():
    answer = chat(n=3, temperature=1, seed=7)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    seen = {chunk.choices[0].index for chunk in chat(n=2, stream=True) if chunk.choices}
    assert seen == {0, 1}


@check
def seeds_make_answers_repeatable():
    one, two = (chat(temperature=1, seed=42).choices[0].message.content for _ in range(2))
    assert one == two


@check
def stop_strings_end_the_answer():
    whole = chat(max_tokens=24).choices[0].message.content
    middle = whole.strip()[3:5]
    if len(middle) == 2 and not options.scripted:
        cut = chat(max_tokens=24, stop=[middle]).choices[0]
        assert middle not in cut.message.content and cut.finish_reason == "stop", cut


@check
def every_sampling_parameter_is_taken():
    answer = chat(
        temperature=0.7,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=0.1,
        logit_bias={"5": -100},
        seed=1,
        user="somebody",
        metadata={"a": "b"},
        store=False,
        extra_body={"top_k": 20, "min_p": 0.05, "repetition_penalty": 1.05, "priority": 1},
    )
    assert answer.choices


@check
def likelihoods_come_with_their_tokens():
    content = chat(logprobs=True, top_logprobs=3).choices[0].logprobs.content
    assert content and all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in content)
    assert bytes(content[0].bytes).decode(errors="replace") == content[0].token


@check
def schemas_are_obeyed():
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    found = json.loads(chat(max_tokens=64, response_format=form).choices[0].message.content)
    assert set(found) == {"name", "age"} and isinstance(found["age"], int), found


@check
def json_objects_parse():
    choice = chat(max_tokens=200, response_format={"type": "json_object"}).choices[0]
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content), dict)
    else:
        assert choice.message.content.lstrip().startswith("{")


@check
def a_required_tool_is_called_and_its_result_is_taken():
    answer = chat(max_tokens=64, tools=[TOOL], tool_choice="required")
    message = answer.choices[0].message
    call = message.tool_calls[0]
    assert call.type == "function" and call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in ("Paris", "Rome")
    followed = chat(
        messages=[*USER, message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}], tools=[TOOL], tool_choice="none"
    )
    assert isinstance(followed.choices[0].message.content, str)


@check
def a_named_tool_is_called_in_a_stream():
    named = {"type": "function", "function": {"name": "get_weather"}}
    pieces = [
        piece
        for chunk in chat(max_tokens=64, tools=[TOOL], tool_choice=named, stream=True)
        for choice in chunk.choices
        for piece in choice.delta.tool_calls or []
    ]
    assert pieces[0].id and pieces[0].function.name == "get_weather"
    arguments = json.loads("".join(piece.function.arguments or "" for piece in pieces))
    assert arguments["city"] in ("Paris", "Rome"), arguments


@check
def messages_of_every_role_are_taken():
    answer = chat(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
            {"role": "assistant", "content": "Three."},
            {"role": "user", "content": "Four?", "name": "ann"},
        ]
    )
    assert answer.choices[0].message.role == "assistant"


@check
def completions_continue_texts():
    arguments = {"model": options.model, "prompt": ["Once upon", "a time"], "max_tokens": 5, "temperature": 0}
    answer = client.completions.create(**arguments)
    assert [choice.index for choice in answer.choices] == [0, 1] and answer.object == "text_completion"
    arguments["prompt"] = "Once upon"
    text = "".join(chunk.choices[0].text for chunk in client.completions.create(**arguments, stream=True) if chunk.choices)
    assert text == client.completions.create(**arguments).choices[0].text
    columns = client.completions.create(**arguments, logprobs=2).choices[0].logprobs
    assert len(columns.tokens) == len(columns.token_logprobs) == len(columns.text_offset) > 0
    client.completions.create(**(arguments | {"prompt": [1, 2, 3]}))


@check
def embeddings_are_the_same_as_numbers_and_as_base64():
    # The client asks for base64 by itself and unpacks it.
    packed = client.embeddings.create(model=options.model, input=["one", "two"])
    plain = client.embeddings.create(model=options.model, input=["one", "two"], encoding_format="float")
    for left, right in zip(packed.data, plain.data):
        assert len(left.embedding) == len(right.embedding) > 0
        assert all(abs(a - b) < 1e-6 for a, b in zip(left.embedding, right.embedding))
    norm = sum(value * value for value in plain.data[0].embedding)
    assert abs(norm - 1) < 1e-3, norm
    raw = client.embeddings.with_raw_response.create(model=options.model, input=[[1, 2]], encoding_format="base64")
    text = json.loads(raw.text() if callable(raw.text) else raw.text)["data"][0]["embedding"]
    assert struct.unpack("<f", base64.b64decode(text)[:4])


@check
def errors_have_the_clients_own_classes():
    missing = refused(openai.NotFoundError, "model", model="no-such-model")
    assert missing.code == "model_not_found"
    refused(openai.BadRequestError, "temperature", temperature=7)
    refused(openai.BadRequestError, "messages[0].role", messages=[{"role": "king", "content": "x"}])
    refused(openai.BadRequestError, "messages[0].content", messages=[{"role": "user", "content": 5}])
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    refused(openai.BadRequestError, "messages[0].content[0]", messages=[{"role": "user", "content": [image]}])
    refused(openai.BadRequestError, "tool_choice", tool_choice="required")
    refused(openai.BadRequestError, "n", n=100000)


@check
def a_body_beyond_the_limit_is_refused_in_words():
    try:
        chat(messages=[{"role": "user", "content": "x" * (64 << 20)}])
    except openai.APIStatusError as error:
        assert error.status_code == 413 and "larger than the limit" in error.message, error
        return
    raise AssertionError("nothing was refused")


@check
def a_stream_that_is_closed_early_leaves_the_server_free():
    stream = chat(max_tokens=2000, stream=True, extra_body={"ignore_eos": True})
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            break
    stream.close()
    start = time.monotonic()
    chat(max_tokens=1)
    assert time.monotonic() - start < 60


@check
def many_clients_at_once_are_served():
    async def run():
        asynchronous = openai.AsyncOpenAI(base_url=options.base_url, api_key="none", max_retries=0, timeout=300)
        asks = [
            asynchronous.chat.completions.create(model=options.model, messages=USER, max_tokens=8, temperature=0)
            for _ in range(8)
        ]
        return [answer.choices[0].message.content for answer in await asyncio.gather(*asks)]

    assert len(set(asyncio.run(run()))) == 1


if options.scripted:

    @check
    def a_full_queue_is_a_rate_limit_error():
        try:
            chat(messages=[{"role": "user", "content": "please overload"}])
        except openai.RateLimitError as error:
            assert error.response.headers["retry-after"] == "1"
            return
        raise AssertionError("nothing was refused")

    @check
    def an_error_in_the_middle_of_a_stream_is_raised():
        stream = chat(stream=True, messages=[{"role": "user", "content": "please break in the middle"}])
        try:
            list(stream)
        except openai.APIError as error:
            assert "broke in the middle" in error.message, error
            return
        raise AssertionError("nothing was raised")

    @check
    def an_endless_stream_can_be_left():
        for count, _ in enumerate(chat(stream=True, messages=[{"role": "user", "content": "please talk for ever"}])):
            if count == 1000:
                break


failed = 0
for function in CHECKS:
    if options.only and options.only not in function.__name__:
        continue
    try:
        function()
        print(f"ok      {function.__name__}")
    except Exception as error:  # every failure is reported, none ends the run
        failed += 1
        print(f"FAILED  {function.__name__}: {type(error).__name__}: {error}")
print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed with openai {openai.__version__}")
sys.exit(1 if failed else 0)
