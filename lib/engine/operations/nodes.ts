import { childNames } from "../../store/children.ts";
import { NO_VALUE, type Node } from "../../store/node.ts";
import type { Walk } from "../../store/lookup.ts";
import { parentOf } from "../../store/names.ts";
import { ROOT_PATH } from "../../store/path.ts";
import { formatPerm, type Perms, READ, withOwner, WRITE } from "../../store/perms.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import { E2BIG, EINVAL, ENOENT, type ErrorCode, OK } from "../../wire/errors.ts";
import { copyBytes, toBytes, toText } from "../../wire/text.ts";
import type { Call } from "../request.ts";
import { deliver, type DueEvent } from "../event_readers.ts";
import { checkCreation, checkGrowth } from "../quota_refusal.ts";
import { SEEN_CHILDREN, SEEN_EXISTENCE, SEEN_PERMS, SEEN_VALUE } from "../touched.ts";
import { DONE, HELD, type Outcome, parseLoose } from "./outcome.ts";

/** READ: the node's value. */
export function read(call: Call): Outcome {
  const path = call.onlyPath();
  if (path === null) return EINVAL;
  const { error, node } = call.access(path, READ, SEEN_VALUE);
  return node === null ? error : node.value;
}

/** DIRECTORY: the names of the children in creation order. */
export function directory(call: Call): Outcome {
  const path = call.onlyPath();
  if (path === null) return EINVAL;
  const { error, node } = call.access(path, READ, SEEN_CHILDREN);
  if (node === null) return error;
  if ((node.children?.bytes ?? 0) > PAYLOAD_MAX) return E2BIG;
  return childNames(node.children);
}

/**
 * DIRECTORY_PART: the node's generation, then as many whole names from a byte offset as fit,
 * then, behind the last of all, an empty one (xenstore.txt).
 */
export function directoryPart(call: Call): Outcome {
  const { payload } = call;
  const nul = payload.indexOf(0);
  const path = call.pathUpTo(nul);
  if (path === null) return EINVAL;
  if (payload.indexOf(0, nul + 1) !== payload.length - 1) return EINVAL;
  const { error, node } = call.access(path, READ, SEEN_CHILDREN | SEEN_VALUE | SEEN_PERMS);
  if (node === null) return error;
  const offset = Math.max(0, parseLoose(toText(payload, nul + 1, payload.length - 1)));
  return slice(node, offset);
}

function slice(node: Node, offset: number): Uint8Array {
  const generation = toBytes(`${node.generation}\0`);
  const bytes = node.children?.bytes ?? 0;
  if (offset >= bytes) return toBytes(`${node.generation}\0\0`);
  const names = childNames(node.children);
  const room = PAYLOAD_MAX - generation.length - 1;
  let end = offset;
  while (end < bytes) {
    const next = names.indexOf(0, end) + 1;
    if (next - 1 - offset >= room) break;
    end = next;
  }
  const last = end === bytes ? 1 : 0;
  const reply = new Uint8Array(generation.length + end - offset + last);
  reply.set(generation);
  reply.set(names.subarray(offset, end), generation.length);
  return reply;
}

/** GET_PERMS: the entries, owner's first; stale ones show like all others. */
export function getPerms(call: Call): Outcome {
  const path = call.onlyPath(true);
  if (path === null) return EINVAL;
  const { error, node } = call.access(path, READ, SEEN_PERMS);
  if (node === null) return error;
  return toBytes(node.perms.map((entry) => `${formatPerm(entry)}\0`).join(""));
}

/** WRITE: gives the node a value, making it and its missing parents. */
export function write(call: Call): Outcome {
  const { payload } = call;
  const nul = payload.indexOf(0);
  const path = call.pathUpTo(nul);
  if (path === null) return EINVAL;
  const { error, node, way } = call.access(path, WRITE, 0);
  if (node === null && error !== ENOENT) return error;
  const value = nul + 1 === payload.length ? NO_VALUE : copyBytes(payload, nul + 1);
  const refusal = node === null
    ? checkCreation(call, path, way, value.length)
    : checkGrowth(call, path, node, value.length - node.value.length);
  if (refusal !== OK) return fail(call, refusal);
  if (call.mayWait && mustWait(call, path, way)) return HELD;
  put(call, path, way, value);
  return DONE;
}

