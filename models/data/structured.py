"""JSON in richer shapes: events, answers, labels, lists of objects, with or without a word about JSON."""

from . import words as w
from .grammar import a, ask, fill, listing, say, tide, user
from .jsons import dump, extract_for_schema, make, pick
from .talk import some_name

OCCASIONS = """science fair|party|meeting|concert|dinner|picnic|football game|birthday party|lunch|wedding|workshop|trip
conference|dance|market|play|lesson|race""".replace("\n", "|").split("|")
GOOD = "(I love|I like|We enjoyed|I am happy with|I really like) (this|the|my) $x|(The|This) $x (is|was) (great|good|wonderful|fantastic|lovely|very nice|perfect)|What a (great|good|lovely) $x"
BAD = "(I hate|I do not like|I am unhappy with|I regret) (this|the|my) $x|(The|This) $x (is|was) (bad|terrible|awful|broken|too slow|a waste of money|boring)|What a (bad|terrible) $x"
PLAIN = "(The|This) $x (is|was) (okay|average|here|on the table|delivered today)|I have (a|the) $x|It is a $x"


def event(rng):
    people = list(dict.fromkeys(some_name(rng) for _ in range(rng.choice([1, 2, 2, 3]))))
    what, day = (
        rng.choice(OCCASIONS),
        rng.choice(w.DAYS if rng.random() < 0.7 else ["tomorrow", "next week", "May 3", "June 12"]),
    )
    on = "on " if day[0].isupper() else ""
    place = rng.choice(w.CITIES)
    there = rng.random() < 0.3
    q = say(
        rng,
        "$p $v going to a $x $o$d$c.",
        "$p will meet for a $x $o$d$c.",
        "$p $v at the $x $o$d$c.",
        "There is a $x $o$d$c with $p.",
        p=listing(people),
        v="are" if len(people) > 1 else "is",
        x=what,
        o=on,
        d=day,
        c=f" in {place}" if there else "",
    )
    facts = {
        rng.choice(["name", "name", "event", "title"]): what,
        rng.choice(["date", "date", "day"]): day,
        rng.choice(["participants", "participants", "people", "guests", "names"]): people,
    }
    if there:
        facts[rng.choice(["place", "city", "location"])] = place
    if rng.random() < 0.4:
        facts = {k: facts[k] for k in rng.sample(list(facts), rng.randint(2, len(facts)))}
    return "Extract the event( information||).", q, facts


def sentiment(rng):
    label, forms = rng.choice([("positive", GOOD), ("negative", BAD), ("neutral", PLAIN)])
    thing = rng.choice(
        w.FURNITURE
        + w.CLOTHES
        + w.FOODS
        + ["film", "book", "hotel", "phone", "service", "song", "day", "car", "game", "show"]
    )
    q = say(rng, f"({forms})(.|!)", x=thing)
    key = rng.choice(["sentiment", "sentiment", "label", "class", "feeling"])
    return (
        "(Classify the sentiment|What is the sentiment|Is this positive, negative or neutral|Label the text)(.|)",
        q,
        {key: label},
    )


def answer(rng):
    roll = rng.random()
    if roll < 0.5:
        country = rng.choice(list(w.CAPITALS))
        city = w.CAPITALS[country]
        full = rng.choice(
            [
                {"answer": city},
                {"capital": city},
                {"city": city},
                {"country": country.removeprefix("the "), "capital": city},
            ]
        )
        return "", ask(rng, "(What is|Tell me|Name) the capital of $c?", c=country), full
    if roll < 0.8:
        x, y = rng.randint(0, 10), rng.randint(0, 10)
        return (
            "",
            ask(rng, "(What is|How much is|) $x (plus|and) $y?", "(What is|Calculate|) $x + $y?", x=x, y=y),
            {rng.choice(["answer", "result", "sum", "value"]): x + y},
        )
    x, y = rng.choice(list(w.OPPOSITES.items()))
    return "", ask(rng, "What is the opposite of $x?", x=x), {rng.choice(["answer", "opposite", "word"]): y}


def objects(rng):
    thing, keys = pick(rng)
    keys = keys[:2]
    n = rng.choice([2, 2, 3])
    plural = {"person": "people", "city": "cities", "country": "countries"}.get(thing, thing + "s")
    items = [make(rng, thing, keys) for _ in range(n)]
    wrapped = {rng.choice([plural, "items", "list"]): items} if rng.random() < 0.6 else items
    return (
        "",
        ask(rng, "(List|Give me|Make up|Invent|Name) $n $p with $k.", n=w.NUMBERS[n], p=plural, k=listing(keys)),
        wrapped,
    )


def fact_sheet(rng):
    _, q, facts = extract_for_schema(rng)
    return "(Extract|Find|Get) the (person|facts|information|details|data)( from the text||).", q, facts


def invention(rng):
    thing, keys = pick(rng)
    return (
        "",
        ask(
            rng,
            "(Give me|Make up|Invent|Describe|Create|Tell me about|Show me|Generate|I want|Write) $t(.|)",
            t=a(thing),
        ),
        make(rng, thing, keys),
    )


def any_shape(rng):
    return rng.choices([event, sentiment, answer, objects, fact_sheet, invention], [5, 2, 3, 2, 4, 4])[0](rng)


def forced(rng, s):
    """No word about JSON: at run time a grammar forces it, and the answer must still make sense.

    The mark `forced` tells the trainer not to teach the model to begin with JSON by itself.
    """
    task, q, value = any_shape(rng)
    out = [user(q), tide(dump(rng, value, rng.random() < 0.15)) | {"forced": True}]
    if not task or rng.random() < 0.35:
        return out
    if rng.random() < 0.3:
        out[0] = user(say(rng, task) + " " + q)
        return out
    return [{"role": "system", "content": say(rng, task)}, *out]


def shaped(rng, s):
    """The same shapes, asked for as JSON."""
    task, q, value = any_shape(rng)
    task = say(rng, task)
    keys = list(value[0] if isinstance(value, list) else value)
    how = say(
        rng,
        "(Answer|Reply|Respond) (in|as|with) JSON(.| with the keys $k.| with $k.| with key $k.)",
        "(As|In) JSON(, please|).",
        k=listing(keys),
    )
    if rng.random() < 0.5:
        return [{"role": "system", "content": fill(f"{task} {how}".strip(), {})}, user(q), tide(dump(rng, value))]
    return [user(f"{task} {q} {how}".strip()), tide(dump(rng, value))]
