# SPDX-License-Identifier: MIT
"""What each case may cost at most. All bars are in this file; perf/measure.py says which are met.

A bar is a ratio to other cases of the same run, because absolute times belong to one machine. Where instructions were
counted for both cases, they decide. Otherwise medians do, and a difference below two median absolute deviations is too
close to tell.
"""

from typing import NamedTuple


class Bar(NamedTuple):
    question: str
    case: str
    factor: float
    of: str = "floor"  # "floor", "peer" for the best one, or the name of a case
    plus: float = 0    # units more than that


class Most(NamedTuple):
    question: str
    case: str
    value: float
    of: str = "median"  # or "instructions"


BARS = [
    Bar("fused", "iota|map|filter|map|take|fold", 1.0, "range-v3"),
    Bar("fused", "iota|map|filter|map|take|fold", 1.0, "std::ranges"),
    Most("fused", "iota|map|filter|map|take|fold", 11, "instructions"),
    Bar("fused", "the same, one stage metered", 1.0, "iota|map|filter|map|take|fold", plus=1.0),
    Most("fused", "the same, one stage also_to(fold)", 130, "instructions"),
    Most("fused", "the same, one stage wire_tap(fold)", 130, "instructions"),
    Bar("fused", "the same, erased at every stage", 0.75, "futures-rs, boxed at every stage"),
    Most("fused", "the same, erased at every stage", 45, "instructions"),
    Bar("generator", "generator", 1.25),
    Bar("generator", "generator|map|filter|map", 1.3),
    Bar("stages", "four generators", 1.0, "async-stream (Rust)"),
    Bar("task", "create and await", 1.1, "boxed future (Rust)"),
    Bar("spawn", "spawn and join", 1.5),
    Bar("yield", "yield", 2.0),
    Most("memory", "spawned, waiting", 176),
    Bar("merge", "merge(8 streams)", 0.3, "tokio-stream merge tree"),
    Bar("merge", "merge(range of 8)", 0.3, "tokio-stream merge tree"),
    Bar("merge", "merge(range of 8), erased", 0.6, "tokio-stream merge tree"),
    Bar("flatten", "concat_map, inner iota", 0.25, "futures-rs flat_map"),
    Bar("flatten", "concat_map, inner coroutine", 1.0, "futures-rs flat_map, async-stream inner"),
    Bar("map_async", "map_async_unordered(64)", 0.5, "futures-rs buffer_unordered"),
    Bar("channel", "channel(64), pipelines", 2.0),
    Bar("channel", "channel(64), coroutines", 0.2, "futures-rs mpsc"),
    Bar("channel", "channel(0)", 1.0, "peer"),
    Bar("channel_threads", "channel(64), pipelines", 1.6),
    Bar("channel_threads", "channel(64), coroutines", 1.0, "Go"),
    Bar("channel_threads", "channel(64), slow consumer", 1.5, "a ring of 64, slow consumer"),
    Bar("hop", "publish_on(64)", 1.1),
    Bar("share", "share, 8 subscribers", 0.5, "tokio broadcast"),
    Bar("timers", "deadline_timer", 2.0),
    Bar("timed", "timeout(1s)", 1.0, "bare chain", plus=1.5),
    Bar("timed", "chunk(100, 1s)", 0.7, "tokio chunks of 100 or 1s, by hand"),
    Bar("map_blocking", "map_blocking(1024)", 1.5),
    Bar("map_blocking", "map_blocking_unordered(1024)", 1.5),
    Bar("map_blocking", "parallel", 1.5),
    Bar("offload", "offload", 3.0),
    Bar("echo", "uring: read | write", 1.05),
    Bar("echo", "epoll: read | write", 1.05, "epoll"),
    Bar("echo_large", "uring: read | write", 1.05),
    Bar("echo_large", "epoll: read | write", 1.05, "epoll"),
    Bar("accept", "uring: read | for_each", 1.0, "asio"),
    Bar("accept", "epoll: read | for_each", 1.0, "asio"),
    Most("idle", "uring: read | for_each", 600),
    Most("idle", "epoll: read | for_each", 600),
    Most("idle", "uring: co_await read(buffer)", 600),
    Most("idle", "epoll: co_await read(buffer)", 600),
    *(Most("drop", f"{backend}: {reader}", 1e5)  # ten thousand connections within a second
      for backend in ("uring", "epoll") for reader in ("read | for_each", "co_await read(buffer)")),
    Bar("copy", "copy(file, socket), epoll", 1.0),
    Bar("copy", "copy(file, socket), automatic", 1.25),
    Bar("copy", "copy(socket, socket), epoll", 1.25),
    Bar("copy", "copy(socket, socket), automatic", 1.25),
    Bar("http", "epoll", 1.1, "nginx"),
    Bar("http", "io_uring", 1.1, "nginx"),
    Bar("http", "epoll", 1.0, "Go net/http"),
    Bar("http", "io_uring", 1.0, "Go net/http"),
    Bar("tls", "epoll", 1.1),
    Bar("tls", "io_uring", 1.1),
    Bar("tls_handshake", "epoll", 1.15),
    Bar("tls_handshake", "io_uring", 1.15),
    Bar("redis", "SET", 1 / 0.9, "redis-benchmark SET"),
    Bar("redis", "GET", 1 / 0.9, "redis-benchmark GET"),
    Bar("file", "uring: read | count bytes", 1.1),
    Bar("file", "epoll: read | count bytes", 1.1),
    Bar("compile_time", "weir.hpp", 2.6, "its standard headers"),
    Most("compile_time", "weir, 20 stages", 4.0),
]


