"""Tool use: weather tools under many names, distractors, results turned into sentences, and no call when none fits."""

import json

from . import words as w
from .grammar import ask, expand, invented, say, tide, user

NAMES = (
    ["get_weather"] * 8
    + ["get_current_weather"] * 4
    + """weather lookup_forecast getWeather weather_lookup get_forecast current_weather
fetch_weather weather_report find_weather city_weather forecast check_weather weather_api get_temperature""".split()
)
PLACES = ["city"] * 5 + ["location"] * 5 + ["place", "town", "city_name", "where", "q", "address"]
ABOUT = """(Get|Look up|Return|Find|Fetch|Gives|Returns|Tells) (the |)(current |today's |)(weather|temperature|forecast|weather conditions) (for|in|at) (a|the|a given|the given) (city|place|location|town)(.|)"""
ABOUT_PLACE = """(The |)(name of the city|city name|name of the place|city|location|place|city to look up|town|city and country, e.g. Paris, France|city and state, e.g. San Francisco, CA|City and country e.g. Bogotá, Colombia|City, e.g. Oslo)(.|)"""
UNITS = [["celsius", "fahrenheit"]] * 4 + [["c", "f"], ["metric", "imperial"], ["C", "F"]]
SKIES = [
    "sunny",
    "cloudy",
    "rainy",
    "windy",
    "snowy",
    "foggy",
    "clear",
    "partly cloudy",
    "stormy",
    "light rain",
    "overcast",
]
WHEN = ["today", "tomorrow"]

OTHERS = {
    "get_time": ("Get the current time in a time zone or city.", "timezone"),
    "search_web": ("Search the web.", "query"),
    "send_email": ("Send an email to a person.", "to"),
    "get_stock_price": ("Get the price of a stock.", "symbol"),
    "translate": ("Translate a text.", "text"),
    "play_music": ("Play a song.", "title"),
    "set_alarm": ("Set an alarm.", "time"),
    "calculator": ("Calculate an expression.", "expression"),
    "get_news": ("Get the latest news about a topic.", "topic"),
}


def shuffled(rng, pairs: dict) -> dict:
    keys = list(pairs)
    if rng.random() < 0.35:
        rng.shuffle(keys)
    return {k: pairs[k] for k in keys}


def wrap(rng, name, about, properties, required) -> dict:
    schema = {"type": "object", "properties": properties}
    if required and rng.random() < 0.85:
        schema["required"] = required
    if rng.random() < 0.15:
        schema["additionalProperties"] = False
    function = {"name": name, "description": about, "parameters": shuffled(rng, schema)}
    if rng.random() < 0.08:
        del function["description"]
    if rng.random() < 0.07:
        function["strict"] = True
    return shuffled(rng, {"type": "function", "function": shuffled(rng, function)})


def weather_tool(rng):
    name, place = rng.choice(NAMES), rng.choice(PLACES)
    first = {"type": "string"}
    if rng.random() < 0.6:
        first["description"] = expand(rng, ABOUT_PLACE)
    properties, units = {place: shuffled(rng, first)}, None
    required = [place]
    if rng.random() < 0.35:
        units = rng.choice(UNITS)
        unit = {"type": "string", "enum": units}
        if rng.random() < 0.4:
            unit["description"] = expand(rng, "(The |)(unit|temperature unit|unit of the temperature)(.|)")
        properties["unit"] = shuffled(rng, unit)
    when = None
    if rng.random() < 0.12:
        when = rng.choice(["day", "date"])
        properties[when] = {"type": "string"}
    return wrap(rng, name, expand(rng, ABOUT), properties, required), name, place, units, when


def other_tool(rng, name=None):
    name = name or rng.choice(list(OTHERS))
    about, key = OTHERS[name]
    return wrap(rng, name, about, {key: {"type": "string"}}, [key])


def call(name, arguments):
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}],
    }


