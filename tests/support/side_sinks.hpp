// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/core/closure.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

/// Operators with a sink beside the stream: also_to and wire_tap.
namespace support {

/// A sink that notes items, and is busy for some time with each.
inline auto notes(std::string& seen, weir::duration busy = {}) {
    return weir::for_each([&seen, busy](char c) -> weir::task<> {
        seen += c;
        if (busy != weir::duration{}) co_await weir::sleep_for(busy);
    });
}
inline auto notes(numbers& seen) {
    return weir::for_each([&seen](int x) { seen.push_back(x); });
}
/// A sink that fails at an item.
inline auto fails_at(int n) {
    return weir::for_each([n](int x) {
        if (x == n) throw std::runtime_error{"sink"};
    });
}

/// What executor::report is called with.
class reports {
public:
    explicit reports(weir::executor& ex) {
        ex.on_error([this](std::exception_ptr error, std::source_location) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                text_ += e.what();
            }
        });
    }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

/// An item of which the second copy fails.
struct copied_once {
    explicit copied_once(int& copies) : copies_{&copies} {}
    copied_once(const copied_once& other) : copies_{other.copies_} {
        if (++*copies_ == 2) throw std::runtime_error{"copy"};
    }
    copied_once(copied_once&&) noexcept = default;

    int* copies_;
};

/// The number of items that pass beside a sink whose second item cannot be copied, and who sees the failure.
template <class Beside>
std::string failure_of_copy(Beside beside) {
    weir::testing::virtual_executor ex;
    const reports reported{ex};
    int copies = 0;
    std::size_t seen = 0;
    weir::testing::probe<copied_once> source;
    weir::testing::probe_sink sink{ex, source.stream() | beside(weir::for_each([&](const copied_once&) { ++seen; }))};
    sink.request();
    for (int i = 0; i != 3; ++i) source.push(copied_once{copies});
    ex.run_ready();
    CHECK(seen == 1);
    return std::to_string(sink.items().size()) + (sink.failed() ? " failed " : " ") + reported.text();
}

/// Checks what also_to and wire_tap have in common.
template <class Beside>
void check_side_sink(Beside beside) {
    using weir::testing::probe_sink;
    using weir::testing::virtual_executor;

    SUBCASE("items, the end and errors go to the consumer and to the sink") {
        for (const std::string diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            weir::testing::marbles m;
            std::string seen;
            CHECK(m.play(m.hot(diagram) | beside(notes(seen))) == diagram);
            std::string expected;
            for (const char c : diagram) {
                if (c >= 'a' && c <= 'z') expected += c;
            }
            CHECK(seen == expected);
        }
    }

    SUBCASE("the stream goes on without a sink that has ended") {
        virtual_executor ex;
        numbers seen;
        numbers passed;
        ex.run(weir::iota(0, 5) | beside(weir::take(2) | notes(seen)) | notes(passed));
        CHECK(seen == numbers{0, 1});
        CHECK(passed == numbers{0, 1, 2, 3, 4});
    }

    SUBCASE("a sink that is ready takes an item before upstream is asked for the next") {
        virtual_executor ex;
        std::string order;
        const auto note = [&](char who) {
            return weir::for_each([&order, who](int x) { order += who + std::to_string(x); });
        };
        ex.run(weir::iota(0, 3) | beside(note('s')) | note('c'));
        CHECK(order == "c0s0c1s1c2s2");
    }

    SUBCASE("what the consumer throws reaches neither the sink nor upstream") {
        virtual_executor ex;
        const reports reported{ex};
        numbers seen;
        CHECK_THROWS_WITH(ex.run(weir::iota(0, 9) | beside(notes(seen)) | fails_at(3)), "sink");
        CHECK(seen == numbers{0, 1, 2});
        CHECK(reported.text().empty());
    }

    SUBCASE("a sink may hand its items to a task that lives longer than the pipeline") {
        virtual_executor ex;
        weir::testing::probe<char> source;
        std::string seen;
        std::string ended;
        std::optional<weir::join_handle<weir::task<>>> reader;
        const auto read = [&](auto items) -> weir::task<> {
            co_await weir::sleep_for(std::chrono::seconds{1});
            co_await (std::move(items) | notes(seen));
            ended = "ended";
        };
        const auto hands_on = weir::closure{[&](auto items) {
            reader.emplace(ex.spawn(read(std::move(items))));
            return weir::sleep_for(std::chrono::hours{1});
        }};
        {
            probe_sink sink{ex, source.stream() | beside(hands_on)};
            sink.request();
            source.push('a');
            ex.run_ready();
            CHECK(sink.items() == std::vector{'a'});
        }
        ex.run(std::move(*reader));
        CHECK(seen == "a");
        CHECK(ended == "ended");
    }

    SUBCASE("all items pass and reach the sink, whenever they arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = random_numbers(random, 20, 0, 9);
            numbers seen;
            CHECK(arrive_at_random(random, items, beside(notes(seen))) == items);
            CHECK(seen == items);
        }
    }

    SUBCASE("an item allocates nothing") {
        CHECK(allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | beside(weir::drain()) | weir::drain());
              }) == 0);
    }

    SUBCASE("the contract of a stream is kept") {
        CHECK(weir::testing::check_contract([&] { return beside(weir::drain()); }, {.copies = 1}) == "");
    }
}

} // namespace support
