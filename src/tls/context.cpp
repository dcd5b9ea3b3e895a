// SPDX-License-Identifier: MIT
#include <weir/tls/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <strings.h>

#include <weir/tls/error.hpp>

#include "tls/context_state.hpp"

namespace weir::tls {

namespace detail {

namespace {

[[noreturn]] void refuse(const std::string& what) { throw error{"weir::tls::context: " + what}; }

/// An encrypted key is an error. By default OpenSSL would ask for its password on the terminal.
int no_password(char*, int, int, void*) noexcept { return -1; }

owned<BIO> reader_of(const std::string& text) {
    owned<BIO> bio{BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 1U << 30U)))};
    if (!bio) throw std::bad_alloc{};
    return bio;
}

/// Calls f with each object of a PEM text.
template <class T, class Read, class F>
void each_of(const std::string& text, const char* what, Read read, F f) {
    const owned<BIO> from = reader_of(text);
    bool any = false;
    while (owned<T> one{read(from.get(), nullptr, no_password, nullptr)}) {
        any = true;
        if (f(std::move(one)) != 1) refuse(std::string{what} + ": " + take_reason());
    }
    const auto last = ERR_peek_last_error();
    const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    const std::string reason = take_reason();
    if (!any || !at_end) refuse(std::string{what} + ": " + (any ? reason : "not PEM"));
}

void use_certificates(SSL_CTX* to, const context_options& options) {
    bool first = true;
    each_of<X509>(options.certificates, "the certificates", PEM_read_bio_X509, [&](owned<X509> one) {
        if (!std::exchange(first, false)) return static_cast<int>(SSL_CTX_add1_chain_cert(to, one.get()));
        return SSL_CTX_use_certificate(to, one.get());
    });
    const owned<BIO> from = reader_of(options.key);
    const owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(from.get(), nullptr, no_password, nullptr)};
    if (!key) {
        ERR_clear_error();
        refuse("the key: not PEM, or encrypted");
    }
    // OpenSSL alone accepts a key of another type than the certificate's.
    if (X509_check_private_key(SSL_CTX_get0_certificate(to), key.get()) != 1 ||
        SSL_CTX_use_PrivateKey(to, key.get()) != 1) {
        refuse("the key: " + take_reason());
    }
}

void trust(SSL_CTX* to, const context_options& options) {
    X509_STORE* const store = SSL_CTX_get_cert_store(to);
    if (!options.authorities.empty()) {
        each_of<X509>(options.authorities, "the authorities", PEM_read_bio_X509, [&](owned<X509> one) {
            return X509_STORE_add_cert(store, one.get()) == 1 && SSL_CTX_add_client_CA(to, one.get()) == 1 ? 1 : 0;
        });
    }
    if (!options.revoked.empty()) {
        each_of<X509_CRL>(options.revoked, "the lists of revoked certificates", PEM_read_bio_X509_CRL,
                          [&](owned<X509_CRL> one) { return X509_STORE_add_crl(store, one.get()); });
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    }
}

std::string with_lengths(const std::vector<std::string>& protocols) {
    std::string result;
    for (const std::string& one : protocols) {
        if (one.empty() || one.size() > 255) {
            throw std::invalid_argument{"weir::tls::context: a name of a protocol must have 1 to 255 bytes"};
        }
        result.append(1, static_cast<char>(one.size())).append(one);
    }
    return result;
}

int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) noexcept {
    const std::string& ours = data_of(ssl).with->protocols;
    if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
    unsigned char* found = nullptr;
    const int r = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                        static_cast<unsigned>(ours.size()), offered, offered_size);
    *chosen = found;
    return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// The host in a client's server_name extension (RFC 6066, 3), or "".
std::string_view host_in(std::span<const unsigned char> extension) noexcept {
    constexpr std::size_t prefix = 5; // the size of the list, the type of its first entry, and the size of that
    if (extension.size() < prefix || extension[2] != TLSEXT_NAMETYPE_host_name) return {};
    const std::size_t size = extension[3] * std::size_t{256} + extension[4];
    if (size > extension.size() - prefix) return {};
    return {reinterpret_cast<const char*>(extension.data() + prefix), size};
}

