"""Queries that somebody mistyped: one or two tokens of a random query lost, doubled, moved, or put in."""

import re

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_:]*|[0-9][0-9A-Za-z.]*(?:e-[0-9]+)?|=~|!~|!=|==|<=|>=|\S')
INSERTED = [
    "(", ")", "[", "]", "{", "}", ",", ":", "=", "=~", "!~", "==", "+", "-", "*", "^", "%", "@", "offset", "by", "without", "on", "ignoring",
    "group_left", "group_right", "bool", "and", "or", "unless", "atan2", "sum", "rate", "abs", "foo", "nosuch(", '"', "'", "`", '"text"', "5m",
    "5x", "1e", "0x", "NaN", "inf", "[5m]", "[5m:1m]", "offset 5m", "@ 0", "{}", '{a="b"}', '{a=~"("}', "by (job)", "#", ";", "!", "\\", "\u00e9",
]


def malformed(random, text):
    """A text that is hardly a query any more."""
    tokens = TOKEN.findall(text)
    for _ in range(random.choice([1, 1, 1, 2])):
        at = random.randrange(len(tokens)) if tokens else 0
        choice = random.random()
        if choice < 0.25:
            del tokens[at : at + 1]
        elif choice < 0.35:
            tokens[at:at] = tokens[at : at + 1]
        elif choice < 0.5:
            other = random.randrange(len(tokens)) if tokens else 0
            tokens[at : at + 1], tokens[other : other + 1] = tokens[other : other + 1], tokens[at : at + 1]
        elif choice < 0.6:
            tokens = tokens[:at]
        else:
            tokens.insert(at, random.choice(INSERTED))
    return " ".join(tokens)
