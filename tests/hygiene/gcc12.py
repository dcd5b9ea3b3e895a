# SPDX-License-Identifier: MIT
"""Finds what g++ 12 may miscompile in coroutines: in the library, examples, docs and tests, or in the files and folders given.

    python3 tests/hygiene/gcc12.py [FILE|FOLDER...]
    python3 tests/hygiene/gcc12.py --self-test

In an expression that awaits or yields, g++ 12 may destroy twice, lose or refuse to compile

- a list in braces, or a temporary that is initialised by one, and a co_await within braces
- a lambda that captures by value
- both branches of ?:

All of them go away when the temporary gets a name in a statement of its own. The types are not known here: a value that
has no destructor is safe in each of these places. `// gcc12: why` on the line accepts it.
"""

import pathlib
import re
import sys
import tempfile

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')
      | (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<number>\.?\d(?:'?[\w.])*)
      | (?P<mark>->|::|&&|\|\||[^\s\w])""",
    re.X | re.M | re.S)
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
AWAITS = {"co_await", "co_yield"}
BLOCK_WORDS = {"struct", "class", "union", "enum", "namespace", "requires", "concept", "extern"}
CONTROL = {"if", "while", "for", "switch", "catch"}
# Initializer lists of these types have no destructor.
SCALARS = {"bool", "char", "int", "unsigned", "long", "short", "float", "double", "size_t", "byte", "chrono", "literals"}
SCALAR = re.compile(r"^u?int(_fast|_least|ptr|max)?\d*_t$")
ACCEPTED = re.compile(r"//\s*gcc12:\s*\S")


class Node:
    """A token, or what stands within brackets."""

    def __init__(self, text, line, children=None):
        self.text, self.line, self.children = text, line, children


def tokens(text, first_line):
    line, position = first_line, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        if match.lastgroup not in ("comment", "directive") and match["comment"] is None and match["directive"] is None:
            literal = match["raw"] or match["string"] or match["char"]
            yield Node('""' if literal else match[0], line)


def tree(stream):
    """Tokens as a list of nodes; what is not closed ends with the text."""
    root = Node("", 0, [])
    stack = [root]
    for token in stream:
        if token.text in OPEN:
            token.children = []
            stack[-1].children.append(token)
            stack.append(token)
        elif token.text in CLOSE:
            if len(stack) > 1:
                stack.pop()
        else:
            stack[-1].children.append(token)
    return root.children


def is_word(node):
    return node.children is None and re.match(r"[A-Za-z_]", node.text) is not None


def starts_lambda(before):
    """Whether a [ after these nodes is a capture list: not a subscript, nor an attribute."""
    if not before:
        return True
    last = before[-1]
    if last.children is not None:
        return last.text == "{"
    if is_word(last):
        return last.text in AWAITS | {"return", "co_return", "case", "else"}
    return last.text not in ('""', ">")


def is_block(before):
    """Whether a { after these nodes of its statement begins a block: otherwise it is a list."""
    if not before:
        return True
    last = before[-1]
    if last.children is not None:
        return last.text in ("(", "{")
    if last.text in ("else", "do", "try", "const", "noexcept", "override", "final", "mutable", ":"):
        return last.text != ":" or before[0].text in ("case", "default", "public", "private", "protected")
    if any(node.text in BLOCK_WORDS for node in before):
        return True
    # A trailing return type: ) -> type {
    for index in range(len(before) - 1, 0, -1):
        if before[index].text == "->" and before[index - 1].children is not None:
            return True
        if before[index].text in ("=", ",", "return", "co_return") or before[index].text in AWAITS:
            return False
    return False


def statements(nodes):
    """Each full expression: a list of nodes, with blocks and the bodies of lambdas taken out and given on their own."""
    current, body_follows = [], False
    index = 0
    while index < len(nodes):
        node = nodes[index]
        if node.text == ";":
            yield current
            current, body_follows = [], False
        elif node.text == "(" and current and (current[-1].text in CONTROL or current[-1].text == "constexpr"):
            yield from statements(node.children)
            current = []
        elif node.text == "{" and (body_follows or is_block(current)):
            yield from statements(node.children)
            if not body_follows:
                yield current
                current = []
            body_follows = False
        elif node.children is not None:
            copy = Node(node.text, node.line, [])
            if node.text == "[":
                attribute = len(node.children) == 1 and node.children[0].text == "["
                copy.text = "lambda" if starts_lambda(current) and not attribute else "["
                body_follows = copy.text == "lambda"
                copy.children = node.children
            elif body_follows and node.text == "(":
                copy.children = node.children  # parameters
            else:
                parts = [*statements_within(node.children)]
                copy.children = parts[0]
                yield from parts[1:]
            current.append(copy)
        else:
            current.append(node)
        index += 1
    if current:
        yield current


def statements_within(nodes):
    """What stands within brackets of an expression, as one list; then the statements of lambdas in it."""
    whole, others = [], []
    start = 0
    found = [*statements_of_expression(nodes)]
    for kind, what in found:
        (whole if kind == "part" else others).append(what)
    yield whole
    yield from others
    del start


def statements_of_expression(nodes):
    current, body_follows = [], False
    for node in nodes:
        if node.text == "," and node.children is None:
            body_follows = False
        if node.text == "{" and body_follows:
            for statement in statements(node.children):
                yield "other", statement
            body_follows = False
            continue
        if node.children is None:
            current.append(node)
            yield "part", node
            continue
        copy = Node(node.text, node.line, node.children)
        if node.text == "[":
            attribute = len(node.children) == 1 and node.children[0].text == "["
            if starts_lambda(current) and not attribute:
                copy.text, body_follows = "lambda", True
        elif not (body_follows and node.text == "("):
            copy.children = []
            for kind, what in statements_of_expression(node.children):
                if kind == "part":
                    copy.children.append(what)
                else:
                    yield kind, what
        current.append(copy)
        yield "part", copy


def captures_by_value(captures):
    """Whether a lambda holds a copy: not of `this`."""
    first = True
    for node in captures:
        if first and node.children is None and node.text not in ("&", "this", "*"):
            return True
        if first and node.text == "*":
            return True
        first = node.text == ","
    return False


def awaits(nodes):
    return any(node.text in AWAITS or (node.children and node.text != "lambda" and awaits(node.children)) for node in nodes)


def is_scalar(before):
    return bool(before) and (before[-1].text in SCALARS or SCALAR.match(before[-1].text) is not None or
                             any(node.text == "chrono" for node in before[-3:]))


def hazards(nodes):
    """What is dangerous in an expression that awaits: lines and reasons."""
    for index, node in enumerate(nodes):
        if node.text == "?" and node.children is None:
            yield node.line, "?: in an expression that awaits or yields"
        elif node.text == "lambda":
            if captures_by_value(node.children):
                yield node.line, "a lambda that captures by value in an expression that awaits or yields"
        elif node.text == "{" and node.children:
            if awaits(node.children):
                yield node.line, "co_await or co_yield within a list in braces"
            elif not is_scalar(nodes[:index]):
                yield node.line, "a list in braces in an expression that awaits or yields"
        if node.children and node.text != "lambda":
            yield from hazards(node.children)


def check_code(text, first_line=1):
    accepted = {first_line + i for i, line in enumerate(text.split("\n")) if ACCEPTED.search(line)}
    found = set()
    for statement in statements(tree(tokens(text, first_line))):
        if awaits(statement):
            found.update(hazard for hazard in hazards(statement) if hazard[0] not in accepted)
    return sorted(found)


def code_of_markdown(text):
    """Blocks of code: fenced as C++, or indented. Each with its first line."""
    fence = re.compile(r"^```(?:cpp|c\+\+)\n(.*?)^```", re.M | re.S)
    indented = re.compile(r"(?<=\n\n)((?:    [^\n]*\n|\n(?=    ))+)")
    for pattern in (fence, indented):
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start(1)) + 1, match[1]


def check(path):
    text = path.read_text(errors="replace")
    if path.suffix == ".md":
        return [hazard for line, code in code_of_markdown(text) for hazard in check_code(code, line)]
    return check_code(text)


def files(paths):
    for path in paths:
        if path.is_dir():
            yield from sorted(f for f in path.rglob("*") if f.suffix in (".cpp", ".hpp", ".cc", ".cxx", ".h", ".hh", ".md")
                              and not {"build", "subprojects", ".git"} & set(f.relative_to(path).parts))
        elif path.exists():
            yield path


BAD = [
    "auto ls = co_await weir::spawn_process({\"ls\", \"/\"});",
    "co_await weir::offload(pool, [data] { return data.size(); });",
    "co_await weir::offload(pool, [data = std::move(data)] { return data.size(); });",
    "co_await weir::offload(pool, [=] { return 1; });",
    "co_await weir::offload(pool, [&a, b] { return 1; });",
    "co_yield point{name, 2};",
    "f({co_await a, co_await b});",
    "int x = late ? co_await a : co_await b;",
    "co_await (late ? a : b);",
    "if (co_await send(item{\"a\"})) return;",
    "for (auto& x : co_await all({1, 2})) use(x);",
    "auto run = [&]() -> weir::task<void> { co_await send({1}); };",
    "co_await in(\n    a,\n    pair{1, 2});",
    "run([](int n) -> weir::task<int> { co_return co_await f(std::vector{n}); });",
]
GOOD = [
    "auto start = weir::spawn_process({\"ls\", \"/\"}); auto ls = co_await std::move(start);",
    "co_await weir::offload(pool, [&] { return point{1, 2}; });",
    "co_await weir::offload(pool, [] { return late ? 1 : 2; });",
    "co_await weir::offload(pool, [this] { return 1; });",
    "auto work = [data] { return 1; }; co_await work();",
    "if (late) { co_await a; } else { auto x = point{1}; }",
    "co_await f(std::size_t{3}, std::chrono::seconds{1});",
    "struct point { int x; }; weir::task<int> f() { co_return co_await g(); }",
    "auto run = [=]() -> weir::task<int> { co_return co_await g(); };",
    "int x = a ? b : c; co_await x;",
    "// co_await f({1});\nauto text = \"co_await f({1})\";",
    "co_await f({1});  // gcc12: ints have no destructor",
    "co_await f(a[i], x());",
    "while (auto x = co_await next(s)) { v = {1, 2}; }",
    "co_yield weir::pending;",
]


def self_test():
    failures = [f"not found: {code}" for code in BAD if not check_code(code)]
    failures += [f"found {check_code(code)} in: {code}" for code in GOOD if check_code(code)]
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder, "page.md")
        page.write_text("Text.\n\n    co_await f({1});\n\n```cpp\nint x;\nco_await f({2});\n```\n")
        if [line for line, _ in check(page)] != [7, 3] or len([*files([pathlib.Path(folder)])]) != 1:
            failures.append(f"page.md: {check(page)}")
    print("\n".join(failures) or f"{len(BAD)} planted hazards found, {len(GOOD)} pieces of good code passed")
    return bool(failures)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--self-test"]
    if "--self-test" in sys.argv:
        return self_test()
    root = pathlib.Path(__file__).resolve().parents[2]
    paths = [pathlib.Path(a) for a in arguments] or [root / name for name in ("README.md", "docs", "examples", "include", "src", "tests")]
    count = 0
    for file in files(paths):
        for line, why in check(file):
            print(f"{file.relative_to(root) if file.is_relative_to(root) else file}:{line}: {why}")
            count += 1
    if count:
        print("\nto mend: give what is named a statement of its own, before the co_await or co_yield")
    return count > 0


sys.exit(main())
