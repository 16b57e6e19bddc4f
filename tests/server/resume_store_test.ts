/** What a daemon looks at when it takes up the store of the one before. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { check } from "../../lib/engine/recount.ts";
import type { Commit } from "../../lib/engine/commit_listener.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { State } from "../../lib/engine/state.ts";
import { type Journal, NoJournal } from "../../lib/journal/journal.ts";
import type { Recovered } from "../../lib/journal/recovery.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { NoDomains } from "../../lib/server/domains/no_domains.ts";
import { resumeStore } from "../../lib/server/persistence/resume_store.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";

/** A store whose counters do not come out right. */
function miscounted(): Journal {
  const recover = (state: State): Recovered => {
    state.accounts.of(0).add("nodes", 5);
    return { rings: 0, dead: [], leftOut: [], sockets: 0, lost: [], unheard: false };
  };
  return Object.assign(new NoJournal(), { recover });
}

Deno.test("take-up: counters that differ from a recount are set right, and said", () => {
  const lines: string[] = [];
  const log = (level: string, text: string): void => void lines.push(`${level}: ${text}`);
  const domains = new NoDomains(log), engine = new Engine({ domains });
  resumeStore(engine, domains, miscounted(), log, systemClock);
  assertEquals(lines[0], "warning: Correct accounting data for domain 0: nodes are 5 off");
  assertEquals(check(engine.state), []);
});

/** What is told of a start on the store at `path`, which is then written to. */
function start(path: string): { readonly journal: StoreJournal; readonly told: readonly string[] } {
  const told: string[] = [];
  const committed = (commit: Commit): void => {
    const { author, deeds, kind } = commit;
    const paths: string[] = [];
    commit.visit(({ text }) => paths.push(text) > 0);
    const what = deeds.map((deed) => deed.kind === "started" ? deed.after : deed.kind);
    told.push(`${author.kind}: ${kind} ${what}: ${paths}`);
  };
  const { journal } = openStore(path, { durability: "crash", bootId: "", log: () => {} });
  const domains = new NoDomains(() => {});
  const engine = new Engine({
    domains,
    dirty: journal.dirty,
    listener: { committed, aborted: () => {} },
  });
  resumeStore(engine, domains, journal, () => {}, systemClock);
  const outbox = { reply: (): void => {}, event: (): void => {} };
  const client = engine.connect({ kind: "socket", domid: 0, label: "client", outbox });
  const payload = toBytes("/a\0v");
  engine.handle(
    client,
    { type: MessageType.WRITE, reqId: 0, txId: 0, len: payload.length },
    payload,
    0,
  );
  journal.commit();
  return { journal, told };
}

Deno.test("take-up: a start is told first, with what was before it", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, killed = `${scratch.path}/killed`;
  const specials = "@releaseDomain,@introduceDomain";
  const write = (path: string): string => `process: request : ${path}`;
  const first = start(path);
  assertEquals(first.told, [
    `daemon: start nothing: ${specials},/,/tool,/tool/xenstored`,
    write("/a"),
  ]);
  for (const suffix of ["", "-wal", ".tail"]) Deno.copyFileSync(path + suffix, killed + suffix);
  first.journal.close();
  const second = start(path);
  assertEquals(second.told, ["daemon: start end: ", write("/a")]);
  second.journal.close();
  const third = start(killed);
  assertEquals(third.told, ["daemon: start death: ", write("/a")]);
  third.journal.close();
});
