"""Mixes the topics into whole conversations: `conversation(seed, index)` is the same on every machine."""

import random

from . import facts, jsons, memory, stock, stories, structured, talk, tools
from .grammar import ask, expand, say

TOPICS = [
    (talk.greet, 8),
    (talk.give_name, 7),
    (talk.recall_name, 7),
    (talk.own_name, 4),
    (stock.stock, 14),
    (talk.echo, 2),
    (talk.mood, 4),
    (memory.like, 7),
    (memory.recall_like, 4),
    (memory.about_me, 7),
    (memory.recall_me, 6),
    (talk.unknown, 7),
    (talk.goodbye, 3),
    (tools.no_tool, 3),
    (memory.introduce, 2),
    (memory.statement, 5),
    (talk.opinion, 3),
    (talk.ability, 3),
    (talk.reply, 5),
    (facts.capital, 8),
    (facts.opposite, 6),
    (facts.colour, 3),
    (facts.animal, 4),
    (facts.sums, 14),
    (facts.count, 4),
    (facts.calendar, 5),
    (facts.name_some, 7),
    (facts.letters, 1),
    (facts.reword, 2),
    (facts.compare, 2),
    (facts.category, 2),
    (stories.story, 9),
    (stories.sentence, 3),
]
RECALLS = (talk.give_name, talk.recall_name, memory.like, memory.recall_like, memory.about_me, memory.recall_me)
BETWEEN = [(f, n) for f, n in TOPICS if f not in RECALLS]
PLAIN = [(f, n) for f, n in TOPICS if f is not tools.no_tool]
JSON = [
    (jsons.plain, 5),
    (jsons.bare, 3),
    (jsons.extract, 6),
    (jsons.with_schema, 6),
    (jsons.array, 2),
    (structured.forced, 8),
    (structured.shaped, 4),
]
SYSTEMS = [
    "You are a helpful assistant.",
    "You are Tide, a helpful assistant.",
    "You are a helpful assistant. Answer in one sentence.",
    "You are a friendly assistant.",
    "Be brief.",
    "Be kind and brief.",
    "Answer in plain English.",
    "You are a helpful AI assistant that can use tools.",
    "You are a small model.",
    "Help the user.",
]


def draw(rng, table):
    return rng.choices([f for f, _ in table], [n for _, n in table])[0]


def plain(rng, state):
    turn = []
    while not turn:
        turn = draw(rng, PLAIN)(rng, state)
    return turn


def persona(rng, state):
    """The system prompt says something that the answer must use."""
    name = talk.some_name(rng)
    system = say(rng, "(Your name is|You are) $n(, a helpful assistant|, a friendly assistant|).", n=name)
    q = ask(rng, "(What is your name|What's your name|Who are you|What are you called)?")
    user_name = talk.some_name(rng)
    if rng.random() < 0.4:
        return [
            {"role": "system", "content": f"The user is called {user_name}."},
            {"role": "user", "content": ask(rng, "(What is my name|Who am I|Do you know my name)?")},
            {"role": "assistant", "content": f"Your name is {user_name}."},
        ]
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": q},
        {"role": "assistant", "content": f"My name is {name}."},
    ]


def drill(rng, state):
    """One kind of question several times in a row."""
    topic = rng.choice([facts.sums, facts.sums, facts.sums, facts.capital, facts.opposite, facts.count, talk.echo])
    return [message for _ in range(rng.randint(3, 8)) for message in topic(rng, state)]


def chat(rng, state):
    out = []
    if rng.random() < 0.15:
        return drill(rng, state)
    if rng.random() < 0.4:
        return memory.remember(rng, lambda r, s: draw(r, BETWEEN)(r, s))
    if rng.random() < 0.3:
        out += talk.greet(rng, state)
    long = rng.random() < 0.12
    for _ in range(rng.randint(7, 14) if long else rng.choice([1, 1, 2, 2, 3, 4, 5])):
        out += draw(rng, TOPICS)(rng, state)
        if rng.random() < 0.08:
            out += draw(rng, JSON[:3])(rng, state)
    if rng.random() < 0.25 and out:
        out += talk.recall_name(rng, state)
    return out or talk.greet(rng, state)


def open_with_greeting(rng, messages):
    """Some people greet before they ask."""
    first = next(m for m in messages if m["role"] == "user")
    if not first["content"].lower().startswith(("h", "good", "yo", "greet", "{")):
        first["content"] = (
            expand(rng, "(Hi|Hello|Hey|hi|hello|Good morning|Hey Tide|Hi Tide)(, |! |. )") + " " + first["content"]
        )


def conversation(seed: int, index: int, topic: str | None = None) -> dict:
    """One conversation: its messages, its tools (or none) and the topic it was drawn from."""
    rng = random.Random(f"{seed}/{index}")
    state: dict = {}
    topic = topic or rng.choices(["chat", "weather", "unrelated", "wrong", "json", "persona"], [50, 17, 6, 4, 22, 1])[0]
    listed = None
    if topic == "chat":
        messages = chat(rng, state)
    elif topic == "persona":
        messages = persona(rng, state)
        if rng.random() < 0.5:
            messages += plain(rng, state)
    elif topic == "json":
        messages = draw(rng, JSON)(rng, state)
        if messages[0]["role"] != "system" and rng.random() < 0.2:
            messages = plain(rng, state) + messages
        if rng.random() < 0.15:
            messages += draw(rng, JSON[:3])(rng, state)
    else:
        make = {"weather": tools.with_weather, "unrelated": tools.unrelated, "wrong": tools.wrong_tool}[topic]
        messages, listed = make(rng, state, plain)
    if rng.random() < 0.07:
        open_with_greeting(rng, messages)
    if messages[0]["role"] != "system" and rng.random() < 0.2:
        messages = [{"role": "system", "content": rng.choice(SYSTEMS)}] + messages
    return {"topic": topic, "messages": messages, "tools": listed}