/** MKDIR: makes the node if it is missing; like C, it asks for W on one that exists. */
export function mkdir(call: Call): Outcome {
  const path = call.onlyPath();
  if (path === null) return EINVAL;
  const { error, way } = call.access(path, WRITE, SEEN_EXISTENCE);
  if (error === OK) return DONE;
  if (error !== ENOENT) return error;
  const refusal = checkCreation(call, path, way, 0);
  if (refusal !== OK) return fail(call, refusal);
  if (call.mayWait && mustWait(call, path, way)) return HELD;
  put(call, path, way, null);
  return DONE;
}

/** RM: removes the node with all below. A missing node is no error if its parent exists. */
export function remove(call: Call): Outcome {
  const path = call.onlyPath();
  if (path === null) return EINVAL;
  const { error, node, way } = call.access(path, WRITE, 0);
  if (node === null) return error === ENOENT ? removeMissing(call, path, way) : error;
  if (path === ROOT_PATH) return EINVAL;
  const { state, transaction, connection } = call;
  if (transaction !== null) {
    const refusal = call.see(parentOf(path), SEEN_EXISTENCE);
    if (refusal !== OK) return refusal;
    transaction.remove(path, connection.origin);
    return DONE;
  }
  if (call.mayWait && state.reservations.holdRemoval(connection, path, call.now)) return HELD;
  const due: DueEvent[] = [];
  state.events.ofRemoval(state.tree.root, path, node, due);
  state.tree.remove(path, connection.origin, way);
  deliver(due);
  return DONE;
}

function removeMissing(call: Call, path: string, { aboveLength }: Walk): Outcome {
  const parent = parentOf(path);
  const parentExists = aboveLength === (parent === ROOT_PATH ? 0 : parent.length);
  if (call.transaction !== null) {
    const refusal = call.see(path, SEEN_EXISTENCE) || call.see(parent, SEEN_EXISTENCE);
    if (refusal !== OK) return refusal;
  }
  return parentExists ? DONE : ENOENT;
}

/** A transaction in which a change ran into a quota cannot be committed (XSA-415). */
function fail(call: Call, error: ErrorCode): ErrorCode {
  if (call.transaction !== null) call.transaction.failed = true;
  return error;
}

/** Whether others' transactions have reserved the value, or that the node is missing. */
function mustWait(
  { connection, now, state: { reservations } }: Call,
  path: string,
  { aboveLength, node }: Walk,
): boolean {
  if (node === null) return reservations.holdCreation(connection, path, aboveLength, now);
  return reservations.holdChange(connection, path, SEEN_VALUE, now);
}

/** Permissions of a node made below `above`: its own, owned by an unprivileged maker. */
function inheritedPerms(call: Call, above: Node): Perms {
  const { connection } = call;
  return connection.privileged ? above.perms : withOwner(above.perms, connection.domid);
}

/** Makes the node if it is missing where `way` ends, and gives it the value, if any. */
function put(call: Call, path: string, way: Walk, value: Uint8Array | null): void {
  const { state, transaction, connection: { origin } } = call;
  const { above, aboveLength } = way;
  const perms = way.node === null ? inheritedPerms(call, above) : null;
  if (transaction !== null) {
    if (perms !== null) transaction.seeParent(path, aboveLength);
    if (value !== null) transaction.write(path, value, perms, origin, aboveLength);
    else transaction.create(path, perms!, origin, aboveLength);
    return;
  }
  const node = perms === null
    ? way.node
    : state.tree.create(path, perms, origin, aboveLength, above);
  if (value !== null) state.tree.setValue(path, value, origin, node);
  const due: DueEvent[] = [];
  state.events.ofChange(state.tree.root, path, null, due);
  deliver(due);
}
