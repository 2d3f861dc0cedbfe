"""Random well-typed queries of the language that Prometheus 2.42 and moheng share."""

from data import BASE_MS, BOUNDS, CODES, INSTANCES, JOBS, LENGTH_MS, PATHS
from tree import Aggregate, Binary, Call, Modifiers, Number, Paren, Selector, Subquery, Text, Unary

COUNTERS = ["requests_total", "errors_total", "latency_bucket", "latency_count", "latency_sum"]
GAUGES = ["gauge", "level", "few", "build_info"]
METRICS = [*COUNTERS, *GAUGES, *GAUGES, "wild", "missing"]
VALUES = {"job": JOBS, "instance": INSTANCES, "path": PATHS, "code": CODES, "le": [*BOUNDS, "+Inf"], "none": [""]}
LABELS = ["job", "instance", "path", "code", "le", "none"]
REGEXES = {"job": ["a.*|web", ".+", ".*", "api|db server"], "instance": ["[ab]:80", "a.*|d.*", ".*"], "code": ["4..|5..", "2.*"]}

MAPS = [
    "abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "sgn", "deg", "rad", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
]
DATES = ["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"]
WINDOWS = [
    "rate", "increase", "irate", "delta", "idelta", "deriv", "resets", "changes", "avg_over_time", "sum_over_time",
    "min_over_time", "max_over_time", "count_over_time", "stddev_over_time", "stdvar_over_time", "last_over_time",
    "present_over_time",
]
REDUCTIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", ">", "<", ">=", "<="]
SETS = ["and", "or", "unless"]
NUMBERS = ["0", "1", "-1", "2", "0.5", "3.25", "100", "1e3", "-7", "0.1", "1e300", "NaN", "Inf", "-Inf", "0x1f", "2.5e-3"]
TAME_NUMBERS = ["0", "1", "-1", "2", "0.5", "3.25", "100", "-7"]


