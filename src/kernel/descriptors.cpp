// SPDX-License-Identifier: MIT
#include "kernel/descriptors.hpp"

#include <cerrno>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/backend/socket_system.hpp>

#include "backend/unread.hpp"

namespace weir::kernel {

namespace {

using boundaries = weir::detail::unread::boundaries;

struct kept {
    dev_t device;
    ino_t inode;
    weir::detail::unread answers = {};
    bool lost = false; // an earlier answer was not kept, because there was no memory for it

    /// Returns false when other code has closed the descriptor and reopened its number.
    bool is_of(const struct stat& now) const noexcept { return now.st_dev == device && now.st_ino == inode; }
};

/// The answers that were put back, for all executors, because a connection may move from one executor to another. Few
/// descriptors have an entry, and only for a short time.
struct unread_table {
    using entries = std::unordered_map<int, kept>;
    std::mutex mutex;
    entries of;

    /// @param stale  receives the entry if it is of an earlier descriptor with this number
    entries::iterator find(int fd, const struct stat& now, entries::node_type& stale) noexcept {
        const auto at = of.find(fd);
        if (at == of.end() || at->second.is_of(now)) return at;
        stale = of.extract(at);
        return of.end();
    }
};

unread_table& table() noexcept {
    // Never destroyed, because descriptors may be closed until the process exits.
    alignas(unread_table) static std::byte memory[sizeof(unread_table)];
    static auto& it = *::new (memory) unread_table;
    return it;
}

/// Removes the mark of a descriptor. The table must be locked. The shared word keeps its mark, because other
/// descriptors may need it.
void unmark(int fd) noexcept {
    // Other threads change the rest of the word. Relaxed, because the mutex guards the answers that the mark announces.
    if (descriptor_words::has_own(fd)) descriptor_words::of(fd).fetch_and(~unread_mark, std::memory_order_relaxed);
}

/// Closes the descriptors of an entry. The table must be unlocked, because closing may lock it.
void drop(unread_table::entries::node_type stale) noexcept {
    if (!stale.empty()) stale.mapped().answers.close_descriptors(*closer());
}

/// Drops the answers that were put back for an earlier descriptor with this number.
void forget_unread(int fd) noexcept {
    unread_table& t = table();
    unread_table::entries::node_type stale;
    {
        const std::lock_guard lock{t.mutex};
        stale = t.of.extract(fd);
        unmark(fd);
    }
    drop(std::move(stale));
}

bool is_stream_socket(int fd) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/// Whether the request consumes what it reads. A read at an offset of a file does not.
bool takes(const io_request& request) noexcept {
    return request.what != io_request::kind::readable && (request.what != io_request::kind::read || request.offset < 0);
}

/// Returns how to keep an answer, or nullopt if the kernel would give it again or nothing is left to keep.
std::optional<boundaries> worth_keeping(const io_request& request, int result, mode_t type) noexcept {
    if (S_ISSOCK(type)) {
        if (result < 0 && !weir::detail::is_told_once(result)) return std::nullopt;
        if (!is_stream_socket(request.fd)) {
            // The message was too long for its buffer, and its rest is lost.
            if (request.what == io_request::kind::receive_message && result > 0 &&
                static_cast<std::size_t>(result) > static_cast<io_message*>(request.data)->size)
                return std::nullopt;
            return boundaries::kept;
        }
        if (result == 0) return std::nullopt;
        return boundaries::none;
    }
    if (result < 0) return std::nullopt;
    // A terminal reports the end of its input once.
    if (result == 0) return S_ISCHR(type) ? std::optional{boundaries::kept} : std::nullopt;
    return boundaries::none;
}

class kernel_closer final : public descriptor_closer {
public:
    void opened(int fd) noexcept override { renew(fd); }
    void close(int fd) noexcept override {
        // Renewed before it is closed: from then on another thread may get the number.
        renew(fd);
        ::close(fd);
    }
};

kernel_closer the_closer;

} // namespace

std::atomic<descriptor_word>& descriptor_words::make(unsigned number) noexcept {
    if (number / per_chunk >= chunks_.size()) return shared_;
    auto made = std::unique_ptr<chunk>{new (std::nothrow) chunk};
    if (!made) return shared_;
    chunk* c = nullptr;
    if (chunks_[number / per_chunk].compare_exchange_strong(c, made.get(), std::memory_order_acq_rel))
        c = made.release();
    return c->words[number % per_chunk];
}

void renew(int fd) noexcept {
    if (fd < 0) return;
    // Pairs with the loads in word_of.
    const descriptor_word before = descriptor_words::of(fd).fetch_add(one_opened, std::memory_order_acq_rel);
    if ((before & unread_mark) != 0) forget_unread(fd);
}

void borrow(int fd) noexcept {
    if (fd >= 0) descriptor_words::of(fd).fetch_add(one_borrowed, std::memory_order_acq_rel); // as in renew
}

void put_back(const io_operation& operation, int result) noexcept {
    const io_request& request = operation.request();
    const int fd = request.fd;
    const auto was_closed = [&] { return opened(word_of(fd)) != operation.descriptor(); };
    struct stat now{};
    if (!takes(request) || was_closed() || ::fstat(fd, &now) < 0) return;
    if (S_ISREG(now.st_mode) || S_ISBLK(now.st_mode)) {
        if (result > 0) ::lseek(fd, -result, SEEK_CUR);
        return;
    }
    const auto how = worth_keeping(request, result, now.st_mode);
    if (!how) return;

    unread_table& t = table();
    unread_table::entries::node_type stale;
    {
        const std::lock_guard lock{t.mutex};
        if (was_closed()) return;
        auto at = t.find(fd, now, stale);
        try {
            if (at == t.of.end()) at = t.of.try_emplace(fd, kept{now.st_dev, now.st_ino}).first;
            at->second.answers.put_back(request, result, *how);
        } catch (const std::bad_alloc&) {
            // The answer is lost. The next read fails with ENOMEM, because of this flag or of the mark alone.
            if (at != t.of.end()) at->second.lost = true;
        }
        descriptor_words::of(fd).fetch_or(unread_mark, std::memory_order_relaxed); // as in unmark
    }
    drop(std::move(stale));
}

bool answer_unread(io_operation& operation) noexcept {
    const io_request& request = operation.request();
    const int fd = request.fd;
    struct stat now{};
    if ((request.what == io_request::kind::read && request.offset >= 0) || ::fstat(fd, &now) < 0) return false;

    unread_table& t = table();
    unread_table::entries::node_type stale;
    std::vector<int> left_over;
    bool answered = true;
    int result = -ENOMEM;
    {
        const std::lock_guard lock{t.mutex};
        const auto at = t.find(fd, now, stale);
        if (at == t.of.end()) {
            answered = stale.empty() && descriptor_words::has_own(fd);
            unmark(fd);
        } else {
            try {
                if (!std::exchange(at->second.lost, false)) result = at->second.answers.answer(request, left_over);
            } catch (const std::bad_alloc&) {
                // The answer stays in the table.
            }
            if (at->second.answers.empty()) {
                t.of.erase(at);
                unmark(fd);
            }
        }
    }
    drop(std::move(stale));
    for (const int passed : left_over) closer()->close(passed);
    if (answered) operation.complete(result);
    return answered;
}

void occupy_standard_streams() noexcept {
    for (;;) {
        const int fd = ::open("/", O_PATH | O_CLOEXEC);
        if (fd >= 0 && fd <= STDERR_FILENO) continue;
        if (fd >= 0) ::close(fd);
        return;
    }
}

std::shared_ptr<descriptor_closer> closer() noexcept {
    // It lives as long as the process, so that references need no count.
    return {std::shared_ptr<void>{}, &the_closer};
}

} // namespace weir::kernel
