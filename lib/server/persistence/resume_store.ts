import type { Clock } from "../../clock.ts";
import { CONNECTION } from "../../engine/connection_base.ts";
import { check } from "../../engine/recount.ts";
import type { RingState } from "../../state/ring_state.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Beginning } from "../../engine/process_status.ts";
import type { State } from "../../engine/state.ts";
import { eventPath } from "../../engine/watches.ts";
import { type Caution, forgetLeftOut } from "../../journal/caution.ts";
import type { Journal } from "../../journal/journal.ts";
import type { HeldConnections } from "../../journal/recovery.ts";
import type { LeftOut } from "../../persist/build_state.ts";
import { isSpecial } from "../../store/path.ts";
import type { HostedDomains } from "../domains/hosted_domains.ts";
import { LOADED_GUEST_BYTES_MAX, MEMORY_DEATHS } from "../../limits.ts";
import type { Log } from "../logging/log.ts";
import { emptyBeginning, recoveredBeginning } from "../process/beginning.ts";
import type { OutOfMemoryDeaths } from "../process/out_of_memory_deaths.ts";
import { counted } from "../../wire/counted.ts";

/** The clients' sockets that outlive this process. */
export interface HeldClients extends HeldConnections {
  /** All of them as they are now, with all that is owed. */
  states(): Iterable<RingState>;
  /** Takes up those that the last life of the daemon had only just accepted. */
  takeRest(): void;
}

/** A restore was cut short when its tree was adopted: every watch fires, as after its registration. */
function tellAll(state: State, journal: Journal): void {
  for (const { outbox, watches } of state.connections) {
    for (const watch of watches.values()) {
      if (!isSpecial(watch.path)) outbox.event(eventPath(watch, watch.path), watch.token);
    }
  }
  journal.endStaging(true);
}

/** After some deaths for lack of memory, large guests' watches are left out; after more, all. */
function cautionOf(mark: OutOfMemoryDeaths | undefined, clock: Clock): Caution | undefined {
  if (mark === undefined) return undefined;
  const { deaths } = mark;
  const guestBytesMax = deaths < MEMORY_DEATHS
    ? Infinity
    : deaths > MEMORY_DEATHS
    ? 0
    : LOADED_GUEST_BYTES_MAX;
  return { guestBytesMax, progress: () => mark.look(clock.now()) };
}

function reportLeftOut(leftOut: readonly LeftOut[], { deaths }: OutOfMemoryDeaths, log: Log): void {
  const died = `the daemon died ${deaths} times in a row for lack of memory`;
  if (leftOut.length === 0) log("error", `${died}: no guest's watches take much of it`);
  for (const { bytes, connection, transactions, watches } of leftOut) {
    log(
      "error",
      `${died}: ${counted(watches.size, "watch")} and ${
        counted(transactions, "transaction")
      } of ${connection.label} ` +
        `(${bytes} bytes with unsent answers) are not loaded, and its ring is ignored until it is ` +
        "introduced again (restart the guest, or save and restore it)",
    );
  }
}

/**
 * Goes on where the last life of the daemon ended, if it left anything, and begins to record. What
 * is found wrong by CONTROL check's rules is set right, and said. Returns how that was.
 */
export function resumeStore(
  engine: Engine,
  domains: HostedDomains,
  journal: Journal,
  log: Log,
  clock: Clock,
  held?: HeldClients,
  mark?: OutOfMemoryDeaths,
): Beginning {
  const { state } = engine;
  const started = state.now = clock.now();
  const recovered = journal.recover(state, held, cautionOf(mark, clock));
  journal.begin({ state, rings: () => [...domains.rings(), ...held?.states() ?? []] });
  const isFirst = recovered === null && journal.before !== "boot";
  state.commits?.started(isFirst ? "nothing" : journal.before);
  for (const lost of recovered?.lost ?? []) state.dirty?.mark(CONNECTION, lost);
  for (const leftOut of recovered?.leftOut ?? []) forgetLeftOut(state, leftOut);
  held?.takeRest();
  state.liveUpdate.resume(false);
  state.settings.resumeQuotas(state.domains.quotas, true);
  if (recovered !== null) {
    state.settings.resume();
    if (mark !== undefined && mark.deaths >= MEMORY_DEATHS) {
      reportLeftOut(recovered.leftOut, mark, log);
    }
    if (recovered.unheard) tellAll(state, journal);
    if (journal.handedTo !== null) {
      const left = `the store is as it was when ${journal.handedTo}`;
      log("error", `${left}: what has changed since is LOST`);
    }
    for (const domain of recovered.dead) {
      state.releaseDomain(domain, "destroyed while no daemon served");
    }
    for (const finding of check(state)) log("warning", finding);
    const nodes = state.accounts.total("nodes");
    const ms = Math.ceil(clock.now() - started);
    const { dead: { length: dead }, rings, sockets } = recovered;
    const others = `${counted(rings, "ring")}, ${counted(sockets, "socket")}, ${dead} deaths`;
    log("info", `recovered ${counted(nodes, "node")}, ${others} in ${ms} ms`);
  }
  domains.connectExisting();
  // The list of what has changed since then may have been read by the life that died.
  if (recovered !== null) engine.checkDomains();
  const nodes = state.accounts.total("nodes");
  return recovered === null ? emptyBeginning(nodes) : recoveredBeginning(journal, nodes);
}
