"""Small tools for writing text with choices: `(a|b)` picks one, `$slot` is filled in afterwards."""

import random
import re

INNERMOST = re.compile(r"\(([^()]*)\)")
SLOT = re.compile(r"\$([a-z_]+\d?)")
ONSETS = "b br c ch cl d dr f fl g gr h j k kr l m n p pr qu r s sh sk st t th tr v w y z".split()
VOWELS = "a e i o u a e i o ai ea ee ia oa ou".split()
CODAS = ["", "", "", "n", "r", "l", "s", "m", "nd", "rn", "sk", "t", "x", "lm", "ck", "th"]
ENDINGS = "ville ton burg ford ham port dale wick mouth field haven stad grad pur abad ia o a os".split()


def expand(rng: random.Random, text: str) -> str:
    """Replace every `(a|b|c)` by one of its choices, innermost first."""
    while True:
        text, count = INNERMOST.subn(lambda m: rng.choice(m.group(1).split("|")), text)
        if not count:
            return re.sub(r" +([.!?,]|$)", r"\1", re.sub(r"  +", " ", text)).strip()


def fill(text: str, slots: dict) -> str:
    return SLOT.sub(lambda m: str(slots.get(m.group(1), m.group(0))), text)


def say(rng: random.Random, *choices: str, **slots) -> str:
    """One clean sentence for the assistant."""
    return fill(expand(rng, rng.choice(choices)), slots)


def typo(rng: random.Random, text: str) -> str:
    """Swap, drop or double one letter, never inside a slot."""
    spots = [i for i in range(1, len(text) - 1) if text[i - 1 : i + 2].isalpha() and "$" not in text]
    if not spots:
        return text
    i = rng.choice(spots)
    kind = rng.random()
    if kind < 0.4:
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    return text[:i] + text[i + 1 :] if kind < 0.8 else text[:i] + text[i] + text[i:]


def ask(rng: random.Random, *choices: str, exact: bool = False, **slots) -> str:
    """One line as a person types it: sometimes without capitals, punctuation or care."""
    text = expand(rng, rng.choice(choices))
    roll = rng.random()
    if roll < 0.22:
        text = " ".join(w if "$" in w else w.lower() for w in text.split(" "))
    if rng.random() < 0.25:
        text = text.rstrip("?.!")
    if roll < 0.12:
        text = " ".join(word if "$" in word else re.sub(r"[,']", "", word) for word in text.split(" "))
    if rng.random() < 0.06:
        words = text.split(" ")
        i = rng.randrange(len(words))
        words[i] = typo(rng, words[i])
        text = " ".join(words)
    if rng.random() < 0.02:
        text = text.upper() if "$" not in text else text
    text = fill(text, slots)
    return text.lower() if roll < 0.15 and not exact else text


def invented(rng: random.Random, ending: bool = True) -> str:
    """A name that no list holds, so that copying is learnt and not a list by heart."""
    word = ""
    for _ in range(rng.choice([1, 2, 2, 3])):
        word += rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)
    if ending and rng.random() < 0.5:
        word += rng.choice(ENDINGS)
    return word[:14].capitalize() if len(word) > 2 else invented(rng, ending)


def listing(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def a(word: str) -> str:
    return ("an " if word[0].lower() in "aeiou" and not word.startswith("user") else "a ") + word


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def tide(text: str) -> dict:
    return {"role": "assistant", "content": text}
