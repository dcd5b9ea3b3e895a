// SPDX-License-Identifier: MIT
#include <weir/redis/detail/reader.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <hiredis/hiredis.h>

#include <weir/core/limit_exceeded.hpp>

namespace weir::redis::detail {

struct reader::state {
    state(std::string name, std::size_t size) : peer{std::move(name)}, limit{size} {}
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() { redisReaderFree(parser); }

    std::string peer;
    std::size_t limit;
    redisReader* parser = redisReaderCreateWithFunctions(functions());
    std::size_t fed = 0; // since the last reply
    value root;
    std::exception_ptr error; // that a function below cannot throw through C

    [[noreturn]] void fail(const char* what) const { throw protocol_error{"weir::redis: " + peer + ": " + what}; }

    static redisReplyObjectFunctions* functions() noexcept;

    /// Puts a value into the array that is being read, or makes it the reply. Addresses stay valid: an array grows only
    /// when the arrays in it are complete.
    static void* put(const redisReadTask* task, value v) {
        auto& self = *static_cast<state*>(task->privdata);
        if (task->parent == nullptr) return &(self.root = std::move(v));
        return &static_cast<value*>(task->parent->obj)->items().emplace_back(std::move(v));
    }
    /// Calls f, which may throw. To the parser a null pointer means that there is no memory.
    template <class F>
    static void* guarded(const redisReadTask* task, F f) noexcept {
        try {
            return put(task, f());
        } catch (...) {
            static_cast<state*>(task->privdata)->error = std::current_exception();
            return nullptr;
        }
    }

    static void* create_string(const redisReadTask* task, char* text, std::size_t size) noexcept {
        return guarded(task, [&] {
            const auto kind = task->type == REDIS_REPLY_ERROR    ? value::kind::error
                              : task->type == REDIS_REPLY_STATUS ? value::kind::status
                                                                 : value::kind::string;
            return value{kind, std::string(text, size)};
        });
    }
    // The number is an int in hiredis 0.14, and a size_t in 1.0. Nothing is reserved for it: the peer has chosen it.
    template <class Count>
    static void* create_array(const redisReadTask* task, Count) noexcept {
        return guarded(task, [&] {
            int depth = 1;
            for (const redisReadTask* t = task->parent; t != nullptr; t = t->parent) ++depth;
            if (depth > max_depth) {
                throw limit_exceeded{"weir::redis: " + static_cast<state*>(task->privdata)->peer +
                                     ": a reply has more than " + std::to_string(max_depth) +
                                     " arrays within each other"};
            }
            return value{std::vector<value>{}};
        });
    }
    static void* create_integer(const redisReadTask* task, long long n) noexcept {
        return guarded(task, [&] { return value{std::int64_t{n}}; });
    }
    static void* create_nil(const redisReadTask* task) noexcept {
        return guarded(task, [] { return value{}; });
    }
    static void free_object(void*) noexcept {} // the root owns everything
};

redisReplyObjectFunctions* reader::state::functions() noexcept {
    static redisReplyObjectFunctions all = [] {
        redisReplyObjectFunctions f{};
        f.createString = create_string;
        f.createArray = create_array;
        f.createInteger = create_integer;
        f.createNil = create_nil;
        f.freeObject = free_object;
        return f;
    }();
    return &all;
}

void reader::deleter::operator()(state* s) const noexcept { delete s; }

reader::reader(std::string peer, std::size_t reply_size) : state_{new state{std::move(peer), reply_size}} {
    if (state_->parser == nullptr) throw std::bad_alloc{};
    state_->parser->privdata = state_.get();
    state_->parser->maxbuf = 256 * 1024; // larger buffers are freed when they are empty
}

void reader::feed(std::span<const char> bytes) {
    if (redisReaderFeed(state_->parser, bytes.data(), bytes.size()) != REDIS_OK) throw std::bad_alloc{};
    state_->fed += bytes.size();
}

bool reader::next(value& to) {
    state& s = *state_;
    void* whole = nullptr;
    if (redisReaderGetReply(s.parser, &whole) != REDIS_OK) {
        if (s.error != nullptr) std::rethrow_exception(s.error);
        if (s.parser->err == REDIS_ERR_OOM) throw std::bad_alloc{};
        s.fail(s.parser->errstr);
    }
    const std::size_t later = whole == nullptr ? 0 : s.parser->len - s.parser->pos; // bytes of later replies
    if (s.fed - later > s.limit) {
        throw limit_exceeded{"weir::redis: " + s.peer + ": a reply is larger than " + std::to_string(s.limit) +
                             " bytes"};
    }
    if (whole == nullptr) return false;
    to = std::move(s.root);
    s.fed = later;
    return true;
}

} // namespace weir::redis::detail
