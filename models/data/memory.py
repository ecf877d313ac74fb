"""What people tell about themselves, remembered and asked for later in the same conversation."""

from . import words as w
from .grammar import a, ask, invented, say, tide, user
from .talk import give_name, recall_name, some_name


def like(rng, s):
    kind, values = rng.choice(
        [
            ("colour", w.COLOURS),
            ("animal", list(w.ANIMALS)),
            ("food", w.FOODS),
            ("fruit", w.FRUITS),
            ("season", w.SEASONS),
            ("hobby", w.HOBBIES),
            ("drink", w.DRINKS),
            ("city", w.CITIES),
            ("sport", w.SPORTS),
            ("day", w.DAYS),
            ("number", w.NUMBERS),
        ]
    )
    value = rng.choice(values)
    shown = rng.choice(["color", "colour"]) if kind == "colour" else kind
    if rng.random() < 0.55:
        s["fav_" + kind] = value
        return [
            user(
                ask(
                    rng,
                    "My (favourite|favorite) $k is $v(.|!|)",
                    "$v is my (favourite|favorite) $k(.|)",
                    k=shown,
                    v=value,
                )
            ),
            tide(
                say(
                    rng,
                    "$v is a (nice|good|fine|great) $k. (What do you like about it?|Why do you like it?|I will remember that.|Good choice!)",
                    k=kind,
                    v=value[0].upper() + value[1:],
                )
            ),
        ]
    return [
        user(
            ask(
                rng,
                "(What is|What's) your (favourite|favorite) $k?",
                "(Do you have a (favourite|favorite) $k|Which $k do you like (best|most))?",
                "(Tell me your favourite $k|Your favourite $k?)",
                k=shown,
            )
        ),
        tide(
            say(
                rng,
                "I am a program, but (I would choose|I would say|I like) $v. (What is yours?|And you?|What is your favourite $k?)",
                k=kind,
                v=value,
            )
        ),
    ]


def recall_like(rng, s):
    known = [k for k in s if k.startswith("fav_")]
    if known and rng.random() < 0.9:
        key = rng.choice(known)
        kind = key[4:]
        return [
            user(
                ask(
                    rng,
                    "(What is|What's) my (favourite|favorite) $k?",
                    "Do you (remember|know) my (favourite|favorite) $k?",
                    "(Which|What) $k do I like(| best)?",
                    k=kind,
                )
            ),
            tide(say(rng, "Your favourite $k is $v.", k=kind, v=s[key])),
        ]
    kind = rng.choice(
        [k for k in ("colour", "animal", "food", "city", "book", "film", "number") if "fav_" + k not in s]
    )
    return [
        user(ask(rng, "(What is|What's) my (favourite|favorite) $k?", k=kind)),
        tide(say(rng, "You have not told me your favourite $k( yet|). What is it?", k=kind)),
    ]


