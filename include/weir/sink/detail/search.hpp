// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir::detail {

/// Looks for the first item for which a predicate answers `Wanted`. The result is `Found` if there is one.
template <class T, class Pred, bool Wanted, bool Found>
class search {
public:
    using result_type = bool;
    static constexpr bool may_stop = may_drop<Pred>;

    explicit search(Pred pred) : pred_(std::move(pred)) {}

    bool add(T&& item) {
        found_ = static_cast<bool>(std::invoke(pred_, std::as_const(item))) == Wanted;
        return !found_;
    }
    bool finish() const noexcept { return found_ == Found; }

private:
    [[no_unique_address]] Pred pred_;
    bool found_ = false;
};

template <class T, class Pred>
using search_any = search<T, Pred, true, true>;
template <class T, class Pred>
using search_all = search<T, Pred, false, false>;
template <class T, class Pred>
using search_none = search<T, Pred, true, false>;

} // namespace weir::detail
