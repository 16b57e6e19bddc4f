/** What tells domains apart, where the next daemon has it from elsewhere than the last one. */
import { assertEquals } from "@std/assert";
import { DOMAIN_EXISTS, type DomainInfo } from "../../lib/engine/domain_control.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { snapshot } from "../../lib/persist/snapshot.ts";
import { adoptTree } from "../../lib/persist/adopt_tree.ts";
import { build } from "../../lib/persist/build_state.ts";
import { collectAll } from "../../lib/state/checked_records.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { Bench, dotted } from "../support/simulation/bench.ts";
import { type ListLibrary, simulationMissing } from "../support/simulation/simulated_host.ts";
import { xsCommand } from "../support/daemon.ts";
import { testUnless } from "../support/skip.ts";
import { update } from "../support/operator.ts";

/** A program that runs `xs` with another library to list the domains. */
async function xsWith(bench: Bench, list: ListLibrary): Promise<string> {
  const variables = Object.entries(bench.host.env(list)).map(([name, value]) => `${name}=${value}`);
  const file = `${bench.host.path}/xs-${list}`;
  const command = xsCommand().map((word) => `'${word}'`).join(" ");
  const lines = [
    "#!/bin/sh",
    "# It understands xs-live-update-trial-1.",
    `export ${variables.join(" ")}`,
    `exec ${command} "$@"`,
  ];
  await Deno.writeTextFile(file, `${lines.join("\n")}\n`, { mode: 0o755 });
  return file;
}

const missing = simulationMissing();
const CHANGES = [["libxenmanage", "libxenctrl"], ["libxenctrl", "libxenmanage"]] as const;
for (const [from, to] of CHANGES) {
  testUnless(missing, `live update from ${from} to ${to}: who lives is known by both`, async () => {
    await using bench = await Bench.make(from);
    for (const domid of [1, 2, 3]) await bench.introduce(domid);
    await bench.ask("WATCH", "@releaseDomain.r.");
    await bench.events();
    // Nobody raises the interrupt: the next daemon finds that one of them is gone.
    bench.host.setState(3, 0);
    const file = await xsWith(bench, to);
    assertEquals(await update(bench.socket, { file }), "OK", bench.daemon.output());
    const known = async (): Promise<string> => {
      let text = "";
      for (const domid of [1, 2, 3]) {
        text += (await bench.ask("IS_DOMAIN_INTRODUCED", `${domid}.`)).at(-1);
      }
      return text;
    };
    assertEquals(await known(), "T.T.F.");
    bench.host.raise();
    const guest = bench.client(1);
    assertEquals((await guest.request(T.WRITE, toBytes("data\0x"), 0)).map(dotted), ["OK."]);
    assertEquals(await known(), "T.T.F.");
    // From then on they are told apart by what the next daemon knows of them.
    bench.host.setState(2, 0);
    bench.host.create(2);
    bench.host.raise();
    const events: string[] = [];
    while (!events.includes("@releaseDomain.r.")) events.push(...await bench.events());
    assertEquals(await known(), "T.F.F.");
  });
}

const control = (ids: Readonly<Record<number, bigint>>): {
  info(domid: number): DomainInfo | null;
  open(): number;
  reset(): void;
  close(): void;
} => ({
  info: (domid) => {
    const uniqueId = ids[domid];
    return uniqueId === undefined ? null : { domid, state: DOMAIN_EXISTS, uniqueId };
  },
  open: () => 0,
  reset: () => {},
  close: () => {},
});

/** The state of a daemon that knows some domains by these ids. */
function stateOf(ids: Readonly<Record<number, bigint>>): StateRecord[] {
  const { state } = new Engine({ domains: control(ids) });
  for (const domid of Object.keys(ids).map(Number)) {
    if (domid !== 0) state.openDomain(domid, 5);
  }
  return [...snapshot(state).records];
}

/** Who is known a moment after another daemon has taken a state over, and by which id. */
function knownAfter(
  records: readonly StateRecord[],
  ids: Readonly<Record<number, bigint>>,
): [domid: number, uniqueId: bigint][] {
  const engine = new Engine({ domains: control(ids) });
  const all = collectAll(records);
  adoptTree(engine.state, all.tree);
  build(engine.state, all, { asksDomains: false, openRing: () => true, openSocket: () => null });
  engine.domainsChanged();
  return [...engine.state.domains.all()].map(({ domid, uniqueId }) => [domid, uniqueId]);
}

Deno.test("unique ids of another kind: those of this daemon count", () => {
  const records = stateOf({ 0: 1000n, 1: 1001n, 2: 1002n });
  assertEquals(knownAfter(records, { 0: 1n << 63n, 1: 7n }), [[0, 1n << 63n], [1, 7n]]);
});

Deno.test("unique ids of one kind: who was replaced meanwhile is gone", () => {
  const records = stateOf({ 0: 1000n, 1: 1001n, 2: 1002n });
  const after = knownAfter(records, { 0: 1000n, 1: 1001n, 2: 1003n });
  assertEquals(after, [[0, 1000n], [1, 1001n]]);
});

Deno.test("unique ids that the stream does not tell are those of this daemon", () => {
  const records = stateOf({ 0: 1000n, 1: 1001n })
    .map((record) => record.kind === "domain" ? { ...record, uniqueId: null } : record);
  assertEquals(knownAfter(records, { 0: 5n, 1: 6n }), [[0, 5n], [1, 6n]]);
});

Deno.test("unique ids where that of our own domain is missing are compared", () => {
  const records = stateOf({ 0: 1000n, 1: 1001n, 2: 1002n })
    .map((record) =>
      record.kind === "domain" && record.domid === 0 ? { ...record, uniqueId: null } : record
    );
  assertEquals(knownAfter(records, { 0: 5n, 1: 1001n, 2: 6n }), [[0, 5n], [1, 1001n]]);
});
