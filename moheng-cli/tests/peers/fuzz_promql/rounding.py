"""How far two results may be from each other by rounding alone."""

import math

EPSILON = 2.0**-52
SMALLEST = 2.0**-1074

# Of these the result is exact, or rounded once: there is nothing to differ in.
EXACT = {
    "abs", "ceil", "floor", "sqrt", "sgn", "round", "clamp", "clamp_min", "clamp_max", "+", "-", "*", "/", "%", "min", "max", "count", "group",
    "min_over_time", "max_over_time", "count_over_time", "last_over_time", "present_over_time", "changes", "resets", "idelta", "topk", "bottomk",
    "count_values", "label_replace", "label_join", "timestamp", "absent", "absent_over_time", "unary", "paren", "scalar", "vector", "time",
}

# Sums of the values or of their squares; in units in the last place of the largest term, to so many of which summing in another order, or
# without compensation as 2.42 does for the aggregations, adds up here.
SUMS = {
    "sum": 1, "avg": 1, "stddev": 1, "stdvar": 2, "sum_over_time": 1, "avg_over_time": 1, "stddev_over_time": 1, "stdvar_over_time": 2,
    "rate": 1, "increase": 1, "delta": 1, "holt_winters": 1, "quantile": 1, "quantile_over_time": 1,
}
SUM_UNITS = 16

# Everything else goes through few operations, or a function of the mathematics library.
OTHER_UNITS = 4


def tolerance(name, value, inputs, parameter, window):
    """What the difference may be, and the unit that it is told in.

    `value`: the larger result; `inputs`: what it was made of; `parameter`: the largest scalar; `window`: (seconds from the origin, value).
    """
    unit = EPSILON * value
    if name in EXACT:
        return 0.0, unit
    unit = max(unit, SMALLEST)
    if name in ("log2", "log10"):
        # Prometheus takes the exponent apart: near 1 it adds and takes away what is as large as 1.
        unit = max(unit, EPSILON)
    if name in ("sin", "cos", "tan"):
        # The multiple of pi that is taken away from large numbers is not exact: it shows near zeros and poles.
        unit = max(unit, EPSILON / 4 * (1 + value * value))
    if name in ("asin", "acos"):
        # Prometheus takes a square from 1, which is not exact near 1; and it takes the arc sine from half of pi.
        unit = max(unit, EPSILON * (name == "acos"), EPSILON / max(abs(math.cos(value) if name == "asin" else math.sin(value)), EPSILON))
    if name == "^":
        # Prometheus multiplies squares: the error grows with the exponent. What is left is a function of the logarithm, whose error
        # grows with it.
        logarithm = abs(math.log(value)) if 0 < value < math.inf else 0.0
        return (OTHER_UNITS + parameter + logarithm) * unit, unit
    if name in ("deriv", "predict_linear"):
        unit = max(unit, line_unit(window, None if name == "deriv" else parameter))
        return SUM_UNITS * unit, unit
    if name in SUMS:
        largest = max((abs(term) for term in inputs if math.isfinite(term)), default=0.0)
        unit = max(unit, EPSILON * power(largest, SUMS[name]))
        return SUM_UNITS * unit, unit
    return OTHER_UNITS * unit, unit


def line_unit(window, seconds_ahead):
    """What rounding by a unit does to the slope of a line, or to its value so far from the origin if that is not None: much, where the
    samples are far away from the origin and near each other."""
    finite = [(x, abs(y)) for x, y in window if math.isfinite(y)]
    mean = sum(x for x, _ in finite) / max(len(finite), 1)
    variance = sum((x - mean) ** 2 for x, _ in finite) / max(len(finite), 1)
    if variance == 0:
        return 0.0
    furthest, largest = max(abs(x) for x, _ in finite), max(y for _, y in finite)
    slope_unit = EPSILON * largest * (furthest / variance + furthest**2 / variance**1.5)
    if seconds_ahead is None:
        return slope_unit
    return EPSILON * largest + slope_unit * (abs(mean) + seconds_ahead)


def power(value, exponent):
    try:
        return value**exponent
    except OverflowError:
        return math.inf
