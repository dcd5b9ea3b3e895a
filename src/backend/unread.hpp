// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/backend/endpoint.hpp>

namespace weir::detail {

/// Answers that were given to reads of one descriptor, and that nobody has seen: they were dropped. The next reads get
/// them, what was given last first, as only that can have been put back last.
class unread {
public:
    enum class boundaries : bool {
        none, ///< bytes: what does not fit is for the next read
        kept, ///< messages: each is the answer to one read
    };

    bool empty() const noexcept { return pieces_.empty(); }

    /// @param result  of a read that is complete: what its request points to, or an error. Descriptors that came with
    ///                it are the request's no more.
    /// @throws std::bad_alloc  and then nothing has changed
    void put_back(const io_request& request, int result, boundaries b);

    /// The answer to a read. There is one.
    /// @param left_over  becomes the descriptors that came with it, if they were not asked for
    /// @throws std::bad_alloc  and then nothing has changed
    int answer(const io_request& request, std::vector<int>& left_over);

    /// Before all of it is dropped: closes the descriptors that came with it.
    void close_descriptors(descriptor_closer& closer) noexcept;

private:
    struct piece {
        std::string data;
        std::size_t head = 0; // up to here it was read again
        int error = 0;        // in place of data
        boundaries kept = boundaries::none;
        bool descriptors_lost = false;
        endpoint from = {};
        std::vector<int> descriptors = {};
    };

    std::list<piece> pieces_;
};

/// Whether it is an error of a connection, which the kernel tells once.
bool is_told_once(int result) noexcept;

} // namespace weir::detail
