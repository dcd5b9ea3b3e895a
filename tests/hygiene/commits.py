# SPDX-License-Identifier: MIT
"""Checks the form of commit messages.

    commits.py [ROOT [BASE]]        the commits since BASE, by default since this script was added
    commits.py --message FILE       a message that is being written
    commits.py --self-test

A message is a line `area: what it does`, of 72 columns at most and without a full stop at the end; then a blank line,
and a body in lines of 72 columns. A commit that changes more than a few lines has a body.
Exits with 77 where there is no history to look at.
"""

import pathlib
import re
import subprocess
import sys

COLUMNS = 72
TRIVIAL = 10  # changed lines
SUBJECT = re.compile(r"^(?P<area>[a-z0-9_.+-]+(?:/[a-z0-9_.+-]+)*): (?P<what>\S.*)$")
# First words that are verbs in another form than the imperative.
NOT_IMPERATIVE = re.compile(r"^(\w+ed|\w+ing|adds|fixes|makes|removes|lets|uses|says|gives|takes|moves|keeps)$", re.I)
IMPERATIVE_ALL_THE_SAME = {"embed", "need", "feed", "seed", "speed", "shed", "bring", "string", "ring", "ping", "swing",
                           "proceed"}
SELF = "tests/hygiene/commits.py"


def complaints(message, changed_lines=0):
    lines = message.rstrip("\n").split("\n")
    subject, body = lines[0], lines[1:]
    if subject.startswith(("Merge ", "Revert ")):
        return
    match = SUBJECT.match(subject)
    if not match:
        yield "the first line is not `area: what it does`"
    else:
        verb = match["what"].split()[0]
        if NOT_IMPERATIVE.match(verb) and verb.lower() not in IMPERATIVE_ALL_THE_SAME:
            yield f"`{verb}` is not the imperative"
        if match["what"].endswith("."):
            yield "the first line ends with a full stop"
    if len(subject) > COLUMNS:
        yield f"the first line has {len(subject)} columns, more than {COLUMNS}"
    if body and body[0]:
        yield "there is no blank line after the first"
    for line in body:
        # Unbreakable and quoted lines may be longer.
        if len(line) > COLUMNS and " " in line.strip() and not line.startswith("    "):
            yield f"a line has {len(line)} columns, more than {COLUMNS}: {line}"
    if not any(line.strip() for line in body) and changed_lines > TRIVIAL:
        yield f"{changed_lines} lines change, and no body says why"


def git(root, *arguments):
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True)


def check_history(root, base):
    if not base:
        added = git(root, "log", "--diff-filter=A", "--format=%H", "--", SELF)
        if added.returncode or not added.stdout.split():
            print("skipped: there is no history here")
            return 77
        base = added.stdout.split()[-1]
    listed = git(root, "log", "--no-merges", "--format=%H", f"{base}..HEAD")
    if listed.returncode:
        print(f"skipped: {listed.stderr.strip()}")
        return 77
    failed = 0
    for commit in listed.stdout.split():
        message = git(root, "log", "-1", "--format=%B", commit).stdout
        changed = sum(int(n) for n in re.findall(r"(\d+) (?:insertion|deletion)",
                                                 git(root, "show", "--shortstat", "--format=", commit).stdout))
        for complaint in complaints(message, changed):
            print(f"{commit[:10]} {message.splitlines()[0]}\n    {complaint}")
            failed += 1
    print(f"{len(listed.stdout.split())} commits since {base[:10]}")
    return failed > 0


def self_test():
    good = [
        ("tests: embed the marks\n\nThey were hard to read.\n", 100),
        ("operators/merge: keep the order of errors\n\nBecause.\n", 100),
        ("docs: mend a word", 2),
        ("core: Keep a capital", 2),
    ]
    bad = [
        ("Mend a word", 2, "not `area"),
        ("core, docs: mend a word", 2, "not `area"),
        ("docs: mended a word", 2, "imperative"),
        ("docs: mend a word.", 2, "full stop"),
        ("docs: " + "mend " * 20, 2, "columns"),
        ("docs: mend a word\nBecause.", 2, "blank line"),
        ("docs: mend a word\n\n" + "because " * 12, 2, "columns"),
        ("core: turn it round", 100, "no body"),
    ]
    failures = [f"{message!r}: {[*complaints(message, n)]}" for message, n in good if [*complaints(message, n)]]
    failures += [f"{message!r}: not found: {why}" for message, n, why in bad
                 if not any(why in complaint for complaint in complaints(message, n))]
    print("\n".join(failures) or f"{len(good)} good and {len(bad)} bad messages told apart")
    return bool(failures)


def main():
    if "--self-test" in sys.argv:
        return self_test()
    if "--message" in sys.argv:
        text = pathlib.Path(sys.argv[sys.argv.index("--message") + 1]).read_text()
        found = [*complaints("\n".join(line for line in text.split("\n") if not line.startswith("#")))]
        print("\n".join(found))
        return bool(found)
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    return check_history(root, sys.argv[2] if len(sys.argv) > 2 else None)


sys.exit(main())
