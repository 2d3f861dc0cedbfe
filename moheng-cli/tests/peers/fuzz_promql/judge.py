"""Whether two answers are the same, and if not, which deliberate difference explains that.

A difference is traced to its origin: the innermost part of the query whose own parts both servers agree on bit for bit. Only there is
it judged, by the rules of differences.md. What follows from an explained difference further out is explained by it."""

import contextlib
import math
import re

from queries import COMPARISONS, DATES
from rounding import EPSILON, power, tolerance
from tree import Binary, Call, Dialect, Selector, Subquery, seconds

# So many steps are looked at one by one at most.
STEPS = 300

# What 2.42 says of texts that are queries for Prometheus 3.
NEWER_SYNTAX = [
    ("durations are numbers", "unexpected duration"),
    ("durations are numbers", r'unexpected number "[^"]*"(\.\.\.)? in (offset|subquery)'),
    ("durations are expressions", "unexpected <op:[-+*/%^]> in (offset|subquery)"),
    ("durations are expressions", r'unexpected "\(" in (offset|subquery)'),
    ("durations are expressions", "missing unit character in duration"),
    ("names may be quoted", 'unexpected string "[^ ]* in (label matching|grouping opts)'),
]

# Where squares or products of samples are summed.
OVERFLOWING = ["stddev", "stdvar", "stddev_over_time", "stdvar_over_time", "deriv", "predict_linear", "avg", "avg_over_time", "holt_winters"]


class Answer:
    """`error` or `series`: labels as a sorted tuple to a list of (milliseconds, value). `order`: labels as they came."""

    def __init__(self, answer):
        self.error, self.series, self.order, self.kind, self.by_time = None, {}, [], None, None
        if answer["status"] != "success":
            self.error = answer.get("error") or "error"
            return
        data = answer["data"]
        self.kind = data["resultType"]
        if self.kind in ("scalar", "string"):
            self.series[()] = [sample(data["result"])]
            return
        for element in data["result"]:
            labels = tuple(sorted(element["metric"].items()))
            samples = element.get("values") or [element["value"]]
            if labels in self.series:
                self.error = f"labels twice: {labels}"
            self.series[labels] = [sample(one) for one in samples]
            self.order.append(labels)

    def points(self):
        if self.by_time is None:
            self.by_time = {(labels, time): value for labels, samples in self.series.items() for time, value in samples}
        return self.by_time


def sample(pair):
    time, text = pair
    return (round(time * 1000), float(text))


def same(left, right):
    """Whether two floats are the same, all NaNs being one."""
    return left == right and math.copysign(1, left) == math.copysign(1, right) or math.isnan(left) and math.isnan(right)


def equal(left, right):
    if left.error or right.error:
        return bool(left.error) == bool(right.error)
    ours, theirs = left.points(), right.points()
    return ours.keys() == theirs.keys() and all(same(value, theirs[key]) for key, value in ours.items())


def is_close(left, right, allowed=0.0):
    """Whether they are the same, or not further than `allowed` from each other."""
    return same(left, right) or (math.isfinite(left) and math.isfinite(right) and abs(left - right) <= allowed)


class Grid:
    """The times that something is asked for. `bounds`: what `start()` and `end()` are of the whole query, in milliseconds."""

    def __init__(self, start_ms, end_ms, step_ms, bounds, is_instant=False):
        self.start_ms, self.end_ms, self.step_ms, self.bounds = start_ms, end_ms, step_ms, bounds
        self.is_instant = is_instant

    def of(self, subquery):
        """The times that the inner part of a subquery is evaluated for."""
        step_ms = subquery.step_ms or 60_000
        first_ms, last_ms = (node_time(subquery, time_ms, self.bounds) for time_ms in (self.start_ms, self.end_ms))
        first_ms = (first_ms - subquery.range_ms) // step_ms * step_ms + step_ms
        return Grid(first_ms, max(first_ms, last_ms), step_ms, self.bounds)

    def times(self):
        return range(self.start_ms, self.end_ms + 1, self.step_ms)


