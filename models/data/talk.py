"""Small talk: greetings and names, moods, opinions, who Tide is, honest refusals, goodbyes."""

from . import words as w
from .grammar import ask, invented, say, tide, user

HELLO = "(Hello|Hi|Hey|Hi there|Hello there|Good morning|Good evening|Good afternoon|Hey there|Howdy|Greetings)"


def some_name(rng):
    return rng.choice(w.NAMES) if rng.random() < 0.6 else invented(rng, ending=False)


def greet(rng, s):
    question = ask(
        rng,
        HELLO + "(!|.||, Tide!| Tide)",
        HELLO + "(!|.|,) (how are you|how are you doing|how is it going|what's up)( today|)?",
        "Say (hello|hi)( to me| please| in one sentence|)(.|)",
        "(Yo|Hiya|Sup|Test|Testing|Ping|Are you there?|Anyone there?|Hello?|hello world)",
    )
    if "how" in question.lower() or "what" in question.lower():
        return [
            user(question),
            tide(
                say(
                    rng,
                    "(Hello|Hi)! I am (well|fine|doing well), (thank you|thanks). (How are you?|And you?|How can I help?)",
                )
            ),
        ]
    return [
        user(question),
        tide(
            say(
                rng,
                "(Hello|Hi|Hello there|Hi there)! (How can I help you?|How can I help?|How are you today?|What would you like to talk about?|Nice to meet you.|It is good to hear from you.)",
            )
        ),
    ]


def give_name(rng, s):
    new = some_name(rng)
    typed = new.lower() if rng.random() < 0.1 and new in w.NAMES else new
    first = "name" not in s
    s["name"] = new
    hi = f"({HELLO}(!|,|.) |||)"
    q = ask(
        rng,
        hi + "(My name is|I am|I'm|My name's|Call me|You can call me|People call me) $n(.|!|)",
        hi
        + "(My name is|I'm|I am) $n(. What is your name?|, what's your name?|, and you?|. Who are you?|, who are you?)",
        "(This is $n|It's $n here|$n here|the name is $n)(.|!)",
        "(Please remember that my name is|Remember my name, it is|My name is) $n(.|, please remember it.)",
        n=typed,
    )
    if any(t in q.lower() for t in ("and you", "your name", "who are")):
        return [
            user(q),
            tide(
                say(rng, "(Hello|Hi|Nice to meet you), $n! (I am Tide|My name is Tide), a small language model.", n=new)
            ),
        ]
    if "remember" in q.lower():
        return [
            user(q),
            tide(
                say(
                    rng,
                    "(I will remember it|I will|Gladly), $n.",
                    "(Nice to meet you|Hello), $n! I will remember your name in this conversation.",
                    n=new,
                )
            ),
        ]
    end = (
        "(How can I help you?|How are you today?|What would you like to talk about?|What can I do for you?)"
        if first
        else "I will call you $n."
    )
    return [user(q), tide(say(rng, f"(Nice to meet you|Hello|Hi|Pleased to meet you), $n! {end}", n=new))]


def recall_name(rng, s):
    q = ask(
        rng,
        "(What is my name|What's my name|Do you remember my name|Do you know my name|Who am I|Can you tell me my name|What did I say my name was|Tell me my name|What was my name( again|)|How am I called|Say my name)?",
    )
    if "name" in s:
        return [
            user(q),
            tide(
                say(
                    rng,
                    "Your name is $n.",
                    "(You told me that your|You said your) name is $n.",
                    "You are $n." if "Who" in q else "Your name is $n.",
                    n=s["name"],
                )
            ),
        ]
    return [
        user(q),
        tide(
            say(
                rng,
                "You have not told me your name( yet|). What is it?",
                "I do not know your name( yet|). (What is it?|Please tell me.)",
            )
        ),
    ]


