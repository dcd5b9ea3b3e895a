// SPDX-License-Identifier: MIT
#pragma once

// All of weir but the testing kit.

#include <weir/core/assert.hpp>
#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/core/waker.hpp>

#include <weir/async_stream.hpp>
#include <weir/task.hpp>

#include <weir/source/accept.hpp>
#include <weir/source/datagrams.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/follow.hpp>
#include <weir/source/frames.hpp>
#include <weir/source/from_callback.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/generate.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/lines.hpp>
#include <weir/source/never.hpp>
#include <weir/source/once.hpp>
#include <weir/source/process_output.hpp>
#include <weir/source/read.hpp>
#include <weir/source/signals.hpp>
#include <weir/source/timer.hpp>
#include <weir/source/unfold.hpp>
#include <weir/source/walk.hpp>
#include <weir/source/watch.hpp>

#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/combine_latest.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/debounce.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/enumerate.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/flat_map.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/operators/map_blocking.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/on_error_resume.hpp>
#include <weir/operators/pace.hpp>
#include <weir/operators/pairwise.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/operators/publish_on.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/scan.hpp>
#include <weir/operators/skip.hpp>
#include <weir/operators/skip_while.hpp>
#include <weir/operators/start_with.hpp>
#include <weir/operators/subscribe_on.hpp>
#include <weir/operators/switch_map.hpp>
#include <weir/operators/take.hpp>
#include <weir/operators/take_until.hpp>
#include <weir/operators/take_while.hpp>
#include <weir/operators/throttle.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/operators/zip.hpp>

#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/last.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/send.hpp>
#include <weir/sink/serve.hpp>
#include <weir/sink/to.hpp>
#include <weir/sink/write.hpp>

#include <weir/sync/broadcast.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/closed.hpp>
#include <weir/sync/condition.hpp>
#include <weir/sync/event.hpp>
#include <weir/sync/latch.hpp>
#include <weir/sync/mutex.hpp>
#include <weir/sync/oneshot.hpp>
#include <weir/sync/semaphore.hpp>
#include <weir/sync/state.hpp>

#include <weir/scope/async_finally.hpp>
#include <weir/scope/deadline.hpp>
#include <weir/scope/group_error.hpp>
#include <weir/scope/outcome.hpp>
#include <weir/scope/task_group.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/scope/when_all_settled.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/scope/with_group.hpp>
#include <weir/scope/with_timeout.hpp>

#include <weir/backend/backend.hpp>
#include <weir/backend/endpoint.hpp>
#include <weir/backend/file_system.hpp>
#include <weir/backend/io_operation.hpp>
#include <weir/backend/process_system.hpp>
#include <weir/backend/socket_system.hpp>
#include <weir/backend/unix_address.hpp>

#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/random_bits.hpp>
#include <weir/executor/remote_event.hpp>
#include <weir/executor/sleep.hpp>

#include <weir/threads/concurrent_channel.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/spawn_on.hpp>
#include <weir/threads/thread_pool.hpp>

#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/copy.hpp>
#include <weir/io/file.hpp>
#include <weir/io/process.hpp>
#include <weir/io/resolve.hpp>
#include <weir/io/socket_options.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/udp.hpp>
#include <weir/io/unix.hpp>

#include <weir/interop/as_range.hpp>
#include <weir/interop/stop_scope.hpp>
#include <weir/interop/to_future.hpp>
#include <weir/interop/with_stop.hpp>

#include <weir/resilience/adaptive_limit.hpp>
#include <weir/resilience/bulkhead.hpp>
#include <weir/resilience/circuit_breaker.hpp>
#include <weir/resilience/concurrency_limit.hpp>
#include <weir/resilience/hedge.hpp>
#include <weir/resilience/overloaded.hpp>
#include <weir/resilience/rate_limiter.hpp>
#include <weir/resilience/retry.hpp>
#include <weir/resilience/retry_policy.hpp>
