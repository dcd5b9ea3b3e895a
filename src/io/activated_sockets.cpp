// SPDX-License-Identifier: MIT
#include <weir/io/activated_sockets.hpp>

#include <cstddef>
#include <string_view>

namespace weir::detail {

std::vector<activated_socket> take_activated_sockets(backend& io) {
    std::string names;
    int first = -1;
    const int number = io.sockets().take_activated(first, names);
    if (number < 0) throw_io_error(number, "take the sockets of", "the service manager");
    std::vector<activated_socket> all;
    int given = 0;
    try {
        all.reserve(static_cast<std::size_t>(number));
        std::string_view rest = names;
        while (given != number) {
            const auto end = rest.find(':');
            all.push_back({std::string{rest.substr(0, end)}, received_descriptor{{first + given, io.closer()}}});
            ++given;
            rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        }
    } catch (...) {
        while (given != number) io.close(first + given++);
        throw;
    }
    return all;
}

} // namespace weir::detail
