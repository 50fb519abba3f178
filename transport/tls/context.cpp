#include "transport/tls/context.hpp"

#include "config/load.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>
#include <optional>

namespace plexus::transport::tls {

namespace {

constexpr auto certificate_key = "listen.tls.certificate";
constexpr auto private_key_key = "listen.tls.key";
constexpr auto ciphers_of_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20";

template <auto Free>
struct freer {
  template <class T>
  void operator()(T* what) const noexcept {
    Free(what);
  }
};
using bio_ptr = std::unique_ptr<BIO, freer<BIO_free>>;
using certificate_ptr = std::unique_ptr<X509, freer<X509_free>>;
using private_key_ptr = std::unique_ptr<EVP_PKEY, freer<EVP_PKEY_free>>;

bool is_pem(const std::string& value) {
  return value.starts_with("-----BEGIN");
}

/// Nobody is there to type one in.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

/// The one protocol that is spoken here. Who offers others only is told so, instead of getting what it can't read.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, ours.data(), ours.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

std::string digest(const std::string& certificate, const std::string& key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  auto both = certificate + '\0' + key;
  EVP_Digest(both.data(), both.size(), out.data(), &size, EVP_sha256(), nullptr);
  OPENSSL_cleanse(both.data(), both.size());
  return {reinterpret_cast<const char*>(out.data()), size};
}

long long seconds_of(const ASN1_TIME* when) {
  std::tm parts{};
  return ASN1_TIME_to_tm(when, &parts) == 1 ? static_cast<long long>(::timegm(&parts)) : 0;
}

} // namespace

context::~context() {
  SSL_CTX_free(native_);
}

class context_maker {
public:
  loaded run(const std::string& certificate, const std::string& key) {
    ERR_clear_error();
    auto certificate_text = text_of(certificate);
    if (!certificate_text) return wrong(certificate_key, quoted(certificate), "a file that can be read");
    auto key_text = text_of(key);
    // The path of a key is shown, the key itself never.
    if (!key_text) return wrong(private_key_key, "a file that cannot be read", "a file that can be read");
    made_->fingerprint_ = digest(*certificate_text, *key_text);
    made_->native_ = SSL_CTX_new(TLS_server_method());
    if (!made_->native_) return wrong(certificate_key, "no memory for TLS", "memory");
    set_up();
    auto out = take_certificate(*certificate_text);
    if (out.key.empty()) out = take_key(*key_text);
    OPENSSL_cleanse(key_text->data(), key_text->size());
    ERR_clear_error();
    if (!out.key.empty()) return {nullptr, out};
    return {context_ptr(std::move(made_)), {}};
  }

private:
  static std::optional<std::string> text_of(const std::string& value) {
    return is_pem(value) ? value : config::read_file(value);
  }
  static std::string quoted(const std::string& value) { return is_pem(value) ? "PEM text" : '"' + value + '"'; }
  static loaded wrong(std::string key, std::string found, std::string expected) {
    return {nullptr, {std::move(key), std::move(found), std::move(expected)}};
  }

  void set_up() {
    auto* c = made_->native_;
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(c, ciphers_of_1_2);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // An idle connection keeps no record buffers: they are 2 x 17 kB.
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Tickets only: what a client may resume with is with the client, and costs no memory here.
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(c, 1);
    static constexpr std::array<unsigned char, 6> name{'p', 'l', 'e', 'x', 'u', 's'};
    SSL_CTX_set_session_id_context(c, name.data(), name.size());
    SSL_CTX_set_alpn_select_cb(c, choose_protocol, nullptr);
  }

  fault take_certificate(const std::string& text) {
    bio_ptr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    certificate_ptr own(PEM_read_bio_X509_AUX(in.get(), nullptr, no_passphrase, nullptr));
    if (!own) return {certificate_key, "no certificate in it", "PEM: the certificate, then its chain"};
    if (SSL_CTX_use_certificate(made_->native_, own.get()) != 1)
      return {certificate_key, "a certificate that OpenSSL refuses (" + reason() + ")",
              "a certificate of 2048 bits RSA, or EC"};
    made_->not_after_ = seconds_of(X509_get0_notAfter(own.get()));
    while (auto* next = PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr))
      if (SSL_CTX_add0_chain_cert(made_->native_, next) != 1) {
        X509_free(next);
        return {certificate_key, "a chain that OpenSSL refuses (" + reason() + ")", "the issuers' certificates"};
      }
    // The chain ends where no further PEM block begins; anything else is a broken one.
    if (auto last = ERR_peek_last_error(); ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
      return {certificate_key, "a broken certificate in its chain", "PEM: the certificate, then its chain"};
    ERR_clear_error();
    return {};
  }

  fault take_key(const std::string& text) {
    bio_ptr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    private_key_ptr own(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr));
    if (!own) return {private_key_key, "no private key in it that can be read", "PEM, without a passphrase"};
    if (SSL_CTX_use_PrivateKey(made_->native_, own.get()) != 1 || SSL_CTX_check_private_key(made_->native_) != 1)
      return {private_key_key, "another key", "the private key of listen.tls.certificate"};
    return {};
  }

  static std::string reason() {
    const auto* text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unknown";
  }

  std::shared_ptr<context> made_{new context};
};

loaded load_context(const std::string& certificate, const std::string& key) {
  return context_maker{}.run(certificate, key);
}

} // namespace plexus::transport::tls
