# SPDX-License-Identifier: MIT
"""Checks that a drawing of a pipeline knows what each stage holds.

    outlines.py [--self-test]

- Each class of the public headers that has `poll_next(context&)` has `outline(stage_outline&)`.
- Each operator and sink has a row in tests/observe/held_test.cpp.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Parts of streams, which are no streams of a pipeline.
NO_STREAMS = {"branches", "stream_child", "generator_state", "stream_map_core", "blocks", "expansion", "accept_step",
              "served_connections", "boxed_stream", "reads", "partition_core", "consumer_core"}
# Streams whose bases have an outline.
BY_BASE = {"also_to_stream", "divert_to_stream", "wire_tap_stream"}
# Operators and sinks that need threads, files or sockets, and those that are made of others: each with the row that
# stands for it, or the reason.
NO_ROWS = {
    "retry_when": "retry", "hedge": "an operation", "serve": "sockets", "write": "files",
    "map_blocking": "map_async", "map_blocking_unordered": "map_async_unordered",
    "parallel": "threads", "parallel_unordered": "threads", "publish_on": "threads",
    "sequence_equal": "zip_longest", "utf8_validate": "bytes", "split": "bytes", "transform_chunks": "map",
    "transform_items": "map",
}

CLASS = re.compile(r"^(?:class|struct) (?:\[\[[^\]]*\]\]\s*)?(\w+)[^;{]*\{\n(.*?)^\};", re.M | re.S)
POLL = re.compile(r"^    (?:auto|poll<[\w:<>, ]+>) poll_next\(context&", re.M)
CONSTANT = re.compile(r"^inline constexpr (?:detail::)?\w+_fn(?:<[^;]*>)? (\w+)\{\};", re.M)


def without_outline(text):
    """The classes that are streams and do not describe themselves."""
    return [name for name, body in CLASS.findall(text)
            if POLL.search(body) and "void outline(stage_outline&" not in body and name not in NO_STREAMS | BY_BASE]


def without_row(text, rows):
    return [name for name in CONSTANT.findall(text) if name not in rows and name not in NO_ROWS]


def self_test():
    stream = "class a_stream {\n    poll<int> poll_next(context& cx);\n%s};\n"
    assert without_outline(stream % "") == ["a_stream"]
    assert without_outline(stream % "    void outline(stage_outline& out) const;\n") == []
    assert without_row("inline constexpr a_fn a{};\ninline constexpr detail::b_fn<int> b{};\n", {"a"}) == ["b"]


def main():
    rows = set(re.findall(r'\b(?:op|bound|sink)\(\s*"(\w+)"', (ROOT / "tests/observe/held_test.cpp").read_text()))
    complaints = []
    for header in sorted((ROOT / "include/weir").rglob("*.hpp")):
        text = header.read_text()
        complaints += [f"{header}: {name} has poll_next and no outline" for name in without_outline(text)]
        if header.parent.name in ["operators", "sink", "resilience", "observe"]:
            complaints += [f"{header}: {name} has no row in tests/observe/held_test.cpp" for name in without_row(text, rows)]
    print("\n".join(complaints) or f"{len(rows)} rows")
    return bool(complaints)


sys.exit(self_test() if "--self-test" in sys.argv else main())
