// SPDX-License-Identifier: MIT
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/item_traits.hpp>
#include <weir/io/bytes.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/last.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/generate.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

/// Views of one string, which changes with each item.
class views_of_one_string {
public:
    using value_type = std::string_view;

    weir::poll<std::string_view> poll_next(weir::context&) {
        if (text_->size() == 3) return weir::done;
        text_->push_back(static_cast<char>('a' + text_->size()));
        text_->front() = text_->back();
        return std::string_view{*text_};
    }

private:
    std::unique_ptr<std::string> text_ = std::make_unique<std::string>();
};

} // namespace

TEST_SUITE("operators/to_owned") {
    TEST_CASE("to_owned copies each item before the next one is asked for") {
        weir::testing::virtual_executor ex;
        CHECK(ex.run(views_of_one_string{} | weir::to_owned() | weir::to<std::vector>()) ==
              std::vector<std::string>{"a", "bb", "cbc"});
    }

    TEST_CASE("to_owned converts bytes to a string and passes on items that own their memory") {
        weir::testing::virtual_executor ex;
        CHECK(ex.run(weir::just(weir::bytes{"text"}) | weir::to_owned() | weir::last()) == std::string{"text"});
        auto pointers = ex.run(weir::from_range([] {
                                   std::vector<std::unique_ptr<int>> v;
                                   v.push_back(std::make_unique<int>(7));
                                   return v;
                               }()) |
                               weir::to_owned() | weir::to<std::vector>());
        CHECK(*pointers.at(0) == 7);
    }

    TEST_CASE("an outliving view may be kept as it is") {
        static const std::string text = "a b";
        weir::testing::virtual_executor ex;
        const auto kept = ex.run(weir::just(std::string_view{text}) |
                                 weir::map([](std::string_view v) { return weir::outlives(v.substr(0, 1)); }) |
                                 weir::buffer(4) | weir::to<std::vector>());
        CHECK(kept.at(0).get().data() == text.data());
    }

    TEST_CASE("to_owned keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::to_owned(); }) == "");
    }
}
