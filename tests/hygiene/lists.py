# SPDX-License-Identifier: MIT
"""Compares the file lists in the meson.build files, and the includes of weir.hpp, with the tree; `--fix` rewrites them.
Checks that docs/reference.md links every public header, that docs/which-operator.md links every source, operator and
sink, and that each header of an operator, a sink or a source has a
test file of its name in the room of its name, and that each operator has a property test or a reason to have none.

    python3 tests/hygiene/lists.py --fix
"""

import pathlib
import re
import sys

# The variable, the meson.build to whose folder names are relative, patterns, and excluded patterns.
LISTS = [
    ("weir_headers", "include", ["weir/**/*.hpp"],
     ["weir/compression/*.hpp", "weir/compression/detail/*.hpp",
      "weir/http/*.hpp", "weir/http/detail/*.hpp", "weir/messages/*.hpp", "weir/messages/detail/*.hpp",
      "weir/redis/*.hpp", "weir/redis/detail/*.hpp", "weir/tls/*.hpp", "weir/tls/detail/*.hpp",
      "weir/websocket/*.hpp"]),
    ("weir_websocket_headers", "include", ["weir/websocket/**/*.hpp"], []),
    ("weir_compression_headers", "include", ["weir/compression/**/*.hpp"], []),
    ("weir_messages_headers", "include", ["weir/messages/**/*.hpp"], []),
    ("weir_redis_headers", "include", ["weir/redis/**/*.hpp"], []),
    ("weir_http_headers", "include", ["weir/http/**/*.hpp"], []),
    ("weir_tls_headers", "include", ["weir/tls/**/*.hpp"], []),
    ("weir_sources", "src", ["**/*.cpp"], ["kernel/uring*.cpp", "compression/*.cpp", "http/*.cpp", "messages/*.cpp", "redis/*.cpp", "tls/*.cpp",
                                           "websocket/*.cpp"]),
    ("weir_websocket_sources", "src", ["websocket/*.cpp"], []),
    ("weir_compression_sources", "src", ["compression/*.cpp"], []),
    ("weir_messages_sources", "src", ["messages/*.cpp"], []),
    ("weir_redis_sources", "src", ["redis/*.cpp"], []),
    ("weir_http_sources", "src", ["http/*.cpp"], []),
    ("weir_tls_sources", "src", ["tls/*.cpp"], []),
    ("weir_uring_sources", "src", ["kernel/uring*.cpp"], []),
    ("weir_tests", "tests", ["*/*_test.cpp", "*/**/*_test.cpp"],
     ["support/*", "compile_fail/*", "compression/*", "consume/*", "hygiene/*", "http/*", "messages/*", "redis/*", "tls/*",
      "websocket/*"]),
    ("weir_websocket_tests", "tests", ["websocket/*_test.cpp"], []),
    ("weir_compression_tests", "tests", ["compression/*_test.cpp"], []),
    ("weir_messages_tests", "tests", ["messages/*_test.cpp"], []),
    ("weir_redis_tests", "tests", ["redis/*_test.cpp"], []),
    ("weir_http_tests", "tests", ["http/*_test.cpp"], []),
    ("weir_tls_tests", "tests", ["tls/*_test.cpp"], []),
    ("weir_stress", "tests", ["stress/*.cpp"], []),
    ("weir_test_support", "tests", ["support/*.cpp"], []),
    ("weir_compile_fail", "tests/compile_fail", ["*.cpp"], []),
    ("weir_examples", "examples", ["*.cpp", "*/main.cpp"], []),
    ("weir_perf", "perf", ["*.cpp"], ["redis.cpp", "tls*.cpp"]),
    ("weir_redis_perf", "perf", ["redis.cpp"], []),
    ("weir_tls_perf", "perf", ["tls*.cpp"], []),
    ("weir_curves", "perf", ["curves/*.cpp"], []),
]


# The order of the public headers in weir.hpp, which is that of the flow of data. Only tests include the testing kit.
UMBRELLA = "weir.hpp"
UMBRELLA_FOLDERS = [
    "core", "", "source", "operators", "sink", "sync", "scope", "backend", "executor", "threads", "io", "interop", "resilience", "observe",
]

# The pages of docs/ that link all of these public headers.
LINKING_PAGES = {
    "reference.md": ["**/*.hpp"],
    "which-operator.md": ["operators/*.hpp", "sink/*.hpp", "source/*.hpp"],
}

