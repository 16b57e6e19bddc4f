/** A daemon is not given what it could only read while its clients wait. */
import { assert, assertEquals } from "@std/assert";
import { NO_PROGRESS } from "../../lib/archive/archive.ts";
import { Interrupt } from "../../lib/archive/interrupt.ts";
import { restoreArchive } from "../../lib/archive/restore.ts";
import { parseSource, readSource } from "../../lib/archive/source.ts";
import { Operations } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { planRestore, RECORDS_PER_PAUSE } from "../../lib/persist/plan.ts";
import type { MigrationRecord } from "../../lib/codec/records.ts";
import { toText } from "../../lib/wire/text.ts";

const CORPUS = new URL("../migrate/corpus/", import.meta.url).pathname;

/** The first bytes of what a daemon is told to restore for a file of the corpus. */
async function givenFor(name: string): Promise<string> {
  const path = CORPUS + name;
  const given: number[] = [];
  const encoder = new TextEncoder();
  const session = {
    request: (_type: number, _txId: number, payload: Uint8Array): Promise<Uint8Array> => {
      const words = toText(payload).split("\0");
      if (words[0] === "restore") return Promise.resolve(encoder.encode("job 1\0"));
      const isPut = words[2] === "put";
      if (isPut) given.push(...payload.subarray("archive.1.put.".length, -1));
      const isOver = words.length === 3 && given.length > 0;
      return Promise.resolve(encoder.encode(isOver ? 'done {"leftOut":[]}\0' : "running 0 of 1\0"));
    },
  };
  const daemon = new Operations(session as unknown as Session);
  const connect = (): Promise<Operations> => Promise.resolve(daemon);
  const context = {
    connect,
    progress: NO_PROGRESS,
    interrupt: new Interrupt(),
    domid: null,
    stdin: () => Promise.resolve(new Uint8Array()),
    socketPath: "",
    now: 0,
    bootAt: 0,
  };
  const archive = await readSource(parseSource(path, 0), context);
  const into = { kind: "live" } as const;
  const request = { into, dryRun: false, overQuota: false, mapping: null };
  await restoreArchive(archive, request, connect, NO_PROGRESS);
  return toText(new Uint8Array(given.slice(0, 9)));
}

Deno.test("restore: a text dump is given to the daemon as a stream", async () => {
  assertEquals(await givenFor("oxenstored-4.17-guests.txt"), "xenstore\0");
  assertEquals(await givenFor("c-4.17-guests.bin"), "xenstore\0");
});

Deno.test("restore: what is looked at again at the end is looked at in slices, too", () => {
  const nothing = new Uint8Array(0), watches = 100 * RECORDS_PER_PAUSE;
  const at = { connection: 0, transaction: 0, path: "/", value: nothing, access: 0, perms: [0] };
  const end = { kind: "socket", fd: -1 } as const;
  const flight = { input: nothing, output: nothing, partialResponse: 0, uniqueId: null };
  const records: MigrationRecord[] = [
    { kind: "connection", id: 1, end, ...flight },
    { kind: "node", ...at },
  ];
  for (let i = 0; i < watches; i++) {
    records.push({ kind: "watch", connection: 1, path: "/", token: `${i}`, depth: Infinity });
  }
  const steps = planRestore(records);
  let count = 1;
  while (steps.next().done !== true) count++;
  assert(count > 2 * watches / RECORDS_PER_PAUSE, `${count} steps`);
});
