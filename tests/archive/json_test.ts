/** Dumps in JSON: what is read is what was written, and whatever else comes is refused in words. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArchiveError } from "../../lib/archive/archive.ts";
import { fromJson, toJsonLines } from "../../lib/codec/json.ts";
import { JsonError } from "../../lib/codec/json_fields.ts";
import { loadState, writeStore } from "../../lib/archive/store_target.ts";
import { readStoreArchive } from "../../lib/archive/store_source.ts";
import { collectAll, RecordError } from "../../lib/state/checked_records.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { asStale, permEntry } from "../../lib/store/perms.ts";
import { Hypervisor, Life } from "../support/lives.ts";
import { type Random, withSeeds } from "../support/random.ts";
import {
  domain,
  node,
  ring,
  socket,
  special,
  transaction,
  transactionNode,
  watch,
} from "../support/records.ts";
import { makeScratch } from "../support/scratch.ts";
import { fill, recordsOf } from "./random_store.ts";

function bytesOf(lines: Iterable<string>): Uint8Array {
  return new TextEncoder().encode([...lines].map((line) => `${line}\n`).join(""));
}

const ALL: readonly StateRecord[] = [
  domain(5, {
    uniqueId: 0xffff_ffff_ffff_fff0n,
    introduced: true,
    target: 6,
    features: 14,
    quotas: new Map(),
    port: 8,
    gfn: 1n << 40n,
    hasRing: true,
  }),
  domain(7, { uniqueId: 12n, introduced: false, shutdownSeen: true, features: 0 }),
  { kind: "descriptors", socketFd: 4, eventChannelFd: -1 },
  { kind: "quota", domain: new Map([["nodes", 7]]), global: new Map([["x", 0]]) },
  { kind: "setting", name: "trace", value: "\xff", configured: null },
  { kind: "setting", name: "trace-file", value: "", configured: "a" },
  ring(3, 5, 9, {
    input: new Uint8Array([0xff, 0]),
    output: new Uint8Array([1, 2, 3]),
    partialResponse: 2,
    ignored: true,
    transactionIdLast: 77,
  }),
  socket(4),
  watch(3, "a", "\xff", 0),
  watch(3, "/a", ""),
  transaction(3, 9, 4),
  transaction(4, 1),
  node("/", new TextEncoder().encode('"\u{1f600}\n'), [
    permEntry(0, 0),
    asStale(permEntry(32757, 3)),
  ]),
  special("@releaseDomain", [permEntry(0, 1)]),
  transactionNode(3, 9, "/a"),
  transactionNode(3, 9, "/b", { access: 3, perms: [permEntry(5, 0)] }),
];

Deno.test("JSON: every kind of record comes back", () => {
  assertEquals(fromJson(bytesOf(toJsonLines(ALL))), ALL);
});

Deno.test("JSON: a field that is not as it must be is named, with its line", () => {
  const header = '{"kind":"xs-dump","version":1}';
  for (
    const [line, problem] of [
      ["[]", "line 2: it must be an object"],
      ["x", "line 2: it is no JSON"],
      ['{"kind":"node"}', "line 2: 'path' is missing"],
      ['{"kind":"node","path":"/","value":{"base64":"?"}}', "'value' is neither a string nor"],
      [
        '{"kind":"node","path":"/","value":"","perms":["x1"]}',
        'invalid permission "x1" (such as r5)',
      ],
      ['{"kind":"node","path":"/","value":"","perms":{}}', "'perms' must be a list"],
      ['{"kind":"domain","domid":65536}', "'domid' must be a domid"],
      ['{"kind":"domain","domid":1,"features":-1}', "'features' is less than 0"],
      ['{"kind":"domain","domid":1.5}', "'domid' must be a whole number"],
      [
        '{"kind":"domain-detail","domid":1,"uniqueId":"-1"}',
        "'uniqueId' must be a number of 64 bits",
      ],
      ['{"kind":"connection-detail","connection":1,"transactionIdLast":1,"ignored":0}', "neither"],
      ['{"kind":"quota","domain":[],"global":{}}', "'domain' must be an object"],
      [
        '{"kind":"ring-detail","connection":1,"gfn":"0","remotePort":1}',
        "there is no connection 1",
      ],
      ['{"kind":"transaction-detail","connection":1,"id":2,"operations":1}', "no transaction 2"],
    ] as const
  ) {
    const error = assertThrows(() => fromJson(bytesOf([header, line])), JsonError);
    assert(error.message.includes(problem), `${line}: ${error.message}`);
  }
  assertThrows(() => fromJson(new Uint8Array([0xff, 0x0a])), JsonError, "it is not UTF-8");
});

Deno.test("JSON: what is told of one thing twice is refused", () => {
  const lines = toJsonLines([
    domain(3, { uniqueId: 7n, introduced: true, hasRing: true, port: 6, gfn: 2n }),
    { ...ring(1, 3), transactionIdLast: 7 },
    { ...transaction(1, 2), operations: 4 },
  ]);
  const all = [...lines];
  for (
    const [kind, problem] of [
      ["connection-detail", "connection 1 again"],
      ["ring-detail", "the ring of domain 3 again"],
      ["transaction-detail", "transaction 2 of connection 1 again"],
      ["domain-detail", "domain 3 again"],
    ] as const
  ) {
    const configured = all.find((line) => line.includes(`"${kind}"`));
    assert(configured !== undefined, kind);
    assertThrows(() => fromJson(bytesOf([...all, configured])), JsonError, problem);
  }
});

function isRefusal(error: unknown): boolean {
  return error instanceof ArchiveError || error instanceof JsonError ||
    error instanceof RecordError;
}

/** Somewhere in a line: another character, a number that is too much, or nothing more. */
function spoil(random: Random, line: string): string {
  const at = random.below(line.length);
  const dice = random.next();
  if (dice < 0.3) {
    return line.slice(0, at) + String.fromCharCode(random.below(128)) + line.slice(at + 1);
  }
  if (dice < 0.6) {
    return line.replace(
      /\d+/g,
      (digits) =>
        random.chance(0.2) ? random.pick(["0", "4294967295", "70000", "-1", "9e99", "7"]) : digits,
    );
  }
  if (dice < 0.7) return line.slice(0, at);
  if (dice < 0.8) return line.replace(/"[^"]*"/, '"@"');
  return line.replace(/(\/[a-z])+/, random.pick(["/", "//", "/x", "@x", "", "a".repeat(9_000)]));
}

