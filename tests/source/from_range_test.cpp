// SPDX-License-Identifier: MIT
#include <weir/source/from_range.hpp>

#include <doctest/doctest.h>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <ranges>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/transform.hpp>
#include <std_generator.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

namespace {

template <class S>
auto collect(S source) {
    virtual_executor ex;
    return ex.run(std::move(source) | weir::to<std::vector>());
}

/// 1, 2, ... n
class counter : public std::ranges::view_base {
public:
    explicit counter(int n) : n_{n} {}
    counter(counter&&) = default;
    counter& operator=(counter&&) = default;

    class iterator {
    public:
        using value_type = int;
        using difference_type = std::ptrdiff_t;

        explicit iterator(counter& of) : of_{&of} {}
        iterator(iterator&&) = default;
        iterator& operator=(iterator&&) = default;

        int&& operator*() const { return std::move(of_->at_); }
        iterator& operator++() {
            ++of_->at_;
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return of_->at_ > of_->n_; }

    private:
        counter* of_;
    };

    iterator begin() { return iterator{*this}; }
    std::default_sentinel_t end() const { return {}; }

private:
    int n_;
    int at_ = 1;
};

} // namespace

TEST_SUITE("source/from_range") {
    TEST_CASE("from_range emits the elements in order, then ends") {
        weir::testing::marbles m;
        CHECK(m.play(weir::from_range(std::vector{1, 2, 3})) == "[123|]");
        CHECK(m.play(weir::from_range(std::vector<int>{})) == "|");
        CHECK(m.play(weir::from_range(std::list{'a', 'b'})) == "[ab|]");
        CHECK(m.play(weir::from_range(std::string{"short strings keep their text inside"})).size() > 30);
        CHECK(m.play(weir::from_range(std::string{"sso"})) == "[sso|]");
    }

    TEST_CASE("from_range borrows an lvalue, and copies its elements as of the first poll") {
        std::vector<std::string> words{"a"};
        auto stream = weir::from_range(words);
        words.push_back("b");
        CHECK(collect(std::move(stream)) == std::vector<std::string>{"a", "b"});
        CHECK(words == std::vector<std::string>{"a", "b"});
        const auto& constant = words;
        CHECK(collect(weir::from_range(constant)) == words);
    }

    TEST_CASE("from_range owns an rvalue container and moves its elements") {
        std::vector<weir::testing::tracked> items{1, 2, 3};
        weir::testing::tracked::copies = 0;
        CHECK(collect(weir::from_range(std::move(items))).size() == 3);
        CHECK(weir::testing::tracked::copies == 0);

        std::vector<std::unique_ptr<int>> pointers;
        pointers.push_back(std::make_unique<int>(7));
        CHECK(*collect(weir::from_range(std::move(pointers))).front() == 7);
    }

    TEST_CASE("from_range does not move elements out of a view") {
        std::vector<std::string> words{"long enough to live on the heap, really", "b"};
        const auto copy = words;
        const auto all = [](const std::string&) { return true; };
        CHECK(collect(weir::from_range(words | std::views::filter(all))) == copy);
        CHECK(collect(weir::from_range(std::span{words})) == copy);
        CHECK(collect(weir::from_range(words | ranges::views::filter(all))) == copy);
        auto named = words | std::views::filter(all);
        CHECK(collect(weir::from_range(named)) == copy);
        CHECK(words == copy);
    }

    TEST_CASE("from_range reads ranges of every category") {
        CHECK(collect(weir::from_range(std::map<int, char>{{1, 'a'}})) ==
              std::vector<std::pair<const int, char>>{{1, 'a'}});
        CHECK(collect(weir::from_range(std::vector<bool>{true, false})) == std::vector<bool>{true, false});
        std::istringstream text{"4 5 6"};
        CHECK(collect(weir::from_range(std::views::istream<int>(text))) == std::vector{4, 5, 6});
        CHECK(collect(weir::from_range(std::views::iota(0) | std::views::take(3))) == std::vector{0, 1, 2});
        CHECK(collect(weir::from_range(ranges::views::iota(0, 3) |
                                       ranges::views::transform([](int x) { return x * x; }))) == std::vector{0, 1, 4});
        int array[] = {1, 2};
        CHECK(collect(weir::from_range(array)) == std::vector{1, 2});
    }

    TEST_CASE("from_range advances its iterator when it is polled, not before") {
        std::istringstream text{"1 2 3 4"};
        virtual_executor ex;
        const auto two =
            ex.run(weir::from_range(std::views::istream<int>(text)) | weir::take(2) | weir::to<std::vector>());
        CHECK(two == std::vector{1, 2});
        int next = 0;
        text >> next;
        CHECK(next == 3);
    }

    TEST_CASE("from_range may be moved before its first poll") {
        auto stream = std::make_unique<weir::from_range_stream<std::string>>(weir::from_range(std::string{"in place"}));
        auto moved = std::move(*stream);
        stream.reset();
        CHECK(collect(std::move(moved)) == std::vector<char>{'i', 'n', ' ', 'p', 'l', 'a', 'c', 'e'});
    }

    TEST_CASE("from_range reads a view that can only be moved and read once, as std::generator is") {
        static_assert(!std::copyable<counter>);
        CHECK(collect(weir::from_range(counter{3})) == std::vector{1, 2, 3});
#if defined(__cpp_lib_generator)
        auto generator = [](int n) -> std::generator<std::string> {
            for (int i = 0; i != n; ++i) co_yield std::string(40, 'a');
        };
        CHECK(collect(weir::from_range(generator(3))).at(2) == std::string(40, 'a'));
        CHECK(collect(weir::from_range(generator(3)) | weir::take(1)).size() == 1);
#endif
    }

    TEST_CASE("from_range: an exception from an iterator ends the stream") {
        const auto fails_at_two = [](int x) {
            if (x == 2) throw std::runtime_error{"two"};
            return x;
        };
        weir::testing::marbles m;
        CHECK(m.play(weir::from_range(std::vector{1, 2, 3} | std::views::transform(fails_at_two))) == "[1#]");
    }

    TEST_CASE("from_range allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::from_range(std::views::iota(0, n)) | weir::drain());
              }) == 0);
    }
}