class Judge:
    """Asks both servers. `counts` tells how often each rule explained a difference, `worst` the largest rounding of each function in units of `tolerance`."""

    def __init__(self, prometheus, moheng):
        self.prometheus, self.moheng, self.counts, self.worst = prometheus, moheng, {}, {}

    def ask_both(self, query, path, parameters, bounds=(None, None)):
        answers = []
        for server in (self.prometheus, self.moheng):
            text = query.text(Dialect(server is self.moheng, *bounds))
            answers.append(Answer(server.ask(path, {"query": text, **parameters})))
        return answers

    def instant(self, query, time_ms, bounds=(None, None)):
        return self.ask_both(query, "query", {"time": seconds(time_ms)}, bounds)

    def range(self, query, grid):
        if grid.is_instant:
            return self.instant(query, grid.start_ms, grid.bounds)
        start, end, step = seconds(grid.start_ms), seconds(grid.end_ms), seconds(grid.step_ms)
        return self.ask_both(query, "query_range", {"start": start, "end": end, "step": step}, grid.bounds)

    def check_instant(self, query, time_ms):
        """None when all is well, else what is wrong."""
        def ask():
            return self.instant(query, time_ms)

        theirs, ours = ask()
        if equal(theirs, ours):
            return self.check_order(query, theirs, ours)
        return self.explain_again(query, Grid(time_ms, time_ms, 1000, (time_ms, time_ms), is_instant=True), theirs, ours, ask)

    def check_range(self, query, start_ms, end_ms, step_ms):
        """As `check_instant`."""
        grid = Grid(start_ms, end_ms, step_ms, (start_ms, end_ms))

        def ask():
            return self.range(query, grid)

        theirs, ours = ask()
        return None if equal(theirs, ours) else self.explain_again(query, grid, theirs, ours, ask)

    def check_refused(self, text, time_ms):
        """Whether both refuse a text as no query, or both do not; None when they agree."""
        kinds = []
        for server in (self.prometheus, self.moheng):
            renamed = text.replace("holt_winters", "double_exponential_smoothing") if server is self.moheng else text
            answer = server.ask("query", {"query": renamed, "time": seconds(time_ms)})
            kinds.append(answer.get("error", "error") if answer.get("errorType") == "bad_data" else None)
        if (kinds[0] is None) == (kinds[1] is None):
            return None
        rule = kinds[0] and newer_syntax(text, kinds[0])
        if rule:
            return self.explained(rule)
        return f"prometheus {kinds[0]}, moheng {kinds[1]}"

    def check_order(self, query, theirs, ours):
        """Sorted results agree in the order of values; which of several equal ones comes first is open."""
        if not (isinstance(query, Call) and query.name in ("sort", "sort_desc")) or theirs.error:
            return None
        values = [[answer.series[labels][0][1] for labels in answer.order] for answer in (theirs, ours)]
        if all(same(left, right) for left, right in zip(*values)):
            return None
        return f"sorted differently: {values}"

    def explained(self, rule):
        self.counts[rule] = self.counts.get(rule, 0) + 1

    def explain_again(self, query, grid, theirs, ours, ask):
        """As `explain`. The parts may have been asked when Prometheus summed in another order: then it is asked again."""
        for _ in range(3):
            problem = self.explain(query, grid, theirs, ours)
            theirs, again = ask()
            if problem is None or not equal(ours, again):
                break
            if equal(theirs, ours):
                return self.explained("2.42 is undecided")
        return problem

    def explain(self, node, grid, theirs, ours):
        """None when the difference is explained, else what is wrong."""
        parts = []
        for part in node.children():
            if part.kind == "string" or is_selector_for_timestamp(node, part):
                continue
            if isinstance(part, Subquery):
                inner_grid = grid.of(part)
                both = self.range(part.inner, inner_grid)
                if not equal(*both):
                    return self.explain(part.inner, inner_grid, *both)
            if part.kind == "matrix":
                parts.append(None)
                continue
            both = self.range(part, grid)
            if not equal(*both):
                return self.explain(part, grid, *both)
            parts.append(both[1])
        problem = f"origin {node.text(Dialect(True, *grid.bounds))!r} at {grid.start_ms} to {grid.end_ms} by {grid.step_ms}:"
        again = self.range(node, grid)
        if not equal(theirs, again[0]) and equal(ours, again[1]) and wavers(node, theirs, again[0], ours):
            return self.explained("2.42 is undecided")
        rule = self.rule_for_all(node, grid, parts, theirs, ours)
        if rule:
            return self.explained(rule)
        if theirs.error or ours.error:
            return f"{problem} prometheus {theirs.error}, moheng {ours.error}"
        found = differences(theirs, ours)
        for difference in found:
            rule = self.rule_for(node, grid, parts, difference)
            if not rule:
                return f"{problem} {difference}, one of {len(found)}"
            self.explained(rule)
        return None

    def rule_for_all(self, node, grid, parts, theirs, ours):
        """The rule that explains the whole answer, where all parts are the same."""
        name = getattr(node, "name", None)
        if ours.error and not theirs.error:
            return self.rule_for_error(node, grid, parts, ours.error)
        if theirs.error and not ours.error:
            if "same labelset" in theirs.error and self.agrees_alone(node, grid, ours):
                return "series with the same labels are merged"
            return None
        if name in ("topk", "bottomk") and same_values(theirs, ours, parts[-1]):
            return "ties"
        if name == "atan2" and are_close_without_names(theirs, ours):
            return "atan2 drops the name"
        if name == "count_values" and forgets_labels(node) and self.agrees_alone(node, grid, ours):
            return "count_values keeps its grouping"
        return None

    def rule_for_error(self, node, grid, parts, error):
        """The rule that explains an error that only moheng gives."""
        name = getattr(node, "name", None)
        if name == "atan2" and ("same labelset" in error or "unique matches" in error):
            plus = Binary("+", node.left, node.right, matching=node.matching)
            if self.range(plus, grid)[0].error:
                return "atan2 drops the name"
        if name not in COMPARISONS or node.is_bool:
            return None
        if "many-to-one matching must be explicit" in error:
            told = Binary(name, node.left, node.right, True, node.matching)
            if self.range(told, grid)[0].error:
                return "comparisons match before they filter"
        if "unique matches" in error and has_two_of_one(node, parts):
            return "comparisons match before they filter"
        return None

    def agrees_alone(self, node, grid, ours):
        """Whether Prometheus says the same as `ours` when it is asked for each time alone."""
        points, times = ours.points(), list(grid.times())
        if len(times) > STEPS:
            return False
        for time_ms in times:
            alone = self.instant(node, time_ms, grid.bounds)[0]
            expected = {labels: value for (labels, at), value in points.items() if at == time_ms}
            found = {labels: value for (labels, _), value in alone.points().items()}
            if alone.error or found.keys() != expected.keys():
                return False
            if not all(self.is_rounded(node, value, expected[labels], [], []) for labels, value in found.items()):
                return False
        return True

    def rule_for(self, node, grid, parts, difference):
        """The rule that explains one value that is not the same, where all parts are."""
        labels, time_ms, theirs, ours = difference
        name = getattr(node, "name", None)
        if isinstance(node, Call) and any(forgets_at(part, grid) for part in node.arguments):
            return "subqueries that begin with the query forget @"
        inputs = [value for part in parts if part for (_, at), value in part.points().items() if at == time_ms]
        if self.is_moving_window(node, grid, inputs, difference):
            return "windows that @ fixes do not move"
        if theirs is None or ours is None:
            return "timestamp forgets offset beside @" if forgets_offset(node) else None
        own = {value for part in parts if part for (who, at), value in part.points().items() if at == time_ms and without_name(who) == labels}
        own = own.pop() if len(own) == 1 else 0.0
        # The larger an exponent, the larger its power's rounding; a large base is no reason.
        exponents = [value for (_, at), value in parts[1].points().items() if at == time_ms] if name == "^" else inputs
        if self.is_rounded(node, theirs, ours, exponents, self.window(node, grid, labels, time_ms)):
            return "rounding"
        if isinstance(node, Call) and None in parts:
            inputs = [value for _, value in self.window(node, grid, labels, time_ms)]
        if forgets_offset(node):
            return "timestamp forgets offset beside @"
        if name in OVERFLOWING and not math.isfinite(theirs) and is_huge(inputs):
            return "overflow"
        if name == "histogram_quantile" and is_rounding_of_buckets(parts, difference):
            return "counts of buckets are rounded"
        if name in ("rate", "increase") and self.is_extrapolation(node, grid, difference):
            return "extrapolation stops at half a sample's distance"
        if name in ("stddev", "stdvar") and theirs == 0 and math.isnan(ours) and not all(map(math.isfinite, inputs)):
            return "deviation of one value that is not finite"
        if name in DATES and math.isnan(ours) and not abs(own) <= 2.0**53:
            return "no date so far away"
        if name in ("ln", "log2", "log10", "^") and 0 < own < 2.0**-1022:
            return "logarithms of the smallest numbers"
        if name in ("exp", "sinh", "cosh") and math.isinf(theirs) and abs(own) > 709:
            return "exponentials of 709"
        return None

    def window(self, node, grid, labels, time_ms):
        """The samples that a function of a window sees of a series: seconds from the origin of its line, value."""
        if not isinstance(node, Call) or not any(part.kind == "matrix" for part in node.arguments):
            return []
        found = [samples for who, samples in self.samples(node, grid, time_ms).items() if without_name(who) == without_name(labels)]
        samples = found[0] if found else []
        origin_ms = samples[0][0] if samples and node.name == "deriv" else time_ms
        return [((at_ms - origin_ms) / 1000, value) for at_ms, value in samples]

    def is_rounded(self, node, theirs, ours, inputs, window):
        name = getattr(node, "name", None)
        parameter = max((abs(value) for value in inputs if math.isfinite(value)), default=0.0)
        terms = [value for _, value in window] if window else inputs
        allowed, unit = tolerance(name, max(abs(theirs), abs(ours)), terms, parameter, window)
        if math.isfinite(theirs) and math.isfinite(ours) and theirs != ours and unit > 0:
            units = abs(theirs - ours) / unit
            if is_close(theirs, ours, allowed) and units > self.worst.get(str(name), 0.0):
                self.worst[str(name)] = units
        return is_close(theirs, ours, allowed)

    def samples(self, node, grid, time_ms):
        """The samples in the windows of a function at a time, by labels."""
        (window,) = (part for part in node.arguments if part.kind == "matrix")
        return self.instant(window, time_ms, grid.bounds)[1].series

    def is_moving_window(self, node, grid, scalars, difference):
        """Whether Prometheus moves a window with the evaluation time although `@` fixes it: asked for one time, it agrees with us."""
        labels, time_ms, _, ours = difference
        if not isinstance(node, Call) or time_ms == grid.start_ms:
            return False
        if not any(part.kind == "matrix" and part.modifiers.at is not None for part in node.arguments):
            return False
        alone = self.instant(node, time_ms, grid.bounds)[0].points().get((labels, time_ms))
        if alone is None or ours is None:
            return alone is ours
        return self.is_rounded(node, alone, ours, scalars, self.window(node, grid, labels, time_ms))

    def is_extrapolation(self, node, grid, difference):
        """Whether both follow from the samples by their own formula."""
        (window,) = node.arguments
        labels, time_ms, theirs, ours = difference
        end_ms = node_time(window, time_ms, grid.bounds)
        samples = self.samples(node, grid, time_ms)
        found = [points for key, points in samples.items() if without_name(key) == labels]
        if len(found) != 1:
            return False
        old = extrapolated(found[0], end_ms, window.range_ms, node.name == "rate", is_old=True)
        new = extrapolated(found[0], end_ms, window.range_ms, node.name == "rate", is_old=False)
        return is_near(theirs, old) and is_near(ours, new)


