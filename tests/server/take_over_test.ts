/** What a daemon that takes another's place in its process tells of its start. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { Commit } from "../../lib/engine/commit_listener.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { takeOver } from "../../lib/server/live_update/take_over.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Sockets } from "../../lib/server/peer/sockets.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import { listChildren } from "../../lib/store/children.ts";
import { closeFd, listenUnix } from "../../ffi/unix_socket.ts";
import { Epoll } from "../../ffi/epoll.ts";
import { makeScratch } from "../support/scratch.ts";
import { domain, node } from "../support/records.ts";

Deno.test("take-over: its start is told once, after the state is there, and no node of it as new", async () => {
  await using scratch = await makeScratch();
  const told: { what: string; nodes: number; changes: number }[] = [];
  const domains = new MemoryDomains(), journal = new NoJournal();
  const committed = (commit: Commit): void => {
    const { author, deeds, kind } = commit;
    const what = deeds.map((deed) => deed.kind === "started" ? deed.after : deed.kind);
    const nodes = listChildren(engine.state.tree.root.children).length;
    let changes = 0;
    commit.visit(() => ++changes > 0);
    told.push({
      what: `${author.kind}: ${kind} ${what}`,
      nodes,
      changes,
    });
  };
  const engine: Engine = new Engine({ domains, listener: { committed, aborted: () => {} } });
  const listener = listenUnix(`${scratch.path}/socket`, 1), epoll = new Epoll(16);
  const turns = new Turns(engine, journal, new Trace(), SILENT);
  const sockets = new Sockets(listener, epoll, turns, engine, 0, SILENT, systemClock);
  const records = collectAll([domain(0), node("/"), node("/a", "1"), node("/b")]);
  const next = { engine, domains, journal, sockets, clock: systemClock, log: SILENT };
  takeOver(next, { file: `${scratch.path}/state`, records });
  sockets.close();
  closeFd(listener);
  epoll.close();
  assertEquals(told, [{ what: "daemon: start live update", nodes: 2, changes: 0 }]);
});
