// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>

namespace support {

/// The operation of `collect`. It is one type for all streams, so that a test of many pipelines compiles fast.
class collection {
public:
    using result_type = std::vector<int>;

    template <weir::stream S>
    explicit collection(S& stream)
        : stream_{std::addressof(stream)}, poll_each_{[](void* self, weir::context& cx, std::vector<int>& values) {
              const auto keep = [&](weir::item_t<S>&& item) {
                  values.push_back(std::move(item).value());
                  return true;
              };
              return weir::poll_each(*static_cast<S*>(self), cx, keep);
          }} {}

    weir::poll<std::vector<int>> poll_result(weir::context& cx) {
        if (poll_each_(stream_, cx, values_) == weir::flow::pending) return weir::pending;
        return std::move(values_);
    }

private:
    void* stream_;
    weir::flow (*poll_each_)(void*, weir::context&, std::vector<int>&);
    std::vector<int> values_;
};

/// Runs a stream to its end. Returns the `value()` of each item.
template <weir::stream S>
std::vector<int> collect(weir::executor& ex, S stream) {
    return ex.run(collection(stream));
}

} // namespace support
