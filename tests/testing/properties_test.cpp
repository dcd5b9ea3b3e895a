// SPDX-License-Identifier: MIT
#include <weir/testing/properties.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/pairwise.hpp>

using namespace weir::testing;

namespace {

std::vector<int> same(const std::vector<int>& in) { return in; }

/// An operator with one of several faults.
enum class fault {
    none,
    lost_in_a_loop,    // poll_each loses the item after that where the consumer stopped
    polls_after_end,   // asks a stream that has ended
    stays_silent,      // never wakes its consumer for the end
    swallows_errors,   // ends instead
    ends_with_failure, // fails at the end
    never_rests,       // wakes its consumer again and again
};

template <weir::stream S>
class faulty_stream {
public:
    using value_type = int;

    faulty_stream(fault f, S upstream) : fault_{f}, upstream_(std::move(upstream)) {}

    weir::poll<int> poll_next(weir::context& cx) {
        try {
            auto item = upstream_.poll_next(cx);
            if (!item.is_done()) return item;
        } catch (...) {
            if (fault_ != fault::swallows_errors) throw;
        }
        if (fault_ == fault::polls_after_end) static_cast<void>(upstream_.poll_next(cx));
        if (fault_ == fault::stays_silent) return weir::pending;
        if (fault_ == fault::never_rests) return cx.yield();
        if (fault_ == fault::ends_with_failure) throw std::runtime_error{"ended"};
        return weir::done;
    }
    template <class Consume>
    weir::flow poll_each(weir::context& cx, Consume& consume) {
        for (;;) {
            auto item = poll_next(cx);
            if (item.is_pending()) return weir::flow::pending;
            if (item.is_done()) return weir::flow::done;
            if (std::exchange(lost_, false)) continue;
            if (consume(*std::move(item))) continue;
            lost_ = fault_ == fault::lost_in_a_loop;
            return weir::flow::stopped;
        }
    }

private:
    fault fault_;
    S upstream_;
    bool lost_ = false;
};

auto faulty(fault f) {
    return weir::closure{[f](auto upstream) { return faulty_stream<decltype(upstream)>{f, std::move(upstream)}; }};
}

std::string check(fault f) {
    return check_property([f] { return faulty(f); }, same);
}

/// What follows the number of the case.
std::string after_case(const std::string& report) {
    const std::size_t at = report.find("made smaller: ");
    return at == std::string::npos ? report : report.substr(at + std::string_view{"made smaller: "}.size());
}

} // namespace

TEST_SUITE("testing/properties") {
    TEST_CASE("check_property finds no difference between an operator and its model") {
        CHECK(check(fault::none) == "");
        const auto even = [](int i) { return i % 2 == 0; };
        const auto model = [&](const std::vector<int>& in) {
            std::vector<int> out;
            for (const int i : in) {
                if (even(i)) out.push_back(i);
            }
            return out;
        };
        CHECK(check_property([&] { return weir::filter(even); }, model) == "");
    }

    TEST_CASE("check_property calls the operator for each case") {
        std::size_t made = 0;
        const auto make = [&] {
            ++made;
            return weir::pairwise();
        };
        const auto model = [](const std::vector<int>& in) {
            std::vector<std::pair<int, int>> out;
            for (std::size_t i = 1; i < in.size(); ++i) out.emplace_back(in[i - 1], in[i]);
            return out;
        };
        CHECK(check_property(make, model, {.cases = 50}) == "");
        CHECK(made == 50);
    }

    TEST_CASE("check_property prints the smallest case as a marble test") {
        const auto wrong = [] { return weir::map([](int i) { return i == 7 ? 8 : i; }); };
        CHECK(after_case(check_property(wrong, same)) ==
              "the model has other items\n\n"
              "    weir::testing::marbles m;\n"
              "    CHECK(weir::testing::without_ticks(m.play(m.hot<int>(\"7|\") | op)) == \"7|\"); // was \"8|\"\n");
    }

    TEST_CASE("check_property finds what only some consumers see") {
        CHECK(after_case(check(fault::lost_in_a_loop)) ==
              "it ends before the model's last item\n\n"
              "    weir::testing::marbles m;\n"
              "    CHECK(weir::testing::without_ticks(m.play(m.hot<int>(\"00|\") | op, {.asks = \"1*\", "
              ".how = weir::testing::asking::in_a_loop})) == \"00|\"); // was \"0-|\"\n");
        CHECK(after_case(check(fault::polls_after_end)).starts_with("upstream was polled after its end\n"));
        CHECK(after_case(check(fault::stays_silent)) ==
              "upstream has finished, and the consumer is not told\n\n"
              "    weir::testing::marbles m;\n"
              "    CHECK(weir::testing::without_ticks(m.play(m.hot<int>(\"|\") | op)) == \"|\"); // was \"...\"\n");
        CHECK(after_case(check(fault::swallows_errors)).starts_with("upstream fails"));
        CHECK(
            after_case(check(fault::ends_with_failure)).starts_with("it fails with an error that is not upstream's\n"));
    }

    TEST_CASE("check_property reports a stream that never rests") {
        CHECK(after_case(check(fault::never_rests)) ==
              "marbles: the stream wakes itself or its consumer again and again at tick 0\n\n"
              "    weir::testing::marbles m;\n"
              "    m.play(m.hot<int>(\"|\") | op); // marbles: the stream wakes itself or its consumer again and again "
              "at "
              "tick 0\n");
    }

    TEST_CASE("check_property compares ticks with a model over time") {
        const auto later = [](std::size_t ticks) {
            return [ticks](timeline<int> in) {
                for (auto& [tick, item] : in.items) tick += ticks;
                if (in.end) *in.end += ticks;
                return in;
            };
        };
        const auto delayed = [] { return weir::delay(std::chrono::milliseconds{2}); };
        CHECK(check_property(delayed, later(2)) == "");
        CHECK(after_case(check_property(delayed, later(1))) ==
              "the model has other items, or has them at other times\n\n"
              "    weir::testing::marbles m;\n"
              "    CHECK(m.play(m.hot<int>(\"|\") | op) == \"-|\"); // was \"--|\"\n");
    }
}
