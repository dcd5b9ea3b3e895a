// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/poll.hpp>

namespace weir {

class context;

namespace detail {

/// The type of a pipeline that does not compile, once the compiler has said why. Every `|`, `run`, `spawn` and
/// `co_await` accepts it, so that one mistake is one error. Declared only: no program that compiles has one.
struct invalid_pipeline {
    using result_type = invalid_pipeline;

    poll<result_type> poll_result(context&);
    template <class T>
    operator T() const;
};

} // namespace detail

} // namespace weir
