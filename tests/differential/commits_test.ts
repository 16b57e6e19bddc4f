/**
 * What a commit tells, at `xs` and at C xenstored: random short transactions over few paths, with
 * watches at every one of them and above. A change of a node of which C tells and `xs` does not is
 * an error; so is any event of which C does not tell.
 */
import { MessageType as T, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { referenceMissing } from "../support/reference/daemon.ts";
import { testUnless } from "../support/skip.ts";
import { CHANGED_THEN_REMOVED } from "./allowed.ts";
import { numberFrom } from "../support/number_from.ts";
import { Random } from "../support/random.ts";
import type { Message } from "../support/message.ts";
import type { Request } from "../support/raw_client.ts";
import { type Side, startSide } from "./servers.ts";

/** Transactions in all; CI runs all of them. */
const ROUNDS = 4_000;

const PATHS = ["/w", "/w/x", "/w/y", "/w/x/x", "/w/x/y", "/w/x/y/x"] as const;
const WATCHED = ["/", ...PATHS] as const;
const CLIENT = 0, WATCHER = 1;

interface Step {
  readonly type: number;
  readonly payload: string;
}

function randomStep(random: Random): Step {
  const path = random.pick(PATHS);
  const [type, rest] = random.weighted<readonly [number, string]>([
    [30, [T.WRITE, `v${random.below(3)}`]],
    [20, [T.MKDIR, ""]],
    [25, [T.RM, ""]],
    [10, [T.SET_PERMS, `${random.pick(["n0", "r0", "b0"])}\0`]],
    [10, [T.READ, ""]],
    [5, [T.DIRECTORY, ""]],
  ]);
  return { type, payload: `${path}\0${rest}` };
}

function describe({ type, payload }: Step): string {
  return `${messageTypeName(type)} ${JSON.stringify(payload)}`;
}

function requestOf({ type, payload }: Step, txId: number): Request {
  return { type, txId, payload: toBytes(payload) };
}

function show({ text, type }: Message): string {
  return `${messageTypeName(type)} ${text}`;
}

/** One server in a round: what it answered, what was heard, how the nodes were before and are after. */
interface Course {
  readonly replies: readonly string[];
  readonly events: readonly string[];
  readonly before: readonly string[];
  readonly after: readonly string[];
}

async function nodes({ clients }: Side): Promise<string[]> {
  const requests = PATHS.flatMap((path) => [
    requestOf({ type: T.READ, payload: `${path}\0` }, 0),
    requestOf({ type: T.GET_PERMS, payload: `${path}\0` }, 0),
  ]);
  const replies = (await clients[CLIENT]!.exchange(...requests)).map(show);
  return PATHS.map((_, i) => `${replies[2 * i]} ${replies[2 * i + 1]}`);
}

/** What has come to the watcher, in the order of their texts. */
async function heard({ clients }: Side): Promise<string[]> {
  const barrier = { type: T.GET_DOMAIN_PATH, txId: 0, payload: toBytes("0\0") };
  const messages = await clients[WATCHER]!.exchange(barrier);
  return messages.filter(({ type }) => type === T.WATCH_EVENT).map(({ text }) => text).sort();
}

async function run(
  side: Side,
  before: readonly Step[],
  steps: readonly Step[],
): Promise<Course> {
  const client = side.clients[CLIENT]!;
  await client.exchange(...before.map((step) => requestOf(step, 0)));
  await heard(side);
  const then = await nodes(side);
  const [started] = await client.exchange(
    requestOf({ type: T.TRANSACTION_START, payload: "\0" }, 0),
  );
  const id = parseInt(started!.text);
  const end: Step = { type: T.TRANSACTION_END, payload: "T\0" };
  const replies = await client.exchange(...[...steps, end].map((step) => requestOf(step, id)));
  return {
    replies: replies.map(show),
    events: await heard(side),
    before: then,
    after: await nodes(side),
  };
}

/** The events of `wanted` that are not, or not as often, in `there`. */
function missingFrom(there: readonly string[], wanted: readonly string[]): string[] {
  const unmatched = [...there];
  return wanted.filter((event) => {
    const at = unmatched.indexOf(event);
    if (at >= 0) unmatched.splice(at, 1);
    return at < 0;
  });
}

/** Whether the node was changed and then removed with one above it: `xs` tells of the latter. */
function isChangedThenRemoved(
  event: string,
  { after, before }: Course,
  steps: readonly Step[],
): boolean {
  const path = event.slice(0, event.indexOf("\0"));
  const at = PATHS.findIndex((known) => known === path);
  return before[at] !== after[at] && after[at]!.startsWith("ERROR") &&
    steps.some(({ payload, type }) => type === T.RM && path.startsWith(`${payload.slice(0, -1)}/`));
}

function compare(
  reference: Course,
  ours: Course,
  steps: readonly Step[],
  allowed: Map<string, number>,
): void {
  const fail = (what: string): never => {
    throw new Error(
      `${what}\nC xenstored: ${JSON.stringify(reference)}\nxs:          ${JSON.stringify(ours)}`,
    );
  };
  for (const facet of ["before", "replies", "after"] as const) {
    if (reference[facet].join("\n") !== ours[facet].join("\n")) fail(`${facet} differs`);
  }
  const more = missingFrom(reference.events, ours.events);
  if (more.length > 0) fail(`only xs tells ${JSON.stringify(more)}`);
  for (const event of missingFrom(ours.events, reference.events)) {
    if (!isChangedThenRemoved(event, ours, steps)) fail(`only C tells ${JSON.stringify(event)}`);
    allowed.set(CHANGED_THEN_REMOVED, (allowed.get(CHANGED_THEN_REMOVED) ?? 0) + 1);
  }
}

const missing = await referenceMissing();

testUnless(missing, "a commit tells of what C xenstored's tells of", async () => {
  const seed = numberFrom("XS_SEED", 20_261_127), rounds = numberFrom("XS_ROUNDS", ROUNDS);
  const random = new Random(seed);
  const allowed = new Map<string, number>();
  await using reference = await startSide("C xenstored", 2);
  await using ours = await startSide("xs", 2);
  for (const side of [reference, ours]) {
    for (const path of WATCHED) {
      const payload = toBytes(`${path}\0at ${path}\0`);
      await side.clients[WATCHER]!.exchange({ type: T.WATCH, txId: 0, payload });
    }
    await heard(side);
  }
  for (let round = 0; round < rounds; round++) {
    const before = Array.from({ length: random.below(5) }, () => randomStep(random));
    before.unshift({ type: T.RM, payload: "/w\0" });
    const steps = Array.from({ length: 1 + random.below(7) }, () => randomStep(random));
    const courses = [await run(reference, before, steps), await run(ours, before, steps)];
    try {
      compare(courses[0]!, courses[1]!, steps, allowed);
    } catch (cause) {
      const told = [...before.map(describe), "a transaction", ...steps.map(describe)].join("\n");
      const where = `XS_SEED=${seed} XS_ROUNDS=${round + 1}`;
      throw new Error(`round ${round}, replay with ${where}:\n${told}`, { cause });
    }
  }
  console.log(
    `seed ${seed}: ${rounds} transactions; only C tells: ` +
      JSON.stringify(Object.fromEntries(allowed)),
  );
});
