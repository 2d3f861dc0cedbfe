"""Random series, and the lines that a program of moheng-tsdb makes a data directory of."""

import math
import struct

STALE_BITS = 0x7FF0000000000002
NAN_BITS = 0x7FF8000000000001
# Half an hour into a block of two hours, and long enough for two blocks.
BASE_MS = 1_700_000_000_000 // 7_200_000 * 7_200_000 + 1_800_000
LENGTH_MS = 5 * 3_600_000

JOBS = ["api", "web", "db server"]
INSTANCES = ["a:80", "b:80", "c\u00e9:1", "d\"q\\:9"]
PATHS = ["/", "/x", "/y/z", ""]
CODES = ["200", "404", "500"]
BOUNDS = ["0.1", "0.5", "1", "2.5", "10"]


class Series:
    """Labels (a dict) and samples: (milliseconds, bits of the float), ascending. Times are 50 mod 100 ms."""

    def __init__(self, labels):
        self.labels, self.samples = labels, []


def make(random):
    """Random series; the same ones for the same state of `random`."""
    out = []
    for name in ("requests_total", "errors_total"):
        for labels in some_labels(random, 10):
            out.append(fill(random, {"__name__": name, **labels}, counter(random)))
    for name in ("gauge", "level", "wild"):
        for labels in some_labels(random, 10):
            out.append(fill(random, {"__name__": name, **labels}, gauge(random, is_wild=name == "wild")))
    for labels in some_labels(random, 6):
        out.append(fill(random, {"__name__": "few", **labels}, few(random)))
    for instance in INSTANCES:
        labels = {"__name__": "build_info", "instance": instance, "version": random.choice(["1.2", "1.3", "2"])}
        out.append(fill(random, labels, lambda: 1.0))
    for job in JOBS[:2]:
        for instance in INSTANCES[:2]:
            out += histogram(random, {"job": job, "instance": instance})
    unique = {}
    for series in out:
        unique.setdefault(tuple(sorted(series.labels.items())), series)
    return list(unique.values())


def some_labels(random, count):
    out = []
    for _ in range(count):
        labels = {"job": random.choice(JOBS), "instance": random.choice(INSTANCES)}
        if random.random() < 0.6:
            labels["path"] = random.choice(PATHS)
        if random.random() < 0.5:
            labels["code"] = random.choice(CODES)
        out.append({name: value for name, value in labels.items() if value})
    return out


def fill(random, labels, next_value):
    """Samples at a random interval with gaps, stale markers and a life of random length."""
    series = Series(labels)
    for time_ms in times(random):
        bits = bits_of(next_value())
        if random.random() < 0.01:
            bits = STALE_BITS
        series.samples.append((time_ms, bits))
    return series


def times(random):
    interval_ms = random.choice([10_000, 15_000, 15_000, 30_000, 60_000, 17_300])
    jitter = random.choice([0, 0, 10, 40])
    start_ms = random.choice([0, 0, 0, random.randrange(0, LENGTH_MS // 2)])
    end_ms = random.choice([LENGTH_MS, LENGTH_MS, random.randrange(start_ms, LENGTH_MS)])
    offset_ms = start_ms + random.randrange(0, interval_ms // 100) * 100
    out, last_ms = [], -1
    while offset_ms < end_ms:
        if random.random() < 0.02:
            offset_ms += random.choice([1, 3, 20, 45]) * interval_ms
        at_ms = offset_ms + random.randint(-jitter, jitter) * 100
        if last_ms < at_ms < end_ms and at_ms >= 0:
            out.append(BASE_MS + at_ms // 100 * 100 + 50)
            last_ms = at_ms
        offset_ms += interval_ms
    return out


def counter(random):
    state = [random.choice([0.0, 0.0, random.uniform(0, 1e6)])]
    scale = random.choice([1, 1, 10, 0.37, 1e5])
    is_whole = random.random() < 0.7

    def step():
        if random.random() < 0.01:
            state[0] = 0.0
        growth = random.randrange(0, 20) * scale if is_whole else random.expovariate(1) * scale
        state[0] += growth if random.random() < 0.9 else 0.0
        return state[0]

    return step


def gauge(random, is_wild):
    mode = random.choice(["whole", "eighths", "walk", "uniform", "constant"])
    state = [float(random.randrange(-50, 50))]

    def step():
        if is_wild and random.random() < 0.2:
            return random.choice(
                [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e300, -1e300, 5e-324, 1e-10, 2.0**53 + 2, 0.1]
            )
        if mode == "whole":
            return float(random.randrange(-100, 100))
        if mode == "eighths":
            return random.randrange(-8000, 8000) / 8
        if mode == "walk":
            state[0] += random.gauss(0, 1)
        if mode == "uniform":
            return random.uniform(-1000, 1000)
        return state[0]

    return step


def few(random):
    values = [float(random.randrange(-2, 4)) for _ in range(3)]
    return lambda: random.choice(values)


def histogram(random, labels):
    """The series of a classic histogram, sometimes a damaged one."""
    at = times(random)
    stale = {time_ms for time_ms in at if random.random() < 0.005}
    bounds = [bound for bound in BOUNDS if random.random() < 0.9] + ["+Inf"]
    if random.random() < 0.1:
        bounds.pop()
    if random.random() < 0.1:
        bounds.insert(0, random.choice(["none", "-1", "0.10"]))
    counts, total = [0.0] * len(bounds), 0.0
    buckets = [Series({"__name__": "latency_bucket", "le": bound, **labels}) for bound in bounds]
    sums = Series({"__name__": "latency_sum", **labels})
    totals = Series({"__name__": "latency_count", **labels})
    is_damaged = random.random() < 0.15
    for time_ms in at:
        if random.random() < 0.01:
            counts, total = [0.0] * len(bounds), 0.0
        for _ in range(random.randrange(0, 6)):
            index = random.randrange(len(bounds))
            total += random.randrange(0, 40) / 8
            counts = [count + (position >= index) for position, count in enumerate(counts)]
        values = list(counts)
        if is_damaged and random.random() < 0.3:
            values[random.randrange(len(values))] += random.randrange(1, 9)
        is_stale = time_ms in stale
        for series, value in zip(buckets, values):
            series.samples.append((time_ms, STALE_BITS if is_stale else bits_of(value)))
        sums.samples.append((time_ms, STALE_BITS if is_stale else bits_of(total)))
        totals.samples.append((time_ms, STALE_BITS if is_stale else bits_of(counts[-1])))
    return [*buckets, sums, totals]


def bits_of(value):
    if math.isnan(value):
        return NAN_BITS
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def lines(all_series):
    """What the example `ingest` of moheng-tsdb reads."""
    for series in all_series:
        yield "\t".join(["series", *(text for pair in sorted(series.labels.items()) for text in pair)])
        for time_ms, bits in series.samples:
            yield f"{time_ms}\t{bits:016x}"
