/** A store that nobody can change: whatever is asked of it, it stays as it is, and it says why. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { OPERATIONS } from "../../lib/engine/operation_table.ts";
import { READER_TRANSACTIONS_MAX, READER_WATCHES_MAX } from "../../lib/limits.ts";
import { adoptTree } from "../../lib/persist/adopt_tree.ts";
import { snapshot } from "../../lib/persist/snapshot.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import type { Node, StateRecord } from "../../lib/state/records.ts";
import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";
import { Client, newEngine, randomRequest, treeOf } from "../support/engine_client.ts";
import { type Random, withSeed } from "../support/random.ts";

/** A store that can only be read, with the nodes of {@link newEngine}. */
function readOnlyEngine(): Engine {
  const isNode = (record: StateRecord): record is Node => record.kind === "node";
  const nodes = [...snapshot(newEngine().state).records].filter(isNode);
  const engine = new Engine({
    domains: {
      info: (domid) => domid < 4 ? { domid, state: 1, uniqueId: BigInt(domid) } : null,
      open: () => 0,
      reset: () => {},
      close: () => {},
    },
    readOnly: true,
  });
  adoptTree(engine.state, collectAll(nodes).tree);
  return engine;
}

/** All of a store: nodes, domains, quotas, settings, permissions of specials. */
function wholeOf(engine: Engine): string {
  const all = [...snapshot(engine.state).records];
  const lasting = all.filter(({ kind }) => !["connection", "watch", "transaction"].includes(kind));
  return Deno.inspect(lasting, { depth: 9, iterableLimit: 999 });
}

/** What the control domain may ask of each type, and what it hears. */
const REQUESTS: Readonly<Record<string, readonly (readonly [payload: string, reply: RegExp])[]>> = {
  DIRECTORY: [["/\0", /^a\0tool\0b\0$/]],
  READ: [["/a/b\0", /^$/]],
  GET_PERMS: [["/b\0", /^n0\0r1\0b2\0$/]],
  TRANSACTION_START: [["\0", /^\d+\0$/]],
  GET_DOMAIN_PATH: [["1\0", /^\/local\/domain\/1\0$/]],
  RESET_WATCHES: [["\0", /^OK\0$/]],
  DIRECTORY_PART: [["/\0" + "0\0", /^\d+\0/]],
  GET_FEATURE: [["", /^\d+\0$/]],
  IS_DOMAIN_INTRODUCED: [["0\0", /^T\0$/]],
  GET_QUOTA: [["nodes\0", /^\d+\0$/]],
  WATCH: [["/a\0token\0", /^OK\0$/]],
  UNWATCH: [["/a\0token\0", /^OK\0$/]],
  WRITE: [["/a\0new", /^EROFS\0$/], ["/new\0", /^EROFS\0$/]],
  MKDIR: [["/a\0", /^EROFS\0$/], ["/new\0", /^EROFS\0$/]],
  RM: [["/a\0", /^EROFS\0$/]],
  SET_PERMS: [["/a\0n0\0", /^EROFS\0$/], ["@releaseDomain\0n0\0", /^EROFS\0$/]],
  INTRODUCE: [["3\x001\x005\0", /^EROFS\0$/]],
  RELEASE: [["1\0", /^EROFS\0$/]],
  RESUME: [["1\0", /^EROFS\0$/]],
  SET_TARGET: [["1\x002\0", /^EROFS\0$/]],
  SET_FEATURE: [["1\x001\0", /^EROFS\0$/]],
  SET_QUOTA: [["nodes\x005\0", /^EROFS\0$/], ["1\0nodes\x005\0", /^EROFS\0$/]],
  TRANSACTION_END: [["T\0", /^ENOENT\0$/]],
  CONTROL: [
    ["check\0", /^OK\0$/],
    ["help\0", /^check /],
    ["quota\0", /nodes/],
    ["quota\0set\0nodes\x005\0", /^EROFS\0$/],
    ["quota\0set\x001\0nodes\x005\0", /^EROFS\0$/],
    ["quota-soft\0set\0nodes\x005\0", /^EROFS\0$/],
    ["live-update\0-s\0", /^EROFS\0$/],
    ["restore\x00100\0", /^EROFS\0$/],
    ["restore\0-q\x00100\x001\0", /^EROFS\0$/],
  ],
};

