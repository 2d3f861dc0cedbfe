"""Queries as trees: what they are made of, and how they are written for each server."""


class Node:
    """A part of a query. `kind` is scalar, string, vector or matrix."""

    kind = "vector"

    def children(self):
        return []

    def text(self, dialect):
        """The query as `dialect` (a Dialect) wants it."""
        raise NotImplementedError

    def walk(self):
        yield self
        for child in self.children():
            yield from child.walk()


class Dialect:
    """How a query is written: for which server, and what `@ start()` and `@ end()` stand for, in milliseconds."""

    def __init__(self, is_moheng, start_ms=None, end_ms=None):
        self.is_moheng, self.start_ms, self.end_ms = is_moheng, start_ms, end_ms


class Number(Node):
    kind = "scalar"

    def __init__(self, literal):
        self.literal = literal

    def text(self, dialect):
        return self.literal


class Text(Node):
    kind = "string"

    def __init__(self, value):
        self.value = value

    def text(self, dialect):
        return quote(self.value)


class Modifiers:
    """`offset` in milliseconds, a multiple of 100; `at`: None, "start()", "end()" or milliseconds."""

    def __init__(self, offset_ms=None, at=None, is_at_first=True):
        self.offset_ms, self.at, self.is_at_first = offset_ms, at, is_at_first

    def text(self, dialect):
        at = self.at
        if at == "start()" and dialect.start_ms is not None:
            at = dialect.start_ms
        if at == "end()" and dialect.end_ms is not None:
            at = dialect.end_ms
        parts = []
        if at is not None:
            parts.append(f" @ {at if isinstance(at, str) else seconds(at)}")
        if self.offset_ms is not None:
            parts.append(f" offset {duration(self.offset_ms)}")
        return "".join(parts if self.is_at_first else reversed(parts))


class Selector(Node):
    """`range_ms` makes it a range selector."""

    def __init__(self, name, matchers, modifiers, range_ms=None):
        self.name, self.matchers, self.modifiers, self.range_ms = name, matchers, modifiers, range_ms
        self.kind = "vector" if range_ms is None else "matrix"

    def text(self, dialect):
        out = self.name or ""
        if self.matchers or not self.name:
            out += "{" + ", ".join(f"{label}{op}{quote(value)}" for label, op, value in self.matchers) + "}"
        if self.range_ms is not None:
            out += f"[{duration(self.range_ms)}]"
        return out + self.modifiers.text(dialect)


class Subquery(Node):
    """The windows of subqueries are 13 ms off the grid, so that no point falls on an edge."""

    kind = "matrix"

    def __init__(self, inner, range_ms, step_ms, modifiers):
        self.inner, self.range_ms, self.step_ms, self.modifiers = inner, range_ms + 13, step_ms, modifiers

    def children(self):
        return [self.inner]

    def text(self, dialect):
        inner = self.inner.text(dialect)
        if not isinstance(self.inner, (Call, Selector, Paren)):
            inner = f"({inner})"
        step = "" if self.step_ms is None else duration(self.step_ms)
        return f"{inner}[{duration(self.range_ms)}:{step}]{self.modifiers.text(dialect)}"


class Call(Node):
    def __init__(self, name, arguments, kind="vector", new_name=None):
        self.name, self.arguments, self.kind, self.new_name = name, arguments, kind, new_name or name

    def children(self):
        return self.arguments

    def text(self, dialect):
        name = self.new_name if dialect.is_moheng else self.name
        return f"{name}({', '.join(argument.text(dialect) for argument in self.arguments)})"


class Aggregate(Node):
    """`grouping` is None or ("by" or "without", labels)."""

    def __init__(self, operator, parameter, inner, grouping, is_grouping_first):
        self.name, self.parameter, self.inner = operator, parameter, inner
        self.grouping, self.is_grouping_first = grouping, is_grouping_first

    def children(self):
        return [self.inner] if self.parameter is None else [self.parameter, self.inner]

    def text(self, dialect):
        arguments = f"({', '.join(child.text(dialect) for child in self.children())})"
        if self.grouping is None:
            return self.name + arguments
        grouping = f" {self.grouping[0]} ({', '.join(self.grouping[1])})"
        return self.name + (f"{grouping} {arguments}" if self.is_grouping_first else arguments + grouping)


class Binary(Node):
    """`matching` is None or ("on" or "ignoring", labels, None or ("group_left" or "group_right", labels))."""

    def __init__(self, operator, left, right, is_bool=False, matching=None):
        self.name, self.left, self.right = operator, left, right
        self.is_bool, self.matching = is_bool, matching
        self.kind = "scalar" if left.kind == right.kind == "scalar" else "vector"

    def children(self):
        return [self.left, self.right]

    def text(self, dialect):
        operator = self.name + (" bool" if self.is_bool else "")
        if self.matching:
            word, labels, group = self.matching
            operator += f" {word} ({', '.join(labels)})"
            if group:
                operator += f" {group[0]} ({', '.join(group[1])})"
        return f"{wrapped(self.left, dialect)} {operator} {wrapped(self.right, dialect)}"


class Unary(Node):
    name = "unary"

    def __init__(self, operator, inner):
        self.operator, self.inner, self.kind = operator, inner, inner.kind

    def children(self):
        return [self.inner]

    def text(self, dialect):
        return f"{self.operator}{wrapped(self.inner, dialect)}"


class Paren(Node):
    name = "paren"

    def __init__(self, inner):
        self.inner, self.kind = inner, inner.kind

    def children(self):
        return [self.inner]

    def text(self, dialect):
        return f"({self.inner.text(dialect)})"


def wrapped(node, dialect):
    text = node.text(dialect)
    is_negative = isinstance(node, Number) and text[0] in "+-"
    return f"({text})" if is_negative or isinstance(node, (Binary, Unary)) else text


def quote(value):
    out = "".join({"\\": "\\\\", '"': '\\"', "\n": "\\n"}.get(letter, letter) for letter in value)
    return f'"{out}"'


def duration(ms):
    if ms < 0:
        return "-" + duration(-ms)
    out = ""
    for unit, length in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if ms >= length:
            out += f"{ms // length}{unit}"
            ms %= length
    return out or "0s"


def seconds(ms):
    return f"{'-' if ms < 0 else ''}{abs(ms) // 1000}.{abs(ms) % 1000:03d}"
