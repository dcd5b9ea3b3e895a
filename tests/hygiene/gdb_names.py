# SPDX-License-Identifier: MIT
"""Fails when packaging/gdb/weir.py names a stage otherwise than src/executor/detail/type_outline.cpp does.

The script for gdb has further names, for classes that a dump of the program itself need not name.

    python3 tests/hygiene/gdb_names.py [ROOT]
    python3 tests/hygiene/gdb_names.py --self-test
"""

import ast
import pathlib
import re
import sys

LISTS = (("suffixes", "ENDS"), ("wrappers", "WRAPPERS"), ("over_upstream", "OVER_UPSTREAM"))


def constants(script):
    """The constants of a Python file that are literals."""
    found = {}
    for node in ast.parse(script).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                pass
    return found


def initializer(source, name):
    """The text between the braces that initialise a constant."""
    match = re.search(rf"\b{name}\[\] = \{{(.*?)\}};", source, re.S)
    return match[1] if match else ""


def failures(source, script):
    """How the script differs from the C++ source."""
    script = constants(script)
    found = []
    pairs = re.findall(r'\{"(\w+)", "([^"]+)"\}', initializer(source, "renamed"))
    if not pairs:
        found.append("type_outline.cpp has no names in renamed")
    found += [f"RENAMED has no {name!r}: {user!r}" for name, user in pairs if script.get("RENAMED", {}).get(name) != user]
    for cpp_name, python_name in LISTS:
        names = re.findall(r'"(\w+)"', initializer(source, cpp_name))
        if not names:
            found.append(f"type_outline.cpp has no names in {cpp_name}")
        found += [f"{python_name} has no {name!r}" for name in names if name not in script.get(python_name, ())]
    return found


SOURCE = """
constexpr std::pair<std::string_view, std::string_view> renamed[] = {
    {"call_each", "for_each"},
    {"lock_operation", "lock"},
};
constexpr std::string_view suffixes[] = {"_stream", "_sink"};
constexpr std::string_view wrappers[] = {"sink"};
constexpr std::string_view over_upstream[] = {"accumulation"};
"""
SCRIPT = """
ENDS = ("_stream", "_sink", "_core")
RENAMED = {"call_each": "for_each", "lock_operation": "lock", "permits": "a lock"}
WRAPPERS = ("sink",)
OVER_UPSTREAM = ("accumulation",)
"""


def self_test():
    planted = [
        (SOURCE, SCRIPT.replace('"call_each"', '"call_all"')),
        (SOURCE, SCRIPT.replace('"for_each"', '"for_all"')),
        (SOURCE, SCRIPT.replace('"_sink", ', "")),
        (SOURCE, SCRIPT.replace('("sink",)', "()")),
        (SOURCE, SCRIPT.replace("OVER_UPSTREAM", "OTHERS")),
        (SOURCE.replace("renamed", "named"), SCRIPT),
        (SOURCE.replace("suffixes", "ends"), SCRIPT),
    ]
    wrong = [f"not found: {source}{script}" for source, script in planted if len(failures(source, script)) != 1]
    wrong += [f"found without a difference: {failure}" for failure in failures(SOURCE, SCRIPT)]
    print("\n".join(wrong) or f"{len(planted)} planted differences found")
    return bool(wrong)


def main():
    if "--self-test" in sys.argv:
        return self_test()
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    found = failures((root / "src/executor/detail/type_outline.cpp").read_text(),
                     (root / "packaging/gdb/weir.py").read_text())
    for failure in found:
        print(f"packaging/gdb/weir.py: {failure}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