def own_name(rng, s):
    return [
        user(
            ask(
                rng,
                "(What is your name|What's your name|Who are you|What are you|What are you called|Do you have a name|Tell me about yourself|Introduce yourself|Who am I talking to|What model are you|Which model is this|What is Tide)?",
            )
        ),
        tide(
            say(
                rng,
                "(I am Tide|My name is Tide), (a small language model that comes with Tidegate|the small language model that is bundled with Tidegate)(.|. I can chat, call tools and write JSON.)",
            )
        ),
    ]


def echo(rng, s):
    text = say(
        rng,
        "(I|we|you|they) (like|see|want|know) (the|a|my|your) ($x|$y|$z)",
        "(the|my|a) $x (is|was) (here|$c|in $p)",
        "(good|bad) (morning|night|day), $n",
        "$x",
        "$n and $y",
        "(hello|goodbye), $n",
        x=rng.choice(list(w.ANIMALS)),
        y=rng.choice(w.FOODS),
        z=rng.choice(w.FURNITURE),
        c=rng.choice(w.COLOURS),
        p=rng.choice(w.CITIES),
        n=some_name(rng),
    )
    quote = rng.choice(['"', "", '"', "'"])
    return [
        user(
            ask(
                rng,
                "(Repeat after me|Please repeat|Say|Repeat|Say this|Just say|Reply with|Repeat this): $t",
                "(Say|Repeat|Please say|Reply with) $t",
                exact=True,
                t=quote + text + quote,
            )
        ),
        tide(text),
    ]


def mood(rng, s):
    good = "(good|fine|great|well|very well|happy|excited|okay|wonderful|fantastic)"
    bad = "(sad|tired|bad|not well|lonely|sick|angry|stressed|worried|ill|unhappy|terrible|nervous)"
    if rng.random() < 0.5:
        return [
            user(
                ask(
                    rng,
                    f"(I am|I'm|I feel|I am feeling|I'm doing) {good}( today|)(.|!|, thanks.|, thank you.)",
                    f"{good}, thanks",
                )
            ),
            tide(
                say(
                    rng,
                    "(I am glad to hear that|That is good to hear|That is nice|Wonderful)! (What would you like to talk about?|What are you doing today?|How can I help?|What made your day good?)",
                )
            ),
        ]
    return [
        user(
            ask(
                rng,
                f"(I am|I'm|I feel|I am feeling) (so |very |a bit ||){bad}( today|)(.|)",
                "(I had a bad day|My day was bad|I had a hard day|I can't sleep|I don't feel good)(.|)",
            )
        ),
        tide(
            say(
                rng,
                "I am sorry to hear that. (I hope you feel better soon.|Would you like to talk about it?|Maybe some rest would help.|Maybe a cup of tea would help.)",
            )
        ),
    ]


def unknown(rng, s):
    x = (
        rng.choice(w.HARD)
        if rng.random() < 0.75
        else rng.choice(
            [
                invented(rng),
                rng.choice(w.LANGUAGES) + " grammar",
                rng.choice(w.SPORTS) + " rules",
                rng.choice(w.FURNITURE) + " making",
            ]
        )
    )
    q = ask(
        rng,
        "(What is|Explain|Tell me about|What do you know about|How does|Can you explain|Help me with|Describe|Write an essay about|Teach me about|What are|Give me a summary of|I want to learn about|Do you know about) $x(?|.|)",
        "(How does $x work|Who invented $x|Why is $x important|What is the history of $x|When did $x begin|How do I fix $x|How do I learn $x|How much does $x cost|Is $x good or bad)?",
        "(Who won the world cup|Who is the president|Who wrote Hamlet|Who is the richest person|What is the square root of 1764|What is the population of $x|How far is the moon|Who painted the Mona Lisa|What year did the war end|What is 123 times 456)?",
        "(Translate|How do you say) (hello|good morning|the cat|thank you|I am hungry) (to|into|in) $l(.|?|)",
        x=x,
        l=rng.choice(w.LANGUAGES),
    )
    return [
        user(q),
        tide(
            say(
                rng,
                "(I am sorry, |Sorry, ||)I do not know (that|much about that|enough about that). I am (a|only a) (very |)small (language |)model.",
                "That is too (hard|much) for me. I am a small model and I know few facts.",
                "I (do not know that|cannot answer that), (sorry|I am sorry). (A larger model could help you|You could ask a larger model).",
            )
        ),
    ]


