"""JSON on request: objects made up, facts extracted from a sentence, and schemas filled in."""

import json

from . import words as w
from .grammar import a, ask, invented, listing, say, tide, user
from .talk import some_name


def person(rng):
    return some_name(rng) + (" " + rng.choice(w.SURNAMES) if rng.random() < 0.25 else "")


def email(rng):
    return f"{some_name(rng).lower()}@{rng.choice(['example.com', 'mail.com', 'example.org', 'work.net'])}"


def date(rng):
    return f"{rng.randint(1990, 2026)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


# key: (JSON type, how to make a value)
KEYS = {
    "name": ("string", person),
    "first_name": ("string", some_name),
    "last_name": ("string", lambda r: r.choice(w.SURNAMES)),
    "age": ("integer", lambda r: r.randint(5, 90)),
    "city": ("string", lambda r: r.choice(w.CITIES)),
    "country": ("string", lambda r: r.choice(list(w.CAPITALS)).removeprefix("the ")),
    "job": ("string", lambda r: r.choice(w.JOBS)),
    "email": ("string", email),
    "colour": ("string", lambda r: r.choice(w.COLOURS)),
    "color": ("string", lambda r: r.choice(w.COLOURS)),
    "animal": ("string", lambda r: r.choice(list(w.ANIMALS))),
    "price": ("number", lambda r: round(r.uniform(1, 99), 2)),
    "quantity": ("integer", lambda r: r.randint(1, 20)),
    "active": ("boolean", lambda r: r.random() < 0.6),
    "title": (
        "string",
        lambda r: f"The {r.choice(w.ADJECTIVES).capitalize()} {r.choice(list(w.ANIMALS)).capitalize()}",
    ),
    "author": ("string", lambda r: r.choice(w.NAMES) + " " + r.choice(w.SURNAMES)),
    "year": ("integer", lambda r: r.randint(1900, 2026)),
    "hobby": ("string", lambda r: r.choice(w.HOBBIES)),
    "food": ("string", lambda r: r.choice(w.FOODS)),
    "temperature": ("number", lambda r: r.randint(-10, 38)),
    "score": ("integer", lambda r: r.randint(0, 100)),
    "rating": ("number", lambda r: r.randint(1, 5)),
    "day": ("string", lambda r: r.choice(w.DAYS)),
    "month": ("string", lambda r: r.choice(w.MONTHS)),
    "date": ("string", date),
    "id": ("integer", lambda r: r.randint(1, 999)),
    "count": ("integer", lambda r: r.randint(1, 50)),
    "product": ("string", lambda r: r.choice(w.FURNITURE + w.CLOTHES + w.TOOLS)),
    "happy": ("boolean", lambda r: r.random() < 0.7),
    "married": ("boolean", lambda r: r.random() < 0.5),
    "student": ("boolean", lambda r: r.random() < 0.5),
    "pet": ("string", lambda r: r.choice(w.PETS)),
    "language": ("string", lambda r: r.choice(w.LANGUAGES)),
    "hobbies": ("array", lambda r: r.sample(w.HOBBIES, r.randint(1, 3))),
    "tags": ("array", lambda r: r.sample(w.ADJECTIVES, r.randint(1, 3))),
    "colours": ("array", lambda r: r.sample(w.COLOURS, r.randint(2, 3))),
    "fruits": ("array", lambda r: r.sample(w.FRUITS, r.randint(2, 3))),
    "height": ("number", lambda r: r.randint(50, 200)),
    "weight": ("number", lambda r: r.randint(1, 120)),
    "capital": ("string", lambda r: r.choice(list(w.CAPITALS.values()))),
    "population": ("integer", lambda r: r.randint(1, 90) * 100000),
    "message": ("string", lambda r: r.choice(["Hello!", "Nice to meet you.", "Have a nice day.", "All is well."])),
    "answer": ("string", lambda r: r.choice(["yes", "no", "I do not know"])),
    "status": ("string", lambda r: r.choice(["open", "closed", "ok", "done", "new"])),
    "flower": ("string", lambda r: r.choice(w.FLOWERS)),
    "sport": ("string", lambda r: r.choice(w.SPORTS)),
}
THINGS = {
    "person": "name age city job email hobby hobbies married happy country".split(),
    "user": "id name email active first_name last_name age".split(),
    "book": "title author year rating price language".split(),
    "city": "name country population".split(),
    "pet": "name animal age colour happy weight".split(),
    "product": "product price quantity colour id".split(),
    "animal": "animal colour age weight happy".split(),
    "student": "name age score language".split(),
    "event": "title date city day".split(),
    "recipe": "title food rating".split(),
    "country": "country capital population language".split(),
    "order": "id product quantity price status date".split(),
    "film": "title year rating".split(),
    "car": "color year price id".split(),
}


