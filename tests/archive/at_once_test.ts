/** A daemon is not given what it could only read while its clients wait. */
import { assert, assertEquals } from "@std/assert";
import { NO_PROGRESS } from "../support/no_progress.ts";
import { Interrupt } from "../../lib/archive/interrupt.ts";
import { restoreArchive } from "../../lib/archive/restore.ts";
import { parseSource, readSource } from "../../lib/archive/source.ts";
import { Operations } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { node, socket, watch } from "../support/records.ts";
import { collect } from "../../lib/state/checked_records.ts";
import { RECORDS_PER_PAUSE } from "../../lib/limits.ts";
import type { StateRecord } from "../../lib/state/records.ts";
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

Deno.test("restore: records are checked in slices", () => {
  const watches = 100 * RECORDS_PER_PAUSE;
  const records: StateRecord[] = [socket(1), node("/")];
  for (let i = 0; i < watches; i++) records.push(watch(1, "/", `${i}`));
  const steps = collect(records);
  let count = 1;
  while (steps.next().done !== true) count++;
  assert(count > watches / RECORDS_PER_PAUSE, `${count} steps`);
});