def newer_syntax(text, error):
    """The rule that explains why a text is a query for Prometheus 3 and none for 2.42, by what the latter stumbles over."""
    if "trailing commas" in error and re.search(r", [0-9]+(ms|[smhdwy])", text):
        return "durations are numbers"
    if 'unexpected "("' in error and re.search(r"\b(start|end|range|step) \( \)", text):
        return "start() and end() are functions"
    for rule, pattern in NEWER_SYNTAX:
        if re.search(pattern, error):
            return rule
    return None


def wavers(node, first, second, ours):
    """Whether the answers of Prometheus to the same question differ, by choosing among equal elements or by summing in another order."""
    if any(getattr(part, "name", None) in ("topk", "bottomk") for part in node.walk()):
        return True
    points = [answer.points() for answer in (first, second, ours)]
    if not points[0].keys() == points[1].keys() == points[2].keys():
        return False
    return all(is_close(points[0][key], value, 16 * EPSILON * abs(value)) for other in points[1:] for key, value in other.items())


def forgets_labels(node):
    """Whether 2.42 puts the label of `count_values` in the place of one of its grouping's from the second step on: there is room for it."""
    return node.grouping is not None and node.grouping[0] == "by" and len(node.grouping[1]) == 3 and node.parameter.value < max(node.grouping[1])


