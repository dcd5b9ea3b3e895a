// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <weir/scope/local.hpp>

namespace weir::http {

/// The header `traceparent` of the request that the running code serves, as W3C's Trace Context defines it. Without a
/// valid one there is no value.
inline constinit local<std::string> traceparent{"traceparent"};

/// The header `X-Request-Id` of the request that the running code serves: up to 128 visible ASCII characters. Without
/// a valid one there is no value.
inline constinit local<std::string> request_id{"request"};

} // namespace weir::http
