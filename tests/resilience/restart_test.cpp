// SPDX-License-Identifier: MIT
#include <weir/resilience/restart.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <in_turn.hpp>

#include <weir/core/closure.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::in_turn;

namespace {

/// What is seen of streams that are restarted after a tick, until two in a row have ended or failed without an item
/// between them.
std::string restarted(const std::vector<std::string>& diagrams) {
    std::string seen;
    int failures = 0;
    for (const std::string& diagram : diagrams) {
        seen.append(diagram, 0, diagram.size() - 1);
        failures = diagram.find('a') == std::string::npos ? failures + 1 : 1;
        if (failures == 2) return seen + diagram.back();
        seen += '-';
    }
    return seen;
}

/// A stream, or nothing.
template <weir::stream S>
class maybe_stream {
public:
    using value_type = weir::item_t<S>;

    explicit maybe_stream(S stream) : stream_(std::in_place, std::move(stream)) {}
    maybe_stream() = default;

    weir::poll<value_type> poll_next(weir::context& cx) {
        if (!stream_) return weir::done;
        return stream_->poll_next(cx);
    }

private:
    std::optional<S> stream_;
};

} // namespace

TEST_SUITE("resilience/restart") {
    TEST_CASE("restart makes the next stream after an end and after an error") {
        marbles m;
        const weir::retry_policy policy{.delay = m.ticks(2), .jitter = weir::jitter::none};
        CHECK(m.play(weir::restart(in_turn(m, {"a-|", "b-#", "c|"}), policy) | weir::take(3)) == "a---b---[c|]");
    }

    TEST_CASE("restart ends, or fails, when streams in a row had no item") {
        marbles m;
        const weir::retry_policy policy{.attempts = 2, .delay = m.ticks(1), .jitter = weir::jitter::none};
        CHECK(m.play(weir::restart(in_turn(m, {"a|", "-b|", "|"}), policy)) == "a--b-|");
        CHECK(m.play(weir::restart(in_turn(m, {"a#", "#"}), policy)) == "a-#");
    }

    TEST_CASE("restart asks the predicate of its policy about errors only") {
        virtual_executor ex;
        int asked = 0;
        int made = 0;
        const auto factory = [&] {
            ++made;
            return weir::iota(0, made) | weir::map([&](int x) {
                       if (made == 4 && x == 3) throw std::runtime_error{"four"};
                       return x;
                   });
        };
        weir::retry_policy policy;
        policy.when = [&](std::exception_ptr) { return ++asked, false; };
        CHECK_THROWS_WITH(ex.run(weir::restart(factory, policy) | weir::drain()), "four");
        CHECK(made == 4);
        CHECK(asked == 1);
        CHECK_THROWS_AS(weir::restart(factory, {.attempts = 0}), std::invalid_argument);
    }

    TEST_CASE("restart plays random streams until two in a row have no item") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            auto diagrams = support::random_diagrams(random);
            diagrams.insert(diagrams.end(), {"|", "-#"});
            marbles m;
            const weir::retry_policy policy{
                .attempts = 2, .delay = m.ticks(1), .factor = 1, .jitter = weir::jitter::none};
            CHECK(m.play(weir::restart(in_turn(m, diagrams), policy)) == restarted(diagrams));
        }
    }

    TEST_CASE("restart destroys its stream when it is dropped") {
        support::check_dropped_in_turn([](auto factory) { return weir::restart(std::move(factory)); });
    }

    TEST_CASE("restart keeps the contract of a stream while its stream is the first") {
        const auto once = [] {
            return weir::closure{[]<class S>(S up) {
                weir::retry_policy policy{.delay = 1ms, .jitter = weir::jitter::none};
                policy.when = [](std::exception_ptr) { return false; };
                return weir::restart(
                    [first = std::optional<maybe_stream<S>>{std::in_place, std::move(up)}]() mutable {
                        if (!first) return maybe_stream<S>{};
                        maybe_stream<S> stream{std::move(*first)};
                        first.reset();
                        return stream;
                    },
                    std::move(policy));
            }};
        };
        CHECK(check_contract(once) == "");
    }

    TEST_CASE("restart allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::restart([n] { return weir::iota(0, n); }) | weir::take(n) | weir::drain());
              }) == 0);
    }
}