class Generator:
    """Makes queries; `deepest` bounds how far they nest."""

    def __init__(self, random, has_smoothing):
        self.random, self.has_smoothing = random, has_smoothing

    def query(self):
        depth = self.random.choice([1, 1, 2, 2, 2, 3, 3, 4])
        return self.scalar(depth) if self.random.random() < 0.04 else self.vector(depth)

    def pick(self, *choices):
        """One of (weight, function), called."""
        weights = [weight for weight, _ in choices]
        return self.random.choices([make for _, make in choices], weights)[0]()

    def vector(self, depth):
        if depth <= 0:
            return self.selector()
        return self.pick(
            (2, self.selector),
            (8, lambda: self.window(depth)),
            (6, lambda: self.aggregate(depth)),
            (6, lambda: self.binary(depth)),
            (4, lambda: self.map(depth)),
            (2, lambda: self.labels(depth)),
            (2, lambda: self.quantile(depth)),
            (1, lambda: self.special(depth)),
        )

    def scalar(self, depth):
        if depth <= 0:
            return Number(self.random.choice(NUMBERS))
        return self.pick(
            (5, lambda: Number(self.random.choice(NUMBERS))),
            (2, lambda: Call("scalar", [self.vector(depth - 1)], "scalar")),
            (1, lambda: Call("time", [], "scalar")),
            (1, lambda: Call("pi", [], "scalar")),
            (2, lambda: self.scalar_binary(depth)),
            (1, lambda: Unary("-", Paren(self.scalar(depth - 1)))),
        )

    def scalar_binary(self, depth):
        left, right = self.scalar(depth - 1), self.scalar(depth - 1)
        if self.random.random() < 0.3:
            return Binary(self.random.choice(COMPARISONS), left, right, is_bool=True)
        return Binary(self.random.choice(ARITHMETIC), left, right)

    def parameter(self, depth):
        """A scalar that is rarely anything wild."""
        if self.random.random() < 0.1:
            return self.scalar(min(depth, 1))
        return Number(self.random.choice(TAME_NUMBERS))

    def modifiers(self, is_likely=False):
        random = self.random
        chance = 0.3 if is_likely else 0.12
        offset_ms = at = None
        if random.random() < chance:
            offset_ms = random.choice([60_000, 300_000, -60_000, 1_300, -700, 1_200_000, 3_600_000])
        if random.random() < chance / 2:
            at = random.choice(["start()", "end()", self.time_ms()])
        return Modifiers(offset_ms, at, random.random() < 0.5)

    def time_ms(self):
        """A time around the samples, a multiple of 100 ms."""
        return BASE_MS + self.random.randrange(-600_000, LENGTH_MS + 900_000) // 100 * 100

    def range_ms(self):
        return self.random.choice([20_000, 60_000, 60_000, 300_000, 300_000, 600_000, 1_800_000, 45_300, 3_600_000])

    def selector(self, range_ms=None, metrics=METRICS):
        random = self.random
        name = random.choice(metrics)
        matchers = []
        for label in random.sample(LABELS, random.choice([0, 0, 0, 1, 1, 2])):
            if label in REGEXES and random.random() < 0.4:
                matchers.append((label, random.choice(["=~", "!~"]), random.choice(REGEXES[label])))
            else:
                matchers.append((label, random.choice(["=", "=", "!="]), random.choice(VALUES[label])))
        if random.random() < 0.06:
            pattern = random.choice(["gauge|level", "requests.*|errors.*", ".+_total", "few|build_info", "lev.*"])
            return Selector(None, [("__name__", "=~", pattern), *matchers], self.modifiers(), range_ms)
        return Selector(name, matchers, self.modifiers(), range_ms)

    def matrix(self, depth, metrics=METRICS):
        random = self.random
        if depth > 1 and random.random() < 0.25:
            step_ms = random.choice([None, 60_000, 15_000, 30_000, 7_700, 120_000])
            range_ms = random.choice([60_000, 300_000, 600_000, 1_800_000])
            inner = self.vector(depth - 2)
            return Subquery(inner, range_ms, step_ms, self.modifiers())
        return self.selector(self.range_ms(), metrics)

    def window(self, depth):
        random = self.random
        choice = random.random()
        if choice < 0.08:
            return Call("quantile_over_time", [self.ratio(depth), self.matrix(depth)])
        if choice < 0.12:
            return Call("predict_linear", [self.matrix(depth), self.parameter(depth)])
        if choice < 0.16:
            return Call("absent_over_time", [self.matrix(depth)])
        if choice < 0.19 and self.has_smoothing:
            factors = [Number(random.choice(["0.1", "0.5", "0.9"])) for _ in range(2)]
            return Call("holt_winters", [self.matrix(depth), *factors], new_name="double_exponential_smoothing")
        name = random.choice(WINDOWS)
        metrics = COUNTERS if name in ("rate", "increase", "irate", "resets") and random.random() < 0.8 else METRICS
        return Call(name, [self.matrix(depth, metrics)])

    def ratio(self, depth):
        if self.random.random() < 0.1:
            return self.scalar(min(depth, 1))
        return Number(self.random.choice(["0", "0.1", "0.5", "0.9", "0.99", "1", "-1", "2", "NaN"]))

    def grouping(self):
        random = self.random
        if random.random() < 0.25:
            return None
        labels = random.sample([*LABELS, "__name__"], random.choice([0, 1, 1, 2, 3]))
        return (random.choice(["by", "by", "without"]), labels)

    def aggregate(self, depth):
        random = self.random
        inner, first, choice = self.vector(depth - 1), random.random() < 0.5, random.random()
        if choice < 0.12:
            k = Number(random.choice(["1", "2", "3", "5", "0", "-1", "100", "1.9"]))
            return Aggregate(random.choice(["topk", "bottomk"]), k, inner, self.grouping(), first)
        if choice < 0.2:
            return Aggregate("quantile", self.ratio(depth), inner, self.grouping(), first)
        if choice < 0.26:
            label = Text(random.choice(["value", "job", "v"]))
            return Aggregate("count_values", label, inner, self.grouping(), first)
        return Aggregate(random.choice(REDUCTIONS), None, inner, self.grouping(), first)

    def binary(self, depth):
        random = self.random
        choice = random.random()
        if choice < 0.35:
            sides = [self.vector(depth - 1), self.scalar(min(depth - 1, 1))]
            random.shuffle(sides)
            return self.operation(*sides)
        if choice < 0.55:
            return self.related(depth)
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        if choice < 0.75:
            return Binary(random.choice(SETS), left, right, matching=self.matching(is_set=True))
        return self.operation(left, right, self.matching())

    def operation(self, left, right, matching=None):
        random = self.random
        if random.random() < 0.4:
            return Binary(random.choice(COMPARISONS), left, right, random.random() < 0.4, matching)
        return Binary(random.choice(ARITHMETIC), left, right, matching=matching)

    def matching(self, is_set=False):
        random = self.random
        if random.random() < 0.35:
            return None
        labels = random.sample([*LABELS, "__name__"], random.choice([0, 1, 2, 3]))
        group = None
        if not is_set and random.random() < 0.4:
            extra = random.sample(LABELS, random.choice([0, 0, 1, 2]))
            word = random.choice(["on", "ignoring"])
            if word == "on":
                extra = [label for label in extra if label not in labels]
            return (word, labels, (random.choice(["group_left", "group_right"]), extra))
        return (random.choice(["on", "ignoring"]), labels, group)

    def related(self, depth):
        """Operations whose sides are likely to match."""
        random = self.random
        keys = random.sample(["job", "instance"], random.choice([1, 2]))
        many = self.vector(depth - 1)
        one = Aggregate(random.choice(["sum", "max", "count", "avg"]), None, self.vector(depth - 1), ("by", keys), False)
        extra = [label for label in ["job", "instance"] if label not in keys and random.random() < 0.2]
        if random.random() < 0.3:
            many = Aggregate(random.choice(["sum", "min"]), None, many, ("by", keys), False)
            return self.operation(many, one)
        if random.random() < 0.5:
            return self.operation(many, one, ("on", keys, ("group_left", extra)))
        return self.operation(one, many, ("on", keys, ("group_right", extra)))

    def map(self, depth):
        random = self.random
        inner = self.vector(depth - 1)
        choice = random.random()
        if choice < 0.45:
            return Call(random.choice(MAPS), [inner])
        if choice < 0.6:
            return Call("round", [inner] + ([self.parameter(depth)] if random.random() < 0.5 else []))
        if choice < 0.7:
            return Call(random.choice(["clamp_min", "clamp_max"]), [inner, self.parameter(depth)])
        if choice < 0.78:
            return Call("clamp", [inner, self.parameter(depth), self.parameter(depth)])
        if choice < 0.88:
            return Call(random.choice(DATES), [inner] if random.random() < 0.8 else [])
        return Unary(random.choice(["-", "-", "+"]), inner)

    def labels(self, depth):
        random = self.random
        inner = self.vector(depth - 1)
        if random.random() < 0.5:
            pattern, replacement = random.choice(
                [("(.*)", "$1"), ("(.).*", "$1-x"), ("a(.*)", "${1}"), ("(.*):(.*)", "$2$1"), ("nothing", "x"), ("", "empty"), (".*", "")]
            )
            target = random.choice([*LABELS, "new", "__name__"])
            texts = [target, replacement, random.choice([*LABELS, "__name__"]), pattern]
            return Call("label_replace", [inner, *map(Text, texts)])
        sources = random.sample(LABELS, random.choice([0, 1, 2, 3]))
        texts = [random.choice([*LABELS, "new"]), random.choice(["", "-", ", "]), *sources]
        return Call("label_join", [inner, *map(Text, texts)])

    def quantile(self, depth):
        random = self.random
        buckets = self.selector(metrics=["latency_bucket"])
        if random.random() < 0.7:
            buckets = Call(random.choice(["rate", "increase", "sum_over_time"]), [self.selector(self.range_ms(), ["latency_bucket"])])
        if random.random() < 0.6:
            labels = ["le", *random.sample(["job", "instance"], random.choice([0, 1]))]
            buckets = Aggregate("sum", None, buckets, ("by", labels), random.random() < 0.5)
        if random.random() < 0.1:
            buckets = self.vector(depth - 1)
        return Call("histogram_quantile", [self.ratio(depth), buckets])

    def special(self, depth):
        random = self.random
        inner = self.vector(depth - 1)
        return self.pick(
            (2, lambda: Call("absent", [inner])),
            (2, lambda: Call("timestamp", [inner])),
            (1, lambda: Call("vector", [self.scalar(depth - 1)])),
            (1, lambda: Call(random.choice(["sort", "sort_desc"]), [inner])),
            (1, lambda: Paren(inner)),
        )
