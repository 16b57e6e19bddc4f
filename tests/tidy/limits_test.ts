/** lib/limits.ts tells the truth: each bound is there, and each that is there is used. */
import { assert, assertEquals } from "@std/assert";
import { filesUnder, readText } from "../support/sources.ts";

/** Names of numbers that say how much, how often, how long or how many at once. */
const BOUND =
  /^(?:export )?const ([A-Z][A-Z0-9_]*_(?:MAX|MIN|CACHED|REUSED|LEFT|REMEMBERED|ALLOWED|LIMIT|MS|BYTES|SIZE|FIRST|LEAST|AHEAD|TRIES|PER_[A-Z]+)|AHEAD|BATCH|WIDTH)(?:: \w+)? = /;

/** Numbers of such names that are no bounds of ours, by what they are instead. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  "formats, of Xen, of others and of ours": [
    "lib/codec/draft_2020.ts TYPE_MAX",
    "lib/codec/oxenstored_encode.ts CONNECTION_BYTES",
    "lib/codec/oxenstored_live_update.ts FIELDS_MAX",
    "lib/codec/record_types.ts PREAMBLE_BYTES",
    "lib/codec/record_types.ts RECORD_HEADER_BYTES",
    "lib/codec/record_types.ts VERSION_MAX",
    "lib/engine/live_update_session.ts STREAM_VERSION_MAX",
    "lib/engine/operations/watches.ts RECORD_BYTES",
    "lib/history/answer_bytes.ts FRAME_HEADER_BYTES",
    "lib/journal/database.ts HEADER_BYTES",
    "lib/journal/database.ts PAGE_BYTES",
    "lib/journal/tail.ts HEADER_BYTES",
    "lib/journal/tail.ts ID_BYTES",
    "lib/journal/turn_bridge.ts BRIDGE_BYTES",
    "lib/journal/turn_record.ts HEADER_BYTES",
    "lib/server/persistence/store_file_guard.ts STORE_BYTES_MIN",
    "lib/store/path.ts NAME_BYTES",
    "lib/store/perms.ts DOMID_MAX",
    "lib/transport/held_slot.ts HEADER_BYTES",
    "lib/transport/held_slot.ts SLOT_BYTES",
    "lib/transport/held_slots.ts FRONT_BYTES",
    "lib/transport/held_slots.ts HELD_KEY_FIRST",
    "lib/transport/ring_page.ts RING_INTERFACE_BYTES",
    "lib/transport/ring_page.ts RING_PAGE_SIZE",
    "lib/transport/ring_page.ts RING_SIZE",
    "lib/client/trace/pcapng.ts PSEUDO_HEADER_BYTES",
    "lib/wire/header.ts HEADER_SIZE",
    "lib/wire/header.ts MESSAGE_MAX",
    "lib/wire/header.ts PAYLOAD_MAX",
    "lib/wire/stream_frame.ts FRAME_HEADER_BYTES",
  ],
  "the stock tools' and C xenstored's, which they have by their names": [
    "cmd/stock/tools.ts CHMOD_PATH_MAX",
    "cmd/stock/xenstored_options.ts PATH_MAX",
    "lib/client/tools/ls.ts WIDTH",
  ],
  "numbers of the language, the runtime and the system": [
    "lib/archive/file.ts MODE_ALLOWED",
    "lib/codec/json_fields.ts UINT32_MAX",
    "lib/client/tools/chmod.ts INT64_MAX",
    "lib/clock.ts TIMER_MS_MAX",
    "lib/engine/operations/transactions.ts UINT32_MAX",
    "lib/wire/frame_decoder.ts TIME_MAX_MS",
    "lib/server/live_update/hand_over.ts STANDARD_FD_MAX",
    "lib/server/process/host_memory.ts YOUNG_BYTES",
    "lib/server/process/socket_process.ts TICKS_PER_MS",
    "lib/wire/text.ts PART_MIN",
  ],
  "measured costs: what a thing takes, in bytes or in units of the meter": [
    "lib/engine/dirty.ts UNITS_PER_RECORD",
    "lib/engine/memory_model.ts CONNECTION_BYTES",
    "lib/engine/memory_model.ts TOUCHED_BYTES",
    "lib/engine/memory_model.ts TRANSACTION_BYTES",
    "lib/engine/memory_model.ts WATCH_BYTES",
    "lib/engine/work_meter.ts UNITS_PER_MS",
    "lib/history/block_split.ts RECORD_BYTES",
    "lib/history/recorder.ts FREE_BYTES",
    "lib/history/sizes.ts CHANGE_BYTES",
    "lib/journal/upkeep.ts IMAGE_BYTES_PER_CHARGED",
    "lib/store/dirty_nodes.ts UNITS_PER_RECORD",
    "lib/store/node.ts NODE_BYTES",
  ],
  "made of limits": [
    "lib/journal/tail.ts TAIL_BYTES",
    "lib/server/peer/buffer_pool.ts POOLED_BYTES",
    "lib/transport/held_slots.ts STEP_BYTES",
  ],
  "first sizes of what grows, and shares of what is bounded": [
    "lib/codec/journal/node_record.ts PATH_BYTES_FIRST",
    "lib/journal/free_pages.ts FREE_PART_MAX",
    "lib/store/tree_loader.ts PATH_BYTES_FIRST",
  ],
};

const files = [...filesUnder("lib", /\.ts$/), ...filesUnder("cmd", /\.ts$/)]
  .filter((path) => path !== "lib/limits.ts");

Deno.test("limits: each bound of lib and cmd is in lib/limits.ts", () => {
  const known = Object.values(OTHERS).flat();
  const found = files.flatMap((path) =>
    readText(path).split("\n").flatMap((line) => {
      const name = BOUND.exec(line)?.[1];
      return name === undefined ? [] : [`${path} ${name}`];
    })
  );
  assertEquals(found.filter((name) => !known.includes(name)), []);
  assertEquals(known.filter((name) => !found.includes(name)), [], "not there any more");
});

Deno.test("limits: each limit has a user and a reason", () => {
  const limits = readText("lib/limits.ts");
  const names = [...limits.matchAll(/^export const (\w+)/gm)].map((match) => match[1]!);
  assert(names.length > 100);
  const users = [...files, ...filesUnder("scripts", /\.ts$/)].map(readText).join("\n");
  const words = new Set(users.match(/\b[A-Z][A-Z0-9_]+\b/g));
  // One that others are made of has them for its users.
  const made = limits.split("\n").filter((line) =>
    !line.startsWith("export const") || / = .*[A-Z]{3}/.test(line)
  );
  const within = new Set(
    made.map((line) => line.replace(/^export const \w+/, "")).join("\n").match(
      /\b[A-Z][A-Z0-9_]+\b/g,
    ),
  );
  assertEquals(names.filter((name) => !words.has(name) && !within.has(name)), [], "without a user");
  // Limits that follow each other without a blank line share a reason.
  const lines = limits.split("\n");
  const bare = lines.filter((line, i) =>
    line.startsWith("export const") && !/\*\/$|^export const .*;$/.test(lines[i - 1]!)
  );
  assertEquals(bare, [], "without a reason");
});
