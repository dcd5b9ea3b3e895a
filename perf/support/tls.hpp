// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/io/unix.hpp>
#include <weir/scope/when_all.hpp>
#include <weir/tls/stream.hpp>

#include "bench.hpp"
#include "echo_servers.hpp"

namespace bench {

/// A self-signed certificate for `localhost` and its key, as PEM.
struct identity {
    std::string certificate;
    std::string key;
};

inline std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
}

inline identity make_identity() {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME* const name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(x, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(x, key, EVP_sha256());
    BIO* const certificate = BIO_new(BIO_s_mem());
    BIO* const secret = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(certificate, x);
    PEM_write_bio_PrivateKey(secret, key, nullptr, nullptr, 0, nullptr, nullptr);
    X509_free(x);
    EVP_PKEY_free(key);
    return {text_of(certificate), text_of(secret)};
}

struct free_openssl {
    void operator()(SSL* p) const noexcept { SSL_free(p); }
    void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
};

/// OpenSSL over sockets in non-blocking mode, with a loop of its own: both ends on one thread.
class bare_tls {
public:
    explicit bare_tls(const identity& with) : context_{SSL_CTX_new(TLS_method())} {
        BIO* const certificate = BIO_new_mem_buf(with.certificate.data(), -1);
        BIO* const secret = BIO_new_mem_buf(with.key.data(), -1);
        X509* const x = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
        EVP_PKEY* const key = PEM_read_bio_PrivateKey(secret, nullptr, nullptr, nullptr);
        SSL_CTX_use_certificate(context_.get(), x);
        SSL_CTX_use_PrivateKey(context_.get(), key);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), x);
        SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
        X509_free(x);
        EVP_PKEY_free(key);
        BIO_free(certificate);
        BIO_free(secret);
    }

    struct connection {
        std::unique_ptr<SSL, free_openssl> client;
        std::unique_ptr<SSL, free_openssl> server;
        int ends[2];

        connection() = default;
        connection(const connection&) = delete;
        ~connection() {
            ::close(ends[0]);
            ::close(ends[1]);
        }
    };

    void handshake(connection& c) {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, c.ends) != 0) std::abort();
        c.client.reset(SSL_new(context_.get()));
        c.server.reset(SSL_new(context_.get()));
        SSL_set_fd(c.client.get(), c.ends[0]);
        SSL_set_fd(c.server.get(), c.ends[1]);
        SSL_set_connect_state(c.client.get());
        SSL_set_accept_state(c.server.get());
        SSL_set_verify(c.client.get(), SSL_VERIFY_PEER, nullptr);
        SSL_set1_host(c.client.get(), "localhost");
        SSL_set_tlsext_host_name(c.client.get(), "localhost");
        bool done[2] = {false, false};
        while (!done[0] || !done[1]) {
            done[0] = done[0] || step(c.client.get());
            done[1] = done[1] || step(c.server.get());
        }
    }

private:
    static bool step(SSL* ssl) {
        const int r = SSL_do_handshake(ssl);
        if (r != 1 && SSL_get_error(ssl, r) != SSL_ERROR_WANT_READ) std::abort();
        return r == 1;
    }

    std::unique_ptr<SSL_CTX, free_openssl> context_;
};

/// The context of both ends, without resumption.
inline weir::tls::context context_of(const identity& with) {
    weir::tls::context_options options;
    options.certificates = options.authorities = with.certificate;
    options.key = with.key;
    options.sessions = 0;
    return weir::tls::context{options};
}

/// A client and a server after their handshakes.
inline auto secure_pair(weir::executor& ex, const weir::tls::context& context) {
    auto pair = ex.run(weir::unix_pair());
    auto handshakes = weir::when_all(weir::tls::client(std::move(pair.first), "localhost", context),
                                     weir::tls::server(std::move(pair.second), context));
    return ex.run(std::move(handshakes));
}

/// Compares OpenSSL in a loop, bare(identity, n), with weir on each backend, with_weir(kind, identity, n).
template <class Bare, class Weir>
int compare(question& q, Bare bare, Weir with_weir) {
    const identity with = make_identity();
    q.floor("OpenSSL in a loop", [&](std::uint64_t n) { return bare(with, n); });
    q.weir("epoll", [&](std::uint64_t n) { return with_weir(weir::backend_kind::epoll, with, n); });
    if (have_uring()) {
        q.weir("io_uring", [&](std::uint64_t n) { return with_weir(weir::backend_kind::uring, with, n); });
    } else {
        q.missing("io_uring");
    }
    return q.run();
}

} // namespace bench
