/** A daemon in this process that keeps a history. */
import { systemClock } from "../../lib/clock.ts";
import type { History } from "../../lib/history/history.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { HistoryKeeper } from "../../lib/server/history/history_keeper.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { EMBEDDED_POLICY } from "../../lib/server/loop.ts";
import { createListeningSocket } from "../../lib/server/process/create_listening_socket.ts";
import { Daemon } from "../../lib/server/start/daemon.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { makeScratch } from "./scratch.ts";

export interface RecordedDaemon extends AsyncDisposable {
  readonly socketPath: string;
  readonly history: History;
  readonly daemon: Daemon;
  readonly domains: MemoryDomains;
}

/** Starts it; its history is beside the store file `store`, which there is not, or in memory. */
export async function startRecorded(
  { store = null, redact = [] }: { store?: string | null; redact?: readonly string[] } = {},
): Promise<RecordedDaemon> {
  const scratch = await makeScratch(), clock = systemClock, log = (): void => {};
  const journal = new NoJournal(), domains = new MemoryDomains();
  const redaction = new Redaction(redact), choice = { bytes: 1e9, ageMs: 1e12 };
  const keeper = new HistoryKeeper({ choice, journal, store, redaction, log, clock });
  const socket = { path: `${scratch.path}/socket`, isFallback: false };
  const daemon = Daemon.start({
    listening: await createListeningSocket(socket, clock),
    domains,
    journal,
    policy: EMBEDDED_POLICY,
    trace: new Trace(),
    log,
    clock,
    history: keeper,
  });
  while (keeper.history?.horizon?.isWhole !== true) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return {
    socketPath: daemon.socketPath,
    get history() {
      return keeper.history!;
    },
    daemon,
    domains,
    [Symbol.asyncDispose]: async () => {
      await daemon.stop();
      await scratch[Symbol.asyncDispose]();
    },
  };
}
