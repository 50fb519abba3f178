-- What a batch hands on to the inboxes of other nodes: the pieces of one entry for each, written at its end.
local entries, boxes = {}, {}
local inbox_length = 12
