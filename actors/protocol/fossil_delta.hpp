#pragma once
// Deltas in the format of the Fossil version control system, which `centrifuge` clients understand: what to copy
// from the publication before, and what to insert. Pure.
//
// The format: the target's length and a line break, then commands `LENGTH@OFFSET,` (copy from the source) and
// `LENGTH:BYTES` (insert), then `CHECKSUM;`. Numbers are in base 64, most significant digit first; the checksum is
// the sum of the target's 32-bit words, big-endian, zeros behind the end.

#include <cstddef>
#include <string>
#include <string_view>

namespace plexus::protocol {

/// Larger texts get no delta: looking for what they share would hold up the loop.
inline constexpr std::size_t max_delta_input = 1'048'576;

/// What turns `source` into `target`; empty when that would not be shorter than `target` itself. Text stays text:
/// where `target` is UTF-8 no character is cut in two, so that the delta can stand in a JSON string. Takes time in
/// proportion to both.
std::string make_fossil_delta(std::string_view source, std::string_view target);

} // namespace plexus::protocol
