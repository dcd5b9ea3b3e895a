// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/core/stream.hpp>
#include <weir/testing/marbles.hpp>

namespace weir::testing {

/// An item and the tick at which it comes.
template <class T>
struct timed {
    std::size_t tick;
    T item;
};

/// The items of a stream over time, in the order of their ticks.
template <class T>
struct timeline {
    std::vector<timed<T>> items;
    /// The tick of the end; none for a stream that does not end.
    std::optional<std::size_t> end;
};

struct property_options {
    /// The number of cases.
    std::size_t cases = 200;
    /// The same seed gives the same cases.
    std::uint64_t seed = 1;
    /// Whether an error of upstream reaches the consumer.
    bool passes_errors = true;
};

namespace detail {

/// What check_property does, for operators and models of any type.
class property_check {
public:
    using stream_of_drawings = async_stream<std::string>;

    /// Applies the operator.
    std::function<stream_of_drawings(async_stream<int>, asking)> op;
    /// The model: the drawings of the items; and the drawing of the whole stream, for a model with times.
    std::function<std::vector<std::string>(const std::vector<int>&)> model;
    std::function<std::string(const timeline<int>&)> timed_model;

    std::string run(const property_options& options) const;

private:
    struct event;
    struct scenario;
    struct failure;
    struct history;
    class upstream;

    seen play(const scenario& s, marbles& m, const std::shared_ptr<history>& h) const;
    std::optional<failure> find_failure(const scenario& s, bool passes_errors) const;
    void shrink(scenario& s, failure& f, bool passes_errors) const;
    std::string test_of(const scenario& s, const failure& f) const;
};

std::string draw_timeline(const timeline<std::string>& line);

template <class Out>
timeline<std::string> draw_items(const timeline<Out>& line) {
    timeline<std::string> drawn{{}, line.end};
    for (const auto& [tick, item] : line.items) drawn.items.push_back({tick, draw(item)});
    return drawn;
}

template <class Model>
concept model_over_time = std::invocable<Model&, const timeline<int>&>;
template <class Model>
concept model_of_items = std::invocable<Model&, const std::vector<int>&>;

} // namespace detail

/// Checks an operator against a model: a function without streams that computes the same. Returns an empty string when
/// they agree in all cases. Otherwise it returns the smallest case that it can find, as a marble test to be pasted.
///
///     const auto model = [](const std::vector<int>& in) {
///         std::vector<int> out;
///         for (const int i : in) {
///             if (i % 2 == 0) out.push_back(i);
///         }
///         return out;
///     };
///     CHECK(weir::testing::check_property([] { return weir::filter(even); }, model) == "");
///
/// Each case is a random diagram of digits as upstream, which ends, fails or does neither, and a consumer that asks one
/// by one or in a loop, for a few items at a time or for all, and that may drop the stream. The wakers run in an order
/// that each case decides. A consumer must see:
///
/// - all items of the model and the end, when upstream ends and all is asked for;
/// - as many of the first items as it asked for, when it asks for fewer;
/// - some of the first items and the error, when upstream fails; or all items and the end;
/// - some of the first items, when it drops the stream or upstream never ends.
///
/// Afterwards upstream must be destroyed, no timer armed, and upstream not polled after its end.
///
/// A model that takes and returns a `timeline<T>` is one of an operator with timers: the tick of each item must agree
/// as well. Its consumers ask for all, and upstream ends.
///
/// @param make   called for each case; returns the operator, a closure over a stream of int
/// @param model  from a std::vector<int> to a std::vector, or from a timeline<int> to a timeline
template <class Make, class Model>
    requires detail::model_of_items<Model> || detail::model_over_time<Model>
std::string check_property(Make make, Model model, property_options options = {}) {
    detail::property_check check;
    check.op = [&make](async_stream<int> source, asking how) {
        auto out = std::move(source) | make();
        if (how == asking::one_by_one) {
            return async_stream<std::string>{detail::drawn_stream<decltype(out), false>{std::move(out)}};
        }
        return async_stream<std::string>{detail::drawn_stream<decltype(out), true>{std::move(out)}};
    };
    if constexpr (detail::model_over_time<Model>) {
        check.timed_model = [&model](const timeline<int>& in) {
            return detail::draw_timeline(detail::draw_items(std::invoke(model, in)));
        };
    } else {
        check.model = [&model](const std::vector<int>& in) {
            std::vector<std::string> drawn;
            for (const auto& item : std::invoke(model, in)) drawn.push_back(detail::draw(item));
            return drawn;
        };
    }
    return check.run(options);
}

} // namespace weir::testing
