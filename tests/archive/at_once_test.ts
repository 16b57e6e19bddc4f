/** A daemon is not given what it could only read while its clients wait. */
import { assert, assertEquals } from "@std/assert";
import { NO_PROGRESS } from "../../lib/archive/archive.ts";
import { restoreArchive } from "../../lib/archive/restore.ts";
import { parseSource, readSource } from "../../lib/archive/source.ts";
import { Operations } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { planRestore, RECORDS_PER_PAUSE } from "../../lib/migrate/plan.ts";
import type { MigrationRecord } from "../../lib/migrate/records.ts";
import { makeScratch } from "../support/scratch.ts";

const CORPUS = new URL("../migrate/corpus/", import.meta.url).pathname;

/** The first bytes of what a daemon is told to restore for a file of the corpus. */
async function givenFor(name: string): Promise<string> {
  await using scratch = await makeScratch();
  const socketPath = `${scratch.path}/socket`, path = CORPUS + name;
  Deno.writeTextFileSync(socketPath, "");
  let given = "";
  class Daemon extends Operations {
    override ask(_type: number, _control: string, command: string, word: string): Promise<string> {
      if (command !== "restore") return Promise.resolve('done {"leftOut":[]}');
      given = new TextDecoder().decode(Deno.readFileSync(word).subarray(0, 9));
      return Promise.resolve("job 1");
    }
  }
  const daemon = new Daemon({} as Session);
  const connect = (): Promise<Operations> => Promise.resolve(daemon);
  const context = {
    connect,
    progress: NO_PROGRESS,
    domid: null,
    stdin: () => Promise.resolve(new Uint8Array()),
    socketPath,
    now: 0,
  };
  const archive = await readSource(parseSource(path, 0), context);
  const into = { kind: "live" } as const;
  const request = { into, dryRun: false, overQuota: false, mapping: null, socketPath };
  await restoreArchive(archive, request, connect, NO_PROGRESS);
  return given;
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
