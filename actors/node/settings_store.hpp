#pragma once
// The settings that hold at the moment, for whoever asks from any thread.

#include "actors/connection/token.hpp"
#include "config/settings.hpp"

#include <memory>
#include <mutex>

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
  void replace(const config::settings& s) {
    auto settings = std::make_shared<const config::settings>(s);
    auto verifier = std::make_shared<const connection::token_verifier>(s.client.token);
    std::lock_guard guard(mutex_);
    settings_ = std::move(settings);
    verifier_ = std::move(verifier);
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const config::settings> settings_;
  std::shared_ptr<const connection::token_verifier> verifier_;
};

} // namespace plexus::node
