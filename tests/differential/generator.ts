import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Random } from "../support/random.ts";

/** What the generator must know of a connection to make requests that hit something. */
export interface ConnectionView {
  /** Numbers by which the stream calls the connection's open transactions. */
  readonly transactions: readonly number[];
  /** Path and token of the watches that were set, newest last. */
  readonly watches: readonly (readonly [path: string, token: string])[];
}

/** One step of the stream. The transaction is named by the stream's own number, 0 for none. */
export interface Step {
  readonly connection: number;
  readonly type: number;
  readonly transaction: number;
  readonly payload: Uint8Array;
}

/** Stands for a transaction id that neither server has given out. */
export const NO_SUCH_TRANSACTION = -1;

const NAMES = ["a", "b", "c", "d", "e"] as const;
const BROKEN_PATHS = [
  "",
  "//",
  "/t/",
  "/t//a",
  "/t/a b",
  "/t/a.b",
  "/t/\xff",
  "@releaseDomain",
  "@introduceDomain",
  "a/",
  "/t/a/",
] as const;
/** Well-formed ones: C 4.17 takes the digits a text begins with, so `3x` for 3 and `abc` for 0. */
const DOMIDS = ["0", "1", "7", "0005", " 7", "32752"] as const;
const UNKNOWN_TYPES = [15, 16, 20, 27, 28, 1000, 65535, 0x7fffffff, 0xffffffff] as const;

/** How much of the stream has a wrong type or number of strings. */
const BROKEN_PERCENT = 2;

const T = MessageType;
type Make = (random: Random, view: ConnectionView) => Uint8Array;

/** Weight, message type, payload: the mixture of the stream. */
const MIXTURE: readonly (readonly [number, number, Make])[] = [
  [16, T.WRITE, (r) => strings(pathOf(r), valueOf(r))],
  [9, T.MKDIR, (r) => strings(pathOf(r))],
  [9, T.RM, (r) => strings(pathOf(r))],
  [12, T.READ, (r) => strings(pathOf(r))],
  [9, T.DIRECTORY, (r) => strings(pathOf(r))],
  [3, T.DIRECTORY_PART, (r) => strings(pathOf(r), `${r.pick([0, 0, 0, 2, 3, 50, 5000])}\0`)],
  [5, T.GET_PERMS, (r) => strings(nodePathOf(r))],
  [6, T.SET_PERMS, (r) => strings(nodePathOf(r), permsOf(r))],
  [5, T.WATCH, (r) => strings(watchPathOf(r), `${tokenOf(r)}\0`)],
  [4, T.UNWATCH, unwatch],
  [6, T.TRANSACTION_START, (r) => r.pick([toBytes("\0"), new Uint8Array(0), toBytes("x\0y\0")])],
  [7, T.TRANSACTION_END, (r) => toBytes(r.weighted([[70, "T\0"], [25, "F\0"], [5, "X\0"]]))],
  [1, T.RESET_WATCHES, () => toBytes("\0")],
  [1, T.GET_DOMAIN_PATH, (r) => strings(r.pick(DOMIDS))],
  [1, T.IS_DOMAIN_INTRODUCED, (r) => strings(r.pick(DOMIDS))],
  [1, T.RELEASE, (r) => strings(r.pick(DOMIDS))],
  [1, T.RESUME, (r) => strings(r.pick(DOMIDS))],
  [1, T.SET_TARGET, (r) => dotted(r.pick(["1.2.", "7.0.", "0.7."]))],
  [1, T.INTRODUCE, (r) => dotted(r.pick(["1.", "1.5.", "1.5.0."]))],
];

/** The next request of `connection`, which sees the world as `view`. */
export function nextStep(random: Random, connection: number, view: ConnectionView): Step {
  if (random.percent(BROKEN_PERCENT)) return brokenStep(random, connection);
  const [, type, make] = random.weighted(MIXTURE.map((entry) => [entry[0], entry] as const));
  const payload = make(random, view);
  return { connection, type, transaction: transactionOf(random, type, view), payload };
}

/**
 * Requests with a wrong number of strings, dots for NULs. The node requests that take one string
 * are not among them: C 4.17 answers those with the error of an earlier request, or aborts.
 */
