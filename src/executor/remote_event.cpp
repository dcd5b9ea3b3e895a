// SPDX-License-Identifier: MIT
#include <weir/executor/remote_event.hpp>

#include <weir/executor/executor.hpp>

namespace weir {

remote_event::remote_event(executor& ex) noexcept : inbox_{detail::executor_access::inbox(ex)} {}

} // namespace weir
