// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <weir/messages/record.hpp>
#include <weir/redis/value.hpp>

namespace weir::redis::detail {

/// The fields of an entry that are not headers.
struct entry_fields {
    std::string value;
    std::string key;
};

/// An ID, such as 1700000000000-3.
/// @throws type_error
messages::position to_position(std::string_view id);

/// The entries of a reply of XREADGROUP, XAUTOCLAIM or XRANGE. An entry that is nil was removed from the stream.
/// @param removed  the number of those is added to it
/// @throws type_error for a reply that has another form
std::vector<messages::record> to_records(value&& entries, const entry_fields& names, std::size_t& removed);

/// Sets the attempts of records by a reply of XPENDING, whose entries are of the same IDs in the same order. Records
/// without an entry keep theirs.
/// @throws type_error for a reply that has another form
void set_attempts(std::vector<messages::record>& records, value&& pending);

} // namespace weir::redis::detail