def forgets_at(part, grid):
    """Whether it is a subquery with `offset` whose first point is that of the query, and something inside it has `@`."""
    if not isinstance(part, Subquery) or not part.modifiers.offset_ms or grid.of(part).start_ms != grid.start_ms:
        return False
    return any(inner.modifiers.at is not None for inner in part.inner.walk() if isinstance(inner, (Selector, Subquery)))


def forgets_offset(node):
    """Whether it is `timestamp` of a selector with `@` and `offset`."""
    if getattr(node, "name", None) != "timestamp" or not is_selector_for_timestamp(node, node.arguments[0]):
        return False
    modifiers = node.arguments[0].modifiers
    return modifiers.at is not None and modifiers.offset_ms is not None


def has_two_of_one(node, parts):
    """Whether two elements of the "many" side have a partner and the same labels after that."""
    word, names, (group, extra) = node.matching
    many, one = parts if group == "group_left" else reversed(parts)
    is_on = word == "on"

    def key(labels, time_ms):
        return (tuple(pair for pair in labels if (pair[0] in names) == is_on and (is_on or pair[0] != "__name__")), time_ms)

    partners = {key(labels, time_ms): dict(labels) for labels, time_ms in one.points()}
    seen = set()
    for labels, time_ms in many.points():
        partner = partners.get(key(labels, time_ms))
        if partner is None:
            continue
        result = {name: value for name, value in labels if name not in extra}
        result.update((name, partner[name]) for name in extra if name in partner)
        element = (tuple(sorted(result.items())), time_ms)
        if element in seen:
            return True
        seen.add(element)
    return False


