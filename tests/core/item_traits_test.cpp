// SPDX-License-Identifier: MIT
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include <row_view.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/bytes.hpp>
#include <weir/sync/channel.hpp>
#include <weir/sync/semaphore.hpp>

namespace {

using std::string_view;
using support::row;
using support::row_view;
using weir::borrowed;
using weir::bytes;
using weir::owned;
using weir::thread_bound;

static_assert(thread_bound<bytes>);
static_assert(thread_bound<const bytes>);
static_assert(thread_bound<std::pair<int, bytes>>);
static_assert(thread_bound<std::tuple<int, std::optional<bytes>>>);
static_assert(thread_bound<std::vector<bytes>>);
static_assert(thread_bound<std::array<bytes, 2>>);
static_assert(thread_bound<std::variant<int, bytes>>);
static_assert(thread_bound<std::shared_ptr<bytes>>);
static_assert(thread_bound<weir::sender<int>>);
static_assert(thread_bound<weir::semaphore::permit>);
static_assert(!thread_bound<int>);
static_assert(!thread_bound<std::string>);
static_assert(!thread_bound<std::vector<std::string>>);
static_assert(!thread_bound<string_view>);

static_assert(borrowed<string_view>);
static_assert(borrowed<std::span<const int>>);
static_assert(borrowed<std::span<const int, 4>>);
static_assert(borrowed<std::pair<int, string_view>>);
static_assert(borrowed<std::vector<std::optional<string_view>>>);
static_assert(borrowed<weir::byte_view>);
static_assert(borrowed<row_view>);
static_assert(!borrowed<std::string>);
static_assert(!borrowed<bytes>);
static_assert(!borrowed<const char*>);
static_assert(!borrowed<weir::outliving<string_view>>);
static_assert(!borrowed<std::vector<weir::outliving<string_view>>>);

template <class T>
using owned_t = weir::detail::owned_t<T>;

static_assert(std::same_as<owned_t<int>, int>);
static_assert(std::same_as<owned_t<string_view>, std::string>);
static_assert(std::same_as<owned_t<bytes>, std::string>);
static_assert(std::same_as<owned_t<std::span<const int>>, std::vector<int>>);
static_assert(std::same_as<owned_t<std::pair<int, string_view>>, std::pair<int, std::string>>);
static_assert(std::same_as<owned_t<std::tuple<bytes, std::optional<string_view>>>,
                           std::tuple<std::string, std::optional<std::string>>>);
static_assert(std::same_as<owned_t<std::vector<string_view>>, std::vector<std::string>>);
static_assert(std::same_as<owned_t<std::vector<int>>, std::vector<int>>);
static_assert(std::same_as<owned_t<row_view>, row>);
static_assert(!weir::detail::ownable<weir::sender<int>>);

} // namespace

TEST_SUITE("core/item_traits") {
    TEST_CASE("owned copies the text of a view, also within other objects") {
        std::string text = "one";
        const std::array numbers{1, 2};
        auto copied = owned<std::tuple<string_view, std::optional<string_view>, std::span<const int>>>::copy(
            {text, text, numbers});
        auto pair = owned<std::pair<bytes, std::unique_ptr<int>>>::copy({bytes{text}, std::make_unique<int>(1)});
        auto rows = owned<std::vector<row_view>>::copy({row_view{text}});
        text = "two";
        CHECK(std::get<0>(copied) == "one");
        CHECK(std::get<1>(copied) == "one");
        CHECK(std::get<2>(copied) == std::vector{1, 2});
        CHECK(pair.first == "one");
        CHECK(*pair.second == 1);
        CHECK(rows.at(0).name == "one");
    }

    TEST_CASE("outlives(view) stays a view") {
        constexpr auto word = weir::outlives(string_view{"word"});
        CHECK(word.get() == "word");
        CHECK(word->size() == 4);
        CHECK(*word == "word");
        CHECK(word == weir::outlives(string_view{"word"}));
        const string_view converted = word;
        CHECK(converted == "word");
    }
}
