// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/backend/endpoint.hpp>

namespace weir::detail {

/// Answers to dropped reads of one descriptor, which no code has seen. The next reads get them, the last one first,
/// because only the last answer can have been put back last.
class unread {
public:
    enum class boundaries : bool {
        none, ///< bytes: the next read gets what does not fit
        kept, ///< messages: each answers one read
    };

    bool empty() const noexcept { return pieces_.empty(); }

    /// @param result  of a completed read: the size of its data, or an error. Descriptors that arrived with it are
    ///                taken from the request.
    /// @throws std::bad_alloc, without a change
    void put_back(const io_request& request, int result, boundaries b);

    /// Answers a read. There must be an answer.
    /// @param left_over  receives descriptors that arrived with it and were not asked for
    /// @throws std::bad_alloc, without a change
    int answer(const io_request& request, std::vector<int>& left_over);

    /// To be called before all answers are dropped: closes their descriptors.
    void close_descriptors(descriptor_closer& closer) noexcept;

private:
    struct piece {
        std::string data;
        std::size_t head = 0; // the number of bytes that were read again
        int error = 0;        // in place of data
        boundaries kept = boundaries::none;
        bool descriptors_lost = false;
        endpoint from = {};
        std::vector<int> descriptors = {};
    };

    std::list<piece> pieces_;
};

/// Whether an error is one of a connection, which the kernel reports once.
bool is_told_once(int result) noexcept;

} // namespace weir::detail