def result(rng, place, city, unit):
    sky, degrees, c = rng.choice(SKIES), rng.randint(-15, 42), "celsius"
    if unit and unit.lower() in ("fahrenheit", "f", "imperial"):
        degrees, c = degrees * 2 + 32, "fahrenheit"
    style = rng.random()
    if style < 0.12:
        return f"{sky}, {degrees} degrees", sky, degrees
    keys = {
        place if rng.random() < 0.7 else "city": city,
        rng.choice(["temperature", "temp", "temperature_c" if c == "celsius" else "temperature", "degrees"]): degrees,
    }
    if rng.random() < 0.85:
        keys[rng.choice(["condition", "conditions", "sky", "weather", "description", "summary"])] = sky
    else:
        sky = None
    if rng.random() < 0.3:
        keys["unit"] = unit or c
    if rng.random() < 0.25:
        keys[rng.choice(["humidity", "wind", "wind_speed"])] = rng.randint(1, 95)
    if rng.random() < 0.25:
        del keys[list(keys)[0]]
    keys = shuffled(rng, keys)
    return json.dumps(keys, separators=(",", ":")) if rng.random() < 0.4 else json.dumps(keys), sky, degrees


def question(rng, city, unit, when):
    at = ""
    if unit:
        word = {"c": "Celsius", "f": "Fahrenheit", "metric": "metric units", "imperial": "imperial units"}.get(
            unit.lower(), unit
        )
        at = f" in {word}"
    day = f" {when}" if when else ""
    now = "( right now| today| now| at the moment||||)" if not when else ""
    return ask(
        rng,
        f"(What is|What's|How is|How's|Tell me|Can you tell me|Show me|Check|Get|Look up|Please check|I need|Do you know) the (weather|weather like|weather|forecast|current weather|weather) in $c{now}{day}{at}?",
        f"(How warm|How cold|How hot) (is it|will it be) in $c{now}{day}{at}?",
        f"(Weather in $c|Weather for $c|$c weather|Forecast for $c|weather $c){day}{at}(?|.|, please.||)",
        f"(Is it|Will it be) (raining|sunny|cold|warm|windy|snowing) in $c{now}{day}{at}?",
        f"(What is|What's) the temperature in $c{now}{day}{at}?",
        f"(I am going to|I am travelling to|I'm flying to|We are visiting) $c{day or ' today'}. (What is the weather like|How is the weather|Do I need an umbrella|Do I need a coat)( there|){at}?",
        f"(Do I need|Should I take|Should I bring) (an umbrella|a coat|a jacket) in $c{now}{day}?",
        f"(Call|Use) the (weather tool|weather function|tool) for $c{day}{at}.",
        c=city,
    )


def some_city(rng):
    city = rng.choice(w.CITIES) if rng.random() < 0.45 else invented(rng)
    if rng.random() < 0.06:
        city = rng.choice(["New", "San", "Port", "St.", "Upper", "Old"]) + " " + invented(rng)
    typed = city.lower() if city in w.CITIES and rng.random() < 0.12 else city
    if rng.random() < 0.08:
        extra = ", " + rng.choice(list(w.CAPITALS)).removeprefix("the ")
        city, typed = city + extra, typed + extra
    return city, typed


def ask_weather(rng, s, tool, name, place, units, when, known=None):
    """One question that needs the tool, the call, the result and the sentence."""
    city, typed = some_city(rng)
    unit = rng.choice(units) if units and rng.random() < 0.5 else None
    day = rng.choice(WHEN + w.DAYS) if when and rng.random() < 0.6 else None
    arguments = {place: city}
    if unit:
        arguments["unit"] = unit
    if day:
        arguments[when] = day
    q = question(rng, typed, unit, day)
    if known and rng.random() < 0.6:
        q = ask(rng, "(And in|What about|How about|And) $c?", c=typed)
        arguments = {place: city}
    out = [user(q), call(name, arguments)]
    if rng.random() < 0.35 and known is None:
        return out, city
    text, sky, degrees = result(rng, place, city, unit)
    scale = "" if not unit or unit in ("c", "f", "C", "F", "metric", "imperial") else f" {unit.capitalize()}"
    short = city.split(",")[0]
    out.append({"role": "tool", "content": text})
    if sky:
        out.append(
            tide(
                say(
                    rng,
                    "It is $s in $c and the temperature is $t degrees$u.",
                    "The weather in $c is $s, with $t degrees$u.",
                    c=short,
                    s=sky,
                    t=degrees,
                    u=scale,
                )
            )
        )
    else:
        out.append(
            tide(
                say(
                    rng,
                    "The temperature in $c is $t degrees$u.",
                    "It is $t degrees$u in $c.",
                    c=short,
                    t=degrees,
                    u=scale,
                )
            )
        )
    return out, city


