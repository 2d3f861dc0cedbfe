"""Whether two answers are the same, and if not, which deliberate difference explains that.

A difference is traced to its origin: the innermost part of the query whose own parts both servers agree on bit for bit. Only there is
it judged, by the rules of differences.md. What follows from an explained difference further out is explained by it."""

import math

from queries import COMPARISONS, DATES
from tree import Call, Dialect, Modifiers, Selector, Subquery, seconds

EPSILON = 2.0**-52

# Sums of products and the like: where the order of summation or the compensation of its error shows. The number is the power of the input
# that the result is of.
SUMMING = {
    "sum": 1, "avg": 1, "stddev": 1, "stdvar": 2, "quantile": 1, "sum_over_time": 1, "avg_over_time": 1, "stddev_over_time": 1,
    "stdvar_over_time": 2, "quantile_over_time": 1, "rate": 1, "increase": 1, "delta": 1, "deriv": 1, "predict_linear": 1,
    "holt_winters": 1, "histogram_quantile": 0,
}


class Answer:
    """`error` or `series`: labels as a sorted tuple to a list of (milliseconds, value). `order`: labels as they came."""

    def __init__(self, answer):
        self.error, self.series, self.order, self.kind = None, {}, [], None
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
        return {(labels, time): value for labels, samples in self.series.items() for time, value in samples}


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


def is_close(left, right, scale=0.0):
    """Within a few units in the last place, or of the last place of `scale`."""
    if same(left, right):
        return True
    if math.isnan(left) or math.isnan(right) or math.isinf(left) or math.isinf(right):
        return False
    return abs(left - right) <= 64 * EPSILON * max(abs(left), abs(right), scale)


class Grid:
    """The times that something is asked for. `bounds`: what `start()` and `end()` are of the whole query, in milliseconds."""

    def __init__(self, start_ms, end_ms, step_ms, bounds):
        self.start_ms, self.end_ms, self.step_ms, self.bounds = start_ms, end_ms, step_ms, bounds

    def of(self, subquery):
        """The times that the inner part of a subquery is evaluated for."""
        step_ms = subquery.step_ms or 60_000
        first_ms, last_ms = (node_time(subquery, time_ms, self.bounds) for time_ms in (self.start_ms, self.end_ms))
        first_ms = (first_ms - subquery.range_ms) // step_ms * step_ms + step_ms
        return Grid(first_ms, max(first_ms, last_ms), step_ms, self.bounds)

    def times(self):
        return range(self.start_ms, self.end_ms + 1, self.step_ms)