def reference(bar, answers):
    """What a case is compared with, or None where it was not measured."""
    wanted = [a for a in answers if a["kind"] != "missing" and
              (bar.of == a["case"] if bar.of not in ("floor", "peer") else bar.of == a["kind"])]
    if bar.of == "floor":
        return wanted[0] if wanted else None
    return min(wanted, key=lambda a: a["median"], default=None)


def verdict(measured, most, uncertain):
    if abs(measured - most) <= uncertain:
        return "too close to tell"
    return "met" if measured < most else "missed"


def judge(bar, answers):
    """A line about one bar, for the answers to one question, or None where its cases were not measured."""
    mine = next((a for a in answers if a["kind"] != "missing" and a["case"] == bar.case), None)
    if mine is None:
        return None
    unit = mine["unit"]
    if isinstance(bar, Most):
        measured = mine.get(bar.of)
        if measured is None:
            return None
        what = "instructions" if bar.of == "instructions" else unit
        said = verdict(measured, bar.value, 2 * mine["mad"] if bar.of == "median" else 0)
        return f"{bar.case}: {measured:.2f}, at most {bar.value:g} {what}: {said}"
    other = reference(bar, answers)
    if other is None:
        return None
    name = other["case"]
    if "instructions" in mine and "instructions" in other and not bar.plus:
        measured, most = mine["instructions"], bar.factor * other["instructions"]
        said = verdict(measured, most, 0)
        return f"{bar.case}: {measured / other['instructions']:.2f} x {name} in instructions, " \
               f"at most {bar.factor:g}: {said}"
    most = bar.factor * other["median"] + bar.plus
    said = verdict(mine["median"], most, 2 * max(mine["mad"], bar.factor * other["mad"]))
    if bar.plus:
        return f"{bar.case}: {mine['median'] - bar.factor * other['median']:.2f} {unit} over {name}, " \
               f"at most {bar.plus:g}: {said}"
    ratio = mine["median"] / other["median"] if other["median"] else float("inf")
    return f"{bar.case}: {ratio:.2f} x {name}, at most {bar.factor:g}: {said}"


def judged(question, answers):
    """Lines about the bars of a question whose cases were measured."""
    return [line for bar in BARS if bar.question == question and (line := judge(bar, answers)) is not None]
