# SPDX-License-Identifier: MIT
"""Commands for gdb that show what a program with weir waits for, in a live process or a core file.

    (gdb) source /usr/share/weir/gdb/weir.py
    (gdb) weir-dump            the executors that run on the threads of the process
    (gdb) weir-dump &ex        one executor

The output resembles that of weir::dump. The script reads memory and calls no function of the process, which may
therefore be stopped anywhere. Both the library and the program need debug information.
"""

import re

import gdb

MARK_BITS = 7
DEEPEST = 60
AWAITS = re.compile(r"weir::detail::await_operation<(.*)>::poll_again\(weir::waker&\)", re.S)


def pointer_value(value):
    return int(value.cast(gdb.lookup_type("unsigned long")))


def pointer_to(name, address):
    return gdb.Value(address).cast(gdb.lookup_type(name).pointer())


def offset_of(name, member):
    for field in gdb.lookup_type(name).fields():
        if field.name == member:
            return field.bitpos // 8
    # A member of an anonymous union.
    for field in gdb.lookup_type(name).fields():
        if not field.name and any(inner.name == member for inner in field.type.fields()):
            return field.bitpos // 8
    raise gdb.GdbError(f"weir-dump: {name} has no {member}; does this script belong to another version of weir?")


def symbol_at(address):
    """The name of the function at an address, with its parameters, or ""."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    return "" if text.startswith("No symbol") else re.sub(r" in section .*", "", text.strip(), flags=re.S)


def demangled(name):
    """The type with a mangled name, or ""."""
    try:
        text = gdb.execute(f"demangle -l c++ -- _ZTI{name}", to_string=True)
    except gdb.error:
        return ""
    return text.strip().removeprefix("typeinfo for ") if name else ""


def split_arguments(text):
    """The template arguments of a type, which follow its first '<'."""
    arguments, depth, start = [], 0, text.find("<") + 1
    for i in range(start, len(text)):
        if text[i] in "<({":
            depth += 1
        elif text[i] in ">)}":
            if text[i] == ">" and depth == 0:
                arguments.append(text[start:i].strip())
                break
            depth -= 1
        elif text[i] == "," and depth == 0:
            arguments.append(text[start:i].strip())
            start = i + 1
    return arguments


# The names of src/executor/detail/type_outline.cpp and further ones; tests/hygiene/gdb_names.py compares them.
ENDS = ("_stream", "_operation", "_sink", "_into", "_core")
RENAMED = {
    "call_each": "for_each",
    "ignore_items": "drain",
    "timed_operation": "with_timeout",
    "fold_all": "fold",
    "reduce_all": "reduce",
    "count_items": "count",
    "event_wait_operation": "wait",
    "lock_operation": "lock",
    "concurrent_operations": "when_all or when_any",
    "lazy_operation": "a function",
    "local_operation": "with_local",
    "results_in_order": "parallel",
    "executor_queue_receiver": "publish_on",
    "await_each": "for_each",
    "best_item": "min or max",
    "both_ends": "minmax",
    "fill_container": "to",
    "joined_text": "join",
    "keep_first": "first",
    "keep_last": "last",
    "keep_single": "single",
    "mean": "average",
    "run_groups": "for_each_group",
    "search_all": "all_of",
    "search_any": "any_of",
    "search_none": "none_of",
    "send_items": "send",
    "shared_subscription": "share",
    "write_items": "write",
    "permits": "a lock or semaphore",
}
WRAPPERS = ("sink", "boxed_stream", "prefetching_operator", "latest_item_operator")
OVER_UPSTREAM = ("accumulation", "next_operation", "await_each", "run_groups", "send_items", "serve_sink", "write_items")


def short_name(name):
    return name.split("<", 1)[0].split("::")[-1]


def stage_name(name):
    short, arguments = short_name(name), split_arguments(name) if "<" in name else []
    if short in RENAMED:
        return RENAMED[short]
    if short in ("in_flight_stream", "map_async_stream") and len(arguments) > 3:
        if "inner_streams" in arguments[2]:
            return "flat_map"
        return "map_async" if arguments[3].endswith("1") else "map_async_unordered"
    if short == "accumulation" and len(arguments) > 1:
        return stage_name(arguments[1])
    for end in ENDS:
        if short.endswith(end) and short != "async_stream":
            short = short.removesuffix(end)
    return short


def outline(name):
    """A type as a user of pipelines writes it: "iota | map | for_each"."""
    if not name.startswith("weir::"):
        return name
    short, arguments = short_name(name), split_arguments(name) if "<" in name else []
    if short in WRAPPERS and arguments:
        return outline(arguments[0])
    stage = stage_name(name)
    over = arguments and (short.endswith("_stream") or short in OVER_UPSTREAM) and (
        arguments[0].startswith("weir::") or "stream" in short_name(arguments[0]))
    return f"{outline(arguments[0])} | {stage}" if over else stage


def stage_outline(name):
    """The last stage of that outline."""
    return outline(name).rsplit(" | ", 1)[-1]


def function_outline(signature):
    """The name of a function without its return type, parameters and namespaces."""
    depth, end = 0, len(signature)
    for i, c in enumerate(signature):
        if c == "<":
            depth += 1
        elif c == ">":
            depth -= 1
        elif c == "(" and depth == 0 and not signature.startswith("(anonymous", i):
            end = i
            break
    return signature[:end].split(" ")[-1].replace("(anonymous namespace)::", "").split("::")[-1]


class Dump:
    def __init__(self, executor):
        self.executor = executor.dereference()
        self.depth = 0
        self.roots = []  # (address of the waker, address of the coroutine or 0, head)
        self.objects = []
        self.list_roots()

    def line(self, text):
        print("  " * self.depth + text)

    # The list of roots, as executor_access::list has it.

    def links(self, list_value):
        head = list_value["head_"].address
        link = list_value["head_"]["next_"]
        while link != 0 and link != head:
            yield link
            link = link["next_"]

    def place(self, value):
        return self.place_at(value["_M_impl"])

    def place_at(self, impl):
        if int(impl) == 0:
            return ""
        return impl["_M_file_name"].string() + ":" + str(int(impl["_M_line"]))

    def add(self, waker, coroutine, how, place, name=""):
        head = how + (" at " + place if place else "") + (": " + outline(name) if name else "")
        self.roots.append((waker, coroutine, head))

    def object_root(self, entry, how):
        """Adds a spawned operation or a member of a group, of which only the dynamic type is known."""
        entry = entry.cast(entry.dynamic_type)
        value = entry.dereference()
        name = str(value.type.strip_typedefs())
        fields = {field.name for field in value.type.fields()}
        place = self.place(value["place_"]) if "place_" in fields else ""
        arguments = split_arguments(name)
        of_task = arguments and arguments[0].startswith("weir::task<")
        if "::detached_task<" in name or ("::group_task<" in name and of_task):
            state = pointer_value(value["operation_"]["state_"])
            self.add(state + self.waker_offset(), state, how, place)
        else:
            waker = entry.cast(gdb.lookup_type("weir::waker").pointer())
            self.add(pointer_value(waker), 0, how, place, arguments[0] if arguments else name)

    def waker_offset(self):
        return next(field.bitpos // 8 for field in gdb.lookup_type("weir::detail::coroutine_state").fields()
                    if field.is_base_class)

    def list_roots(self):
        main = self.executor["main_"]
        if main != 0:
            one = main.dereference()
            coroutine = pointer_value(one["coroutine"])
            name = one["what"]["type"].string() if one["what"]["type"] != 0 else ""
            how, place = one["how"].string(), self.place(one["place"])
            self.add(pointer_value(one["self"]), coroutine, how, place, demangled(name))
        task = gdb.lookup_type("weir::detail::spawned_task").pointer()
        for link in self.links(self.executor["spawned_tasks_"]):
            one = link.cast(task).dereference()
            state = pointer_value(one["state_"])
            self.add(state + self.waker_offset(), state, "spawned", self.place(one["place_"]))
        entry = gdb.lookup_type("weir::detail::spawned_entry").pointer()
        for link in self.links(self.executor["spawned_"]):
            self.object_root(link.cast(entry), "spawned")
        self.list_groups()

    def list_groups(self):
        entries = self.executor["groups_"]["entries_"]["_M_impl"]
        one, end = entries["_M_start"], entries["_M_finish"]
        member = gdb.lookup_type("weir::detail::group_member").pointer()
        while one != end:
            cleanups = one.dereference()["group"]
            if cleanups != 0 and cleanups["owner_"] != 0:
                owner = cleanups["owner_"]
                group = owner.cast(owner.dynamic_type).dereference()
                if "started_" in {field.name for field in group.type.fields()}:
                    if group["body_"] != 0:
                        self.object_root(group["body_"], "body of a task group")
                    for link in self.links(group["started_"]):
                        self.object_root(link.cast(member), "member of a task group")
            one += 1

    def number_of(self, waker):
        return next((i + 1 for i, root in enumerate(self.roots) if root[0] == waker), 0)

    # What they wait for.

    def print(self):
        self.line(f"{len(self.roots)} operations")
        for i, (waker, coroutine, head) in enumerate(self.roots):
            print()
            self.line(f"#{i + 1} {head}")
            self.depth += 1
            self.frame(coroutine) if coroutine else self.cause(waker)
            self.depth -= 1

    def frame(self, address):
        state = pointer_to("weir::detail::coroutine_state", address).dereference()
        phase = int(state["phase_"])
        if phase == 1:
            return self.line("a coroutine that runs in this turn or the next")
        if phase == 0:
            runs = state["cx_"] != 0
            return self.line("a coroutine that runs now" if runs else "a coroutine that is not asked to run")
        if phase == 4:
            return self.line("a coroutine at a co_yield; its item was not taken")
        if phase != 2:
            return self.line("a coroutine that has ended")
        awaits = AWAITS.search(symbol_at(pointer_value(state["run_"])))
        # An await_operation has the operation, the place and the answer.
        words = gdb.Value(pointer_value(state["await_"])).cast(gdb.lookup_type("unsigned long").pointer())
        impl = pointer_to("std::source_location::__impl", int(words[1]))
        function = function_outline(impl["_M_function_name"].string())
        self.line(f"{function} at {self.place_at(impl)} awaits {outline(awaits[1]) if awaits else 'something'}")
        self.cause(address + self.waker_offset())

    def cause(self, address):
        if self.depth > DEEPEST:
            return self.line("... and so on")
        self.depth += 1
        waker = pointer_to("weir::waker", address).dereference()
        slot = waker["slots_"]
        if slot == 0:
            queued = waker["next_"] != 0
            self.line("nothing: it runs in this turn or the next" if queued else "nothing that this dump knows")
        while slot != 0:
            self.through(slot)
            slot = slot["next_"]
        self.depth -= 1

    def through(self, slot):
        address = pointer_value(slot)
        mark = pointer_value(slot["link_"]) & MARK_BITS
        if mark == 0:
            return self.line("an object that does not describe itself")
        if mark == 1:
            coroutine = address - offset_of("weir::detail::coroutine_state", "consumer_")
            number = self.number_of(coroutine + self.waker_offset())
            return self.line(f"the end of #{number}") if number else self.frame(coroutine)
        if mark == 2:
            timer = pointer_to("weir::deadline_timer", address - offset_of("weir::deadline_timer", "waiter_"))
            left = (int(timer["deadline_"]["__d"]["__r"]) - int(self.executor["now_"]["__d"]["__r"])) / 1e6
            return self.line(f"a timer that is due in {left:.0f} ms" if left > 0 else "a timer that is due")
        if mark == 3:
            return self.line("I/O in flight")
        if mark == 6:
            return self.line("another thread")
        if mark == 4:
            what = pointer_to("weir::detail::described_slot", address)["what_"]
        else:
            what = pointer_to("weir::detail::referring_slot", address)["what_"].dereference()
        self.described(what)

    def described(self, what):
        """Prints an object by its member `what`, which has its offset in the object and a function that describes it.
        The template argument of that function is the object's type."""
        owner = pointer_value(what.address) - int(what["offset_"])
        describes = symbol_at(pointer_value(what["describe_"]))
        kind = re.search(r"described::described<(.*?)>\(", describes, re.S)
        name = kind[1] if kind else "an object"
        if number := self.number_of(owner):
            return self.line(f"the end of #{number}")
        if owner not in self.objects:
            self.objects.append(owner)
        self.line(f"{stage_outline(name)} {chr(ord('A') + self.objects.index(owner) % 26)}")
        self.driver(name, owner)

    def driver(self, name, owner):
        """A stage that runs by itself waits for something else with a waker of its own."""
        try:
            value = pointer_to(name, owner).dereference()
            driver = value["driver_"]
        except gdb.error:
            return
        self.cause(pointer_value(driver.address))


class WeirDump(gdb.Command):
    """Shows the live operations of executors and what they wait for: weir-dump [pointer to an executor]."""

    def __init__(self):
        super().__init__("weir-dump", gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        try:
            gdb.lookup_type("weir::detail::coroutine_state")
        except gdb.error:
            raise gdb.GdbError("weir-dump: there is no debug information of weir")
        if argument:
            value = gdb.parse_and_eval(argument)
            return Dump(value.cast(gdb.lookup_type("weir::executor").pointer())).print()
        found = 0
        before = gdb.selected_thread()
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            try:
                executor = gdb.parse_and_eval("'weir::(anonymous namespace)::running_here'")
            except gdb.error as error:
                if "No symbol" in str(error) or "unknown type" in str(error):
                    raise gdb.GdbError("weir-dump: there is no debug information of the library") from None
                continue  # a thread without thread-local variables of the library
            if executor != 0:
                found += 1
                print(f"executor of thread {thread.num}: ", end="")
                Dump(executor).print()
        before.switch()
        if not found:
            print("no executor runs; name one: weir-dump &ex")


WeirDump()
