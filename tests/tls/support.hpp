// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>

#include <weir/io/byte_stream.hpp>
#include <weir/tls/context.hpp>

#include "temporary_directory.hpp"

namespace support {

/// The text of a certificate, key or list that certificates.sh has made, such as "server.pem".
inline std::string pem(const std::string& name) {
    static const temporary_directory made;
    static const int status = std::system(("sh tests/tls/certificates.sh " + made.path()).c_str());
    if (status != 0) std::abort();
    std::ifstream in{made / name};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// Options with the certificate of this name.
inline weir::tls::context_options with_certificate(const std::string& name) {
    weir::tls::context_options o;
    o.certificates = pem(name + ".pem");
    o.key = pem(name + ".key");
    return o;
}

/// Options that trust the root.
inline weir::tls::context_options trusting() {
    weir::tls::context_options o;
    o.authorities = pem("root.pem");
    return o;
}

/// Reads one byte at a time.
template <weir::byte_stream S>
class byte_by_byte {
public:
    explicit byte_by_byte(S inner) : inner_(std::move(inner)) {}

    auto read(weir::byte_span to) { return inner_.read(std::span{static_cast<char*>(to.data()), 1}); }
    auto write(weir::byte_view what) { return inner_.write(what); }
    auto shutdown_write() { return inner_.shutdown_write(); }
    std::string name() const { return inner_.name(); }

private:
    S inner_;
};

} // namespace support
