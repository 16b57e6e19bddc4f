/**
 * What a reply tells of a node that the transaction made itself: its permissions are those of what
 * was above it, and another client may have made that meanwhile.
 */
import { assertEquals } from "@std/assert";
import { RefusedCommits } from "../../lib/engine/refused_commits.ts";
import { RESERVED_AFTER } from "../../lib/limits.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { Client, newEngine, treeOf } from "../support/engine_client.ts";

type Request = "WRITE" | "MKDIR" | "GET_PERMS" | "SET_PERMS" | "RM";

/** Requests in their order: of the transaction (`T`), or of a client of that domain outside of it. */
type Step = `${"T" | "0" | "1" | "2"} ${Request} ${string}`;

interface Row {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The domain whose transaction it is; 0 if not said. */
  readonly of?: number;
  readonly reserves?: boolean;
}

/** Of `/a`, which everybody may write to, nodes inherit `b0,b1`, and those that domain 2 makes `b2,b1`. */
const REFUSED: readonly Row[] = [
  {
    name: "the tree is removed",
    steps: ["T WRITE /a/c/c", "T GET_PERMS /a/c/c", "T RM /a", "2 MKDIR /a/c"],
  },
  {
    name: "the parent is removed",
    steps: ["T WRITE /a/c/c", "T GET_PERMS /a/c/c", "T RM /a/c", "2 MKDIR /a/c"],
  },
  {
    name: "the other was there before the look",
    steps: ["T MKDIR /a/c/c", "2 MKDIR /a/c", "T GET_PERMS /a/c/c", "T RM /a"],
  },
  {
    name: "one far above is made",
    steps: ["T WRITE /a/c/d/e/f", "T GET_PERMS /a/c/d/e/f", "T RM /a/c", "2 WRITE /a/c"],
  },
  {
    name: "one in the middle is made",
    steps: [
      "T WRITE /a/c/d/e/f",
      "0 MKDIR /a/c",
      "T GET_PERMS /a/c/d/e/f",
      "T RM /a/c/d",
      "2 WRITE /a/c/d",
    ],
  },
  {
    name: "the look is at a parent that was made with the node",
    steps: ["T WRITE /a/c/d/e", "T GET_PERMS /a/c/d", "T RM /a", "2 MKDIR /a/c"],
  },
  {
    name: "the tree is made again",
    steps: [
      "T WRITE /a/c/c",
      "T GET_PERMS /a/c/c",
      "T RM /a/c",
      "T WRITE /a/c/c",
      "T GET_PERMS /a/c/c",
      "2 MKDIR /a/c",
    ],
  },
  {
    name: "its permissions are set between",
    steps: [
      "T WRITE /a/c/c",
      "T GET_PERMS /a/c/c",
      "T SET_PERMS /a/c/c n0",
      "T RM /a",
      "2 MKDIR /a/c",
    ],
  },
  {
    name: "the other's has other permissions only later",
    steps: [
      "T WRITE /a/c/c",
      "T GET_PERMS /a/c/c",
      "0 MKDIR /a/c",
      "T RM /a",
      "0 SET_PERMS /a/c n0",
    ],
  },
  {
    name: "the snapshot has moved on between",
    steps: [
      "T WRITE /a/c/c",
      "0 MKDIR /a/c",
      "T GET_PERMS /a/c/c",
      "0 SET_PERMS /a/c n0",
      "T RM /a",
    ],
    reserves: true,
  },
  {
    name: "a value makes the node again that was removed before there was a snapshot",
    steps: [
      "0 WRITE /a/c/c",
      "T WRITE /a/c/c",
      "0 RM /a/c",
      "T GET_PERMS /a/c/c",
      "2 MKDIR /a/c",
      "T RM /a",
    ],
  },
  {
    name: "one more was made below it, and nothing is removed",
    steps: ["T WRITE /a/c", "T WRITE /a/c/d", "2 MKDIR /a/c"],
  },
  {
    name: "one more was made below what the snapshot moved on to",
    steps: ["T WRITE /a/c", "0 MKDIR /a/c", "T WRITE /a/c/d", "0 SET_PERMS /a/c n0"],
    reserves: true,
  },
  {
    name: "one more was made below it, whose permissions are set between",
    steps: ["T WRITE /a/c", "T WRITE /a/c/d", "T SET_PERMS /a/c n0", "2 MKDIR /a/c"],
  },
  {
    name: "it is a guest's transaction",
    steps: ["T WRITE /a/c/c", "T GET_PERMS /a/c/c", "T RM /a/c", "2 MKDIR /a/c"],
    of: 1,
  },
];

