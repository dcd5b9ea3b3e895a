// SPDX-License-Identifier: MIT
#include <weir/interop/reactive_streams.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <memory>
#include <utility>

#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

constexpr int many = 10'000'000;

/// Requests each item inside the signal before it.
class one_by_one final : public weir::rs::subscriber<int> {
public:
    void on_subscribe(std::shared_ptr<weir::rs::subscription> link) override {
        link_ = std::move(link);
        link_->request(1);
    }
    void on_next(int) override {
        ++items;
        link_->request(1);
    }
    void on_error(std::exception_ptr) override { ended = true; }
    void on_complete() override { ended = true; }

    int items = 0;
    bool ended = false;

private:
    std::shared_ptr<weir::rs::subscription> link_;
};

} // namespace

TEST_SUITE("depth/reactive_streams") {
    TEST_CASE("a request inside each on_next uses no stack") {
        weir::testing::virtual_executor ex;
        const auto to = std::make_shared<one_by_one>();
        weir::rs::to_publisher(weir::iota(0) | weir::take(many), ex)->subscribe(to);
        while (!to->ended) ex.run(weir::yield());
        CHECK(to->items == many);
    }

    TEST_CASE("a publisher and a stream that consumes it on one executor use no stack") {
        weir::testing::virtual_executor ex;
        const auto from = weir::rs::to_publisher(weir::iota(0) | weir::take(many), ex);
        CHECK(ex.run(weir::rs::from_publisher(from, 256) | weir::count()) == many);
    }
}
