-- The history of a store, in a file of its own (docs/history.md). PRAGMA user_version is the version of this layout.

PRAGMA application_id = 0x78736869; -- "xshi"

-- The stores that this is the history of, one after the other: each counts its commits from 1. All that was done up to
-- `turn` of its journal is here or counted as missing; null if that is not known.
CREATE TABLE eras (
  era INTEGER PRIMARY KEY,
  store TEXT NOT NULL UNIQUE,
  last INTEGER NOT NULL,
  complete_after INTEGER NOT NULL,
  turn INTEGER
) STRICT;

-- Records, some hundred a row, in the order of `block`: the first is number `begin`, the last `last`, and the lowest number that
-- one of them counts is `first`. `sum` is the XXH32 of `records` seeded with `last`, as they lie;
-- `packing` says how (packing.ts). `filter` is a Bloom filter over paths and authors, `shares` the bytes of each holder.
CREATE TABLE blocks (
  block INTEGER PRIMARY KEY,
  era INTEGER NOT NULL,
  first INTEGER NOT NULL,
  begin INTEGER NOT NULL,
  last INTEGER NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  packing INTEGER NOT NULL,
  size INTEGER NOT NULL,
  filter BLOB NOT NULL,
  shares TEXT NOT NULL,
  sum INTEGER NOT NULL,
  records BLOB NOT NULL
) STRICT;

-- The whole store after `number`; whole itself once it is marked so. Without one that is needed nothing says what came then;
-- others only spare the reading of many records.
CREATE TABLE keyframes (
  keyframe INTEGER PRIMARY KEY,
  era INTEGER NOT NULL,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  is_needed INTEGER NOT NULL,
  is_whole INTEGER NOT NULL
) STRICT;

-- The nodes of a keyframe in the order of a walk (keyframes.ts), some hundred a row, by the key of the first path; `sum` as above, seeded with `keyframe`.
CREATE TABLE pieces (
  keyframe INTEGER NOT NULL,
  from_key BLOB NOT NULL,
  count INTEGER NOT NULL,
  packing INTEGER NOT NULL,
  size INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  nodes BLOB NOT NULL,
  PRIMARY KEY (keyframe, from_key)
) STRICT, WITHOUT ROWID;

-- What holders have lost to their bound, but for what it left (thin.ts).
CREATE TABLE thinned (
  era INTEGER NOT NULL,
  holder TEXT NOT NULL,
  from_number INTEGER NOT NULL,
  to_number INTEGER NOT NULL,
  count INTEGER NOT NULL,
  under TEXT NOT NULL,
  PRIMARY KEY (era, holder)
) STRICT, WITHOUT ROWID;

-- Which domains share a part of the bound: lives.ts, which also adds this to the files of earlier versions.