const BROKEN_ARGUMENTS: readonly (readonly [type: number, payload: string])[] = [
  [T.WRITE, ""],
  [T.WRITE, "/t"],
  [T.WATCH, ""],
  [T.WATCH, "/t."],
  [T.WATCH, "/t.k.1.x."],
  [T.UNWATCH, ""],
  [T.UNWATCH, "/t."],
  [T.UNWATCH, "/t.k.x."],
  [T.DIRECTORY_PART, ""],
  [T.DIRECTORY_PART, "/t."],
  [T.DIRECTORY_PART, "/t.0.0."],
  [T.SET_PERMS, ""],
  [T.SET_PERMS, "/t."],
  [T.TRANSACTION_END, ""],
  [T.TRANSACTION_END, "."],
  [T.TRANSACTION_END, "T.T."],
  [T.GET_DOMAIN_PATH, ""],
  [T.GET_DOMAIN_PATH, "0.0."],
  [T.IS_DOMAIN_INTRODUCED, ""],
  [T.IS_DOMAIN_INTRODUCED, "0.0."],
  [T.RELEASE, ""],
  [T.RELEASE, "3.3."],
  [T.RESUME, ""],
  [T.SET_TARGET, ""],
  [T.SET_TARGET, "1."],
];

/** A step whose number of strings, or whose type, is wrong. */
function brokenStep(random: Random, connection: number): Step {
  const transaction = random.percent(5) ? NO_SUCH_TRANSACTION : 0;
  if (random.percent(40)) {
    return { connection, type: random.pick(UNKNOWN_TYPES), transaction, payload: dotted("/t.") };
  }
  const [type, payload] = random.pick(BROKEN_ARGUMENTS);
  return { connection, type, transaction, payload: dotted(payload) };
}

function transactionOf(random: Random, type: number, view: ConnectionView): number {
  if (random.percent(1)) return NO_SUCH_TRANSACTION;
  if (view.transactions.length === 0) return 0;
  const ends = type === T.TRANSACTION_END;
  const inside = ends ? 97 : type === T.TRANSACTION_START ? 3 : 70;
  return random.percent(inside) ? random.pick(view.transactions) : 0;
}

/** A path: mostly short and below /t, so that requests meet; sometimes relative or broken. */
function pathOf(random: Random): string {
  const kind = random.weighted([[90, "t"], [4, "relative"], [2, "root"], [4, "broken"]]);
  if (kind === "broken") return random.pick(BROKEN_PATHS);
  if (kind === "root") return random.pick(["/", "/t", "/local", "/tool", "/nope", "/nope/x/y"]);
  let path = kind === "relative" ? random.pick(NAMES) : `/t/${random.pick(NAMES)}`;
  const deeper = random.weighted([[30, 0], [40, 1], [22, 2], [8, 3]]);
  for (let i = 0; i < deeper; i++) path += `/${random.pick(NAMES)}`;
  return path;
}

/** Not a special: C 4.17 has no GET_PERMS of those, and no event when they are set; newer C has. */
function nodePathOf(random: Random): string {
  const path = pathOf(random);
  return path.startsWith("@") ? "/t" : path;
}

function watchPathOf(random: Random): string {
  if (random.percent(6)) return random.pick(["@releaseDomain", "@introduceDomain", "@foo"]);
  if (random.percent(8)) return "/";
  return pathOf(random);
}

function valueOf(random: Random): string {
  const kind = random.weighted([[60, "short"], [20, "empty"], [15, "bytes"], [5, "long"]]);
  if (kind === "empty") return "";
  if (kind === "short") return `v${random.below(8)}`;
  const length = kind === "bytes" ? random.below(20) : 1000 + random.below(2500);
  return String.fromCharCode(...random.bytes(length));
}

function permsOf(random: Random): string {
  const count = random.weighted([[5, 0], [60, 1], [25, 2], [10, 3]]);
  let perms = "";
  for (let i = 0; i < count; i++) {
    perms += random.percent(4)
      ? random.pick(["x0\0", "n\0", "n0x\0", "\0", "n0x0\0"])
      : `${random.pick(["n", "r", "w", "b"])}0\0`;
  }
  return perms;
}

/** Tokens differ for nearly every watch: see the note on doubled events in lockstep.ts. */
function tokenOf(random: Random): string {
  return random.percent(5) ? "same" : `k${random.below(1_000_000)}`;
}

/** Mostly a watch that is set. Never a malformed path: C 4.17 says ENOENT, newer C EINVAL. */
function unwatch(random: Random, view: ConnectionView): Uint8Array {
  const [path, token] = view.watches.length > 0 && random.percent(80)
    ? random.pick(view.watches)
    : [`/t/${random.pick(NAMES)}`, tokenOf(random)] as const;
  return toBytes(`${path}\0${token}\0`);
}

/** `first`, its NUL, and the rest as it is. */
function strings(first: string, rest = ""): Uint8Array {
  return toBytes(`${first}\0${rest}`);
}

/** The bytes of `text`, which has a dot for each NUL. */
function dotted(text: string): Uint8Array {
  return toBytes(text.replaceAll(".", "\0"));
}
