"""Words and sentence frames that synthetic prompts are made of. ``%(slot)s`` takes a word of that list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["COMMENTS", "FUNCTIONS", "INSTRUCTIONS", "SENTENCES", "SHORT", "WORDS"]

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    key: tuple(words.split())
    for key, words in {
        "person": "baker captain clerk doctor farmer gardener miller nurse painter pilot poet porter ranger sailor "
        "teacher tailor traveller widow",
        "thing": "basket bell blanket boat book bridge candle clock coat door drum flute garden kettle key ladder "
        "lamp letter map mirror picture ring road rope ship stove table tower wagon well window",
        "place": "bakery bay castle chapel city cottage desert farm forest harbour hill hotel island kitchen "
        "library market meadow museum river school station street theatre valley village",
        "quality": "bright broken careful cheerful cold curious dark distant dusty faithful famous gentle golden "
        "heavy lonely narrow patient peculiar quiet rusty silver simple slow small soft strange tired "
        "warm wooden",
        "did": "borrowed carried chose cleaned discovered drew followed found forgot kept lost mended noticed "
        "opened painted remembered returned sold stole watched",
        "when": "afterwards early late now often once rarely slowly sometimes soon today twice",
        "month": "January March April June July August October December",
        "system": "backend broker cache cluster compiler container database firewall gateway kernel "
        "load-balancer message-broker network pipeline proxy queue router scheduler server service "
        "storage worker",
        "part": "buffer certificate checksum connection cursor header heap lock log page partition replica "
        "request response retry session shard snapshot socket thread timeout token transaction",
        "trait": "bounded buffered cached compressed concurrent consistent distributed mutable "
        "lazy lossy nested parallel persistent redundant sorted stateless synchronous "
        "transient",
        "effect": "blocks compresses copies drops duplicates flushes invalidates limits locks merges rebuilds "
        "rejects releases reorders replays retries scans sorts splits throttles validates",
        "measure": "accuracy availability bandwidth concurrency cost latency memory throughput utilisation",
        "topic": "algebra biology chemistry climate cooking cycling design economics football gardening geography "
        "history hiking music painting philosophy photography physics poetry politics travel",
        "mine": "bike boss brother budget camera car cat daughter dog friend garden laptop manager "
        "neighbour phone project sister team",
        "want": "book buy change check fix improve learn move paint plan prepare sell start understand visit",
        "feel": "annoyed bored confused curious excited happy lost nervous proud sad sure surprised tired worried",
        "verb": "add build check clean collect count fetch filter find load merge parse read remove save sort "
        "split sum update",
        "object": "account batch block cell client customer edge entry event file group image invoice item job "
        "line message node order point price record row score step user value word",
        "field": "amount color count date email height index key label length level limit name offset owner "
        "rank size state title total type weight width year",
        "number": "2 3 4 5 8 10 12 16 20 24 30 32 40 50 60 64 75 90 100 120 128 200 250 256 300 365 400 500 512",
    }.items()
}

SHORT: Final = (
    "Continue", "Explain", "Hello", "Proceed", "Help", "Why", "Why?", "Thanks!", "Go on", "Say more", "Next step",
    "Tell me more", "Try that again", "One more time", "What happens next?", "Can you help?", "Explain it once more",
    "Where do I begin?", "Say that another way.", "Make it a little shorter.", "Give me one good example.",
)  # fmt: skip
"""Requests of one to six tokens, for every style."""

SENTENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "prose": (
        "What is a %(thing)s?",
        "The %(thing)s was %(quality)s.",
        "The %(person)s %(did)s the %(thing)s.",
        "Every %(person)s knew the %(place)s well.",
        "It was %(quality)s in the %(place)s that %(month)s.",
        "The %(quality)s %(person)s %(did)s a %(quality)s %(thing)s.",
        "In %(month)s the %(person)s %(did)s the %(thing)s near the %(place)s.",
        "Nobody in the %(place)s %(did)s the %(thing)s but the %(quality)s %(person)s.",
        "When the %(person)s came to the %(place)s, the %(thing)s was %(quality)s and %(quality)s.",
        "The %(person)s and the %(person)s %(did)s the %(thing)s, and %(when)s they spoke of the %(place)s.",
        "Write a story about a %(quality)s %(person)s who %(did)s the %(thing)s of a %(quality)s %(place)s.",
        "Describe how the %(person)s %(did)s the %(thing)s.",
        "Why had the %(person)s %(did)s a %(thing)s so %(quality)s?",
        "Last %(month)s, a %(person)s %(did)s the %(quality)s %(thing)s.",
        "The %(thing)s in the %(place)s was %(quality)s, the %(person)s thought.",
        "Imagine a %(quality)s %(place)s where every %(person)s %(did)s a %(thing)s.",
        "Summarize what the %(person)s said about the %(place)s and the %(quality)s %(thing)s in two sentences.",
        "Of %(number)s people in the %(place)s, only the %(person)s had ever seen the %(thing)s.",
        "There was a %(quality)s %(thing)s in the %(place)s, and the %(person)s %(did)s it %(when)s.",
        "Behind the %(place)s stood a %(quality)s %(thing)s, which the %(quality)s %(person)s %(when)s %(did)s.",
        "The road from the %(place)s to the %(place)s was %(quality)s, so the %(person)s %(did)s a %(thing)s instead.",
    ),
    "technical": (
        "What is a %(part)s?",
        "Define %(trait)s %(part)s.",
        "The %(system)s %(effect)s each %(part)s.",
        "Measure the %(measure)s of the %(system)s.",
        "How does a %(system)s keep its %(part)s %(trait)s?",
        "Compare a %(trait)s %(system)s with a %(trait)s one.",
        "The %(system)s %(effect)s the %(part)s after %(number)s ms.",
        "Explain why a %(trait)s %(system)s %(effect)s every %(part)s under load.",
        "If the %(part)s is %(trait)s, the %(system)s %(effect)s it before the %(system)s can read it.",
        "We saw %(measure)s fall by %(number)s percent when the %(system)s became %(trait)s.",
        "With %(number)s replicas the %(system)s %(effect)s one in %(number)s of its %(part)s entries.",
        "List three ways to improve the %(measure)s of a %(trait)s %(system)s without losing %(measure)s.",
        "Describe the path of a %(part)s from the %(system)s through the %(trait)s %(system)s to the %(system)s.",
        "A %(trait)s %(part)s costs %(measure)s, while a %(trait)s one costs %(measure)s.",
        "What happens to %(measure)s when the %(system)s %(effect)s a %(part)s that another %(system)s still holds?",
        "Analyse the trade-off between %(measure)s and %(measure)s for a %(system)s that %(effect)s its %(part)s.",
        "Our %(system)s %(effect)s the %(part)s twice per minute, and the %(system)s %(effect)s it again.",
    ),
    "conversation": (
        "I feel %(feel)s today.",
        "Do you like %(topic)s?",
        "What should I %(want)s first?",
        "My %(mine)s makes me %(feel)s.",
        "Can you help me %(want)s a %(mine)s?",
        "I am %(feel)s about my %(mine)s, honestly.",
        "Thanks, that helps, but I still feel %(feel)s.",
        "My %(mine)s and I talked about %(topic)s until late.",
        "Last %(month)s I wanted to %(want)s my %(mine)s, but I was too %(feel)s.",
        "How would you explain %(topic)s to my %(mine)s in plain words?",
        "I have %(number)s dollars and want to %(want)s something for my %(mine)s.",
        "Okay, so if I %(want)s the %(mine)s now, will my %(mine)s be %(feel)s about it?",
        "Between us, I was %(feel)s when my %(mine)s said that %(topic)s is easy.",
        "Sorry, I meant %(topic)s, not %(topic)s!",
        "Give me some ideas for a weekend of %(topic)s with my %(mine)s, we have %(number)s hours.",
        "You said I should %(want)s it in %(month)s, but could I %(want)s it before %(month)s instead?",
        "Is %(topic)s something that I could still learn to like by %(month)s, or not?",
        "Wait, is it normal to be %(feel)s before you %(want)s a %(mine)s?",
    ),
}

INSTRUCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    language: tuple(
        frame.replace("LANGUAGE", title)
        for frame in (
            "Fix this LANGUAGE code:",
            "Review my LANGUAGE code:",
            "What does this LANGUAGE do?",
            "Write tests for this LANGUAGE code:",
            "Explain this LANGUAGE code in %(number)s words:",
            "Find the bug in this LANGUAGE function:",
            "Is this LANGUAGE code safe?",
            "Shorten this LANGUAGE without changing any %(field)s:",
            "Does this LANGUAGE %(verb)s every %(object)s?",
            "Which %(object)s does this LANGUAGE %(verb)s first, and why?",
            "Port the LANGUAGE below, but %(verb)s by %(field)s:",
            "Say in plain words how this LANGUAGE can %(verb)s the %(object)s:",
            "Our LANGUAGE has to %(verb)s each %(object)s once, so what is wrong here?",
            "Rewrite this LANGUAGE code so that it can %(verb)s each %(object)s:",
            "This LANGUAGE code should %(verb)s the %(object)s. Why does it fail?",
            "Add types and a docstring to this LANGUAGE code, and keep the %(field)s as it is:",
            "The LANGUAGE below is slow for %(number)s of our %(object)s entries. Make it faster:",
            "Please %(verb)s the %(object)s by %(field)s, then by %(field)s, in the LANGUAGE code that follows:",
        )
    )
    for language, title in (("python", "Python"), ("javascript", "JavaScript"))
}

COMMENTS: Final = (
    "done",
    "see above",
    "%(verb)s the %(object)s",
    "no %(field)s here yet",
    "%(verb)s by %(field)s",
    "%(field)s first",
    "%(verb)s every %(object)s by %(field)s",
    "then %(verb)s what is left of the %(object)s",
    "a %(field)s of %(number)s is enough for each %(object)s here",
    "keep the %(field)s of each %(object)s",
    "%(verb)s the %(object)s before the next %(object)s",
    "at most %(number)s of them, by %(field)s and %(field)s",
    "%(verb)s and %(verb)s each %(object)s until its %(field)s is known",
    "the %(object)s has a %(field)s and the %(object)s has a %(field)s too",
    "if the %(field)s is missing, %(verb)s the %(object)s and %(verb)s it again",
)
"""What the comments say that bring a piece of code to its wished length."""

FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "python": (
        "def %(verb)s_%(object)s(%(object)s):\n    return %(object)s.%(field)s + %(number)s",
        "%(field)s_limit = %(number)s\n%(object)s_list = [x for x in range(%(number)s) if x != %(number)s]",
        "def %(verb)s_%(object)s(items, %(field)s=%(number)s):\n    total = 0\n    for item in items:\n"
        "        if item.%(field)s > %(field)s:\n            total += item.%(field)s\n    return total",
        "class %(object)s_%(field)s:\n    def __init__(self, %(field)s, %(field)s_%(number)s=None):\n"
        "        self.%(field)s = %(field)s\n        self.%(object)s = []\n\n"
        "    def %(verb)s(self):\n        return len(self.%(object)s) * %(number)s",
        'with open("%(object)s.txt") as source:\n    %(object)s = [line.strip() for line in source]',
        "def %(verb)s_by_%(field)s(rows):\n    groups = {}\n    for row in rows:\n"
        '        groups.setdefault(row["%(field)s"], []).append(row["%(field)s"])\n    return groups',
        "try:\n    %(object)s = %(verb)s_%(object)s(%(number)s)\nexcept ValueError:\n    %(object)s = None",
        "async def %(verb)s_%(object)s(client, url):\n    response = await client.get(url)\n"
        "    if response.status != 200:\n        return None\n    return await response.json()",
        'assert %(verb)s_%(object)s([%(number)s, %(number)s]) == %(number)s, "wrong %(field)s"',
        "%(object)s = sorted(%(object)s, key=lambda x: x.%(field)s)[:%(number)s]",
    ),
    "javascript": (
        "function %(verb)s(%(object)s) {\n  return %(object)s.%(field)s + %(number)s;\n}",
        "const %(object)s = [%(number)s, %(number)s, %(number)s].map((x) => x * %(number)s);",
        "function %(verb)sAll(items, %(field)s = %(number)s) {\n  let total = 0;\n  for (const item of items) {\n"
        "    if (item.%(field)s > %(field)s) {\n      total += item.%(field)s;\n    }\n  }\n  return total;\n}",
        "class %(object)sList {\n  constructor(%(field)s) {\n    this.%(field)s = %(field)s;\n"
        "    this.items = [];\n  }\n\n  %(verb)s() {\n    return this.items.length * %(number)s;\n  }\n}",
        "const %(verb)s = async (url) => {\n  const response = await fetch(url);\n  if (!response.ok) {\n"
        '    throw new Error("no %(object)s");\n  }\n  return response.json();\n};',
        "export const %(verb)sBy = (rows) =>\n  rows.reduce((sums, row) => {\n"
        "    sums[row.%(field)s] = (sums[row.%(field)s] || 0) + row.%(field)s;\n    return sums;\n  }, {});",
        "try {\n  %(verb)s(%(object)s);\n} catch (error) {\n  console.log(error.message);\n}",
        "setTimeout(() => %(verb)s(%(object)s.%(field)s), %(number)s);",
        "items.sort((a, b) => a.%(field)s - b.%(field)s);",
        'if (%(object)s.%(field)s === "%(field)s") {\n  %(verb)s(%(object)s, %(number)s);\n}',
    ),
}
