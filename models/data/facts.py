"""Simple facts and little exercises: capitals, opposites, counting, sums to twenty, lists, rewording."""

from . import words as w
from .grammar import a, ask, listing, say, tide, user
from .talk import some_name

LISTS = {
    "fruits": w.FRUITS,
    "vegetables": w.VEGETABLES,
    "colours": w.COLOURS,
    "colors": w.COLOURS,
    "animals": list(w.ANIMALS),
    "drinks": w.DRINKS,
    "foods": w.FOODS,
    "hobbies": w.HOBBIES,
    "jobs": w.JOBS,
    "planets": w.PLANETS,
    "cities": w.CITIES,
    "countries": [c for c in w.CAPITALS if " " not in c],
    "trees": w.TREES,
    "flowers": w.FLOWERS,
    "sports": w.SPORTS,
    "tools": w.TOOLS,
    "instruments": w.INSTRUMENTS,
    "pets": w.PETS,
    "clothes": w.CLOTHES,
    "pieces of furniture": w.FURNITURE,
    "names": w.NAMES,
    "languages": w.LANGUAGES,
    "months": w.MONTHS,
    "shapes": list(w.SHAPES),
    "days": w.DAYS,
    "numbers": w.NUMBERS[1:],
    "birds": ["owl", "eagle", "crow", "penguin", "parrot", "duck"],
    "farm animals": ["cow", "sheep", "goat", "pig", "horse", "hen"],
    "sea animals": ["dolphin", "whale", "shark", "octopus", "crab", "seal"],
}

PLURALS = {
    "fox": "foxes",
    "mouse": "mice",
    "wolf": "wolves",
    "butterfly": "butterflies",
    "octopus": "octopuses",
    "sheep": "sheep",
    "deer": "deer",
}


def capital(rng, s):
    country = rng.choice(list(w.CAPITALS))
    city = w.CAPITALS[country]
    if rng.random() < 0.12:
        other = rng.choice([country, rng.choice(list(w.CAPITALS))])
        q = ask(rng, "Is $x the capital( city|) of $c?", "Is $x in $c?", x=city, c=other)
        if w.CAPITALS[other] == city:
            return [user(q), tide(say(rng, "Yes, $x is the capital of $c.", x=city, c=other))]
        return [user(q), tide(say(rng, "No, $x is the capital of $c.", x=city, c=country))]
    if rng.random() < 0.8:
        return [
            user(
                ask(
                    rng,
                    "(What is|What's|Tell me|Do you know|Name|Can you tell me) the (capital|capital|capital|capital|capitol|captial)( city|) of $c?",
                    "(Capital of $c|$c's capital|Which city is the capital of $c)?",
                    "(And of $c|What about the capital of $c|And the capital of $c)?",
                    c=country,
                )
            ),
            tide(say(rng, "The capital of $c is $x.", c=country, x=city)),
        ]
    return [
        user(
            ask(
                rng,
                "(Where is|In which country is|What country is $x in, where is) $x?",
                "(Which country has the capital $x|$x is the capital of which country)?",
                x=city,
            )
        ),
        tide(say(rng, "$x is the capital of $c.", c=country, x=city)),
    ]


def opposite(rng, s):
    x, y = rng.choice(list(w.OPPOSITES.items()))
    if rng.random() < 0.5:
        x, y = y, x
    return [
        user(
            ask(
                rng,
                "(What is|What's|Tell me|Name|Do you know) the opposite of $x?",
                "(Opposite of $x|What is the contrary of $x|And the opposite of $x)?",
                x=rng.choice([x, f'"{x}"']),
            )
        ),
        tide(say(rng, "The opposite of $x is $y.", x=x, y=y)),
    ]


def colour(rng, s):
    x, y = rng.choice(list(w.COLOUR_OF.items()))
    v = rng.choice(["colour", "color"])
    return [
        user(ask(rng, f"(What {v} is|Which {v} is|Which {v} has|Tell me the {v} of|What is the {v} of) $x?", x=x)),
        tide(say(rng, "$x is $y.", x=x[0].upper() + x[1:], y=y)),
    ]


def animal(rng, s):
    x, text = rng.choice(list(w.ANIMALS.items()))
    many = PLURALS.get(x, x + "s")
    return [
        user(
            ask(
                rng,
                "(Tell me (something|a fact) about|What do you know about|Tell me about) $many.",
                "(Do you like|Do you know) $many?",
                "What is $y?",
                many=many,
                y=a(x),
            )
        ),
        tide(say(rng, "$t. (Do you like them?|||What do you think of them?)", t=text)),
    ]


