/** What a daemon looks at when it takes up the store of the one before. */
import { systemClock } from "../../lib/clock.ts";
import { assertEquals } from "@std/assert";
import { check } from "../../lib/engine/check.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { State } from "../../lib/engine/state.ts";
import { type Journal, NoJournal } from "../../lib/journal/journal.ts";
import type { Revival } from "../../lib/journal/revive.ts";
import { NoDomains } from "../../lib/server/domains/no_domains.ts";
import { takeUp } from "../../lib/server/take_up.ts";

/** A store whose counters do not come out right. */
function miscounted(): Journal {
  const recover = (state: State): Revival => {
    state.accounts.of(0).add("nodes", 5);
    return { rings: 0, dead: [], aside: [], sockets: 0, lost: [], unheard: false };
  };
  return Object.assign(new NoJournal(), { recover });
}

Deno.test("take-up: counters that differ from a recount are set right, and said", () => {
  const lines: string[] = [];
  const log = (level: string, text: string): void => void lines.push(`${level}: ${text}`);
  const domains = new NoDomains(log), engine = new Engine({ domains });
  takeUp(engine, domains, miscounted(), log, systemClock);
  assertEquals(lines[0], "warning: Correct accounting data for domain 0: nodes are 5 off");
  assertEquals(check(engine.state), []);
});