class Judge:
    """Asks both servers. `counts` tells how often each rule explained a difference."""

    def __init__(self, prometheus, moheng):
        self.prometheus, self.moheng, self.counts = prometheus, moheng, {}

    def ask_both(self, query, path, parameters, bounds=(None, None)):
        answers = []
        for server in (self.prometheus, self.moheng):
            text = query.text(Dialect(server is self.moheng, *bounds))
            answers.append(Answer(server.ask(path, {"query": text, **parameters})))
        return answers

    def instant(self, query, time_ms, bounds=(None, None)):
        return self.ask_both(query, "query", {"time": seconds(time_ms)}, bounds)

    def range(self, query, grid):
        start, end, step = seconds(grid.start_ms), seconds(grid.end_ms), seconds(grid.step_ms)
        return self.ask_both(query, "query_range", {"start": start, "end": end, "step": step}, grid.bounds)

    def check_instant(self, query, time_ms):
        """None when all is well, else what is wrong."""
        theirs, ours = self.instant(query, time_ms)
        if equal(theirs, ours):
            return self.check_order(query, theirs, ours)
        return self.explain(query, Grid(time_ms, time_ms, 1000, (time_ms, time_ms)), theirs, ours)

    def check_range(self, query, start_ms, end_ms, step_ms):
        """As `check_instant`."""
        grid = Grid(start_ms, end_ms, step_ms, (start_ms, end_ms))
        theirs, ours = self.range(query, grid)
        return None if equal(theirs, ours) else self.explain(query, grid, theirs, ours)

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

    def explain(self, node, grid, theirs, ours):
        """None when the difference is explained, else what is wrong."""
        if theirs.error and not ours.error and "same labelset" in theirs.error:
            return self.explained("series with the same labels are merged")
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
        rule = rule_for_error(getattr(node, "name", None), theirs, ours)
        if rule:
            return self.explained(rule)
        if theirs.error or ours.error:
            return f"{problem} prometheus {theirs.error}, moheng {ours.error}"
        if getattr(node, "name", None) in ("topk", "bottomk") and same_values(theirs, ours):
            return self.explained("ties")
        if getattr(node, "name", None) == "atan2" and are_close_without_names(theirs, ours):
            return self.explained("atan2 drops the name")
        found = differences(theirs, ours)
        for difference in found:
            rule = self.rule_for(node, grid, parts, difference)
            if not rule:
                return f"{problem} {difference}, one of {len(found)}"
            self.explained(rule)
        return None

    def rule_for(self, node, grid, parts, difference):
        """The rule that explains one value that is not the same, where all parts are."""
        labels, time_ms, theirs, ours = difference
        name = getattr(node, "name", None)
        if theirs is None and name == "predict_linear" and self.is_moving_window(node, grid, difference):
            return "windows that @ fixes do not move"
        if theirs is None or ours is None:
            return None
        if is_close(theirs, ours):
            return "rounding"
        inputs = [value for part in parts if part for (_, at), value in part.points().items() if at == time_ms]
        if name in SUMMING:
            values = inputs
            if None in parts:
                values = [value for samples in self.samples(node, grid, time_ms).values() for _, value in samples]
            largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
            # The error of a slope grows with the distance from its samples.
            factor = 64 if name in ("deriv", "predict_linear") else 1
            if SUMMING[name] and is_close(theirs, ours, factor * power(largest, SUMMING[name])):
                return "rounding"
            if name.endswith("over_time") and math.isnan(theirs) and math.isinf(ours) and math.isinf(power(largest, 2)):
                return "overflow"
        if name == "predict_linear" and self.is_moving_window(node, grid, difference):
            return "windows that @ fixes do not move"
        if name in ("rate", "increase") and self.is_extrapolation(node, grid, difference):
            return "extrapolation stops at half a sample's distance"
        if name in ("stddev", "stdvar") and theirs == 0 and math.isnan(ours) and not all(map(math.isfinite, inputs)):
            return "deviation of one value that is not finite"
        own = {value for part in parts if part for (who, at), value in part.points().items() if at == time_ms and without_name(who) == labels}
        own = own.pop() if len(own) == 1 else 0.0
        if name in DATES and math.isnan(ours) and not abs(own) <= 2.0**53:
            return "no date so far away"
        if name in ("ln", "log2", "log10", "^") and 0 < own < 2.0**-1022:
            return "logarithms of the smallest numbers"
        if name in ("exp", "sinh", "cosh") and math.isinf(theirs) and abs(own) > 709:
            return "exponentials of 709"
        return None

    def samples(self, node, grid, time_ms):
        """The samples in the windows of a function at a time, by labels."""
        (window,) = (part for part in node.arguments if part.kind == "matrix")
        return self.instant(window, time_ms, grid.bounds)[1].series

    def is_moving_window(self, node, grid, difference):
        """Whether Prometheus answers for a window that moves with the evaluation time although `@` fixes it."""
        window, seconds_ahead = node.arguments
        labels, time_ms, theirs, ours = difference
        if not isinstance(window, Selector) or window.modifiers.at is None:
            return False
        offset_ms = grid.start_ms - node_time(window, grid.start_ms, grid.bounds)
        passed_ms = time_ms - grid.start_ms
        # It sees only samples in the window that was asked for.
        for cut_ms in (passed_ms, 0, max(passed_ms + offset_ms, 0)):
            if window.range_ms <= cut_ms:
                if theirs is None:
                    return True
                continue
            moving = Selector(window.name, window.matchers, Modifiers(offset_ms + cut_ms), window.range_ms - cut_ms)
            answer = self.instant(Call(node.name, [moving, seconds_ahead]), time_ms, grid.bounds)[0]
            moved = answer.points().get((labels, time_ms))
            if theirs is None and moved is None:
                return True
            if theirs is not None and moved is not None and is_close(moved, theirs, abs(ours) * 64):
                return True
        return False

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


def rule_for_error(name, theirs, ours):
    """The rule that explains an error where all parts are the same."""
    if not ours.error or theirs.error:
        return None
    if name == "atan2" and "same labelset" in ours.error:
        return "atan2 drops the name"
    if name in COMPARISONS and "many-to-one matching must be explicit" in ours.error:
        return "comparisons match before they filter"
    return None


def is_selector_for_timestamp(node, part):
    return isinstance(node, Call) and node.name == "timestamp" and isinstance(part, Selector)


def node_time(node, time_ms, bounds):
    """The end of a window for evaluation at a time."""
    at = node.modifiers.at
    at_ms = {None: time_ms, "start()": bounds[0], "end()": bounds[1]}.get(at, at)
    return at_ms - (node.modifiers.offset_ms or 0)


def is_near(value, expected):
    return same(value, expected) or abs(value - expected) <= 1e-9 * max(abs(value), abs(expected))


def extrapolated(points, end_ms, range_ms, is_rate, is_old):
    """The growth of a counter over a window: before and since the zero crossing is taken into account last."""
    times = [(time_ms - end_ms) / 1000 for time_ms, _ in points]
    values = [value for _, value in points]
    growth = values[-1] - values[0]
    for before, value in zip(values, values[1:]):
        if value < before:
            growth += before
    sampled = times[-1] - times[0]
    average = sampled / (len(values) - 1)
    threshold = average * 1.1
    to_start, to_end = times[0] + range_ms / 1000, -times[-1]
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


def power(value, exponent):
    try:
        return value**exponent
    except OverflowError:
        return math.inf


def are_close_without_names(left, right):
    theirs, ours = ({(without_name(key), time): value for (key, time), value in answer.points().items()} for answer in (left, right))
    return theirs.keys() == ours.keys() and all(is_close(value, ours[key]) for key, value in theirs.items())


def same_values(left, right):
    """Whether the values are the same, whoever has them."""
    ours, theirs = (sorted(map(repr, answer.points().values())) for answer in (left, right))
    return ours == theirs


def differences(left, right):
    """(labels, time, value, other value) wherever the two are not the same; None for what is not there."""
    theirs, ours = left.points(), right.points()
    out = []
    for key in sorted(theirs.keys() | ours.keys()):
        value, other = theirs.get(key), ours.get(key)
        if value is None or other is None or not same(value, other):
            out.append((*key, value, other))
    return out