# In these rooms, the tests of X.hpp are in X_test.cpp.
TESTED_ROOMS = ["operators", "resilience", "sink", "source"]
# Headers of types alone, with the test files that test the types.
TESTED_ELSEWHERE = {
    "resilience/overloaded": ["resilience/bulkhead", "resilience/concurrency_limit", "resilience/rate_limiter"],
    "resilience/retry_policy": ["resilience/retry"],
}


def untested(headers, tests):
    """The failures of headers and tests, which are names below include/weir and tests without their endings."""
    public = [h for h in headers if h.rpartition("/")[0] in TESTED_ROOMS]
    tested = {*tests, *TESTED_ELSEWHERE}
    failures = [f"include/weir/{h}.hpp: there is no tests/{h}_test.cpp" for h in public if h not in tested]
    for header, others in TESTED_ELSEWHERE.items():
        if header not in public:
            failures.append(f"tests/hygiene/lists.py: there is no {header}.hpp to except")
        elif header in tests:
            failures.append(f"tests/hygiene/lists.py: {header}_test.cpp is there, and needs no exception")
        failures += [f"tests/hygiene/lists.py: there is no {t}_test.cpp" for t in others if t not in tests]
    return failures


# By the reason, the operators without a row in properties_test.cpp, which compares an operator of one stream of numbers
# with a model on vectors.
WITHOUT_PROPERTY = {
    "the order or the choice of items depends on the times of the consumer or of other streams": [
        "combine_latest", "conflate_with", "exhaust_map", "extrapolate", "hold", "keep_alive", "map_async_keyed",
        "map_async_unordered", "merge", "merge_prioritized", "race", "sample", "switch_map", "with_latest_from",
        "zip_latest",
    ],
    "the items are texts or bytes": ["base64", "hex", "split", "transform_chunks", "utf8_validate"],
    "it has several consumers or streams of streams": [
        "balance", "broadcast_through", "partition", "prefix_and_tail", "replay", "share", "unzip", "window",
    ],
    "it runs on other threads, in real time": ["map_blocking", "parallel", "publish_on", "subscribe_on"],
    "another object or stream controls it": ["kill_switch", "skip_until", "take_until", "valve"],
    "what matters is the error": ["map_error", "on_error_resume", "on_error_return"],
}


def without_property(operators, text):
    """The failures of operators that are neither included in the text of properties_test.cpp nor excepted."""
    rows = set(re.findall(r"#include <weir/operators/(\w+)\.hpp>", text))
    excepted = [name for names in WITHOUT_PROPERTY.values() for name in names]
    failures = [f"tests/operators/properties_test.cpp: there is no row of {name}"
                for name in operators if name not in rows and name not in excepted]
    for name in excepted:
        if name not in operators:
            failures.append(f"tests/hygiene/lists.py: there is no operators/{name}.hpp to except")
        elif name in rows:
            failures.append(f"tests/hygiene/lists.py: {name} has a row in properties_test.cpp, and needs no exception")
    return failures


def drawn(header):
    """Whether the text of an operator's header has a line of marbles that ends."""
    return re.search(r"^///  .*-.*[|#]", header, re.M) is not None


def self_test():
    tests = sorted({test for others in TESTED_ELSEWHERE.values() for test in others})
    headers = [*TESTED_ELSEWHERE, *tests]
    merge = ["include/weir/operators/merge.hpp: there is no tests/operators/merge_test.cpp"]
    cases = [
        (headers, tests, []),
        ([*headers, "operators/merge"], [*tests, "operators/merge"], []),
        ([*headers, "operators/merge"], tests, merge),
        ([*headers, "operators/merge"], [*tests, "sink/merge", "operators/merging"], merge),
        ([*headers, "operators/detail/children", "core/poll"], tests, []),
    ]
    failures = [f"{h} with the tests {t}: {untested(h, t)}" for h, t, expected in cases if untested(h, t) != expected]
    header = next(iter(TESTED_ELSEWHERE))
    for h, t in [([h for h in headers if h != header], tests), (headers, [*tests, header]),
                 ([*TESTED_ELSEWHERE], tests[1:])]:
        if len(untested(h, t)) != 1:
            failures.append(f"{h} with the tests {t}: {untested(h, t)}")
    excepted = [name for names in WITHOUT_PROPERTY.values() for name in names]
    for operators, text, expected in [(excepted, "", 0), ([*excepted, "map"], "", 1), (excepted[1:], "", 1),
                                      ([*excepted, "map"], "#include <weir/operators/map.hpp>\n", 0),
                                      (excepted, f"#include <weir/operators/{excepted[0]}.hpp>\n", 1)]:
        if len(without_property(operators, text)) != expected:
            failures.append(f"{operators} with {text!r}: {without_property(operators, text)}")
    for text, expected in [("/// f(n):\n///\n///     in  --a--|\n", True), ("///     in  -a-#\n", True),
                           ("/// a - b | c\n///     lines(path) | f()\n", False), ("//      in  --a--|\n", False)]:
        if drawn(text) != expected:
            failures.append(f"marbles in {text!r}: {drawn(text)}")
    print("\n".join(failures) or "passed")
    return bool(failures)