def dump(rng, value, compact=None):
    return (
        json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if compact
        else json.dumps(value, ensure_ascii=False)
    )


def value_for(rng, thing, key):
    if key == "name" and thing == "city":
        return rng.choice(w.CITIES)
    if key == "name" and thing == "pet":
        return some_name(rng)
    return KEYS[key][1](rng)


def make(rng, thing, keys):
    out = {k: value_for(rng, thing, k) for k in keys}
    if "country" in out and "capital" in out:
        out["country"] = rng.choice([c for c in w.CAPITALS if not c.startswith("the ")])
        out["capital"] = w.CAPITALS[out["country"]]
    return out


def pick(rng):
    if rng.random() < 0.75:
        thing = rng.choice(list(THINGS))
        pool = THINGS[thing]
    else:
        thing, pool = rng.choice(["thing", "record", "object", "item", "entry"]), list(KEYS)
    return thing, rng.sample(pool, min(len(pool), rng.choice([1, 2, 2, 3, 3, 4])))


def quoted(rng, keys):
    mark = rng.choice(["", "", '"', "`"])
    return listing([mark + k + mark for k in keys])


def plain(rng, s):
    """Make up an object with these keys."""
    thing, keys = pick(rng)
    compact = rng.random() < 0.1
    tail = (
        rng.choice([" Make it compact.", " Use compact JSON."])
        if compact
        else rng.choice(["", "", "", " Only JSON.", " Answer with JSON only.", " No other text."])
    )
    q = ask(
        rng,
        "(Give|Write|Make|Create|Show|Generate) (me |)(a JSON object|JSON|some JSON|a JSON|an object in JSON) (for|about|that describes|describing) $t with (the keys |the fields |keys |fields |)$k.",
        "(Answer|Reply|Respond) (in|as|with) JSON with (the keys|keys|the fields) $k.",
        "(Describe|Invent|Make up|Give me|Create|Generate|I need|Return) $t (in|as) JSON with (the keys |the fields |keys |)$k.",
        "JSON (for|of) $t: $k",
        "(Make|Write) JSON with $k (for|about) $t.",
        t=a(thing),
        k=quoted(rng, keys),
    )
    return [user(q + tail), tide(dump(rng, make(rng, thing, keys), compact))]


def bare(rng, s):
    """No keys named: a sensible object for the thing."""
    thing = rng.choice(list(THINGS))
    keys = THINGS[thing][: rng.choice([2, 3])]
    q = ask(
        rng,
        "(Give me|Write|Make|Create|Show me|Generate|Describe|I need) $t (as JSON|in JSON|as a JSON object|as JSON, please)(.|)",
        "(A JSON object|JSON|Example JSON) for $t(, please|)(.|)",
        "(Invent|Make up) $t and answer in JSON.",
        t=a(thing),
    )
    return [user(q), tide(dump(rng, make(rng, thing, keys)))]


FORMS = {
    "name": "(called|named) $v|whose name is $v",
    "age": "aged $v|who is $v years old|$v years old",
    "city": "from $v|who lives in $v|living in $v",
    "job": "who works as a $v|working as a $v",
    "country": "from $v",
    "hobby": "who likes $v",
    "colour": "in $v",
    "email": "with the email $v",
}


