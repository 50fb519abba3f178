#pragma once
// The suite that every backplane passes. An implementation's test makes a `fixture` and runs each part in a
// TEST_CASE of its own; doctest starts that anew, with a fresh fixture, for each situation in the part.
//
//   TEST_CASE("memory: appending") { memory_fixture f; contract::appending(f); }

#include "tests/backplane/contract_actors.hpp"
#include "tests/backplane/contract_fixture.hpp"
#include "tests/backplane/contract_keys.hpp"
#include "tests/backplane/contract_log.hpp"
#include "tests/backplane/contract_notices.hpp"
#include "tests/backplane/contract_peers.hpp"
#include "tests/backplane/contract_presence.hpp"

/// All parts, for a fixture that is made without arguments. `NAME` is a string literal.
#define PLEXUS_BACKPLANE_CONTRACT(NAME, FIXTURE)                                                                   \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, appending)                                                         \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, idempotency)                                                       \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, handing_on)                                                        \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, positions)                                                         \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, recovering)                                                        \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, reading_history)                                                   \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, presence)                                                          \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, lost_nodes)                                                        \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, actors)                                                            \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, leases)                                                            \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, notices)                                                           \
  PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, messages)

#define PLEXUS_BACKPLANE_CONTRACT_PART(NAME, FIXTURE, PART)                                                        \
  TEST_CASE(NAME " backplane contract: " #PART) {                                                                  \
    FIXTURE made;                                                                                                  \
    ::plexus::backplane::contract::PART(made);                                                                     \
  }
