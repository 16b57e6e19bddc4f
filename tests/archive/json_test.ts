/** Dumps in JSON: what is read is what was written, and whatever else comes is refused in words. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ArchiveError } from "../../lib/archive/archive.ts";
import { fromJson, toJsonLines } from "../../lib/codec/json.ts";
import { JsonError } from "../../lib/codec/json_fields.ts";
import { loadState, writeStore } from "../../lib/archive/store_target.ts";
import { readStoreArchive } from "../../lib/archive/store_source.ts";
import { planAtOnce, RestoreError } from "../../lib/persist/plan.ts";
import type { MigrationRecord } from "../../lib/codec/records.ts";
import { asStale, permEntry } from "../../lib/store/perms.ts";
import { Hypervisor, Life } from "../journal/lives.ts";
import { type Random, withSeeds } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { fill, recordsOf } from "./random_store.ts";

function bytesOf(lines: Iterable<string>): Uint8Array {
  return new TextEncoder().encode([...lines].map((line) => `${line}\n`).join(""));
}

const ALL: readonly MigrationRecord[] = [
  { kind: "global", socketFd: 4, eventChannelFd: -1 },
  { kind: "quota", domain: new Map([["nodes", 7]]), global: new Map([["x", 0]]) },
  {
    kind: "connection",
    id: 3,
    end: { kind: "ring", domid: 5, target: 6, port: 9 },
    input: new Uint8Array([0xff, 0]),
    output: new Uint8Array([1, 2, 3]),
    partialResponse: 2,
    uniqueId: 0xffff_ffff_ffff_fff0n,
  },
  {
    kind: "connection",
    id: 4,
    end: { kind: "socket", fd: -1 },
    input: new Uint8Array(0),
    output: new Uint8Array(0),
    partialResponse: 0,
    uniqueId: null,
  },
  { kind: "ring-detail", connection: 3, gfn: 1n << 40n, remotePort: 8 },
  { kind: "connection-detail", connection: 3, transactionIdLast: 77, ignored: true },
  { kind: "watch", connection: 3, path: "a", token: "\xff", depth: 0 },
  { kind: "watch", connection: 3, path: "/a", token: "", depth: Infinity },
  { kind: "transaction", connection: 3, id: 9 },
  { kind: "transaction-detail", connection: 3, id: 9, operations: 4 },
  {
    kind: "node",
    connection: 0,
    transaction: 0,
    path: "/",
    value: new TextEncoder().encode('"\u{1f600}\n'),
    access: 0,
    perms: [permEntry(0, 0), asStale(permEntry(32757, 3))],
  },
  {
    kind: "node",
    connection: 3,
    transaction: 9,
    path: "/a",
    value: new Uint8Array(0),
    access: 0,
    perms: [],
  },
  { kind: "domain", domid: 5, features: 14, quotas: new Map() },
  {
    kind: "domain-detail",
    domid: 5,
    uniqueId: 12n,
    introduced: true,
    shutdownSeen: false,
    target: null,
  },
];

Deno.test("JSON: every kind of record comes back", () => {
  assertEquals(fromJson(bytesOf(toJsonLines(ALL))), ALL);
});

Deno.test("JSON: a field that is not as it must be is named, with its line", () => {
  const header = '{"kind":"xs-dump","version":1}';
  for (
    const [line, problem] of [
      ["[]", "line 2: it is no object"],
      ["x", "line 2: it is no JSON"],
      ['{"kind":"node"}', "line 2: 'path' is missing"],
      ['{"kind":"node","path":"/","value":{"base64":"?"}}', "'value' is neither a string nor"],
      ['{"kind":"node","path":"/","value":"","perms":["x1"]}', '"x1" is no permission such as r5'],
      ['{"kind":"node","path":"/","value":"","perms":{}}', "'perms' is no list"],
      ['{"kind":"domain","domid":65536}', "'domid' is no domid"],
      ['{"kind":"domain","domid":1,"features":-1}', "'features' is less than 0"],
      ['{"kind":"domain","domid":1.5}', "'domid' is no whole number"],
      ['{"kind":"domain-detail","domid":1,"uniqueId":"-1"}', "'uniqueId' is no number of 64 bits"],
      ['{"kind":"connection-detail","connection":1,"transactionIdLast":1,"ignored":0}', "neither"],
      ['{"kind":"quota","domain":[],"global":{}}', "'domain' is no object"],
    ] as const
  ) {
    const error = assertThrows(() => fromJson(bytesOf([header, line])), JsonError);
    assert(error.message.includes(problem), `${line}: ${error.message}`);
  }
  assertThrows(() => fromJson(new Uint8Array([0xff, 0x0a])), JsonError, "it is not UTF-8");
});

function isRefusal(error: unknown): boolean {
  return error instanceof ArchiveError || error instanceof JsonError ||
    error instanceof RestoreError;
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
        const { state } = loadState(planAtOnce(fromJson(bytesOf(spoilt))), random.chance(0.5));
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