def sums(rng, s):
    x, y = rng.randint(0, 10), rng.randint(0, 10)
    if rng.random() < 0.6:
        z, op, sign = x + y, "plus", "+"
    else:
        x, y = max(x, y), min(x, y)
        z, op, sign = x - y, "minus", "-"
    if rng.random() < 0.2:
        x, y = rng.randint(1, 5), rng.randint(1, 4)
        z, op, sign = x * y, "times", rng.choice(["*", "x"])
    if rng.random() < 0.55:
        return [
            user(
                ask(rng, "(What is|What's|How much is|Calculate|Compute|) $x $o $y?", x=x, y=y, o=sign).replace(
                    f" {sign} ", rng.choice([sign, f" {sign} "])
                )
            ),
            tide(f"{x} {sign} {y} = {z}"),
        ]
    return [
        user(ask(rng, "(What is|What's|How much is) $x $o $y?", x=w.NUMBERS[x], y=w.NUMBERS[y], o=op)),
        tide(f"{w.NUMBERS[x].capitalize()} {op} {w.NUMBERS[y]} is {w.NUMBERS[z]}."),
    ]


def count(rng, s):
    top = rng.randint(3, 20)
    by_word = rng.random() < 0.5
    shown = w.NUMBERS[top] if rng.random() < 0.5 else top
    items = w.NUMBERS[1 : top + 1] if by_word else [str(i) for i in range(1, top + 1)]
    if rng.random() < 0.2 and top < 12:
        return [
            user(ask(rng, "(Count|Please count|Can you count) (down from|backwards from) $n.", n=shown)),
            tide(", ".join(str(i) for i in range(top, 0, -1)) + "."),
        ]
    return [
        user(
            ask(
                rng,
                "(Count|Please count|Can you count|Count up|Count for me) (to|from one to|up to|from 1 to) $n"
                + (" in words." if by_word else "."),
                n=shown,
            )
        ),
        tide((", ".join(items) + ".").capitalize()),
    ]


def calendar(rng, s):
    names, kind, plural = rng.choice(
        [
            (w.DAYS, "day", "days of the week"),
            (w.MONTHS, "month", "months of the year"),
            (w.SEASONS, "season", "seasons"),
            (w.PLANETS, "planet", "planets"),
        ]
    )
    if rng.random() < 0.25:
        return [
            user(ask(rng, "(List|Name|Tell me|What are|Say) the $p.", "(Can you list|Name all) the $p?", p=plural)),
            tide(say(rng, "The $p are $l.", p=plural, l=listing(names))),
        ]
    if rng.random() < 0.3:
        n, thing = rng.choice(
            [
                ("seven", "days (are there |)in a week"),
                ("twelve", "months (are there |)in a year"),
                ("twenty-four", "hours (are there |)in a day"),
                ("sixty", "minutes (are there |)in an hour"),
                ("sixty", "seconds (are there |)in a minute"),
                ("four", "seasons (are there |)in a year"),
                ("eight", "planets (are there |)in the solar system"),
                ("twenty-six", "letters (are there |)in the alphabet"),
                ("eight", "legs does a spider have"),
                ("four", "legs does a dog have"),
                ("six", "legs does an ant have"),
                ("ten", "fingers do people have"),
            ]
            + [(w.NUMBERS[v], f"sides does {a(k)} have") for k, v in w.SHAPES.items()]
        )
        q = ask(rng, f"How many {thing}?")
        who = thing.split(" does ")[-1].split(" do ")[-1].removesuffix(" have")
        noun = thing.split(" ")[0]
        if "there" in thing:
            place = thing.split("|)")[-1]
            return [user(q), tide(f"There are {n} {noun} {place}.")]
        return [user(q), tide(f"{who.capitalize()} {'has' if 'does' in thing else 'have'} {n} {noun}.")]
    i = rng.randrange(len(names))
    circle = kind != "planet"
    if rng.random() < 0.5 and (circle or i + 1 < len(names)):
        return [
            user(
                ask(
                    rng,
                    "(What|Which) $k comes after $x?",
                    "What comes after $x?",
                    "What is the next $k after $x?",
                    k=kind,
                    x=names[i],
                )
            ),
            tide(
                f"{names[(i + 1) % len(names)]} comes after {names[i]}.".capitalize()
                if kind == "season"
                else f"{names[(i + 1) % len(names)]} comes after {names[i]}."
            ),
        ]
    if not circle and i == 0:
        return [user("Which planet is closest to the sun?"), tide("Mercury is closest to the sun.")]
    return [
        user(ask(rng, "(What|Which) $k comes before $x?", "What comes before $x?", k=kind, x=names[i])),
        tide(
            f"{names[i - 1]} comes before {names[i]}.".capitalize()
            if kind == "season"
            else f"{names[i - 1]} comes before {names[i]}."
        ),
    ]


