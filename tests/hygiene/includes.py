"""Checks what public headers include, against the rules of the tree.

- no kernel header below include/
- include/weir/core: std and weir/core only
- range-v3 in include/weir/interop only
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "include"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])')
KERNEL_FOLDERS = ("sys/", "linux/", "liburing/", "netinet/", "arpa/", "net/", "asm/", "bits/")
KERNEL_FILES = {
    "liburing.h", "fcntl.h", "unistd.h", "poll.h", "signal.h", "netdb.h", "pthread.h", "sched.h", "dirent.h", "termios.h",
    "aio.h", "spawn.h", "dlfcn.h", "pwd.h", "grp.h", "ucontext.h", "syscall.h", "mqueue.h", "semaphore.h", "ifaddrs.h",
}
STD = re.compile(r"^[a-z][a-z0-9_]*$")  # <vector>: no folder, no .h

failures = []
for header in sorted(root.rglob("*.hpp")):
    name = header.relative_to(root).as_posix()
    for number, line in enumerate(header.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match[1][1:-1]

        def fail(why):
            failures.append(f"include/{name}:{number}: {match[1]}: {why}")

        if target.startswith(KERNEL_FOLDERS) or target in KERNEL_FILES:
            fail("a kernel header; only src/kernel may name one")
        if target.startswith(("range/", "concepts/", "meta/")) and not name.startswith("weir/interop/"):
            fail("range-v3 belongs in weir/interop only")
        if target.startswith("weir/") and not (root / target).is_file():
            fail("no such header")
        if name.startswith("weir/core/") and not (STD.match(target) or target.startswith("weir/core/")):
            fail("core includes std and weir/core only")

print("\n".join(failures) or "ok")
sys.exit(bool(failures))