/// Switches to the context of the host that the client asks for. This happens before OpenSSL looks up the client's
/// session: a session of another host, which may require no client certificate, is not resumed.
int choose_host(SSL* ssl, int* alert, void*) noexcept {
    const unsigned char* extension = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &size) != 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    const std::string_view wanted = without_last_dot(host_in({extension, size}));
    connection_data& data = data_of(ssl);
    for (const auto& [host, with] : data.with->hosts) {
        if (host.size() != wanted.size() || ::strncasecmp(host.data(), wanted.data(), wanted.size()) != 0) continue;
        auto chosen = context_state::current(with);
        if (SSL_set_SSL_CTX(ssl, chosen->handle.get()) == nullptr) {
            *alert = SSL_AD_INTERNAL_ERROR;
            return SSL_CLIENT_HELLO_ERROR;
        }
        ask_for_certificate(ssl, chosen->clients);
        data.with = std::move(chosen);
        break;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/// Acknowledges the client's server_name extension.
int accept_host(SSL*, int*, void*) noexcept { return SSL_TLSEXT_ERR_OK; }

int keep_new_session(SSL* ssl, SSL_SESSION* session) noexcept {
    const connection_data& data = data_of(ssl);
    if (!data.is_client || data.with->verify == verification::off) return 0;
    try {
        data.with->keep_session(data.host, owned<SSL_SESSION>{session});
    } catch (const std::bad_alloc&) {
        // The session is not kept: the next handshake is a full one.
    }
    return 1; // it is ours
}

} // namespace

void settings::keep_session(const std::string& host, owned<SSL_SESSION> s) {
    const std::lock_guard lock{mutex};
    if (most_sessions == 0) return;
    if (sessions.size() == most_sessions) sessions.erase(sessions.begin());
    sessions.emplace_back(host, std::move(s));
}

owned<SSL_SESSION> settings::take_session(const std::string& host) noexcept {
    const std::lock_guard lock{mutex};
    const auto at = std::find_if(sessions.rbegin(), sessions.rend(), [&](const auto& s) { return s.first == host; });
    if (at == sessions.rend()) return nullptr;
    owned<SSL_SESSION> found = std::move(at->second);
    sessions.erase(std::next(at).base());
    return found;
}

void ask_for_certificate(SSL* ssl, client_certificates how) noexcept {
    int mode = SSL_VERIFY_NONE;
    if (how != client_certificates::none) mode |= SSL_VERIFY_PEER;
    if (how == client_certificates::required) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_set_verify(ssl, mode, nullptr);
}

connection_data& data_of(const SSL* ssl) noexcept { return *static_cast<connection_data*>(SSL_get_app_data(ssl)); }
void set_data(SSL* ssl, connection_data& data) noexcept { SSL_set_app_data(ssl, &data); }

std::string take_reason() {
    const auto last = ERR_peek_last_error();
    const char* const reason = ERR_reason_error_string(last);
    std::string result = reason != nullptr ? reason : "failed";
    ERR_clear_error();
    return result;
}

} // namespace detail

context::context(const context_options& options) : state_{std::make_shared<detail::context_state>()} {
    reload(options);
}

const context& context::of_system() {
    static const context system{context_options{}};
    return system;
}

void context::reload(const context_options& options) {
    // Otherwise a context that is used by clients too would let a server trust the authorities of the system.
    if (options.clients != client_certificates::none && options.authorities.empty()) {
        throw std::invalid_argument{"weir::tls::context: clients are asked for certificates, but there are no "
                                    "authorities"};
    }
    ERR_clear_error();
    auto s = std::make_shared<detail::settings>();
    s->protocols = detail::with_lengths(options.protocols);
    s->verify = options.verify;
    s->clients = options.clients;
    s->hosts = options.hosts;
    s->trusts_system = options.authorities.empty() && options.verify == verification::full;
    s->most_sessions = options.sessions;
    s->handle.reset(SSL_CTX_new(TLS_method()));
    SSL_CTX* const handle = s->handle.get();
    if (handle == nullptr) throw std::bad_alloc{};
    SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
    SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(handle, detail::keep_new_session);
    // Sessions of other contexts are not resumed.
    std::array<unsigned char, 16> id{};
    if (RAND_bytes(id.data(), id.size()) != 1) detail::refuse("random bytes: " + detail::take_reason());
    SSL_CTX_set_session_id_context(handle, id.data(), id.size());
    SSL_CTX_set_alpn_select_cb(handle, detail::choose_protocol, nullptr);
    SSL_CTX_set_client_hello_cb(handle, detail::choose_host, nullptr);
    SSL_CTX_set_tlsext_servername_callback(handle, detail::accept_host);
    if (!options.certificates.empty() || !options.key.empty()) detail::use_certificates(handle, options);
    detail::trust(handle, options);
    state_->set(std::move(s));
}

} // namespace weir::tls