def name_some(rng, s):
    kind = rng.choice(list(LISTS))
    n = min(rng.choice([2, 3, 3, 3, 4, 5]), len(LISTS[kind]))
    picked = rng.sample(LISTS[kind], n)
    q = ask(
        rng,
        "(Name|List|Give me|Tell me|Say|Can you name|Can you list|Please name|I need|Think of) $n $k.",
        "(What are|Which are) $n $k?",
        "$n $k(, please|)",
        n=rng.choice([n, w.NUMBERS[n], w.NUMBERS[n]]),
        k=kind,
    )
    if rng.random() < 0.12:
        return [
            user(q.rstrip(".") + rng.choice([" as a list.", ", one per line.", " as bullet points."])),
            tide("\n".join("- " + p for p in picked)),
        ]
    text = listing(picked)
    out = [user(q), tide(text[0].upper() + text[1:] + ".")]
    left = [x for x in LISTS[kind] if x not in picked]
    if left and rng.random() < 0.3:
        more = rng.choice(left)
        out += [
            user(
                ask(
                    rng,
                    "(And one more|One more|Another one|Name another|Give me another|And another one|More)(.|?|, please.|)",
                )
            ),
            tide(more[0].upper() + more[1:] + "."),
        ]
    elif rng.random() < 0.2:
        i = rng.randrange(n)
        out += [
            user(ask(rng, f"(Which|What) (was|is) the {['first', 'second', 'third', 'fourth', 'fifth'][i]} one?")),
            tide(
                say(
                    rng, "The $i one (was|is) $x.", i=["first", "second", "third", "fourth", "fifth"][i], x=picked[i]
                ).replace("(was|is)", "is")
            ),
        ]
    return out


def letters(rng, s):
    word = rng.choice(list(w.ANIMALS) + w.FLOWERS + w.TREES + w.COLOURS[:10])
    return [
        user(ask(rng, "(How do you spell|Spell|Can you spell|Please spell) $x?", x=word)),
        tide("-".join(word).upper()),
    ]


def reword(rng, s):
    n = some_name(rng)
    x, y = rng.choice(
        [
            ("big", "large"),
            ("happy", "glad"),
            ("small", "little"),
            ("fast", "quick"),
            ("smart", "clever"),
            ("begins", "starts"),
            ("pretty", "beautiful"),
            ("tired", "sleepy"),
            ("easy", "simple"),
            ("quiet", "silent"),
            ("rich", "wealthy"),
            ("angry", "cross"),
        ]
    )
    if rng.random() < 0.4:
        return [
            user(
                ask(
                    rng,
                    "(What is another word for|Give me a synonym for|What means the same as|Another word for) $x?",
                    x=x,
                )
            ),
            tide(say(rng, "Another word for $x is $y.", x=x, y=y)),
        ]
    subject = rng.choice(
        [n, "The " + rng.choice(list(w.ANIMALS)), "My " + rng.choice(["friend", "brother", "sister", "teacher"])]
    )
    x, y = rng.choice(
        [
            ("is big", "is large"),
            ("is happy", "is glad"),
            ("is very fast", "is very quick"),
            ("is smart", "is clever"),
            ("is tired", "is sleepy"),
            ("is quiet", "is silent"),
            ("likes to eat", "enjoys eating"),
            ("started to sing", "began to sing"),
            ("wants to go home", "would like to go home"),
            ("is not rich", "is poor"),
            ("was angry", "was cross"),
        ]
    )
    return [
        user(
            ask(
                rng,
                "(Reword|Rephrase|Say in other words|Put in other words|Reword this|Rephrase this sentence|Say it differently): $t",
                t=f"{subject} {x}.",
            )
        ),
        tide(f"{subject} {y}."),
    ]


def compare(rng, s):
    sizes = ["ant", "mouse", "cat", "dog", "pig", "horse", "elephant", "whale"]
    i, j = sorted(rng.sample(range(len(sizes)), 2))
    x, y = sizes[i], sizes[j]
    p, q = rng.sample([x, y], 2)
    if rng.random() < 0.5:
        return [
            user(
                ask(
                    rng,
                    "(Which is|What is|Who is) (bigger|larger), $x or $y?",
                    "Is $x (bigger|larger) or $y?",
                    x=a(p),
                    y=a(q),
                )
            ),
            tide(f"{a(y).capitalize()} is bigger than {a(x)}."),
        ]
    return [
        user(ask(rng, "(Which is|What is|Who is) smaller, $x or $y?", x=a(p), y=a(q))),
        tide(f"{a(x).capitalize()} is smaller than {a(y)}."),
    ]


def category(rng, s):
    kinds = {
        "fruit": ["apple", "pear", "banana", "lemon", "plum", "cherry"],
        "animal": list(w.ANIMALS),
        "tree": w.TREES,
        "flower": w.FLOWERS,
        "tool": w.TOOLS,
        "colour": w.COLOURS,
        "instrument": w.INSTRUMENTS[:3],
    }
    kind = rng.choice(list(kinds))
    x = rng.choice(kinds[kind])
    if rng.random() < 0.5:
        return [
            user(ask(rng, "(Is $x $k|Is $x really $k)?", x=x if kind == "colour" else a(x), k=a(kind))),
            tide(say(rng, "Yes, $x is $k.", x=x if kind == "colour" else a(x), k=a(kind))),
        ]
    other = rng.choice([k for k in kinds if k not in (kind,) and not (kind == "fruit" or x in kinds[k])] or ["tool"])
    return [
        user(ask(rng, "Is $x $k?", x=x if kind == "colour" else a(x), k=a(other))),
        tide(say(rng, "No, $x is $k.", x=x if kind == "colour" else a(x), k=a(kind))),
    ]
