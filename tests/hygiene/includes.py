# SPDX-License-Identifier: MIT
"""Checks what headers and sources include, against the order of the rooms.

A room is a folder of include/weir, with the folder of the same name in src; what stands in no folder is the room
`coroutines`. `--self-test` plants a cycle and an intrusion in a copy of the tree and expects both to be found.

- A header outside detail/ is what users include. A header in X/detail/ is included by X and by the rooms that
  DETAIL_USERS names for it.
- A room includes itself and the rooms before it in ORDER.
- Headers name no kernel header; only src/kernel knows Linux.
- core includes std and core only; range-v3 belongs in interop.
- A header that includes no other header of ours, or <coroutine>, includes core/detail/requirements.hpp first. Every
  other header comes to it through those that it includes.
"""

import pathlib
import re
import shutil
import sys
import tempfile

# From the lowest level up. Rooms of one level do not include each other.
ORDER = [
    ["core"],
    ["coroutines"],  # async_stream.hpp, task.hpp
    ["backend", "sync"],
    ["executor"],
    ["scope", "threads", "resilience", "io"],
    ["kernel"],  # sources only: the backends of Linux
    ["source", "operators"],
    ["sink"],
    ["interop", "observe", "testing"],
    ["compression", "tls", "http", "messages"],
    ["websocket"],
    ["net"],
    ["redis"],
    ["connect"],
]
LEVEL = {room: level for level, row in enumerate(ORDER) for room in row}
PUBLIC_ALL = "weir.hpp"
REQUIREMENTS = "core/detail/requirements.hpp"

# Private headers that rooms above may include, with the rooms that include them. core/detail serves every room.
DETAIL_USERS = {
    "backend/detail/signal_subscription.hpp": ["source", "kernel"],
    "executor/detail/adaptive_spin.hpp": ["threads"],
    "executor/detail/cleanup.hpp": ["scope"],
    "executor/detail/live_stages.hpp": ["observe"],
    "executor/detail/locals.hpp": ["observe", "scope", "threads"],
    "executor/detail/inbox.hpp": ["io", "threads", "source", "operators", "interop"],
    "executor/detail/resettable_deadline.hpp": ["operators", "sink", "messages", "redis"],
    "executor/detail/loop_observer.hpp": ["observe"],
    "executor/detail/new_executor.hpp": ["observe"],
    "executor/detail/observations.hpp": ["observe"],
    "executor/detail/periodic_schedule.hpp": ["source", "operators"],
    "executor/detail/stop_token_watcher.hpp": ["operators", "sink", "interop"],
    "executor/detail/time_limit.hpp": ["io", "operators", "scope", "resilience", "sink"],
    "executor/detail/type_outline.hpp": ["observe"],
    "executor/detail/wait_dump.hpp": ["observe"],
    "http/detail/syntax.hpp": ["websocket"],
    "io/detail/descriptor.hpp": ["source"],
    "io/detail/device.hpp": ["source", "sink"],
    "io/detail/error.hpp": ["source", "kernel", "testing", "sink"],
    "io/detail/transfer.hpp": ["source", "sink", "redis"],
    "operators/detail/hashable.hpp": ["sink"],
    "operators/detail/name_of_key.hpp": ["sink"],
    "operators/detail/recoded.hpp": ["compression"],
    "resilience/detail/again_when.hpp": ["source"],
    "sink/detail/stop_signal.hpp": ["http"],
    "sync/detail/shared_state.hpp": ["operators", "scope"],
    "sync/detail/wait_queue.hpp": ["resilience"],
    "threads/detail/executor_queue.hpp": ["operators"],
    "threads/detail/remote_waker.hpp": ["interop"],
}

# A header that includes a private header of a room above its own, which itself includes core only.
HEADERS_ABOVE = {
    "resilience/hedge.hpp": ["operators/detail/children.hpp"],
}

# The rooms that a source file uses although they are not below its own.
SOURCES_ABOVE = {
    "src/backend/backend.cpp": ["kernel"],
    "src/core/drop_reason.cpp": ["executor"],  # its error handler gets what an on_drop throws
    "src/backend/io_operation.cpp": ["executor"],  # an operation starts on the backend of an executor
    "src/backend/unread.cpp": ["io"],  # the answer of a dropped read is kept as bytes
    "src/io/detail/descriptor.cpp": ["kernel"],
    "src/io/resolve.cpp": ["threads", "resilience", "scope"],  # lookups block; addresses are tried side by side
}

# Sources outside src/kernel that make system calls.
SOURCES_WITH_SYSTEM_CALLS = {
    "src/io/name_lookups.cpp",  # getaddrinfo
    "src/io/resolve.cpp",  # getaddrinfo
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])')
KERNEL_FOLDERS = ("sys/", "linux/", "liburing/", "netinet/", "arpa/", "net/", "asm/", "bits/")
KERNEL_FILES = {
    "liburing.h", "fcntl.h", "unistd.h", "poll.h", "signal.h", "netdb.h", "pthread.h", "sched.h", "dirent.h", "termios.h",
    "aio.h", "spawn.h", "dlfcn.h", "pwd.h", "grp.h", "ucontext.h", "syscall.h", "mqueue.h", "semaphore.h", "ifaddrs.h",
}
STD = re.compile(r"^[a-z][a-z0-9_]*$")  # <vector>: no folder, no .h