def is_huge(values):
    """Whether products of these values overflow."""
    return math.isinf(power(max(map(abs, values), default=0.0), 2))


def is_selector_for_timestamp(node, part):
    return isinstance(node, Call) and node.name == "timestamp" and isinstance(part, Selector)


def node_time(node, time_ms, bounds):
    """The end of a window for evaluation at a time."""
    at = node.modifiers.at
    at_ms = {None: time_ms, "start()": bounds[0], "end()": bounds[1]}.get(at, at)
    return at_ms - (node.modifiers.offset_ms or 0)


def is_rounding_of_buckets(parts, difference):
    """Whether both follow from the buckets: before and since counts that differ by rounding alone are made the same."""
    labels, time_ms, theirs, ours = difference
    quantiles, found = parts
    counts = {}
    for (who, at), value in found.points().items():
        rest = dict(without_name(who))
        bound = rest.pop("le", "")
        if at == time_ms and tuple(sorted(rest.items())) == labels:
            with contextlib.suppress(ValueError):
                counts.setdefault(float(bound), []).append(value)
    quantile = quantiles.points().get(((), time_ms), math.nan)
    if not 0 <= quantile <= 1 or any(len(values) > 1 for values in counts.values()):
        return False
    buckets = sorted((bound, value) for bound, (value,) in counts.items())
    return all(
        is_close(value, expected, 4 * EPSILON * abs(expected))
        for value, expected in ((theirs, quantile_of(quantile, buckets, 0.0)), (ours, quantile_of(quantile, buckets, 1e-12)))
    )


