#pragma once
// A certificate and its key, made ready for connections: TLS 1.2 and later, ciphers with forward secrecy, ALPN
// "http/1.1", resumption by stateless tickets, no renegotiation, no compression, no early data.

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace plexus::transport::tls {

/// Shared by all loops, never changed: a reload makes another one, and connections keep the one they began with.
/// Ticket keys are made with it, so another certificate also means other ticket keys.
class context {
public:
  ~context();
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  [[nodiscard]] ssl_ctx_st* native() const noexcept { return native_; }
  /// Of the certificate and the key as they were read: equal ones need no other context.
  [[nodiscard]] const std::string& fingerprint() const noexcept { return fingerprint_; }
  /// When the certificate ends, in seconds since 1970.
  [[nodiscard]] long long not_after() const noexcept { return not_after_; }

private:
  friend class context_maker;
  context() = default;
  ssl_ctx_st* native_ = nullptr;
  std::string fingerprint_;
  long long not_after_ = 0;
};

using context_ptr = std::shared_ptr<const context>;

/// What is wrong with a certificate or its key; `key` is the setting's path.
struct fault {
  std::string key, found, expected;
};

struct loaded {
  context_ptr made; ///< null: see `what`
  fault what;
};

/// `certificate`, `key`: paths of PEM files, or PEM text itself (a value that begins with "-----BEGIN"). The
/// certificate may be followed by its chain. Reads the files; any thread.
loaded load_context(const std::string& certificate, const std::string& key);

} // namespace plexus::transport::tls