Deno.test("read-only: each request that would change something answers EROFS, each other one as ever", () => {
  const engine = readOnlyEngine(), client = new Client(engine, 0);
  const before = wholeOf(engine);
  assertMatch(before, /\/a\/b/);
  for (const type of OPERATIONS.keys()) {
    if (OPERATIONS[type] === undefined) continue;
    const name = messageTypeName(type), asked = REQUESTS[name] ?? [];
    assert(asked.length > 0, `nothing is asked of ${name}`);
    for (const [payload, reply] of asked) {
      client.ask(type, payload);
      assertMatch(client.text, reply, `${name} ${payload.replaceAll("\0", ".")}`);
      assertEquals(wholeOf(engine), before, `${name} ${payload} has changed something`);
    }
  }
});

Deno.test("read-only: a guest's rights count before, and malformed requests are told as well", () => {
  const engine = readOnlyEngine();
  engine.state.domains.know(1);
  const guest = new Client(engine, 1);
  assertEquals(guest.ask(MessageType.READ, "/b\0"), "READ ");
  assertEquals(guest.ask(MessageType.WRITE, "/a/b\0x"), "ERROR EROFS\0");
  assertEquals(guest.ask(MessageType.INTRODUCE, "3\x001\x005\0"), "ERROR EACCES\0");
  assertEquals(guest.ask(MessageType.READ, "//\0"), "ERROR EINVAL\0");
});

function hold(random: Random): void {
  const engine = readOnlyEngine(), before = treeOf(engine);
  const client = new Client(engine, 0);
  let txId = 0;
  for (let i = 0; i < 200; i++) {
    if (txId === 0 && random.next() < 0.1) {
      client.ask(MessageType.TRANSACTION_START, "\0");
      txId = Number(client.text.slice(0, -1));
    } else if (txId !== 0 && random.next() < 0.1) {
      assertEquals(client.ask(MessageType.TRANSACTION_END, "T\0", txId), "TRANSACTION_END OK\0");
      txId = 0;
    }
    const [type, payload] = randomRequest(random);
    client.ask(type, payload, random.next() < 0.5 ? txId : 0);
    const changes = type >= MessageType.WRITE && type <= MessageType.SET_PERMS;
    assertEquals(client.reply === "ERROR EROFS\0", changes, messageTypeName(type));
    assertEquals(treeOf(engine), before);
  }
  assertEquals(client.events, []);
}

Deno.test("read-only: random requests, within transactions and without, change nothing", async () => {
  for (let i = 0; i < 20; i++) await withSeed(hold);
});

Deno.test("readers: watches and transactions of one are bounded, and memory for the privileged is left", () => {
  const engine = newEngine();
  const reader = new Client(engine, 0, { readOnly: true }), dom0 = new Client(engine, 0);
  let watches = 0, open = 0;
  while (reader.ask(MessageType.WATCH, `/a\0${watches}\0`) === "WATCH OK\0") watches++;
  while (!reader.ask(MessageType.TRANSACTION_START, "\0").startsWith("ERROR")) open++;
  assertEquals([watches, open], [READER_WATCHES_MAX, READER_TRANSACTIONS_MAX]);
  assertEquals(reader.reply, "ERROR ENOSPC\0");
  assertEquals(dom0.ask(MessageType.WATCH, "/a\0t\0"), "WATCH OK\0");
  // All that guests may use is used up.
  const { accounts, memory } = engine.state;
  memory.max = accounts.cost * 8 / 7;
  const others = [new Client(engine, 0, { readOnly: true }), dom0];
  const replies = others.map((client) => client.ask(MessageType.WATCH, "/b\0t\0"));
  assertEquals(replies, ["ERROR ENOSPC\0", "WATCH OK\0"]);
});

Deno.test("readers: they see the highest values of quotas, and do not reset them", () => {
  const engine = newEngine();
  const reader = new Client(engine, 0, { readOnly: true });
  assertMatch(reader.ask(MessageType.CONTROL, "quota\0max\0"), /^CONTROL /);
  assertMatch(reader.ask(MessageType.CONTROL, "quota\0max\0-r\0"), /^ERROR E(ACCES|ROFS)\0$/);
});