def tools_for(rng):
    spec = weather_tool(rng)
    tools = [spec[0]] + [other_tool(rng, n) for n in rng.sample(list(OTHERS), rng.choice([0, 0, 0, 0, 1, 1, 2]))]
    rng.shuffle(tools)
    return spec, tools


def with_weather(rng, s, plain):
    """A conversation with a weather tool; `plain` makes one exchange that needs no tool."""
    spec, tools = tools_for(rng)
    out = []
    if rng.random() < 0.22:
        out += plain(rng, s)
    turn, city = ask_weather(rng, s, *spec)
    out += turn
    if turn[-1]["role"] == "assistant" and "tool_calls" not in turn[-1]:
        roll = rng.random()
        if roll < 0.25:
            out += ask_weather(rng, s, *spec, known=city)[0]
        elif roll < 0.5:
            out += plain(rng, s)
        elif roll < 0.6:
            out += [user(ask(rng, "(Thanks|Thank you|Great, thanks)(!|.|)")), tide("You are welcome!")]
    return out, tools


def unrelated(rng, s, plain):
    """Tools are there, the question needs none of them."""
    _, tools = tools_for(rng)
    if rng.random() < 0.2:
        tools = [other_tool(rng)]
    out = plain(rng, s)
    if rng.random() < 0.3:
        out = out + plain(rng, s)
    return out, tools


def wrong_tool(rng, s, plain):
    """The weather is asked for and only other tools are there; or another tool is the right one."""
    name = rng.choice([n for n in OTHERS])
    tools = [other_tool(rng, n) for n in dict.fromkeys([name, rng.choice(list(OTHERS))])]
    city, typed = some_city(rng)
    if rng.random() < 0.4:
        return [
            user(question(rng, typed, None, None)),
            tide(say(rng, "I (cannot|can't) look up the weather with the tools I have(, sorry|).")),
        ], tools
    if rng.random() < 0.5:
        spec, tools = tools_for(rng)
        tools = [t for t in tools if t["function"]["name"] != "get_time"] + [other_tool(rng, "get_time")]
        return [
            user(
                ask(
                    rng,
                    "(What time is it|What's the time|Tell me the time|What is the local time|Current time) in $c?",
                    c=typed,
                )
            ),
            call("get_time", {"timezone": city}),
        ], tools
    word = rng.choice([invented(rng, False), rng.choice(w.FOODS), rng.choice(w.HOBBIES), rng.choice(list(w.ANIMALS))])
    asks = {
        "search_web": "(Search the web for|Search for|Look up|Google) $x.",
        "play_music": "(Play|Please play|Play the song) $x.",
        "get_news": "(What is the news about|Get the news about|News about|Latest news on) $x?",
        "get_stock_price": "(What is the stock price of|Price of the stock|Get the stock price of) $x?",
    }
    name = rng.choice(list(asks))
    key = OTHERS[name][1]
    tools = [other_tool(rng, name)] + [t for t in tools if t["function"]["name"] != name]
    if rng.random() < 0.5:
        tools.append(weather_tool(rng)[0])
    rng.shuffle(tools)
    return [user(ask(rng, asks[name], x=word)), call(name, {key: word})], tools


def no_tool(rng, s):
    """The weather is asked for and there is no tool at all."""
    city, typed = some_city(rng)
    return [
        user(question(rng, typed, None, None)),
        tide(
            say(
                rng,
                "I (cannot|can't) look up the weather( in $c||), because I have no tool for it.",
                c=city.split(",")[0],
            )
        ),
    ]
