// SPDX-License-Identifier: MIT
#include <weir/http/compression.hpp>

#include <exception>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "inflater.hpp"
#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/http/detail/syntax.hpp>
#include <weir/http/error.hpp>
#include <weir/io/bytes.hpp>

namespace weir::http {

namespace {

using detail::compressed_format;

/// Decodes the body of a response while it is read.
class decoding_source final : public detail::response_source {
public:
    decoding_source(std::unique_ptr<detail::response_source> inner, compressed_format format, std::uint64_t most)
        : inner_{std::move(inner)}, decoder_{format}, format_{format}, most_{most} {}

    poll<bytes> poll_body(context& cx) override {
        if (failure_ != nullptr) std::rethrow_exception(failure_);
        try {
            for (;;) {
                if (ended_) return done;
                if (bytes part = decode(); !part.empty()) return part;
                auto next = inner_->poll_body(cx);
                if (next.is_pending()) return pending;
                if (next.is_done()) {
                    if (!decoder_.complete()) fail("the data is truncated", compression_fault::truncated);
                    ended_ = true;
                } else {
                    input_ = *std::move(next);
                    if (!cx.spend()) return cx.yield();
                }
            }
        } catch (...) {
            failure_ = std::current_exception();
            throw;
        }
    }
    const headers& trailers() const noexcept override { return inner_->trailers(); }
    const std::string& name() const noexcept override { return inner_->name(); }

private:
    /// The next decoded part, or an empty one when more input is needed.
    bytes decode() {
        constexpr std::size_t block = 64 * 1024;
        if (input_.empty() && !more_) return {};
        output_.make_room(block, block / 8);
        std::span<const char> rest{input_.data(), input_.size()};
        const std::size_t room = output_.room_size();
        std::size_t size = 0;
        try {
            size = decoder_.decode(rest, {output_.room(), room});
        } catch (const std::runtime_error& e) {
            fail(e.what(), compression_fault::garbage);
        }
        input_.remove_prefix(input_.size() - rest.size());
        if (input_.empty()) input_ = {};
        more_ = size == room;
        decoded_ += size;
        if (decoded_ > most_) {
            std::string what{"weir::http: read from "};
            what.append(name()).append(": the decoded body has more than ").append(std::to_string(most_));
            throw message_too_large{what.append(" bytes"), message_part::body};
        }
        return output_.take(size);
    }
    [[noreturn]] void fail(std::string_view why, compression_fault reason) const {
        std::string what{"weir::http: read from "};
        what.append(name()).append(format_ == compressed_format::gzip ? ": gzip: " : ": deflate: ").append(why);
        throw bad_compression{what, reason};
    }

    std::unique_ptr<detail::response_source> inner_;
    detail::inflater decoder_;
    compressed_format format_;
    std::uint64_t most_;
    bytes input_;
    weir::detail::byte_filler output_;
    std::uint64_t decoded_ = 0;
    bool more_ = false; // the decoder may have more output without more input
    bool ended_ = false;
    std::exception_ptr failure_;
};

std::optional<compressed_format> format_of(const headers& h) noexcept {
    const auto coding = h.get("Content-Encoding");
    if (!coding || h.count("Content-Encoding") != 1) return std::nullopt;
    if (detail::equal_without_case(*coding, "gzip") || detail::equal_without_case(*coding, "x-gzip"))
        return compressed_format::gzip;
    if (detail::equal_without_case(*coding, "deflate")) return compressed_format::deflate;
    return std::nullopt;
}

} // namespace

bool has_zlib() noexcept {
#ifdef WEIR_HTTP_ZLIB
    return true;
#else
    return false;
#endif
}

client_response decompressed(client_response r, std::uint64_t most) {
    const auto format = format_of(r.headers);
    if (!format) return r;
    auto source = std::make_unique<decoding_source>(std::move(r.source_), *format, most);
    r.source_ = std::move(source);
    r.headers.erase("Content-Encoding");
    r.headers.erase("Content-Length");
    return r;
}

} // namespace weir::http