def quantile_of(quantile, buckets, rounding):
    """The quantile of a classic histogram, counts that differ by less than `rounding` of their sum being the same."""
    if len(buckets) < 2 or buckets[-1][0] != math.inf:
        return math.nan
    counts = [buckets[0][1]]
    for _, count in buckets[1:]:
        is_same = count < counts[-1] or abs(count - counts[-1]) < rounding * (abs(count) + abs(counts[-1]))
        counts.append(counts[-1] if is_same else count)
    if counts[-1] == 0:
        return math.nan
    rank = quantile * counts[-1]
    index = next((index for index, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if index == len(counts) - 1:
        return buckets[-2][0]
    bound = buckets[index][0]
    if index == 0 and bound <= 0:
        return bound
    lower, below = (buckets[index - 1][0], counts[index - 1]) if index else (0.0, 0.0)
    if counts[index] == below:
        return math.nan
    return lower + (bound - lower) * ((rank - below) / (counts[index] - below))


def is_near(value, expected):
    return same(value, expected) or abs(value - expected) <= 1e-9 * max(abs(value), abs(expected))


def extrapolated(points, end_ms, range_ms, is_rate, is_old):
    """The growth of a counter over a window: before and since the zero crossing is taken into account last."""
    first_ms, last_ms = points[0][0], points[-1][0]
    values = [value for _, value in points]
    growth = values[-1] - values[0]
    for before, value in zip(values, values[1:]):
        if value < before:
            growth += before
    sampled = (last_ms - first_ms) / 1000
    average = sampled / (len(values) - 1)
    threshold = average * 1.1
    to_start, to_end = (first_ms - (end_ms - range_ms)) / 1000, (end_ms - last_ms) / 1000
    to_zero = math.inf
    if growth > 0 and values[0] >= 0:
        to_zero = sampled * (values[0] / growth)
    if is_old:
        to_start = min(to_start, to_zero)
    if to_start >= threshold:
        to_start = average / 2
    if not is_old:
        to_start = min(to_start, to_zero)
    if to_end >= threshold:
        to_end = average / 2
    result = growth * (sampled + to_start + to_end) / sampled
    return result / (range_ms / 1000) if is_rate else result


def without_name(labels):
    return tuple(pair for pair in labels if pair[0] != "__name__")


def are_close_without_names(left, right):
    theirs, ours = ({(without_name(key), time): value for (key, time), value in answer.points().items()} for answer in (left, right))
    return theirs.keys() == ours.keys() and all(is_close(value, ours[key], 4 * EPSILON * abs(value)) for key, value in theirs.items())


def same_values(left, right, inner):
    """Whether the values of each time are the same, whoever has them, and whoever has one has it before the choice too."""
    sorted_values = []
    for answer in (left, right):
        values = {}
        for (labels, time_ms), value in answer.points().items():
            if not same(inner.points().get((labels, time_ms), math.inf if math.isnan(value) else -value), value):
                return False
            values.setdefault(time_ms, []).append(repr(value + 0.0))
        sorted_values.append({time_ms: sorted(texts) for time_ms, texts in values.items()})
    return sorted_values[0] == sorted_values[1]


def differences(left, right):
    """(labels, time, value, other value) wherever the two are not the same; None for what is not there."""
    theirs, ours = left.points(), right.points()
    out = []
    for key in sorted(theirs.keys() | ours.keys()):
        value, other = theirs.get(key), ours.get(key)
        if value is None or other is None or not same(value, other):
            out.append((*key, value, other))
    return out