def umbrella(headers):
    blocks = [[h for h in headers if h.rpartition("/")[0] == folder and h != UMBRELLA] for folder in UMBRELLA_FOLDERS]
    return "\n".join("".join(f"#include <weir/{h}>\n" for h in block) for block in blocks if block)


def on_disk(folder, patterns, left_out):
    names = {p.relative_to(folder).as_posix() for pattern in patterns for p in folder.glob(pattern)}
    names -= {n for n in names if any(pathlib.PurePath(n).match(p) for p in left_out)}
    return sorted(names, key=lambda n: (n.rpartition("/")[0], n))


def main():
    if "--self-test" in sys.argv:
        return self_test()
    fix = "--fix" in sys.argv
    args = [a for a in sys.argv[1:] if a != "--fix"]
    root = pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parents[2]

    failures = []
    for variable, folder, patterns, left_out in LISTS:
        build = root / folder / "meson.build"
        text = build.read_text()
        block = re.search(rf"^{variable} = \[\n(.*?)^\]", text, re.M | re.S)
        if not block:
            failures.append(f"{folder}/meson.build: no list {variable}")
            continue
        listed = re.findall(r"'([^']+)'", block[1])
        wanted = on_disk(root / folder, patterns, left_out)
        if listed == wanted:
            continue
        if fix:
            lines = "".join(f"    '{name}',\n" for name in wanted)
            build.write_text(text[: block.start(1)] + lines + text[block.end(1) :])
            print(f"{folder}/meson.build: {variable}: {len(wanted)} files")
            continue
        missing = sorted(set(wanted) - set(listed))
        gone = sorted(set(listed) - set(wanted))
        failures += [f"{folder}/meson.build: {variable} lacks '{name}'" for name in missing]
        failures += [f"{folder}/meson.build: {variable} has '{name}', which is not there" for name in gone]
        if not missing and not gone:
            failures.append(f"{folder}/meson.build: {variable} is not sorted by folder, or names a file twice")

    header = root / "include/weir" / UMBRELLA
    text = header.read_text()
    block = re.search(r"^#include.*\n(?:(?:#include.*)?\n)*(?<!\n\n)", text, re.M)
    beside = ["testing/*", "compression/*", "http/*", "messages/*", "redis/*", "tls/*", "websocket/*"]
    wanted = umbrella(on_disk(root / "include/weir", ["**/*.hpp"], beside))
    if not block or block[0] != wanted:
        if fix and block:
            header.write_text(text[: block.start()] + wanted + text[block.end() :])
            print(f"include/weir/{UMBRELLA}: rewritten")
        else:
            failures.append(f"include/weir/{UMBRELLA} does not include what is there")

    for page, headers in LINKING_PAGES.items():
        text = (root / "docs" / page).read_text()
        failures += [
            f"docs/{page} does not link weir/{name}"
            for name in on_disk(root / "include/weir", headers, ["detail/*"])
            if name != UMBRELLA and f"(../include/weir/{name})" not in text
        ]

    without_ending = [[n.removesuffix(end) for n in on_disk(root / folder, [f"**/*{end}"], [])]
                      for folder, end in [("include/weir", ".hpp"), ("tests", "_test.cpp")]]
    failures += untested(*without_ending)
    operators = [h.removeprefix("operators/") for h in without_ending[0] if h.rpartition("/")[0] == "operators"]
    failures += without_property(operators, (root / "tests/operators/properties_test.cpp").read_text())
    failures += [
        f"include/weir/{name}: no marbles in its doc comment"
        for name in on_disk(root / "include/weir", ["operators/*.hpp"], [])
        if not drawn((root / "include/weir" / name).read_text())
    ]

    if failures:
        print("\n".join(failures))
        print("\nto mend: python3 tests/hygiene/lists.py --fix")
    return bool(failures)


sys.exit(main())