def about_me(rng, s):
    kind = rng.choice(["job", "city", "pet", "age", "hobby", "sibling"])
    if kind == "job":
        s[kind] = v = rng.choice(w.JOBS)
        return [
            user(ask(rng, "(I am|I'm|I work as) $v(.|)", "My job is to be $v.", v=a(v))),
            tide(
                say(
                    rng,
                    "(That is interesting|How nice)! (How long have you been $v?|Do you like being $v?|What is the best part of being $v?)",
                    v=a(v),
                )
            ),
        ]
    if kind == "city":
        s[kind] = v = rng.choice(w.CITIES) if rng.random() < 0.6 else invented(rng)
        return [
            user(ask(rng, "I (live in|am from|come from|moved to) $v(.|!|)", "I'm from $v(.|)", v=v)),
            tide(
                say(
                    rng,
                    "$v (sounds like a nice place|sounds nice|must be interesting). (What do you like about it?|Do you like it there?|How long have you lived there?)",
                    v=v,
                )
            ),
        ]
    if kind == "pet":
        pet, s[kind + "_name"] = rng.choice(w.PETS), some_name(rng)
        s[kind] = pet
        return [
            user(
                ask(
                    rng,
                    "I have $p (called|named) $n(.|)",
                    "My $q is (called|named) $n(.|)",
                    "I have $p. (Its|His|Her) name is $n.",
                    p=a(pet),
                    q=pet,
                    n=s["pet_name"],
                )
            ),
            tide(say(rng, "$n is a (lovely|nice|good) name for $p! How old is $n?", p=a(pet), n=s["pet_name"])),
        ]
    if kind == "age":
        s[kind] = v = rng.randint(8, 80)
        return [
            user(ask(rng, "(I am|I'm) $v( years old|)(.|)", v=v)),
            tide(say(rng, "(Thank you for telling me|Good to know). You are $v years old.", v=v)),
        ]
    if kind == "hobby":
        s[kind] = v = rng.choice(w.HOBBIES)
        return [
            user(ask(rng, "I (like|love|enjoy|really like) $v(.|!|)", "My hobby is $v(.|)", v=v)),
            tide(
                say(
                    rng,
                    "(That sounds fun|How nice|That is a good hobby)! How often do you do that?",
                    "$w (is fun|sounds like fun)! How did you start?",
                    v=v,
                    w=v.capitalize(),
                )
            ),
        ]
    n, other = (
        some_name(rng),
        rng.choice(
            ["brother", "sister", "friend", "son", "daughter", "mother", "father", "wife", "husband", "neighbour"]
        ),
    )
    s["kin"] = (other, n)
    return [
        user(
            ask(
                rng,
                "(My $o is (called|named) $n|My $o's name is $n|I have a $o called $n|$n is my $o)(.|)",
                o=other,
                n=n,
            )
        ),
        tide(
            say(
                rng,
                "$n is a nice name. What is your $o like?",
                "(Tell me more about $n.|What does your $o $n like to do?)",
                o=other,
                n=n,
            )
        ),
    ]


def recall_me(rng, s):
    options = []
    if "job" in s:
        options.append(("What (is my job|do I do|is my work|job do I have)?", f"You are {a(s['job'])}."))
    if "city" in s:
        options.append(
            (
                "Where (do I live|am I from|do I come from)?",
                f"You told me about {s['city']}." if rng.random() < 0.2 else f"You are from {s['city']}.",
            )
        )
    if "pet" in s:
        options.append(
            (
                f"What is (my {s['pet']}|my pet|my {s['pet']}'s name) called?",
                f"Your {s['pet']} is called {s['pet_name']}.",
            )
        )
        options.append((f"What is the name of my {s['pet']}?", f"Your {s['pet']} is called {s['pet_name']}."))
    if "age" in s:
        options.append(("(How old am I|What is my age)?", f"You are {s['age']} years old."))
    if "hobby" in s:
        options.append(("What (is my hobby|do I like to do|do I like)?", f"You like {s['hobby']}."))
    if "kin" in s:
        options.append((f"What is my {s['kin'][0]}'s name?", f"Your {s['kin'][0]} is called {s['kin'][1]}."))
        options.append((f"Who is {s['kin'][1]}?", f"{s['kin'][1]} is your {s['kin'][0]}."))
    if not options or rng.random() < 0.15:
        q, kind = rng.choice(
            [
                ("(How old am I|What is my age)?", "age"),
                ("(What is my job|What do I do for work)?", "job"),
                ("(Where do I live|Where am I from)?", "city"),
                ("What is my (dog|cat|pet) called?", "pet"),
                ("What is my (brother|sister)'s name?", "kin"),
            ]
        )
        if kind not in s:
            return [user(ask(rng, q)), tide(say(rng, "You have not told me( that|)( yet|)."))]
        if not options:
            return []
    q, answer = rng.choice(options)
    return [user(ask(rng, q)), tide(answer)]


