-- What a batch says of itself, each with a zero behind it: its number, the Redis time until which it may append, nonce
-- for new epochs, least life of a channel in ms, most entries in an inbox, what a key outlives its time by, 1 if the
-- inbox must be alive, 1 if answers are to be stored, bytes that reads may answer.
local batch, append_until, nonce, channel_life, inbox_most, outlives, needs_inbox, stores, read_room =
  struct.unpack('sssssssss', ARGV[2])
