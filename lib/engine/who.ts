import {
  WHO_COMMAND_SHOWN_MAX,
  WHO_PATH_SHOWN_MAX,
  WHO_TOKEN_SHOWN_MAX,
  WHO_WATCHES_PER_REQUEST,
} from "../limits.ts";
import { emptyWalk, walk } from "../store/lookup.ts";
import type { Node } from "../store/node.ts";
import { isSpecial, ROOT_PATH } from "../store/path.ts";
import { isStale, OWNER, permDomid, permMask, type Perms, READ, WRITE } from "../store/perms.ts";
import { homePath } from "../wire/home_path.ts";
import { type BytesJson, textJson } from "../wire/json.ts";
import { commandAlone, nameIn } from "./author.ts";
import type { Connection } from "./connection.ts";
import { fillPage, type Row } from "./pages.ts";
import { rightsOf } from "./rights.ts";
import type { State } from "./state.ts";
import { countNames } from "./watch_trie_node.ts";
import type { Watch } from "./watches.ts";

/** The node that `xs who` is about, or what decides about one that is not there. */
export interface NodeRow {
  readonly kind: "node";
  readonly exists: boolean;
  /** The node that has the permissions that follow: the nearest one that exists. */
  readonly path: string;
}

/** One entry of its permissions: the first one is the owner's. */
export interface EntryRow {
  readonly kind: "entry";
  readonly domid: number;
  /** The domain's name; null for none, and for one that is not there. */
  readonly name: BytesJson | null;
  /** Of the first entry: the domain may do everything, and `read` and `write` say what those without an entry may. */
  readonly owner: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** It counts for nothing: it was written before the domain that has this domid now. */
  readonly stale: boolean;
}

/** A watch that hears of a change at the path, or below it. */
export interface WatchRow {
  readonly kind: "watch";
  readonly where: "above" | "at" | "below";
  readonly path: string;
  readonly token: BytesJson;
  /** Levels below its path; -1 for all. */
  readonly depth: number;
  /** The number of its connection, and who has that. */
  readonly connection: number;
  readonly domid: number;
  readonly name: BytesJson | null;
  readonly pid: number | null;
  readonly command: BytesJson | null;
  /** Whether it may hear of a change of the node: below it, of changes that it hears of there. */
  readonly hears: boolean;
  /** Bytes that wait for its client. */
  readonly queuedBytes: number;
}

export type WhoRow = NodeRow | EntryRow | WatchRow;

/**
 * Who owns a node, who may use it, and who hears of it: a page from the place on that `from` names; null
 * for no such place. A request looks at {@link WHO_WATCHES_PER_REQUEST} watches at most.
 */
export function whoPage(state: State, path: string, from: string): string | null {
  const place = /^(?:|e(\d{1,5})|(\d{1,10})\.(\d{1,16}))$/.exec(from);
  if (place === null) return null;
  const entry = place[1] === undefined ? from === "" ? -1 : Infinity : Number(place[1]);
  return fillPage(whoRows(state, path, entry, Number(place[2] ?? 0), Number(place[3] ?? 0)));
}

function* whoRows(
  state: State,
  path: string,
  fromEntry: number,
  fromConnection: number,
  fromWatch: number,
): Generator<Row> {
  const { node, above, aboveLength } = walk(state.tree.root, path, emptyWalk(state.tree.root));
  const special = isSpecial(path) ? state.specials.get(path) ?? null : null;
  const decides = special ?? node ?? above;
  const perms = decides.perms;
  if (fromEntry < 0) {
    const exists = isSpecial(path) ? special !== null : node !== null;
    const shown = exists ? path : path.slice(0, aboveLength) || ROOT_PATH;
    const row: NodeRow = { kind: "node", exists, path: cut(shown, WHO_PATH_SHOWN_MAX) };
    yield ["", row];
  }
  for (let i = Math.max(0, fromEntry); i < perms.length; i++) {
    yield [`e${i}`, entryRow(state, perms, i)];
  }
  yield* watchRows(state, path, decides, above, fromConnection, fromWatch);
}

function entryRow(state: State, perms: Perms, index: number): EntryRow {
  const entry = perms[index]!, domid = permDomid(entry), mask = permMask(entry);
  const isThere = state.domains.get(domid) !== undefined;
  return {
    kind: "entry",
    domid,
    name: isThere ? nameOf(state, domid) : null,
    owner: index === 0,
    read: (mask & READ) !== 0,
    write: (mask & WRITE) !== 0,
    stale: isStale(entry),
  };
}

function nameOf(state: State, domid: number): BytesJson | null {
  const name = nameIn(state.tree.root, homePath(domid));
  return name === null ? null : textJson(name.slice(0, WHO_TOKEN_SHOWN_MAX));
}

/** Connections and their watches in the order in which they came, from a watch on. */
function* watchRows(
  state: State,
  path: string,
  node: Node,
  parent: Node,
  fromConnection: number,
  fromWatch: number,
): Generator<Row> {
  let looked = 0;
  try {
    for (const connection of state.connections) {
      if (connection.id < fromConnection) continue;
      for (const watch of connection.watches.values()) {
        if (connection.id === fromConnection && watch.id < fromWatch) continue;
        const place = `${connection.id}.${watch.id}`;
        if (++looked > WHO_WATCHES_PER_REQUEST) yield [place, undefined];
        const where = whereOf(watch, path);
        if (where === null) continue;
        const hears = where === "below" || mayHear(state, connection, node, parent);
        yield [place, watchRow(state, connection, watch, where, hears)];
      }
    }
  } finally {
    state.meter.add(looked);
  }
}

/** Where a watch stands to a path; null where a change at the path, or below, is none of its. */
function whereOf({ depth, path: at }: Watch, path: string): WatchRow["where"] | null {
  if (at === path) return "at";
  if (isBelow(path, at)) {
    return depth >= 0 && countNames(path) - levelsOf(at) > depth ? null : "above";
  }
  return isBelow(at, path) ? "below" : null;
}

function isBelow(path: string, above: string): boolean {
  if (above === ROOT_PATH) return path.startsWith("/") && path !== ROOT_PATH;
  return path.startsWith(above) && path[above.length] === "/";
}

function levelsOf(path: string): number {
  return path === ROOT_PATH ? 0 : countNames(path);
}

/** XSA-115: a watcher must be able to read the node or its parent. */
function mayHear({ domains }: State, connection: Connection, node: Node, parent: Node): boolean {
  const rights = rightsOf(connection, domains, node.perms) |
    rightsOf(connection, domains, parent.perms);
  return (rights & (READ | OWNER)) !== 0;
}

function watchRow(
  state: State,
  connection: Connection,
  watch: Watch,
  where: WatchRow["where"],
  hears: boolean,
): WatchRow {
  const { domid, id, kind, outbox, process } = connection;
  const client = kind === "socket" ? process : null;
  const command = commandAlone(client);
  return {
    kind: "watch",
    where,
    path: cut(watch.path, WHO_PATH_SHOWN_MAX),
    token: textJson(cut(watch.token, WHO_TOKEN_SHOWN_MAX)),
    depth: watch.depth,
    connection: id,
    domid,
    name: kind === "ring" ? nameOf(state, domid) : null,
    pid: client?.author.pid ?? null,
    command: command === null ? null : textJson(command.slice(0, WHO_COMMAND_SHOWN_MAX)),
    hears,
    queuedBytes: outbox.unsent ?? 0,
  };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}...`;
}
