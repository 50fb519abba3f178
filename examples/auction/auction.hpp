#pragma once
// One lot: the highest bid when the time is over has it. A bid in the last seconds moves the end, so that nobody
// wins by being late.

#include <plexus/channel_actor.hpp>

#include <cstdint>
#include <string>

class auction : public plexus::channel_actor {
public:
  static constexpr std::chrono::seconds length{60}, extension{10};

  void on_subscribe(plexus::subscribing& s) override;
  void on_publication(plexus::publishing& p) override;
  void on_call(plexus::call& c) override;
  void on_timer(std::string_view name) override;
  [[nodiscard]] std::string inspect() const override { return lot(); }

private:
  void open(plexus::call& c);
  void bid(plexus::call& c);
  [[nodiscard]] std::string lot() const;

  enum class phase : std::uint8_t { waiting, open, sold };
  phase phase_ = phase::waiting;
  std::int64_t price_ = 0, bids_ = 0;
  std::string leader_;
  plexus::time_point end_{};
  PLEXUS_STATE(phase_, price_, bids_, leader_, end_)
};
