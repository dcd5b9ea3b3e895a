// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <weir/executor/executor.hpp>

namespace weir {

/// The counters of an executor and of its metered stages, in the text format of Prometheus, version 0.0.4. An HTTP
/// handler answers a scrape with it, as text/plain; version=0.0.4.
///
///     # HELP weir_stage_items_total Items that metered stages passed on.
///     # TYPE weir_stage_items_total counter
///     weir_stage_items_total{executor="ingest",stage="parsed"} 120
///
/// Each sample has the label `executor`, so that the texts of several executors differ. Times are in seconds. A stage
/// that waits at present counts up to now.
///
/// Threads: on the executor's thread.
/// See: meter, metered_stages, executor::stats.
std::string prometheus_text(executor& ex, std::string_view executor_name);

} // namespace weir
