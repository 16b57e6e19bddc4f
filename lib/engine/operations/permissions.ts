import { type Node, nodeSize, versionBytes } from "../../store/node.ts";
import { isSpecial } from "../../store/path.ts";
import {
  asStale,
  DOMID_ANY,
  OWNER,
  ownerOf,
  parsePerm,
  permDomid,
  type Perms,
  WRITE,
} from "../../store/perms.ts";
import { EINVAL, ENOENT, ENOSPC, EPERM, OK } from "../../wire/errors.ts";
import { FEATURE_DOMID_ANY } from "../../wire/features.ts";
import { splitStrings } from "../../wire/payload.ts";
import type { Call } from "../request.ts";
import { exceeds, roomFor } from "../quota_refusal.ts";
import { SPECIAL } from "../dirty.ts";
import { deliver, type DueEvent } from "../event_readers.ts";
import { PERM_UNITS } from "../work_meter.ts";
import { SEEN_EXISTENCE, SEEN_PERMS } from "../touched.ts";
import { DONE, HELD, type Outcome } from "./outcome.ts";

/** SET_PERMS: gives a node, or a special, new permissions (reference section 2.5). */
export function setPerms(call: Call): Outcome {
  const strings = splitStrings(call.payload);
  if (strings.length < 2) return EINVAL;
  if (exceeds(call, "node-permissions", strings.length - 1, strings[0])) return ENOSPC;
  const perms = parsePerms(call, strings.slice(1));
  if (perms === null) return EINVAL;
  call.state.meter.add(PERM_UNITS * perms.length);
  const owner = ownerOf(perms);
  if (owner !== DOMID_ANY && call.state.domains.know(owner) === null) return ENOENT;
  const path = call.pathUpTo(strings[0]!.length, true);
  if (path === null) return EINVAL;
  const { error, node } = call.access(path, WRITE | OWNER, SEEN_EXISTENCE);
  if (node === null) return error;
  // Nobody may give a node away (XSA-352), and nobody owns it on behalf of everybody.
  if (!call.connection.privileged && owner !== ownerOf(node.perms)) return EPERM;
  if (owner === DOMID_ANY) return EINVAL;
  const grown = nodeSize(node) + 8 * (perms.length - node.perms.length);
  if (exceeds(call, "node-size", grown, path)) {
    if (call.transaction !== null) call.transaction.failed = true;
    return ENOSPC;
  }
  const { connection, now, state } = call;
  if (call.mayWait && state.reservations.holdChange(connection, path, SEEN_PERMS, now)) return HELD;
  if (perms.length > node.perms.length || call.transaction !== null) {
    const error = roomFor(call, versionBytes(node) + 8 * perms.length);
    if (error !== OK) {
      if (call.transaction !== null) call.transaction.failed = true;
      return error;
    }
  }
  apply(call, path, node, perms);
  return DONE;
}

/** The entries, each marked stale that names nobody: it must never apply to a later domain. */
function parsePerms(call: Call, texts: readonly string[]): Perms | null {
  const perms: number[] = [];
  for (const text of texts) {
    const entry = parsePerm(text);
    if (entry === null) return null;
    perms.push(entry);
  }
  for (let i = 1; i < perms.length; i++) {
    if (!isNamed(call, permDomid(perms[i]!))) perms[i] = asStale(perms[i]!);
  }
  return perms;
}

function isNamed(call: Call, domid: number): boolean {
  const { connection, state: { domains } } = call;
  if (domid !== DOMID_ANY) return domains.know(domid) !== null;
  if (connection.kind === "socket") return true;
  return ((domains.get(connection.domid)?.features ?? 0) & FEATURE_DOMID_ANY) !== 0;
}

function apply(call: Call, path: string, node: Node, perms: Perms): void {
  const { state, transaction, connection: { origin } } = call;
  const before = node.perms;
  if (isSpecial(path)) {
    state.chargeSpecial(path, before, -1);
    state.chargeSpecial(path, perms, 1);
    state.commits?.special(path, node);
    node.perms = perms;
    node.generation = ++state.versions.generation;
    node.origin = origin;
    state.dirty?.mark(SPECIAL, path);
  } else if (transaction !== null) {
    transaction.setPerms(path, perms, origin);
    return;
  } else {
    state.tree.setPerms(path, perms, origin, node);
  }
  const due: DueEvent[] = [];
  state.events.ofChange(state.tree.root, path, before, due, perms);
  deliver(due);
}