def extract(rng, s):
    """Values are in the sentence and must be copied."""
    n = some_name(rng) if rng.random() < 0.7 else person(rng)
    facts = {"name": n}
    clauses = []
    pool = ["age", "city", "job", "hobby", "pet", "colour", "country", "food"]
    city = rng.choice(w.CITIES) if rng.random() < 0.5 else invented(rng)
    made = {
        "age": rng.randint(5, 90),
        "city": city,
        "job": rng.choice(w.JOBS),
        "hobby": rng.choice(w.HOBBIES),
        "pet": rng.choice(w.PETS),
        "colour": rng.choice(w.COLOURS),
        "country": rng.choice(list(w.CAPITALS)),
        "food": rng.choice(w.FOODS),
    }
    text_of = {
        "age": "is $v( years old|)",
        "city": "(lives in|comes from|is from) $v",
        "job": "(works as|is) $x",
        "hobby": "(likes|loves|enjoys) $v",
        "pet": "has $x",
        "colour": "likes the colour $v",
        "country": "lives in $v",
        "food": "likes to eat $v",
    }
    chosen = rng.sample(pool, rng.choice([1, 2, 2, 3]))
    if "city" in chosen and "country" in chosen:
        chosen.remove("country")
    for key in chosen:
        clauses.append(say(rng, text_of[key], v=made[key], x=a(str(made[key])) if key in ("job", "pet") else ""))
    sentence = f"{n} {listing(clauses)}."
    if rng.random() < 0.3:
        sentence = (
            say(rng, "(My name is|I am) $n. ", n=n)
            + " "
            + " ".join(
                say(
                    rng,
                    {
                        "age": "I am $v years old.",
                        "city": "I (live in|am from) $v.",
                        "job": "I (work as|am) $x.",
                        "hobby": "I (like|love) $v.",
                        "pet": "I have $x.",
                        "colour": "I like the colour $v.",
                        "country": "I live in $v.",
                        "food": "I like to eat $v.",
                    }[k],
                    v=made[k],
                    x=a(str(made[k])),
                )
                for k in chosen
            )
        )
    facts |= {k: made[k] for k in chosen}
    keys = list(facts)
    if rng.random() < 0.3:
        rng.shuffle(keys)
    if rng.random() < 0.3:
        keys = keys[: max(1, len(keys) - 1)]
    if rng.random() < 0.1:
        missing = rng.choice([k for k in pool if k not in keys])
        if missing not in facts:
            facts[missing] = None
            keys.append(missing)
    q = ask(
        rng,
        "(Extract|Get|Find|Take|Pull out) (the |)$k (as JSON|in JSON|to JSON)( from this text| from this sentence||)(:|: )",
        "(Give me|Return|Answer with) (a JSON object|JSON) with $k (from|for)(:| this text:)",
        "(Turn this into JSON|Convert to JSON) with (the keys |keys |)$k:",
        k=quoted(rng, keys),
    ).rstrip()
    body = f"{q} {sentence}" if rng.random() < 0.7 else f"{sentence} {q.rstrip(':')}."
    return [user(body), tide(dump(rng, {k: facts[k] for k in keys}))]


def schema_of(rng, keys, thing):
    props = {}
    for k in keys:
        kind = KEYS[k][0]
        props[k] = {"type": kind}
        if kind == "array":
            props[k] = {"type": "array", "items": {"type": "string"}}
        if k == "status":
            props[k] = {"type": "string", "enum": ["open", "closed", "ok", "done", "new"]}
    schema = {"type": "object", "properties": props}
    if rng.random() < 0.7:
        schema["required"] = list(keys)
    if rng.random() < 0.2:
        schema["additionalProperties"] = False
    return schema


def with_schema(rng, s):
    """The system prompt (or the question) shows a JSON schema."""
    thing, keys = pick(rng)
    if rng.random() < 0.3:
        turn = extract_for_schema(rng)
        keys, q, answer = turn
    else:
        q, answer = (
            ask(
                rng, "(Give me|Make up|Invent|Describe|Create|Tell me about|Show me|Generate|I want) $t(.|)", t=a(thing)
            ),
            make(rng, thing, keys),
        )
    schema = dump(rng, schema_of(rng, keys, thing), rng.random() < 0.4)
    where = rng.random()
    lead = say(
        rng,
        "(Answer|Reply|Respond) (only |)(in|with) JSON that (fits|follows|matches|obeys) this (JSON |)schema:",
        "Your answer must be JSON (for|of) this schema:",
        "JSON schema:",
    )
    if where < 0.7:
        return [
            {"role": "system", "content": f"{lead}{rng.choice([' ', chr(10)])}{schema}"},
            user(q),
            tide(dump(rng, answer)),
        ]
    return [user(f"{q} {lead} {schema}"), tide(dump(rng, answer))]


def extract_for_schema(rng):
    n, age, city, job = some_name(rng), rng.randint(5, 90), rng.choice(w.CITIES), rng.choice(w.JOBS)
    keys = rng.sample(["name", "age", "city", "job"], rng.choice([2, 3, 4]))
    text = say(
        rng, "$n is $y years old, lives in $c and works as $j.", "$n, $y, is $j from $c.", n=n, y=age, c=city, j=a(job)
    )
    answer = {"name": n, "age": age, "city": city, "job": job}
    return keys, rng.choice(["", "Extract: ", "Text: ", "Extract the person: "]) + text, {k: answer[k] for k in keys}


def array(rng, s):
    from .facts import LISTS

    kind = rng.choice(list(LISTS))
    n = min(rng.choice([2, 3, 3, 4]), len(LISTS[kind]))
    picked = rng.sample(LISTS[kind], n)
    q = ask(
        rng,
        "(Give me|List|Name|Write|Return) $n $k as (a JSON array|a JSON list|JSON).",
        "(A JSON array|JSON list) of $n $k(.|, please.)",
        n=rng.choice([n, w.NUMBERS[n]]),
        k=kind,
    )
    return [user(q), tide(dump(rng, picked))]
