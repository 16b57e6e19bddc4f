import { State } from "../engine/state.ts";
import { directoryOf, exists, isDirectory, removeQuietly } from "../files.ts";
import { openStore } from "../journal/store_file.ts";
import { partPathOf } from "../part_file.ts";
import { adoptTree } from "../persist/adopt_tree.ts";
import { build } from "../persist/build_state.ts";
import { checkQuotas } from "../persist/quota_check.ts";
import type { CheckedRecords } from "../state/checked_records.ts";
import { DOMID_ANY } from "../store/perms.ts";
import { systemReason } from "../wire/system_error.ts";
import { ArchiveError } from "./archive.ts";
import { OfflineDomains } from "./offline_domains.ts";
import { counted } from "../wire/counted.ts";

/** What a restore did, or would do. */
export interface RestoreReport {
  readonly nodes: number;
  readonly specials: number;
  readonly domains: number;
  readonly watches: number;
  readonly transactions: number;
  /** A line for each thing that was left out, and why. */
  readonly leftOut: readonly string[];
}

/** A unique id that no domain has: a domain that is known by it is released when a daemon takes the store up. */
const NOBODYS = (1n << 64n) - 1n;

/**
 * Builds a state of its own, as a daemon that knew all its domains would have it. Of domains whose unique
 * id is not told, a later daemon cannot know that they still are the same: their nodes go when it takes
 * the store up.
 */
export function loadState(
  all: CheckedRecords,
  overQuota: boolean,
): { state: State; report: RestoreReport } {
  if (!overQuota) checkQuotas(all, null);
  const idOf = (domid: number): bigint | null => {
    const domain = all.domains.get(domid);
    return domain === undefined && domid !== 0
      ? null
      : domain?.uniqueId ?? (domid === 0 ? 0n : NOBODYS);
  };
  const state = new State({ domains: new OfflineDomains(idOf) });
  adoptTree(state, all.tree);
  // What CONTROL has set is the daemon's, not the store's.
  all.settings.clear();
  // Rings can be taken up again where it is told which domain it was and on which port its guest listens.
  build(state, all, {
    asksDomains: false,
    openRing: (_connection, _record, { port, uniqueId }) => port > 0 && uniqueId !== NOBODYS,
    openSocket: () => null,
  });
  for (const domid of all.named) {
    if (domid !== DOMID_ANY && state.domains.get(domid) === undefined) {
      state.domains.add(domid, NOBODYS);
    }
  }
  const leftOut: string[] = [];
  noteConnections(state, all, leftOut);
  noteUnknown(state, all, leftOut);
  let watches = 0, transactions = 0;
  for (const connection of state.connections) {
    watches += connection.watches.size;
    transactions += connection.transactions.size;
  }
  const domains = [...state.domains.all()].filter(({ uniqueId }) => uniqueId !== NOBODYS).length;
  const counts = { nodes: all.nodes, specials: all.specials.size, domains, watches, transactions };
  return { state, report: { ...counts, leftOut } };
}

/** Says which connections are left out; a domain without its ring waits to be introduced. */
function noteConnections(state: State, all: CheckedRecords, leftOut: string[]): void {
  let sockets = 0, watches = 0;
  for (const { record, watches: held } of all.connections.values()) {
    const { end, input, output } = record;
    if (end.kind === "socket") {
      sockets++;
      watches += held.size;
      continue;
    }
    const domain = state.domains.get(end.domid)!;
    if (domain.connection !== null) {
      if (input.length + output.length === 0) continue;
      leftOut.push(`what was in flight on the ring of domain ${end.domid}`);
    } else if (end.domid !== 0 || held.size > 0) {
      if (end.domid !== 0) domain.introduced = false;
      const why = domain.port > 0 ? "which domain it was" : "its guest's event channel";
      leftOut.push(
        `the ring of domain ${end.domid} and its ${
          counted(held.size, "watch")
        }: it is not told ${why}`,
      );
    }
  }
  if (watches > 0) {
    leftOut.push(`${counted(watches, "watch")} of ${counted(sockets, "socket")}: these are gone`);
  }
}

function noteUnknown(state: State, all: CheckedRecords, leftOut: string[]): void {
  for (const [domid, { nodes }] of all.owned) {
    if (state.domains.get(domid)?.uniqueId !== NOBODYS) continue;
    leftOut.push(
      `when a daemon takes it up: ${counted(nodes, "node")} of domain ${domid}, ` +
        "which nothing tells from a later one of that domid",
    );
  }
}

/**
 * Makes a store file that `xs serve --store` takes up; whole, or not there at all.
 *
 * @throws {ArchiveError} when there is something at `path`, or it cannot be written.
 */
export function writeStore(path: string, state: State): void {
  checkFree(path);
  const part = partPathOf(path);
  try {
    const { journal } = openStore(part, {
      durability: "crash",
      log: (_level, text) => {
        throw new ArchiveError(`cannot write it: ${text}`, path);
      },
      bootId: bootId(),
    });
    try {
      journal.begin({ state, rings: () => [] });
    } finally {
      journal.close();
    }
    sync(part);
    const left = ["-wal", "-shm", ".tail"].find((companion) => exists(part + companion));
    if (left !== undefined) {
      throw new ArchiveError("it is left over: not all of the store is in its file", part + left);
    }
    Deno.linkSync(part, path);
    Deno.removeSync(part);
  } catch (error) {
    for (const companion of ["", "-wal", "-shm", ".tail", "-journal"]) {
      removeQuietly(part + companion);
    }
    if (error instanceof ArchiveError) throw error;
    throw new ArchiveError(`cannot write the store file: ${systemReason(error)}`, path);
  }
}

function bootId(): string {
  return Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
}

/** A store is made where there is none: what is there may be what a daemon runs on. */
export function checkFree(path: string): void {
  const directory = directoryOf(path);
  if (!isDirectory(directory)) {
    throw new ArchiveError(
      `there is no directory ${directory} (make it, or name another place)`,
      path,
    );
  }
  for (const companion of ["", "-wal", ".tail"]) {
    try {
      Deno.lstatSync(path + companion);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    throw new ArchiveError(
      "it exists already (move it away, or name another file)",
      `${path}${companion}`,
    );
  }
}

function sync(path: string): void {
  using file = Deno.openSync(path, { write: true });
  file.syncSync();
}
