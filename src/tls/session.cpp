// SPDX-License-Identifier: MIT
#include <weir/tls/detail/session.hpp>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <weir/core/detail/arguments.hpp>
#include <weir/tls/error.hpp>

#include "tls/context_state.hpp"

namespace weir::tls::detail {

struct session::state {
    connection_data data; // outlives ssl, whose callbacks use it
    owned<SSL> ssl;
    BIO* input = nullptr;  // of ssl
    BIO* output = nullptr; // of ssl
    std::string name;

    ~state() {
        // Otherwise OpenSSL forgets a session whose connection has not sent a close_notify.
        if (ssl) SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
};

session::session(std::unique_ptr<state> s) noexcept : state_{std::move(s)} {}
session::session(session&&) noexcept = default;
session& session::operator=(session&&) noexcept = default;
session::~session() = default;

std::unique_ptr<session::state> session::make(std::shared_ptr<settings> with, std::string name) {
    ERR_clear_error();
    auto s = std::make_unique<state>();
    s->data.with = std::move(with);
    s->name = std::move(name);
    s->ssl.reset(SSL_new(s->data.with->handle.get()));
    owned<BIO> input{BIO_new(BIO_s_mem())};
    owned<BIO> output{BIO_new(BIO_s_mem())};
    if (!s->ssl || !input || !output) throw std::bad_alloc{};
    BIO_set_mem_eof_return(input.get(), -1); // an empty one asks for more
    s->input = input.release();
    s->output = output.release();
    SSL_set_bio(s->ssl.get(), s->input, s->output);
    set_data(s->ssl.get(), s->data);
    return s;
}

session session::client(const context& c, std::string host, std::string name) {
    weir::detail::refuse_nul(host, "weir::tls::client: the host");
    host.resize(without_last_dot(host).size());
    if (host.empty()) throw std::invalid_argument{"weir::tls::client: the host is empty"};
    auto s = make(context_state::current(c), std::move(name));
    SSL* const ssl = s->ssl.get();
    settings& with = *s->data.with;
    s->data.is_client = true;
    SSL_set_connect_state(ssl);
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
    const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
    ERR_clear_error();
    bool prepared = true;
    if (!is_address) {
        prepared = SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && SSL_set1_host(ssl, host.c_str()) == 1;
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    }
    if (with.verify == verification::full) SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    if (with.trusts_system)
        std::call_once(with.system_read, [&] { SSL_CTX_set_default_verify_paths(with.handle.get()); });
    if (!with.protocols.empty()) {
        const auto* const names = reinterpret_cast<const unsigned char*>(with.protocols.data());
        prepared = prepared && SSL_set_alpn_protos(ssl, names, static_cast<unsigned>(with.protocols.size())) == 0;
    }
    if (!prepared) throw std::invalid_argument{"weir::tls::client: the host: " + take_reason()};
    if (const owned<SSL_SESSION> earlier = s->data.with->take_session(host)) SSL_set_session(ssl, earlier.get());
    s->data.host = std::move(host);
    return session{std::move(s)};
}

session session::server(const context& c, std::string name) {
    auto s = make(context_state::current(c), std::move(name));
    SSL* const ssl = s->ssl.get();
    SSL_set_accept_state(ssl);
    ask_for_certificate(ssl, s->data.with->clients);
    return session{std::move(s)};
}

void session::receive(std::span<const char> data) {
    constexpr std::size_t most_unsent = 128 * 1024; // more than a block of a write
    if (BIO_ctrl_pending(state_->output) > most_unsent)
        throw error{"weir::tls: read from " + state_->name + ": the peer does not read the answers to its requests"};
    if (BIO_write(state_->input, data.data(), static_cast<int>(data.size())) != static_cast<int>(data.size()))
        throw std::bad_alloc{};
}

void session::end_of_input() const {
    throw truncated{"weir::tls: the connection with " + state_->name +
                    (SSL_is_init_finished(state_->ssl.get()) == 1 ? " has ended without a close_notify"
                                                                  : " has ended in the handshake")};
}

bool session::take_output(std::string& to) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(state_->output, &data);
    if (size <= 0) return false;
    to.assign(data, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(state_->output));
    return true;
}

void session::fail(const char* attempted) const {
    const auto last = ERR_peek_last_error();
    const int reason = ERR_GET_REASON(last);
    const bool of_tls = ERR_GET_LIB(last) == ERR_LIB_SSL;
    std::string text = std::string{"weir::tls: "} + attempted + " " + state_->name + ": ";
    if (of_tls && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        ERR_clear_error();
        throw certificate_error{text + X509_verify_cert_error_string(SSL_get_verify_result(state_->ssl.get()))};
    }
    text += take_reason();
    if (of_tls && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) throw certificate_error{text};
    throw error{text};
}

bool session::handshake() {
    ERR_clear_error();
    SSL* const ssl = state_->ssl.get();
    const int r = SSL_do_handshake(ssl);
    if (r == 1) return true;
    if (SSL_get_error(ssl, r) == SSL_ERROR_WANT_READ) return false;
    fail("handshake with");
}

std::optional<std::size_t> session::read(std::span<char> to) {
    if (to.empty()) return 0;
    ERR_clear_error();
    SSL* const ssl = state_->ssl.get();
    std::size_t size = 0;
    const int r = SSL_read_ex(ssl, to.data(), to.size(), &size);
    if (r == 1) return size;
    switch (SSL_get_error(ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return std::nullopt;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        fail("read from");
    }
}

void session::write(std::span<const char> data) {
    ERR_clear_error();
    std::size_t written = 0;
    if (SSL_write_ex(state_->ssl.get(), data.data(), data.size(), &written) != 1) fail("write to");
}

void session::close_notify() {
    ERR_clear_error();
    if (SSL_shutdown(state_->ssl.get()) < 0) fail("end of writing to");
}

std::string session::protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(state_->ssl.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

std::string session::server_name() const {
    const char* const name = SSL_get_servername(state_->ssl.get(), TLSEXT_NAMETYPE_host_name);
    return name != nullptr ? name : "";
}

std::string session::version() const { return SSL_get_version(state_->ssl.get()); }

std::string session::peer_certificate() const {
    const SSL* const ssl = state_->ssl.get();
    X509* const peer = SSL_get0_peer_certificate(ssl);
    if (peer == nullptr || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE || SSL_get_verify_result(ssl) != X509_V_OK)
        return "";
    const owned<BIO> to{BIO_new(BIO_s_mem())};
    if (!to || PEM_write_bio_X509(to.get(), peer) != 1) throw std::bad_alloc{};
    char* data = nullptr;
    const long size = BIO_get_mem_data(to.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

bool session::resumed() const noexcept { return SSL_session_reused(state_->ssl.get()) == 1; }

} // namespace weir::tls::detail
