"""Very short stories, and the questions people ask about them."""

from . import words as w
from .grammar import a, ask, expand, fill, say, tide, user
from .talk import some_name

ANIMALS = [x for x in w.ANIMALS if x not in ("octopus",)]
WANTS = [
    ("wanted to see the sea", "walked for a whole day", "saw the wide blue water"),
    ("was looking for a friend", "asked everyone in $p", "met $o, who was just as lonely"),
    ("had lost a little key", "looked under every stone", "found it in the grass"),
    ("wanted to learn to sing", "practised every morning", "sang so well that all of $p listened"),
    ("was afraid of the dark", "looked up at the night sky", "saw that the stars were always there"),
    ("was very hungry", "shared the last piece of bread with $o", "got a big warm soup in return"),
    (
        "wanted to climb the highest hill",
        "took one small step after another",
        "stood on the top and could see far away",
    ),
    ("could not sleep", "went out to count the stars", "fell asleep in the soft grass"),
    ("found an old map", "followed it to $p", "dug up a box full of shells"),
    ("wanted to build a boat", "worked with $o all summer", "sailed away on a quiet morning"),
    ("heard a strange sound", "went to see what it was", "found $o, who needed help"),
    ("had a red balloon", "let it go by mistake", "waved as it flew over $p"),
    ("wanted to be brave", "crossed the old bridge alone", "was never afraid of it again"),
    ("got lost in the rain", "followed a small light", "came to a warm house where $o made tea"),
    ("planted one small seed", "gave it water every day", "had a tall tree full of fruit"),
]
ENDS = [
    "(From that day on|After that), they were (best |good |)friends.",
    "(And $n was happy|And $n smiled) all the way home.",
    "That night $n slept very well.",
    "And (everyone|all of them) lived happily.",
    "$n never forgot that day.",
    "It was the best day of the year.",
]
TALES = "(story|short story|little story|tale|bedtime story|very short story)"


def tale(rng, hero, name, place):
    want, act, end = rng.choice(WANTS)
    other = a(f"{rng.choice(w.ADJECTIVES)} {rng.choice(ANIMALS)}")
    adj = rng.choice(w.ADJECTIVES)
    start = (
        "(Once upon a time|Once|One day|Long ago)(,|) there was $d (called|named) $n, who lived (near|in|by) $p."
        if place
        else "(Once upon a time|Once|Long ago), there was $d (called|named) $n."
    )
    text = f"{start} $n {want}. (So $n|One morning $n|$n) {act}. (At last|In the end|Soon|Then) $n {end}. {rng.choice(ENDS)}"
    text = fill(expand(rng, text), dict(n=name, d=a(f"{adj} {hero}"), p=place or "the village", o=other))
    return text, act, adj, other


def story(rng, s):
    people = [
        "girl",
        "boy",
        "farmer",
        "sailor",
        "king",
        "queen",
        "robot",
        "dragon",
        "wizard",
        "pirate",
        "princess",
        "baker",
        "ghost",
        "giant",
        "mermaid",
        "knight",
        "teacher",
        "child",
        "cook",
    ]
    hero = rng.choice(ANIMALS if rng.random() < 0.6 else people)
    place = rng.choice(w.PLACES)
    name = some_name(rng)
    roll = rng.random()
    if roll < 0.25:
        q = ask(
            rng,
            f"(Tell|Write|Give) me a {TALES}(.|, please.)",
            f"(Can|Could|Will) you (tell|write) (me |)a {TALES}?",
            f"(I want to hear a {TALES}|A {TALES}, please|Once upon a time...|Another story)(.|)",
        )
    elif roll < 0.7:
        q = ask(
            rng,
            f"(Tell|Write|Give) (me |)a {TALES} about $h(.|, please.)",
            f"(Can|Could) you (tell|write) (me |)a {TALES} about $h?",
            f"(Story about $h|Do you know a {TALES} about $h?|Make up a story about $h.)",
            h=a(hero),
        )
    elif roll < 0.88:
        q = ask(rng, f"(Tell|Write) (me |)a {TALES} about $h (called|named) $n.", h=a(hero), n=name)
    else:
        q = ask(rng, f"(Tell|Write) (me |)a {TALES} about $h (in|at) $p.", h=a(hero), p=place)
    text, act, adj, other = tale(rng, hero, name, place if place in q or rng.random() < 0.7 else None)
    out = [user(q), tide(text)]
    s["story"] = (hero, name)
    if rng.random() < 0.35:
        out += rng.choice(
            [
                [
                    user(
                        ask(
                            rng,
                            "(What was the name of the $h|What was the $h called|What is the name of the $h)?",
                            h=hero,
                        )
                    ),
                    tide(say(rng, "The $h was called $n.", h=hero, n=name)),
                ],
                [
                    user(ask(rng, "(Who was it about|Who is the story about|Who was in the story)?")),
                    tide(say(rng, "It was about $h called $n.", h=a(f"{adj} {hero}"), n=name)),
                ],
                [user(ask(rng, "What did $n do?", n=name)), tide(fill(f"{name} {act}.", dict(p=place, o=other)))],
                [
                    user(
                        ask(
                            rng,
                            "(Nice story|I like it|That was nice|What a lovely story|Thank you for the story)(!|.|)",
                        )
                    ),
                    tide(say(rng, "(Thank you|I am glad you like it)! (Would you like another one?||)")),
                ],
                [
                    user(ask(rng, "(Another one|Tell me another one|One more|Another story)(, please.|.|!|)")),
                    tide(tale(rng, rng.choice(ANIMALS), some_name(rng), rng.choice(w.PLACES))[0]),
                ],
                [
                    user(ask(rng, "(And then|What happened next|What happened then|Go on|Continue)(?|.|)")),
                    tide(
                        say(
                            rng,
                            "Then $n (went home|took a nap|told everyone about it|had a cup of tea) and (dreamed of the next day|was happy|sang a song).",
                            n=name,
                        )
                    ),
                ],
            ]
        )
    return out


def sentence(rng, s):
    word = rng.choice(
        ANIMALS
        + w.TREES
        + w.FURNITURE
        + w.PETS
        + ["house", "ship", "river", "moon", "garden", "bridge", "train", "window", "book", "lamp", "sea", "wind"]
    )
    q = ask(
        rng,
        "(Write|Make|Give me|Form|Say) (a|one) (short |)sentence (with|about) (the word |)$x.",
        "(Use $x in a sentence|Write something about $x|Can you make a sentence with $x)(.|?)",
        x=rng.choice([word, a(word), f'"{word}"']),
    )
    return [
        user(q),
        tide(
            say(
                rng,
                "The $x is (near|by|behind|in front of) (the old house|the river|the garden|the wall).",
                "I saw (the|a) $c $x (yesterday|this morning|in $p).",
                "My (friend|brother|sister) has $y.",
                "There is $y (near the house|by the sea|on the hill).",
                x=word,
                c=rng.choice(w.COLOURS[1:]),
                y=a(word),
                p=rng.choice(w.CITIES),
            )
        ),
    ]