const COMMITTED: readonly Row[] = [
  {
    name: "the other's has the same permissions",
    steps: ["T WRITE /a/c/c", "T GET_PERMS /a/c/c", "T RM /a", "0 MKDIR /a/c"],
  },
  {
    name: "the other's has the same permissions, and nothing is removed",
    steps: ["T WRITE /a/c/c", "T GET_PERMS /a/c/c", "0 MKDIR /a/c"],
  },
  {
    name: "the other's is gone again",
    steps: ["T WRITE /a/c/c", "T GET_PERMS /a/c/c", "2 MKDIR /a/c", "T RM /a", "2 RM /a/c"],
  },
  {
    name: "the other's is elsewhere in the same parent",
    steps: ["T WRITE /a/c/c", "T GET_PERMS /a/c/c", "2 WRITE /a/d/c"],
  },
  {
    name: "the other's has the same permissions, and one more was made below",
    steps: ["T WRITE /a/c", "T WRITE /a/c/d", "T WRITE /a/c/d/e", "0 MKDIR /a/c"],
  },
  {
    name: "the same, with one of them removed",
    steps: ["T WRITE /a/c", "T WRITE /a/c/d", "T RM /a/c", "T WRITE /a/c/d", "0 MKDIR /a/c"],
  },
  {
    name: "the same, of values that made the node again",
    steps: [
      "0 WRITE /a/c",
      "0 WRITE /a/c/d",
      "T WRITE /a/c",
      "T WRITE /a/c/d",
      "0 RM /a/c",
      "T GET_PERMS /a",
      "0 MKDIR /a/c",
    ],
  },
  {
    name: "no reply told of the permissions",
    steps: ["T WRITE /a/c/c", "T RM /a", "2 MKDIR /a/c"],
  },
  {
    name: "one below inherited them, and no reply told of that",
    steps: ["T WRITE /a/c/c", "T WRITE /a/c/c/d", "T RM /a", "2 MKDIR /a/c"],
  },
  {
    name: "the look is at permissions that the transaction set",
    steps: [
      "T WRITE /a/c/c",
      "T SET_PERMS /a/c/c n0",
      "T GET_PERMS /a/c/c",
      "T RM /a",
      "2 MKDIR /a/c",
    ],
  },
  {
    name: "the node was made where the transaction had removed all",
    steps: [
      "T WRITE /a/c/c",
      "T RM /a/c",
      "T WRITE /a/c/c",
      "T GET_PERMS /a/c/c",
      "2 MKDIR /a/c",
    ],
  },
];

function ask(client: Client, step: Step, txId = 0): string {
  const [, type, path, perms] = step.split(" ") as [string, Request, string, string?];
  const rest = type === "WRITE" ? "value" : perms === undefined ? "" : `${perms}\0`;
  return client.ask(MessageType[type], `${path}\0${rest}`, txId);
}

/** Does the steps at once; null if the commit is refused, else the replies and the tree. */
function together({ of = 0, reserves = false, steps }: Row): unknown {
  const engine = newEngine();
  const clients = [0, 1, 2].map((domid) => new Client(engine, domid));
  const own = new Client(engine, of), { connection } = own;
  if (reserves) {
    const refusals = connection.refusals ??= new RefusedCommits();
    for (let i = 0; i < RESERVED_AFTER; i++) refusals.refused("/");
  }
  assertEquals(own.ask(MessageType.TRANSACTION_START, "\0"), "TRANSACTION_START 1\0");
  const replies = steps.map((step) =>
    step[0] === "T" ? ask(own, step, 1) : ask(clients[Number(step[0])]!, step)
  );
  const end = own.ask(MessageType.TRANSACTION_END, "T\0", 1);
  if (end === "ERROR EAGAIN\0") return null;
  assertEquals(end, "TRANSACTION_END OK\0");
  return { replies, tree: treeOf(engine) };
}

/** The same with all of the transaction behind all that others do: where its commit stands. */
function oneByOne({ of = 0, steps }: Row): unknown {
  const engine = newEngine();
  const clients = [0, 1, 2].map((domid) => new Client(engine, domid));
  const replies: string[] = steps.map((step) =>
    step[0] === "T" ? "" : ask(clients[Number(step[0])]!, step)
  );
  for (const [i, step] of steps.entries()) {
    if (step[0] === "T") replies[i] = ask(clients[of]!, step);
  }
  return { replies, tree: treeOf(engine) };
}

for (const row of REFUSED) {
  Deno.test(`inherited permissions were told, and another makes a parent: ${row.name}`, () => {
    assertEquals(together(row), null);
  });
}

for (const row of COMMITTED) {
  Deno.test(`another makes a parent, which refuses no commit: ${row.name}`, () => {
    assertEquals(together(row), oneByOne(row));
  });
}