def statement(rng, s):
    """Something the user did or has: show interest, ask back with the user's own word."""
    thing = rng.choice(
        [
            rng.choice(w.FOODS),
            a(rng.choice(w.FURNITURE)),
            a(rng.choice(w.CLOTHES)),
            a(rng.choice(list(w.ANIMALS))),
            a(rng.choice(w.FLOWERS)),
            a("book"),
            a("film"),
            a("car"),
            a("bike"),
            a("boat"),
            a("house"),
            a("garden"),
            a("song"),
            a("picture"),
        ]
    )
    place = rng.choice(w.PLACES + w.CITIES)
    bare = thing.split(" ", 1)[1] if thing.startswith(("a ", "an ")) else thing
    when = "(today|yesterday|this morning|last week|last night|tomorrow||)"
    roll = rng.random()
    if roll < 0.4:
        q = ask(
            rng,
            f"I (bought|made|saw|found|got|lost|want|need|have) (a new |)$x {when}(.|!|)".replace("(a new |)", ""),
            x=thing,
        )
        return [
            user(q),
            tide(
                say(
                    rng,
                    "(Oh, that is interesting|How interesting|I see)! (Tell me more about the $x.|What is the $x like?|What will you do with the $x?)",
                    x=bare,
                )
            ),
        ]
    if roll < 0.7:
        q = ask(
            rng,
            f"(I went to|I was in|I am going to|We went to|I visited|I will go to|We are at) $p {when}(.|!|)",
            p=place,
        )
        return [
            user(q),
            tide(
                say(
                    rng,
                    "(That sounds nice|How nice|That sounds like fun)! (What did you see there?|What do you like about $p?|Tell me more about $p.)",
                    p=place,
                )
            ),
        ]
    if roll < 0.85:
        q = ask(
            rng,
            "(My day was good|I am going on holiday|I have a birthday today|It is my birthday|I got a new job|I passed my exam|I won a prize|I am learning to cook|I finished my work|I have a day off)(.|!|)",
        )
        return [
            user(q),
            tide(
                say(
                    rng,
                    "(That is great|How nice|That is good news|Congratulations)! (Tell me more.|How do you feel?||)",
                )
            ),
        ]
    person = rng.choice(
        ["brother", "sister", "friend", "mother", "father", "son", "daughter", "cat", "dog", "boss", "teacher"]
    )
    q = ask(
        rng,
        "My $p (is sick|is sad|is not well|has left|is angry with me|does not talk to me|had an accident)(.|)",
        p=person,
    )
    return [
        user(q),
        tide(
            say(
                rng,
                "I am sorry to hear that. (I hope your $p is better soon.|How is your $p now?|Would you like to talk about it?)",
                p=person,
            )
        ),
    ]


def introduce(rng, s):
    """A name and one more thing in one breath."""
    name = s["name"] = some_name(rng)
    place = rng.choice(w.CITIES) if rng.random() < 0.6 else invented(rng)
    job, age, hobby = rng.choice(w.JOBS), rng.randint(8, 80), rng.choice(w.HOBBIES)
    kind = rng.choice(["city", "city", "job", "age", "hobby"])
    s[kind] = {"city": place, "job": job, "age": age, "hobby": hobby}[kind]
    more = {
        "city": "I (live in|am from|come from) $v",
        "job": "I (am|work as) $v",
        "age": "I am $v( years old|)",
        "hobby": "I (like|love|enjoy) $v",
    }[kind]
    shown = a(job) if kind == "job" else s[kind]
    q = ask(
        rng,
        f"(Hello, |Hi, |Hi! ||||)(I am|I'm|My name is|my name's) $n(,| and|.) {more}(.|!|)",
        f"(Hello|Hi)(,|!) $n here(.|,) {more}.",
        n=name,
        v=shown,
    )
    comment = {
        "city": "$v sounds nice.",
        "job": "Do you like being $v?",
        "age": "You are $v years old.",
        "hobby": "$w sounds fun!",
    }[kind]
    return [
        user(q),
        tide(
            say(
                rng,
                f"(Nice to meet you|Hello|Hi|Pleased to meet you), $n! {comment}",
                n=name,
                v=shown,
                w=str(shown).capitalize(),
            )
        ),
    ]


def remember(rng, between):
    """Things told, other talk in between, then asked for again."""
    s, out = {}, []
    for tell in rng.sample([introduce, give_name, like, like, about_me, about_me], rng.randint(1, 4)):
        out += tell(rng, s)
        if rng.random() < 0.4:
            out += between(rng, s)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        out += between(rng, s)
    asks = [recall_name] if "name" in s else []
    asks += [recall_like] if any(k.startswith("fav_") for k in s) else []
    asks += [recall_me] if set(s) & {"job", "city", "pet", "age", "hobby", "kin"} else []
    rng.shuffle(asks)
    for recall in asks:
        out += recall(rng, s)
        if rng.random() < 0.2:
            out += between(rng, s)
    return out
