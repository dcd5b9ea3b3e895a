// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/ssl.h>

#include <weir/tls/context.hpp>

namespace weir::tls::detail {

struct free_openssl {
    void operator()(SSL* p) const noexcept { SSL_free(p); }
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    void operator()(SSL_SESSION* p) const noexcept { SSL_SESSION_free(p); }
    void operator()(BIO* p) const noexcept { BIO_free(p); }
    void operator()(X509* p) const noexcept { X509_free(p); }
    void operator()(X509_CRL* p) const noexcept { X509_CRL_free(p); }
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
};
template <class T>
using owned = std::unique_ptr<T, free_openssl>;

/// One set of options, as OpenSSL keeps it. It does not change, except for the sessions of clients.
struct settings {
    owned<SSL_CTX> handle;
    std::string protocols; // each with its length before it
    verification verify = verification::full;
    client_certificates clients = client_certificates::none;
    std::vector<std::pair<std::string, context>> hosts;

    /// Whether clients trust the authorities of the system, which the first of them reads.
    bool trusts_system = false;
    std::once_flag system_read;

    /// The sessions of clients by host, the oldest one first. A session is used once, so that an observer of the
    /// network cannot relate two connections.
    std::size_t most_sessions = 0;
    std::mutex mutex;
    std::vector<std::pair<std::string, owned<SSL_SESSION>>> sessions;

    void keep_session(const std::string& host, owned<SSL_SESSION> s);
    owned<SSL_SESSION> take_session(const std::string& host) noexcept;
};

/// The data that the callbacks of OpenSSL find in a connection.
struct connection_data {
    std::shared_ptr<settings> with;
    std::string host; // of the server, for a client
    bool is_client = false;
};

connection_data& data_of(const SSL* ssl) noexcept;
void set_data(SSL* ssl, connection_data& data) noexcept;

/// Sets whether a server asks its client for a certificate.
void ask_for_certificate(SSL* ssl, client_certificates how) noexcept;

class context_state {
public:
    static std::shared_ptr<settings> current(const context& of) { return of.state_->current(); }

    std::shared_ptr<settings> current() const {
        const std::lock_guard lock{mutex_};
        return current_;
    }
    void set(std::shared_ptr<settings> s) {
        const std::lock_guard lock{mutex_};
        current_.swap(s);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<settings> current_;
};

/// Returns the host of an absolute name such as "example.org.", as certificates and the server_name extension have it.
constexpr std::string_view without_last_dot(std::string_view host) noexcept {
    return host.substr(0, host.size() - (host.ends_with('.') ? 1 : 0));
}

/// The reason of OpenSSL's last error on this thread, which is then forgotten.
std::string take_reason();

} // namespace weir::tls::detail