Deno.test("JSON: spoilt anywhere it is refused in words, or restored as what it says", async () => {
  await using scratch = await makeScratch();
  withSeeds((random, fixed) => {
    const hypervisor = new Hypervisor();
    hypervisor.create(0);
    const life = new Life(hypervisor, `${scratch.path}/store${fixed}`);
    fill(random, hypervisor, life);
    const lines = [...toJsonLines(recordsOf(life.state))];
    let refused = 0, restored = 0;
    for (let round = 0; round < 150; round++) {
      const spoilt = [...lines];
      for (let count = 1 + random.below(3); count > 0; count--) {
        const at = random.below(spoilt.length);
        const dice = random.next();
        if (dice < 0.1) spoilt.splice(at, 1);
        else if (dice < 0.2) spoilt.splice(at, 0, random.pick(lines));
        else spoilt[at] = spoil(random, spoilt[at]!);
      }
      try {
        const { state } = loadState(collectAll(fromJson(bytesOf(spoilt))), random.chance(0.5));
        const path = `${scratch.path}/${round}`;
        writeStore(path, state);
        readStoreArchive(path, null, "restored");
        Deno.removeSync(path);
        restored++;
      } catch (error) {
        if (!(isRefusal(error))) throw error;
        refused++;
      }
    }
    life.close();
    const said = `${refused} refused, ${restored} restored`;
    assert(!fixed || refused > 25 && restored > 5, said);
  });
});
