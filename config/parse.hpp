#pragma once
// The text of the configuration file to JSON. Inside `config` only.

#include "config/load.hpp"

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace plexus::config {

struct parsed_document {
  std::shared_ptr<const nlohmann::json> root; ///< null where the text isn't JSON
  std::vector<fault> faults;                  ///< broken JSON, by line and column, and names that stand twice
};

/// No fault has text of the file in it other than the names of keys: a broken string may be a secret.
parsed_document parse_document(const document& file);

} // namespace plexus::config
