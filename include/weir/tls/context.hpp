// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::tls {

namespace detail {
class context_state;
} // namespace detail

struct context_options;

/// The certificates, keys and trusted authorities that connections share. Copies share their state.
///
///     weir::tls::context ours{{.certificates = chain, .key = key, .protocols = {"http/1.1"}}};
///     ...
///     ours.reload({.certificates = new_chain, .key = new_key, .protocols = {"http/1.1"}});
///
/// Connections use TLS 1.2 or 1.3, with the ciphers that OpenSSL and the system's configuration choose.
///
/// The first client of a context without authorities reads the authorities of the system. This blocks its thread for
/// some milliseconds.
///
/// Errors: tls::error, which names the option that OpenSSL refused; std::invalid_argument for a protocol name that is
/// empty or longer than 255 bytes, and for a server that asks for certificates and has no authorities.
/// Threads: any.
class context {
public:
    explicit context(const context_options& options);

    /// The context of clients that trust the authorities of the system, made on first use.
    static const context& of_system();

    /// Replaces all options, for handshakes that start later. Earlier sessions are not resumed. An error changes
    /// nothing.
    void reload(const context_options& options);

private:
    friend class detail::context_state;

    std::shared_ptr<detail::context_state> state_;
};

/// Whether a server asks its clients for certificates.
enum class client_certificates : std::uint8_t { none, optional, required };

/// Whether a client verifies the server's certificate.
enum class verification : std::uint8_t {
    full, ///< the certificate's chain, dates and host
    off,  ///< nothing: an attacker who controls the network can read and change the data
};

/// Certificates and keys are texts in PEM format and not paths, so that no function waits for a file on the executor's
/// thread.
struct context_options {
    std::string certificates = {}; ///< the own certificate, then the intermediate certificates
    std::string key = {};          ///< the private key of the first certificate, not encrypted
    /// The certificates of the authorities that are trusted to sign the peer's certificate. Without any, clients trust
    /// the authorities of the system, and a server must not ask for certificates.
    std::string authorities = {};
    /// Lists of revoked certificates (CRL). With any, a peer's certificate is refused if a list has it, and if its
    /// authority has no valid list.
    std::string revoked = {};
    verification verify = verification::full;                ///< for clients
    client_certificates clients = client_certificates::none; ///< for servers
    std::vector<std::string> protocols = {};                 ///< for ALPN, the preferred one first
    /// Contexts by host name. For a client that asks for one of these hosts, a server uses the certificates, the
    /// protocols and the options for client certificates of that context.
    std::vector<std::pair<std::string, context>> hosts = {};
    std::size_t sessions = 256; ///< the number of sessions that clients keep for resumption; 0: none
};

} // namespace weir::tls
