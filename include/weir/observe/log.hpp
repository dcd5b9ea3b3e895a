// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <ostream>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/finally.hpp>
#include <weir/operators/inspect.hpp>

namespace weir {

namespace detail {

/// The line for an event of a stream. Control characters in the text are escaped.
std::string log_line(std::string_view name, std::string_view event, std::string_view text = {});
/// The line for the end of a stream.
std::string log_line(std::string_view name, const stream_ending& ending);
/// Writes a line to an ostream, in one piece, and flushes it.
void write_log_line(std::ostream& out, std::string line);
/// std::cerr
std::ostream& standard_log() noexcept;

/// Formats an item with operator<<.
struct insert_item {
    template <class T>
        requires requires(std::ostream& out, const T& item) { out << item; }
    const T& operator()(const T& item) const noexcept {
        return item;
    }
};

/// A function whose result for an item can be printed.
template <class Format, class T>
concept formats_item = requires(Format& format, const T& item, std::ostream& out) { out << std::invoke(format, item); };

/// Writes the events of one stream to an ostream or into a function.
template <class To, class Format>
class event_log {
public:
    event_log(std::string name, To to, Format format)
        : name_{std::move(name)}, to_(std::move(to)), format_(std::move(format)) {}

    void item(const auto& value) {
        std::ostringstream text;
        text << std::invoke(format_, value);
        write(log_line(name_, "item", std::move(text).str()));
    }
    void end(const stream_ending& ending) { write(log_line(name_, ending)); }

private:
    void write(std::string line) {
        if constexpr (std::is_same_v<To, std::ostream*>) {
            write_log_line(*to_, std::move(line));
        } else {
            static_cast<void>(std::invoke(to_, std::string_view{line}));
        }
    }

    std::string name_;
    [[no_unique_address]] To to_;
    [[no_unique_address]] Format format_;
};

template <class Log>
struct log_items {
    void operator()(const auto& item) const { log->item(item); }

    Log* log;
};

template <class Log>
struct log_ending {
    void operator()(const stream_ending& ending) const { log->end(ending); }

    std::unique_ptr<Log> log;
};

} // namespace detail

/// The items of an upstream, of which and of whose end a log is written.
template <stream S, class Log>
class [[nodiscard("add a sink and co_await it")]] log_stream
    : public finally_stream<inspect_stream<S, detail::log_items<Log>>, detail::log_ending<Log>> {
    using items = inspect_stream<S, detail::log_items<Log>>;
    using base = finally_stream<items, detail::log_ending<Log>>;

public:
    log_stream(S upstream, std::unique_ptr<Log> to, std::source_location place)
        : log_stream(to.get(), std::move(upstream), std::move(to), place) {}

private:
    // A reference: g++ would construct a parameter of `to` before it evaluates to.get().
    log_stream(Log* shown, S upstream, std::unique_ptr<Log>&& to, std::source_location place)
        : base(items(std::move(upstream), detail::log_items<Log>{shown}), detail::log_ending<Log>{std::move(to)},
               place) {}
};

struct log_fn : detail::operator_fn<log_fn> {
    template <class T, class Name, class To, class Format, class Place>
    static consteval bool accepts() {
        constexpr bool written = std::is_same_v<To, std::ostream*> || (std::invocable<To&, std::string_view> &&
                                                                       !detail::returns_work<To&, std::string_view>);
        static_assert(written, "weir::log(name, to): to is neither a std::ostream nor a function that takes a "
                               "std::string_view and returns nothing to be awaited");
        constexpr bool inserted = !std::is_same_v<Format, detail::insert_item> || std::invocable<Format&, const T&>;
        static_assert(inserted, "weir::log(name): the items have no operator<<; pass a function that returns a text "
                                "for an item: log(name, std::cerr, format)");
        constexpr bool formatted = std::is_same_v<Format, detail::insert_item> || detail::formats_item<Format, T>;
        static_assert(formatted, "weir::log(name, to, format): format cannot be called with a const item, or its "
                                 "result has no operator<<");
        return written && inserted && formatted;
    }

    template <stream S, class Name, class To, class Format, class Place>
    static auto attach(S left, Name name, To to, Format format, Place place) {
        using events = detail::event_log<To, Format>;
        return log_stream<S, events>(
            std::move(left), std::make_unique<events>(std::move(name), std::move(to), std::move(format)), place);
    }

    template <class To, class Format = detail::insert_item>
    auto operator()(std::string name, To&& to, Format format = {},
                    std::source_location place = std::source_location::current()) const {
        if (name.empty()) throw std::invalid_argument{"weir::log(name): name is empty"};
        if constexpr (!std::derived_from<std::remove_cvref_t<To>, std::ostream>) {
            return with(std::move(name), std::remove_cvref_t<To>(std::forward<To>(to)), std::move(format), place);
        } else if constexpr (std::is_lvalue_reference_v<To>) {
            return with(std::move(name), static_cast<std::ostream*>(&to), std::move(format), place);
        } else {
            static_assert(detail::always_false<To>, "weir::log(name, to): to is a temporary, and would be destroyed "
                                                    "before the stream; name it first");
        }
    }
    auto operator()(std::string name, std::source_location place = std::source_location::current()) const {
        return (*this)(std::move(name), detail::standard_log(), detail::insert_item{}, place);
    }
};

/// log(name), log(name, to), log(name, to, format): writes a line for each item, for the end or the error, and when the
/// stream is dropped before. Items pass unchanged.
///
///     prices() | weir::log("prices") | weir::take(2) | weir::drain()
///
///     prices: item 17
///     prices: item 18
///     prices: dropped
///
/// The other lines are `prices: end` and `prices: error std::runtime_error: no answer`. Lines go to stderr; to is a
/// std::ostream, which must outlive the stream, or a function that is called with each line, a std::string_view without
/// the line break. A line is written and flushed in one piece. Control characters in an item or an error are written as
/// \n or \x1b. Items are printed with operator<<, or what format returns for them is.
///
/// Ends: with upstream. Errors: upstream's, and what to, format and operator<< throw for an item or at the end. After
/// another error, or when the stream is dropped, it goes to the executor's error handler, as with finally.
/// Dropped: the line is written when upstream was destroyed.
/// Threads: writing holds up the executor as long as the ostream does.
/// Cost: an allocation, and those that make a line; no item held. It is meant for looking at a program, not for its hot
/// paths.
/// See: inspect, finally, checkpoint, meter, what_happened.
///
/// @throws std::invalid_argument when the name is empty
inline constexpr log_fn log{};

} // namespace weir
