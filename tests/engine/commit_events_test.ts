/** What a commit tells: a function of the tree before, the tree behind it, and the operations. */
import { assert, assertEquals } from "@std/assert";
import { lookup } from "../../lib/store/lookup.ts";
import type { Node } from "../../lib/store/node.ts";
import { formatPerms } from "../../lib/store/perms.ts";
import { MessageType as T, messageTypeName } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { Client, newEngine } from "../support/engine_client.ts";
import { Random, roundsOf } from "../support/random.ts";

type Step = readonly [type: number, payload: string];

const WRITE = (path: string, value = "v"): Step => [T.WRITE, `${path}\0${value}`];
const MKDIR = (path: string): Step => [T.MKDIR, `${path}\0`];
const RM = (path: string): Step => [T.RM, `${path}\0`];
const SET_PERMS = (path: string, perms: string): Step => [T.SET_PERMS, `${path}\0${perms}\0`];

function begin(client: Client): number {
  return parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
}

function run(client: Client, steps: readonly Step[]): string {
  const id = begin(client);
  for (const [type, payload] of steps) client.ask(type, payload, id);
  return client.ask(T.TRANSACTION_END, "T\0", id);
}

/** Who watches where, what was there before, what the transaction does, what is to be heard. */
const CASES: readonly {
  readonly name: string;
  readonly watched: string;
  readonly before?: readonly Step[];
  readonly steps: readonly Step[];
  readonly heard: readonly string[];
}[] = [
  {
    name: "a node written, removed and made again",
    watched: "/w",
    steps: [WRITE("/w", "2"), RM("/w"), MKDIR("/w")],
    heard: ["/w"],
  },
  {
    name: "a node made as an implicit parent, removed and written",
    watched: "/w",
    steps: [WRITE("/w/x/y"), RM("/w"), WRITE("/w", "3")],
    heard: ["/w"],
  },
  {
    name: "a node written, removed, and made again as an implicit parent",
    watched: "/w",
    steps: [WRITE("/w"), RM("/w"), WRITE("/w/x")],
    heard: ["/w", "/w/x"],
  },
  {
    name: "an implicit parent made again after a node above it was removed",
    watched: "/w/x",
    steps: [WRITE("/w/x/y"), RM("/w"), WRITE("/w/x/y")],
    heard: ["/w/x", "/w/x/y"],
  },
  {
    name: "the same, to watches further above, is not told of",
    watched: "/w",
    steps: [WRITE("/w/x/y/z"), RM("/w/x"), WRITE("/w/x/y/z")],
    heard: ["/w/x", "/w/x/y/z"],
  },
  {
    name: "a node that was there, removed and made again: once",
    watched: "/w",
    before: [WRITE("/w", "1")],
    steps: [RM("/w"), WRITE("/w", "1")],
    heard: ["/w"],
  },
  {
    name: "a node below one that was removed, made again: once",
    watched: "/w/x",
    before: [WRITE("/w/x", "1")],
    steps: [RM("/w"), WRITE("/w/x", "2")],
    heard: ["/w/x"],
  },
  {
    name: "a node below two that were removed: once",
    watched: "/w/x/y",
    before: [WRITE("/w/x/y", "1")],
    steps: [RM("/w/x"), RM("/w")],
    heard: ["/w/x/y"],
  },
  {
    name: "what was made and removed again: nothing has happened",
    watched: "/w",
    steps: [WRITE("/w/x"), RM("/w")],
    heard: [],
  },
  {
    name: "an implicit parent, as outside of transactions, is not told of",
    watched: "/w/x",
    steps: [WRITE("/w/x/y")],
    heard: ["/w/x/y"],
  },
];

for (const { name, watched, before = [], steps, heard } of CASES) {
  for (const meanwhile of [false, true]) {
    const beside = meanwhile ? ", while others change something" : "";
    Deno.test(`commit events: ${name}${beside}`, () => {
      const engine = newEngine();
      const client = new Client(engine, 0), watcher = new Client(engine, 0);
      for (const [type, payload] of before) client.ask(type, payload);
      watcher.ask(T.WATCH, `${watched}\0t\0`);
      watcher.events.length = 0;
      const id = begin(client);
      for (const [type, payload] of steps) client.ask(type, payload, id);
      if (meanwhile) watcher.ask(T.WRITE, "/other\0x");
      assertEquals(client.ask(T.TRANSACTION_END, "T\0", id), "TRANSACTION_END OK\0");
      assertEquals(watcher.events.sort(), heard.map((path) => `${path} t`).sort());
    });
  }
}