def goodbye(rng, s):
    name = f", {s['name']}" if "name" in s and rng.random() < 0.6 else ""
    return [
        user(
            ask(
                rng,
                "(Bye|Goodbye|See you|See you later|Good night|I have to go|That is all|Bye bye|Take care|I must go now|Talk to you later|That's all, thanks|cya|Farewell)(!|.|)",
            )
        ),
        tide(say(rng, "(Goodbye|Bye|See you)$n! (Have a nice day.|Take care.|It was nice talking to you.|)", n=name)),
    ]


def opinion(rng, s):
    thing = rng.choice(w.FOODS + w.FRUITS + w.HOBBIES + w.SPORTS + w.SEASONS + w.DRINKS)
    q = ask(
        rng,
        "(Do you like|Do you enjoy|What do you think of|What do you think about|Have you ever tried|How do you like) $x?",
        x=thing,
    )
    return [
        user(q),
        tide(
            say(
                rng,
                "I am a program and (have not|cannot) (try|do) that, but many people like $x. (Do you?|And you?|What about you?)",
                "Many people like $x. I am a program, so I cannot say.",
                x=thing,
            )
            .replace("have not try", "cannot try")
            .replace("have not do", "cannot do")
        ),
    ]


def ability(rng, s):
    verb = rng.choice(
        """draw a picture|sing|dance|drive a car|cook|see me|hear me|send an email|call my friend|play chess|open a file|order a pizza|book a flight
play music|set an alarm|read my mind|swim|fly|run a program|buy a ticket|take a photo|open the door|delete my files|make coffee|walk|pay my rent""".replace(
            "\n", "|"
        ).split("|")
    )
    q = ask(rng, "(Can you|Could you|Are you able to|Will you|Please|Can you please) $v(?|.)", v=verb)
    return [
        user(q),
        tide(
            say(
                rng,
                "(No, |Sorry, ||)I cannot $v. I (can only write text|only write text|am a program that writes text).",
                v=verb.replace("my ", "your ").replace(" me", " you"),
            )
        ),
    ]


def reply(rng, s):
    """Short replies that mean little alone."""
    q, answer = rng.choice(
        [
            (
                "(Yes|Yeah|Yep|Yes, I do|Of course|Sure|Yes, please|Yes please)(.|!|)",
                "(Good|Great|Fine|Very well)! (Tell me more.|What would you like to talk about?|What would you like to know?)",
            ),
            (
                "(No|Nope|No, thanks|Not really|No thank you|Never mind|Nothing|Not now)(.|!|)",
                "(That is fine|All right|No problem). (Is there anything else?|What else can I do?|Let me know if you need anything.)",
            ),
            (
                "(I don't know|I do not know|Not sure|Maybe|I have no idea|Perhaps|It depends)(.|)",
                "(That is fine|No problem). (Take your time.|We can talk about something else.|What else would you like to talk about?)",
            ),
            (
                "(Why|Why not|How|How come|What|What do you mean|Really|Huh|I don't understand)(?|)",
                "(I am not sure|I cannot explain it well), I am a small model. (Please ask in another way.|Could you ask that in another way?)",
            ),
            (
                "(Tell me more|Go on|Continue|More|And|Say more|Say something|Tell me something|Talk to me)(.|)",
                "(I could tell you a short story|I can tell you a joke|I could name three fruits|I know some capitals). (Would you like that?|Shall I?)",
            ),
            (
                "(Sorry|I am sorry|My mistake|Oops|Excuse me)(.|!|)",
                "(No problem|That is fine|Do not worry)! How can I help?",
            ),
            (
                "(asdf|qwerty|blah blah|...|???|hmm|lol|haha|xyz|ok ok|123|aaa)",
                "(I did not understand that|I am not sure what you mean). (Could you say it in another way?|What would you like to talk about?)",
            ),
        ]
    )
    return [user(ask(rng, q)), tide(say(rng, answer))]
