#pragma once
// The settings that hold at the moment, for whoever asks from any thread.

#include "actors/connection/jwks_fetcher.hpp"
#include "actors/connection/token.hpp"
#include "config/settings.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace plexus::node {

class settings_store {
public:
  explicit settings_store(const config::settings& s) { replace(s); }

  [[nodiscard]] std::shared_ptr<const config::settings> get() const {
    std::lock_guard guard(mutex_);
    return settings_;
  }
  [[nodiscard]] std::shared_ptr<const connection::token_verifier> verifier() const {
    std::lock_guard guard(mutex_);
    return verifier_;
  }
  /// By one thread at a time. Reads the public keys anew; a key set stays as long as its address does.
  void replace(const config::settings& s) {
    auto settings = std::make_shared<const config::settings>(s);
    fetch_from(s.client.token.jwks_url);
    auto verifier =
        std::make_shared<const connection::token_verifier>(s.client.token, fetcher_ ? fetcher_->board() : nullptr);
    std::lock_guard guard(mutex_);
    settings_ = std::move(settings);
    verifier_ = std::move(verifier);
  }

private:
  void fetch_from(const std::string& url) {
    if (fetcher_ && fetcher_->url() == url) return;
    if (fetcher_) {
      // Its thread may be looking up a name; a loop doesn't wait for that.
      fetcher_->stop();
      former_.push_back(std::move(fetcher_));
    }
    if (!url.empty()) fetcher_ = std::make_unique<connection::jwks_fetcher>(url);
  }

  mutable std::mutex mutex_;
  std::shared_ptr<const config::settings> settings_;
  std::shared_ptr<const connection::token_verifier> verifier_;
  std::unique_ptr<connection::jwks_fetcher> fetcher_;
  std::vector<std::unique_ptr<connection::jwks_fetcher>> former_; ///< stopped; joined at the node's end
};

} // namespace plexus::node
