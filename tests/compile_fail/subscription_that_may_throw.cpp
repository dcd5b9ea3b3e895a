// SPDX-License-Identifier: MIT
// Reactive Streams §3.15 and §3.16: request and cancel return normally.
// expect: exception specification

#include <cstdint>

#include <weir/interop/reactive_streams.hpp>

class right final : public weir::rs::subscription {
public:
    void request(std::int64_t) noexcept override {}
    void cancel() noexcept override {}
};

#ifdef MUST_NOT_COMPILE
class wrong final : public weir::rs::subscription {
public:
    void request(std::int64_t) override {}
    void cancel() noexcept override {}
};
#endif

int main() {
    right both;
    both.cancel();
}