def room_of(path):
    """The room of a path below weir/ or src/."""
    folder, slash, _ = path.partition("/")
    return folder if slash else "coroutines"


def is_private(target):
    return "/detail/" in target


def check_rooms(place, room, target, above, fail):
    """One include of a header of ours, from a file of a room."""
    other = room_of(target)
    if target in above or (other in above and not is_private(target)):
        return
    if other not in LEVEL:
        fail(f"there is no room {other}")
    elif room != other and LEVEL[other] >= LEVEL[room]:
        fail(f"{room} does not stand above {other}")
    elif is_private(target) and other not in (room, "core") and room not in DETAIL_USERS.get(target, []):
        fail(f"private to {other}; DETAIL_USERS in {place} does not name {room} for it")


def check(root):
    """All that is wrong below root, a line each."""
    failures = []
    headers = root / "include" / "weir"
    files = [*sorted(headers.rglob("*.hpp")), *sorted((root / "src").rglob("*.[hc]pp"))]
    for file in files:
        name = file.relative_to(root).as_posix()
        public = name.startswith("include/")
        path = name.removeprefix("include/weir/").removeprefix("src/")
        room = room_of(path)
        above = HEADERS_ABOVE.get(path, []) if public else SOURCES_ABOVE.get(name, [])
        if public and path != PUBLIC_ALL and room not in LEVEL:
            failures.append(f"{name}: there is no room {room}")
            continue
        if path == REQUIREMENTS:
            continue
        text = file.read_text()
        included = re.findall(r"^#include <(.+)>", text, re.M)
        on_its_own = "coroutine" in included or not any(other.startswith("weir/") for other in included)
        if public and (on_its_own or f"weir/{REQUIREMENTS}" in included) and included[:1] != [f"weir/{REQUIREMENTS}"]:
            failures.append(f"{name}: includes something before weir/{REQUIREMENTS}")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match[1][1:-1]

            def fail(why):
                failures.append(f"{name}:{number}: {match[1]}: {why}")

            if room != "kernel" and (target.startswith(KERNEL_FOLDERS) or target in KERNEL_FILES):
                if public or name not in SOURCES_WITH_SYSTEM_CALLS:
                    fail("a kernel header; only src/kernel may name one")
            if public and target.startswith(("range/", "concepts/", "meta/")) and room != "interop":
                fail("range-v3 belongs in weir/interop only")
            if target.startswith("weir/"):
                if not (root / "include" / target).is_file():
                    fail("no such header")
                elif path == PUBLIC_ALL:
                    if is_private(target):
                        fail("weir.hpp lists public headers only")
                else:
                    check_rooms("tests/hygiene/includes.py", room, target.removeprefix("weir/"), above, fail)
            elif match[1].startswith('"') and not public:
                other = room_of(target)
                if other != room and other not in above and LEVEL.get(other, 0) >= LEVEL.get(room, 0):
                    fail(f"{room} does not stand above {other}")
            elif public and room == "core" and not STD.match(target):
                fail("core includes std and weir/core only")
    return failures


def plant(root, file, line):
    """What the check says of a copy of the tree with one more include in a file."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        for part in ("include", "src"):
            shutil.copytree(root / part, copy / part)
        header = copy / file
        header.write_text(header.read_text().replace("#pragma once\n", f"#pragma once\n{line}\n", 1))
        return check(copy)


def self_test(root):
    plants = [
        ("include/weir/executor/executor.hpp", "#include <weir/io/file.hpp>", "executor does not stand above io"),
        ("include/weir/io/file.hpp", "#include <weir/source/read.hpp>", "io does not stand above source"),
        ("include/weir/operators/map.hpp", "#include <weir/sync/detail/wait_queue.hpp>", "private to sync"),
        ("include/weir/weir.hpp", "#include <weir/core/detail/coroutine.hpp>", "public headers only"),
        ("include/weir/io/tcp.hpp", "#include <sys/socket.h>", "a kernel header"),
        ("include/weir/core/poll.hpp", "#include <range/v3/all.hpp>", "range-v3 belongs"),
        ("include/weir/task.hpp", "#include <coroutine>", "before weir/core/detail/requirements.hpp"),
    ]
    missed = [f"{file} with {line}: not found" for file, line, why in plants
              if not any(why in failure and file in failure for failure in plant(root, file, line))]
    print("\n".join(missed) or f"{len(plants)} planted mistakes found")
    return bool(missed)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--self-test"]
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parents[2]
    if "--self-test" in sys.argv:
        return self_test(root)
    failures = check(root)
    print("\n".join(failures) or "ok")
    return bool(failures)


sys.exit(main())
