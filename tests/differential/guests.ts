import { runScenario } from "../support/conformance/run.ts";
import { guest, type Scenario, scenario } from "../support/conformance/table.ts";
import { domidOf, type World } from "../support/worlds/world.ts";
import { MessageType as T, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Random } from "../support/random.ts";

/** A request of a guest or of dom0. */
export interface GuestStep {
  readonly from: string;
  readonly type: number;
  readonly text: string;
  readonly txId: number;
}

export const CLIENTS = ["s", "s2", "g1", "g2", "g3"] as const;

/** Three guests, of which the third is the device model of the first, and nodes that all share. */
export const SETTING: Scenario = scenario("three guests and a shared directory", [
  ...guest(1),
  ...guest(2),
  ...guest(3),
  ["s", "SET_TARGET", "3.1.", "OK"],
  ["s", "WRITE", "/t/a/b.v", "OK"],
  ["s2", "READ", "/t.", ""],
  ["g1", "READ", "data.", ""],
  ["g2", "READ", "data.", ""],
  ["g3", "READ", "data.", ""],
]);

/** Brings a fresh world into the setting. */
export async function furnish(world: World): Promise<void> {
  await runScenario(world, SETTING);
}

const NAMES = ["a", "b", "c"] as const;

function pathOf(random: Random): string {
  let path = random.weighted([
    [30, "data"],
    [25, "/t"],
    [25, `/local/domain/${1 + random.below(3)}/data`],
    [6, `/local/domain/${1 + random.below(3)}`],
    [4, "data/"],
    [3, "/"],
    [3, "/tool"],
    [2, "@releaseDomain"],
    [2, ""],
  ]);
  if (/^(|\/|@.*|.*\/)$/.test(path)) return path;
  for (let i = random.below(4); i > 0; i--) path += `/${random.pick(NAMES)}`;
  return path;
}

/** Permissions naming the four domains there are; sometimes malformed. */
function permsOf(random: Random): string {
  let perms = "";
  for (let i = 1 + random.below(3); i > 0; i--) {
    perms += `${random.pick(["n", "r", "w", "b"])}${random.below(4)}\0`;
  }
  return random.percent(3) ? `${perms}x\0` : perms;
}

/** What only dom0 may do, with arguments that change nothing even for it. */
const PRIVILEGED = [T.CONTROL, T.INTRODUCE, T.RELEASE, T.RESUME, T.SET_TARGET] as const;

/** The next request outside transactions' ends. */
export function nextGuestStep(random: Random, from: string, txId: number): GuestStep {
  const path = pathOf(random);
  const ordinary = path.startsWith("@") ? "/t" : path;
  const [type, text] = random.weighted<() => readonly [number, string]>([
    [20, () => [T.WRITE, `${path}\0v${random.below(9)}`]],
    [10, () => [T.MKDIR, `${path}\0`]],
    [10, () => [T.RM, `${path}\0`]],
    [16, () => [T.READ, `${path}\0`]],
    [8, () => [T.DIRECTORY, `${path}\0`]],
    [8, () => [T.GET_PERMS, `${ordinary}\0`]],
    [14, () => [T.SET_PERMS, `${ordinary}\0${permsOf(random)}`]],
    [6, () => [T.WATCH, `${path}\0k${random.below(1_000_000)}\0`]],
    [2, () => [T.RESET_WATCHES, "\0"]],
    [2, () => [random.pick(PRIVILEGED), "\0"]],
    [1, () => [T.GET_DOMAIN_PATH, `${random.below(5)}\0`]],
    [1, () => [random.pick([15, 16, 20, 27]), "\0"]],
  ])();
  return { from, type, text, txId: random.percent(1) ? 77 : txId };
}

export function describeStep({ from, type, text, txId }: GuestStep): string {
  return `${from}: ${messageTypeName(type)} ${JSON.stringify(text)} in transaction ${txId}`;
}

/** What a step did: its reply, and each connection's events with the reply's place among them. */
export async function perform(world: World, step: GuestStep): Promise<string[]> {
  const messages = await world.request(step.from, step.type, toBytes(step.text), step.txId);
  const lines = messages.map((message) => `${step.from} ${show(message.type, message.text)}`);
  for (const name of world.connections()) {
    for (const { type, text } of await world.drain(name)) lines.push(`${name} ${show(type, text)}`);
  }
  return lines;
}

/** What a line of {@link perform} says of an event: the absolute path, for whom; else null. */
export function eventOf(line: string): { readonly to: string; readonly path: string } | null {
  const match = /^(\w+) WATCH_EVENT (".*")$/.exec(line);
  if (match === null) return null;
  const [, to = "", text = ""] = match;
  const path: string = JSON.parse(text).split("\0")[0];
  return { to, path: path.startsWith("/") ? path : `${homeOf(to)}/${path}` };
}

/** The absolute path that a step names. */
export function pathOfStep({ from, text }: GuestStep): string {
  const path = text.split("\0")[0] ?? "";
  return path.startsWith("/") ? path : `${homeOf(from)}/${path}`;
}

const homeOf = (name: string): string => `/local/domain/${domidOf(name) ?? 0}`;

function show(type: number, text: string): string {
  return `${messageTypeName(type)} ${JSON.stringify(text)}`;
}
