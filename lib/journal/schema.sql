-- The journal of one boot of one host. Everything that must survive the daemon's process is in
-- `images` (all of it at one moment, in pieces) and `turns` (what changed since).

PRAGMA application_id = 0x78737472; -- "xstr"

-- What the file is: version of the layout is PRAGMA user_version.
CREATE TABLE about (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- An image is whole once its row stands here; `upto` is the last turn that it contains, `pieces`
-- the number of its pieces.
CREATE TABLE images (
  image INTEGER PRIMARY KEY,
  upto INTEGER NOT NULL,
  pieces INTEGER NOT NULL
) STRICT;

-- Pieces of an image, in order: changes that lead from nothing to it. `sum` is the XXH32 of the
-- changes, seeded with the image's number.
CREATE TABLE pieces (
  piece INTEGER PRIMARY KEY,
  image INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  changes BLOB NOT NULL
) STRICT;

-- Turns that changed something, numbered without a gap, many to a row: their records, as
-- turn_record.ts lays them out, up to turn `last`. `sum` is the XXH32 of the records, seeded
-- with that number.
CREATE TABLE turns (
  last INTEGER PRIMARY KEY,
  sum INTEGER NOT NULL,
  records BLOB NOT NULL
) STRICT;
