// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/poll.hpp>

namespace weir {

class context;

namespace detail {

/// The type of a pipeline after a rejected operator. Every `|`, `run`, `spawn` and `co_await` accepts it, so that one
/// mistake causes one error. It is only declared, because no program that compiles contains one.
struct invalid_pipeline {
    using result_type = invalid_pipeline;

    poll<result_type> poll_result(context&);
    template <class T>
    operator T() const;
};

} // namespace detail

} // namespace weir