Deno.test("commit events: who may read the node made again hears of it", () => {
  const engine = newEngine();
  const client = new Client(engine, 0), watcher = new Client(engine, 1);
  run(client, [WRITE("/hidden/w"), SET_PERMS("/hidden", "n0"), SET_PERMS("/hidden/w", "n0")]);
  watcher.ask(T.WATCH, "/hidden/w\0t\0");
  watcher.events.length = 0;
  run(client, [RM("/hidden/w"), WRITE("/hidden/w"), SET_PERMS("/hidden/w", "n0\0r1")]);
  assertEquals(watcher.events, ["/hidden/w t"]);
});

const PATHS = ["/w", "/w/x", "/w/y", "/w/x/x", "/w/x/y"];

function randomStep(random: Random): Step {
  const path = random.pick(PATHS);
  const dice = random.next();
  if (dice < 0.35) return WRITE(path, `v${random.below(3)}`);
  if (dice < 0.55) return MKDIR(path);
  if (dice < 0.85) return RM(path);
  return SET_PERMS(path, random.pick(["n0", "r0", "n0\0r1"]));
}

function show(root: Node, path: string): string {
  const node = lookup(root, path);
  return node === null ? "none" : `${toText(node.value)} ${formatPerms(node.perms)}`;
}

/**
 * A watcher of each path, at that node only: it hears of each change of it, but for a node that was
 * made as an implicit parent; and of none twice.
 */
function runRound(random: Random): void {
  const engine = newEngine();
  const client = new Client(engine, 0), watcher = new Client(engine, 0);
  for (let i = random.below(4); i > 0; i--) client.ask(...randomStep(random));
  for (const path of PATHS) watcher.ask(T.WATCH, `${path}\0only\x000\0`);
  for (const path of PATHS) watcher.ask(T.WATCH, `${path}\0all\0`);
  const before = engine.state.tree.snapshot();
  watcher.events.length = 0;
  const steps = Array.from({ length: 1 + random.below(6) }, () => randomStep(random));
  const id = begin(client);
  const named = new Set<string>();
  for (const [type, payload] of steps) {
    const path = payload.slice(0, payload.indexOf("\0"));
    const exists = !client.ask(T.READ, `${path}\0`, id).startsWith("ERROR");
    if (client.ask(type, payload, id).startsWith("ERROR")) continue;
    // MKDIR of a node that is there does nothing, nor RM of one that is not.
    if (type === T.MKDIR ? !exists : type !== T.RM || exists) named.add(path);
  }
  if (random.chance(0.5)) watcher.ask(T.WRITE, "/other\0x");
  assertEquals(client.ask(T.TRANSACTION_END, "T\0", id), "TRANSACTION_END OK\0");
  const after = engine.state.tree.root;
  const what = steps.map(([type, payload]) =>
    `${messageTypeName(type)} ${JSON.stringify(payload)}`
  );
  for (const path of PATHS) {
    const told = watcher.events.filter((event) => event === `${path} only`).length;
    const changed = show(before, path) !== show(after, path);
    const implicit = lookup(before, path) === null && !named.has(path);
    assert(told >= (changed && !implicit ? 1 : 0), `${path}: no event of ${what.join(", ")}`);
    assert(told <= 1, `${path}: ${told} events of ${what.join(", ")}`);
  }
  const events = watcher.events.filter((event) => event.endsWith(" all"));
  for (const path of PATHS) {
    const most = PATHS.filter((top) => path === top || path.startsWith(`${top}/`)).length;
    const told = events.filter((event) => event === `${path} all`).length;
    assert(told <= most, `${path}: ${told} events for ${most} watches of ${what.join(", ")}`);
  }
}

Deno.test("commit events: no change of a watched node is kept quiet, none is told twice", () => {
  for (const { seed } of roundsOf(Number(Deno.env.get("XS_ROUNDS") ?? 4000), 2000)) {
    try {
      runRound(new Random(seed));
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed} XS_ROUNDS=1`, { cause: error });
    }
  }
});
