#pragma once
// The shared libraries of the configuration, and what they registered. Loaded once, before the loops start, and
// never unloaded: a task somewhere may still hold an object of theirs.

#include <plexus/hooks.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::extension {

class plugins final : private detail::registry {
public:
  plugins() = default;
  plugins(const plugins&) = delete;
  plugins& operator=(const plugins&) = delete;

  /// Loads one after the other. Throws std::runtime_error with a sentence that names the file and, where it was
  /// built for another Plexus, both versions.
  void load(const std::vector<std::string>& files);
  /// For tests and programs that have their classes built in.
  void add_actor(std::string_view name, detail::make_actor make) override;
  void add_hooks(detail::make_hooks make) override;

  /// Null: no plugin has one of that name.
  [[nodiscard]] detail::make_actor find(std::string_view name) const;
  /// The names there are, for a sentence: `"a", "b"`.
  [[nodiscard]] std::string names() const;
  [[nodiscard]] const std::vector<std::unique_ptr<hooks>>& all_hooks() const noexcept { return hooks_; }

private:
  void load_one(const std::string& file);

  std::string loading_; ///< the file that registers now
  std::map<std::string, detail::make_actor, std::less<>> actors_;
  std::vector<std::unique_ptr<hooks>> hooks_;
};

} // namespace plexus::extension
