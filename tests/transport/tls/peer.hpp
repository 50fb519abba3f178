#pragma once
// A TLS client on memory and a node's side of it on a pair of sockets, for tests.

#include "transport/outbound.hpp"
#include "transport/tls/wire.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace plexus::transport::tls::testing {

struct pair_of_pem {
  std::string certificate, key;
};

inline std::string text_of(BIO* from) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(from, &data);
  std::string out(data, static_cast<std::size_t>(size));
  BIO_free(from);
  return out;
}

/// Self-signed; with a passphrase the key is encrypted.
inline pair_of_pem make_pem(const char* passphrase = nullptr) {
  auto* key = EVP_EC_gen("P-256");
  auto* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  auto* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("node"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  auto *to_certificate = BIO_new(BIO_s_mem()), *to_key = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(to_certificate, certificate);
  auto* phrase = const_cast<char*>(passphrase);
  PEM_write_bio_PrivateKey(to_key, key, passphrase ? EVP_aes_128_cbc() : nullptr, nullptr, 0, nullptr, phrase);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {text_of(to_certificate), text_of(to_key)};
}

inline context_ptr make_context() {
  auto pem = make_pem();
  auto loaded = load_context(pem.certificate, pem.key);
  if (!loaded.made) throw std::runtime_error(loaded.what.key + ": " + loaded.what.found);
  return loaded.made;
}

class client {
public:
  explicit client(int version = TLS1_3_VERSION, SSL_SESSION* resume = nullptr, std::string alpn = {}) :
      context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, version);
    SSL_CTX_set_max_proto_version(context_, version);
    ssl = SSL_new(context_);
    to_node_ = BIO_new(BIO_s_mem());
    from_node_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(from_node_, -1);
    SSL_set_bio(ssl, from_node_, to_node_);
    SSL_set_connect_state(ssl);
    if (resume) SSL_set_session(ssl, resume);
    if (!alpn.empty())
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned>(alpn.size()));
  }
  ~client() {
    SSL_free(ssl);
    SSL_CTX_free(context_);
  }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// What it has to send.
  std::string output() {
    std::string out;
    std::array<char, 4096> part;
    for (int n; (n = BIO_read(to_node_, part.data(), part.size())) > 0;)
      out.append(part.data(), static_cast<std::size_t>(n));
    return out;
  }
  void input(const std::string& bytes) { BIO_write(from_node_, bytes.data(), static_cast<int>(bytes.size())); }
  /// Plain text that has come; takes the handshake forward.
  std::string read() {
    std::string out;
    std::array<char, 20'000> part;
    int n;
    while ((n = SSL_read(ssl, part.data(), part.size())) > 0) out.append(part.data(), static_cast<std::size_t>(n));
    error = SSL_get_error(ssl, n);
    return out;
  }
  SSL* ssl;
  int error = 0;

private:
  SSL_CTX* context_;
  BIO *to_node_, *from_node_;
};

/// The node's side: what `link` does with a wire.
class node {
public:
  explicit node(context_ptr with) : wire(std::move(with)) {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_) != 0) throw std::runtime_error("no sockets");
  }
  ~node() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// The client's bytes; what was plain in them is added to `got`.
  tls::wire::input take(std::string_view bytes) {
    std::array<char, 16'384> into;
    wire.put(bytes);
    for (;;) {
      std::size_t size = 0;
      auto how = wire.read(into, size);
      if (how != tls::wire::input::bytes) return how;
      got.append(into.data(), size);
    }
  }
  outbound::result write() {
    std::size_t sent = 0;
    auto how = wire.write(queue, ends_[0], sent);
    sends += sent > 0;
    return how;
  }
  /// What has arrived at the other end.
  std::string arrived(std::size_t most = SIZE_MAX) {
    std::string out;
    std::array<char, 65'536> part;
    while (out.size() < most) {
      auto n = ::recv(ends_[1], part.data(), std::min(part.size(), most - out.size()), MSG_DONTWAIT);
      if (n <= 0) break;
      out.append(part.data(), static_cast<std::size_t>(n));
    }
    return out;
  }

  tls::wire wire;
  outbound queue;
  std::string got;
  int sends = 0;

private:
  int ends_[2];
};

/// Until neither has anything to say; false where the node gave up.
inline bool shake_hands(client& c, node& n, std::size_t step = SIZE_MAX) {
  for (int round = 0; round < 10; ++round) {
    c.read();
    auto bytes = c.output();
    for (std::size_t from = 0; from < bytes.size(); from += std::min(step, bytes.size())) {
      auto failed = n.take(std::string_view(bytes).substr(from, step)) == tls::wire::input::failed;
      n.write();
      c.input(n.arrived());
      if (failed) return false;
    }
  }
  c.read();
  return n.wire.established();
}

/// The sizes of the records in `bytes`, of application data.
inline std::vector<std::size_t> records(std::string_view bytes) {
  std::vector<std::size_t> out;
  while (bytes.size() >= 5) {
    auto size =
        static_cast<std::size_t>(static_cast<unsigned char>(bytes[3]) << 8 | static_cast<unsigned char>(bytes[4]));
    if (bytes[0] == 0x17) out.push_back(size);
    bytes.remove_prefix(std::min(bytes.size(), size + 5));
  }
  return out;
}

} // namespace plexus::transport::tls::testing
