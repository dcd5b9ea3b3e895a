// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <weir/core/detail/wait_report.hpp>

namespace weir {

namespace detail {

template <class T>
class manual_lifetime;
template <class T>
class resettable;

} // namespace detail

/// What a stage, or a pipeline, holds at most: what was taken from upstream or made of it, and was not handed on.
struct held_bound {
    /// A number that stands for any number of items, and for any sum that is as large.
    static constexpr std::size_t any_number = static_cast<std::size_t>(-1);

    std::size_t items = 0;
    std::size_t bytes = 0;         ///< of parts of items that are bytes
    std::size_t weight = 0;        ///< of items that are held by weight, and are not in `items`
    std::size_t inner_streams = 0; ///< streams, and sinks beside the pipeline, that hold what they hold
    std::size_t in_user_code = 0;  ///< coroutines, and values that functions combine, which may keep any item
    std::size_t unknown = 0;       ///< stages of which it is not known what they hold

    held_bound& operator+=(const held_bound& more) noexcept;
    /// This bound n times.
    held_bound operator*(std::size_t n) const noexcept;
    bool operator==(const held_bound& other) const noexcept = default;

    /// "up to 64 items, what user code keeps"; empty when nothing is held.
    std::string text() const;
};

/// Receives the stages of a pipeline, from the sink to the sources. A stream or a sink describes itself to it in a
/// member function, which only a drawing of the pipeline calls:
///
///     void outline(weir::stage_outline& out) const {
///         out.holds(capacity_);
///         out.upstream(upstream_);
///     }
///
/// It may be called before the first poll, between two polls, and by code that a poll calls.
class stage_outline {
public:
    stage_outline(const stage_outline&) = delete;
    stage_outline& operator=(const stage_outline&) = delete;

    /// Adds to what the stage holds at most. A stage that does not call it holds nothing.
    virtual void holds(const held_bound& more) = 0;
    void holds(std::size_t items) { holds(held_bound{.items = items}); }

    /// Describes a stream that the stage asks for items, with everything upstream of it.
    template <class S>
    void upstream(const S& s) {
        if (!begin(&s, detail::type_name<S>())) return;
        if constexpr (requires { s.outline(*this); }) {
            s.outline(*this);
        } else {
            undescribed(requires { typename S::result_type; });
        }
        end();
    }
    /// The same for a stream that may have been destroyed, and then holds nothing.
    template <class S>
    void upstream(const std::optional<S>& s) {
        if_any<S>(s ? &*s : nullptr);
    }
    template <class S>
    void upstream(const std::unique_ptr<S>& s) {
        if_any(s.get());
    }
    template <class S>
    void upstream(const detail::resettable<S>& s) {
        if_any<S>(s ? &*s : nullptr);
    }
    template <class S>
    void upstream(const detail::manual_lifetime<S>& s) {
        if_any<S>(s ? &*s : nullptr);
    }
    /// The same for a stream that has moved to another place: what it holds is not known.
    template <class S>
    void elsewhere() {
        absent(detail::type_name<S>(), true);
    }

protected:
    stage_outline() = default;
    ~stage_outline() = default;

    /// Returns false when the object is not to be described.
    virtual bool begin(const void* object, const char* type) = 0;
    virtual void undescribed(bool is_operation) = 0;
    virtual void end() = 0;
    virtual void absent(const char* type, bool lives) = 0;

private:
    template <class S>
    void if_any(const S* s) {
        s != nullptr ? upstream(*s) : absent(detail::type_name<S>(), false);
    }
};

namespace detail {

template <class A>
drawing drawing_of(const A& what) noexcept {
    return {type_name<A>(), &what,
            [](const void* object, stage_outline& out) { out.upstream(*static_cast<const A*>(object)); }};
}
/// The same for an operation that its owner may destroy early.
template <class A>
drawing drawing_of(const resettable<A>& what) noexcept {
    return {type_name<A>(), &what,
            [](const void* object, stage_outline& out) { out.upstream(*static_cast<const resettable<A>*>(object)); }};
}

} // namespace detail

} // namespace weir
