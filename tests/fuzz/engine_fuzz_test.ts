/** Random requests and lives of domains on the engine; after each, everything must add up. */
import { EngineWorld } from "../support/worlds/engine_world.ts";
import type { DomainChange } from "../support/worlds/world.ts";
import { Random } from "../support/random.ts";
import { recount } from "../../lib/engine/recount.ts";
import { childNames } from "../../lib/store/children.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { Budget } from "./budget.ts";

const DOMIDS = [1, 2, 3] as const;
const CLIENTS = ["s", "s2", "g1", "g2", "g3"] as const;
const COUNTED = ["nodes", "watches", "transactions", "memory"] as const;

/** Requests after which a world is left for a fresh one: enough for trees to fill and shrink. */
const REQUESTS_PER_WORLD = 3000;

const NAMES = ["a", "b", "c", "data", "q"] as const;

function pathOf(random: Random): string {
  const top = random.weighted([
    [45, "data"],
    [15, "/t"],
    [15, `/local/domain/${random.pick(DOMIDS)}/data`],
    [5, `/local/domain/${random.pick(DOMIDS)}`],
    [4, "/"],
    [3, "@releaseDomain"],
    [3, "@introduceDomain"],
    [2, "/t//"],
    [2, ""],
  ]);
  let path = top;
  for (let i = random.below(4); i > 0 && top.length > 1; i--) path += `/${random.pick(NAMES)}`;
  return path;
}

function permsOf(random: Random): string {
  let perms = "";
  for (let i = 1 + random.below(3); i > 0; i--) {
    perms += `${random.pick(["n", "r", "w", "b"])}${random.pick([0, 1, 2, 3, 9, 32757])}\0`;
  }
  return perms;
}

/** Type and payload of the next request. */
function requestOf(random: Random): [number, string] {
  const path = pathOf(random);
  const domid = random.pick([0, 1, 2, 3, 9]);
  return random.weighted<() => [number, string]>([
    [20, () => [T.WRITE, `${path}\0${"v".repeat(random.pick([0, 3, 100, 2100]))}`]],
    [8, () => [T.MKDIR, `${path}\0`]],
    [10, () => [T.RM, `${path}\0`]],
    [10, () => [T.SET_PERMS, `${path}\0${permsOf(random)}`]],
    [6, () => [T.READ, `${path}\0`]],
    [4, () => [T.DIRECTORY, `${path}\0`]],
    [2, () => [T.DIRECTORY_PART, `${path}\0${random.below(20)}\0`]],
    [3, () => [T.GET_PERMS, `${path}\0`]],
    [6, () => [T.WATCH, `${path}\0t${random.below(3)}\0${random.pick(["", "", "1\0", "0\0"])}`]],
    [4, () => [T.UNWATCH, `${path}\0t${random.below(3)}\0`]],
    [1, () => [T.RESET_WATCHES, "\0"]],
    [8, () => [T.TRANSACTION_START, "\0"]],
    [8, () => [T.TRANSACTION_END, random.pick(["T\0", "T\0", "F\0", "x"])]],
    [4, () => [T.INTRODUCE, `${domid}\x001\x005\x00`]],
    [1, () => [T.RELEASE, `${domid}\0`]],
    [1, () => [T.RESUME, `${domid}\0`]],
    [1, () => [T.SET_TARGET, `${domid}\0${random.below(4)}\0`]],
    [1, () => [T.SET_QUOTA, `${domid}\0${random.pick(QUOTAS)}\0${random.pick([0, 5, 1000])}\0`]],
    [2, () => [random.below(30), `${random.pick(["", "x", "\0", "1\0"])}`]],
  ])();
}

const QUOTAS = ["nodes", "watches", "transactions", "transaction-nodes", "node-size"] as const;
const CHANGES: readonly DomainChange[] = ["create", "shutdown", "dying", "dead", "gone", "replace"];

async function changeDomain(world: EngineWorld, random: Random): Promise<void> {
  const domid = random.pick(DOMIDS);
  const exists = world.knows(domid);
  const change = exists ? random.pick(CHANGES) : "create";
  await world.domain(domid, change);
  if (exists) return;
  await world.request("s", T.INTRODUCE, toBytes(`${domid}\x001\x005\x00`), 0);
  const data = `/local/domain/${domid}/data`;
  await world.request("s", T.MKDIR, toBytes(`${data}\0`), 0);
  await world.request("s", T.SET_PERMS, toBytes(`${data}\0n${domid}\0`), 0);
}

/** The counters must equal a recount, and each list of children its recorded size. */
function checkSums({ engine: { state } }: EngineWorld): void {
  const counted = recount(state);
  for (const domid of new Set([...counted.domids(), ...state.accounts.domids()])) {
    const account = state.accounts.of(domid);
    const wanted = counted.of(domid);
    for (const what of COUNTED) {
      if (account.now[what] !== wanted.now[what]) {
        throw new Error(
          `domain ${domid}: ${what} is ${account.now[what]}, not ${wanted.now[what]}`,
        );
      }
    }
  }
  for (const domid of new Set([...counted.mentioned(), ...state.accounts.mentioned()])) {
    const [is, wanted] = [state.accounts.mentionsOf(domid), counted.mentionsOf(domid)];
    if (is !== wanted) throw new Error(`domain ${domid}: mentions ${is}, not ${wanted}`);
  }
  for (const [path, { children }] of subtree(state.tree.root)) {
    const bytes = childNames(children).length;
    if (bytes !== (children?.bytes ?? 0)) {
      throw new Error(`${path}: ${children?.bytes} bytes of names recorded, not ${bytes}`);
    }
  }
}

async function runWorld(random: Random, budget: Budget): Promise<void> {
  const world = new EngineWorld();
  await world.open("s");
  await world.open("s2");
  for (let i = 0; i < REQUESTS_PER_WORLD && budget.next(); i++) {
    if (random.percent(2)) await changeDomain(world, random);
    const client = random.pick(CLIENTS.filter((name) => world.connections().includes(name)));
    const [type, payload] = requestOf(random);
    const txId = random.percent(40) ? world.transactionOf(client, random.below(10)) : 0;
    try {
      // Throws unless there is exactly one reply, to this request.
      if (world.isOpen(client)) await world.request(client, type, toBytes(payload), txId);
      for (const name of world.connections()) await world.drain(name);
      checkSums(world);
    } catch (cause) {
      const what = `${client}: type ${type} ${JSON.stringify(payload)} in transaction ${txId}`;
      throw new Error(`request ${i} of its world, ${what}`, { cause });
    }
  }
}

Deno.test("the engine's sums hold behind every request", async () => {
  const budget = new Budget();
  const random = new Random(budget.seed);
  await budget.run(async () => {
    do await runWorld(random, budget); while (budget.next());
  });
});
