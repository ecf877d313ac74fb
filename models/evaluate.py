"""Measures an exported GGUF on generated prompts that training never saw, by greedy decoding.

python models/evaluate.py models/tide-5m-q8_0.gguf --count 100
"""

import argparse
import json
import random
import re
from pathlib import Path

import torch

from data import facts, jsons, memory, mix, stock, talk, tools
from data import words as w
from data.grammar import invented, user
from decode import Tide

SEED = 990_001  # training draws its conversations from seed 1, the tokenizer from seed 7
CALL = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.S)


def up_to_last_answer(messages):
    """The prompt, and the answer that the generator wrote."""
    last = max(i for i, m in enumerate(messages) if m["role"] == "assistant")
    return messages[:last], messages[last]


def greets(rng, tide):
    question, answer = talk.greet(rng, {})
    return bool(re.match(r"(Hello|Hi)\b", tide.answer([question])))


def remembers_name(rng, tide):
    state = {}
    messages = talk.give_name(rng, state)
    for _ in range(rng.randint(0, 3)):
        messages += rng.choice([facts.capital, facts.opposite, talk.mood, stock.stock, facts.name_some])(rng, state)
    messages += talk.recall_name(rng, state)
    prompt, answer = up_to_last_answer(messages)
    return state["name"] in tide.answer(prompt)


def remembers_facts(rng, tide):
    """A favourite, a job, a home or a pet, told, and asked for two topics later."""
    tell, recall = rng.choice([(memory.like, memory.recall_like), (memory.about_me, memory.recall_me)])
    messages, answer = [], None
    while answer is None or "not told" in answer["content"]:
        state = {}
        messages = tell(rng, state)
        for _ in range(2):
            messages += rng.choice([facts.capital, facts.opposite, stock.stock, facts.name_some])(rng, state)
        messages += recall(rng, state)
        answer = messages[-1]
    return tide.answer(messages[:-1]) == answer["content"]


def admits_no_name(rng, tide):
    prompt, _ = up_to_last_answer(talk.recall_name(rng, {}))
    return bool(re.search(r"not (told|know)", tide.answer(prompt)))


def parsed_call(text):
    found = CALL.findall(text)
    try:
        return json.loads(found[0]) if len(found) == 1 else None
    except json.JSONDecodeError:
        return None


def weather(rng, tide, new_city):
    spec, listed = tools.tools_for(rng)
    city = rng.choice(w.CITIES)
    if new_city:
        city = invented(rng)
    unit = rng.choice(spec[3]) if spec[3] and rng.random() < 0.5 else None
    arguments = {spec[2]: city} | ({"unit": unit} if unit else {})
    call = parsed_call(tide.answer([user(tools.question(rng, city, unit, None))], listed))
    return (
        call is not None
        and call["name"] == spec[1]
        and {k: v for k, v in call["arguments"].items() if k not in ("day", "date")} == arguments
    )


def calls_weather(rng, tide):
    return weather(rng, tide, new_city=False)


def calls_weather_invented_city(rng, tide):
    return weather(rng, tide, new_city=True)


def tells_result(rng, tide):
    """The sentence after a tool result holds the place, the number and the sky."""
    spec, listed = tools.tools_for(rng)
    city = rng.choice(w.CITIES)
    text, sky, degrees = tools.result(rng, spec[2], city, None)
    messages = [
        user(f"What is the weather in {city}?"),
        tools.call(spec[1], {spec[2]: city}),
        {"role": "tool", "content": text},
    ]
    said = tide.answer(messages, listed)
    return city in said and str(degrees) in said and (sky or "") in said


def no_call_when_unrelated(rng, tide):
    messages, listed = tools.unrelated(rng, {}, mix.plain)
    prompt, _ = up_to_last_answer(messages)
    return "<tool_call>" not in tide.answer(prompt, listed)


def no_call_without_tools(rng, tide):
    prompt, _ = up_to_last_answer(tools.no_tool(rng, {}))
    return "<tool_call>" not in tide.answer(prompt)


def json_of(rng, tide, make):
    prompt, answer = up_to_last_answer(make(rng, {}))
    try:
        return json.loads(tide.answer(prompt)), json.loads(answer["content"])
    except json.JSONDecodeError:
        return None, None


def json_parses(rng, tide):
    return json_of(rng, tide, rng.choice([jsons.plain, jsons.bare, jsons.extract, jsons.with_schema]))[0] is not None


def json_has_the_keys(rng, tide):
    got, want = json_of(rng, tide, jsons.plain)
    return isinstance(got, dict) and set(got) == set(want)


def json_fits_schema(rng, tide):
    """Right keys, and each value of the right kind; no grammar helps here."""
    got, want = json_of(rng, tide, jsons.with_schema)
    if not isinstance(got, dict) or set(got) != set(want):
        return False
    return all(type(got[k]) is type(want[k]) or {type(got[k]), type(want[k])} == {int, float} for k in want)


def json_extracts(rng, tide):
    got, want = json_of(rng, tide, jsons.extract)
    return got is not None and got == want


def exactly(make):
    def check(rng, tide):
        prompt, answer = up_to_last_answer(make(rng, {}))
        return tide.answer(prompt) == answer["content"]

    return check


def contains(make, pick):
    def check(rng, tide):
        prompt, answer = up_to_last_answer(make(rng, {}))
        return pick(answer["content"]) in tide.answer(prompt)

    return check


CHECKS = {
    "answers a greeting with a greeting": greets,
    "remembers the name, up to three topics later": remembers_name,
    "remembers another fact, two topics later": remembers_facts,
    "says so when no name was given": admits_no_name,
    "weather call exact, known city": calls_weather,
    "weather call exact, invented city": calls_weather_invented_city,
    "tells the tool result (place, number, sky)": tells_result,
    "no call when the question is unrelated": no_call_when_unrelated,
    "no call when there are no tools": no_call_without_tools,
    "JSON parses": json_parses,
    "JSON has exactly the keys asked for": json_has_the_keys,
    "JSON fits a schema in the prompt (no grammar)": json_fits_schema,
    "JSON extraction, every value exact": json_extracts,
    "capitals": contains(facts.capital, lambda text: text),
    "opposites": exactly(facts.opposite),
    "sums and products to twenty": exactly(facts.sums),
    "counting": exactly(facts.count),
    "repeats a phrase": exactly(talk.echo),
}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("gguf", type=Path)
    args.add_argument("--count", type=int, default=200)
    args = args.parse_args()
    torch.set_num_threads(1)
    tide = Tide(args.gguf)
    print(f"| what | of {args.count} |\n|---|---|")
    for name, check in CHECKS.items():
        right = sum(check(random.Random(f"{SEED}/{name}/{i}"), tide) for i in range(args.count))
        print(f"| {name} | {100 * right / args.count:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
