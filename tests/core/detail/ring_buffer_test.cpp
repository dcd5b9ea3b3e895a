// SPDX-License-Identifier: MIT
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/detail/ring_buffer.hpp>

#include <item_types.hpp>

namespace {

/// Cannot be copied, so that nothing but a move that may throw puts it elsewhere.
class throwing_move_only : public support::items::throwing_move {
public:
    using throwing_move::throwing_move;
    throwing_move_only(throwing_move_only&&) = default;
    throwing_move_only& operator=(throwing_move_only&&) = default;
};

template <class T>
std::vector<int> values_of(weir::detail::ring_buffer<T>& queue) {
    std::vector<int> values;
    for (; !queue.empty(); queue.drop_front()) values.push_back(queue.front().value());
    return values;
}

} // namespace

TEST_SUITE("core/detail/ring_buffer") {
    using support::items::throwing_move;

    TEST_CASE_TEMPLATE("a ring_buffer keeps every item when adding one throws", T, throwing_move, throwing_move_only) {
        for (int thrown = 0, n = 1; thrown == n - 1; ++n) {
            CAPTURE(n);
            weir::detail::ring_buffer<T> queue;
            for (int i = 0; i != 8; ++i) queue.push_back(T(i));
            queue.drop_front();
            queue.push_back(T(8));
            std::vector<int> expected{1, 2, 3, 4, 5, 6, 7, 8};
            T next(9); // for which the queue grows
            throwing_move::throw_at(n);
            try {
                queue.push_back(std::move(next));
                expected.push_back(9);
            } catch (const throwing_move::thrown&) {
                ++thrown;
            }
            throwing_move::throw_at(0);
            CHECK(values_of(queue) == expected);
        }
        CHECK(throwing_move::alive() == 0);
    }

    TEST_CASE_TEMPLATE("a ring_buffer is unchanged when the replacement of its first item throws", T, throwing_move,
                       throwing_move_only) {
        for (int thrown = 0, n = 1; thrown == n - 1; ++n) {
            CAPTURE(n);
            weir::detail::ring_buffer<T> queue;
            for (int i = 0; i != 3; ++i) queue.push_back(T(i));
            std::vector<int> expected{0, 1, 2};
            throwing_move::throw_at(n);
            try {
                const T first = queue.replace_front(T(3));
                expected = {1, 2, 3};
                CHECK(first.value() == 0);
            } catch (const throwing_move::thrown&) {
                ++thrown;
            }
            throwing_move::throw_at(0);
            CHECK(values_of(queue) == expected);
        }
        CHECK(throwing_move::alive() == 0);
    }
}
