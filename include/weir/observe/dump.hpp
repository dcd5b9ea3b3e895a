// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <weir/executor/executor.hpp>
#include <weir/task.hpp>

namespace weir {

/// Every live operation of an executor, and what it waits for: the coroutines with the places of their `co_await`, the
/// stages that have no item, and at the end a timer, a descriptor, a channel, a lock, another operation or another
/// thread. The metered stages follow.
///
///     #2 spawned at src/server.cpp:41
///       produce at src/server.cpp:17 awaits send
///         channel A: full: 4 of 4 items are held; the receiver does not ask for an item
///
/// The text is for people; its form may change.
///
/// Threads: on the executor's thread, from within or while it does not run.
/// Cost: nothing before it is called, but 8 bytes for each `co_await` in a coroutine.
/// See: dump_on_signal, deadlock, meter.
std::string dump(executor& ex);

/// `ex.spawn(dump_on_signal()).detach()`: writes the executor's dump to stderr whenever the process receives the
/// signal. It does not end.
///
///     kill -USR1 $(pidof server)
///
/// @param number  the signal, SIGUSR1 by default
/// See: dump, signals.
task<> dump_on_signal();
task<> dump_on_signal(int number);

} // namespace weir
