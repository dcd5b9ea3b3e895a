// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::testing {

struct recorded_options {
    /// Of a longer record, the last so many items. The marbles of a diagram have names of one character, so that there
    /// are fewer where many items differ. > 0
    std::size_t most_items = 60;
};

/// The items of a metered stage in a recorded run, as a marble test to be pasted. What has gone wrong in production
/// becomes a test.
///
///     std::puts(weir::testing::recorded_marble_test("run.html", "parsed").c_str());
///
/// prints, for a pipeline `... | meter("parsed", text) | scan(f) | meter("summed", text) | ...`:
///
///     // "parsed" in a recorded run; op: scan, up to "summed"
///     weir::testing::marbles m{std::chrono::milliseconds{10}};
///     auto upstream = m.hot<int>("--3--a--b|", {{'a', 17}, {'b', -40}});
///     CHECK(weir::testing::without_ticks(m.play(std::move(upstream) | op)) == "3<20>#"); // failed: negative
///
/// `op` is what the test is about: the operators between the two meters. The expected items are those that the second
/// meter has recorded, so that the test passes where `op` behaves as it did. Change them to what should have happened.
/// Where no stage behind it has recorded texts, where another stage also flows into that one, and for a record that was
/// cut, the test expects nothing.
///
/// The values are the texts of the meter's function: characters, integers, or std::string. Of several stages of that
/// name, the first that failed is taken, or else the last. The diagram starts with the stage. Times that do not fit are
/// rounded to ticks.
///
/// @param path  of a trace_file with all events: a page, or JSON that was recorded with {.one_in = 1}
/// @throws std::system_error when the file cannot be read; std::invalid_argument when it has no such stage, or no items
/// were recorded, or for most_items = 0
/// See: trace_file, meter, marbles, check_property.
std::string recorded_marble_test(const std::string& path, std::string_view stage, recorded_options options = {});

} // namespace weir::testing
