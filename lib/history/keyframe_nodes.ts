/** All nodes of a store, for a keyframe of its history. */
import { appendChildren } from "../store/children.ts";
import type { Node } from "../store/node.ts";
import { ROOT_PATH } from "../store/path.ts";
import type { Redaction } from "../store/redaction.ts";
import { inWalkOrder } from "./walk_order.ts";
import type { NodeState } from "./record.ts";
import { stateOf } from "./recorder.ts";

type Entry = readonly [string, NodeState];
type StateOf = (path: string, node: Node) => Entry;

/** Those below `root`, which must not change meanwhile, and the special ones, in the order in which a keyframe takes them. */
export function keyframeNodes(
  root: Node,
  specials: ReadonlyMap<string, Node>,
  redaction: Redaction,
): Iterable<Entry> {
  const state: StateOf = (path, node) => [path, stateOf(node, redaction.hides(path))];
  // They change in place, so they are read at once.
  const those = inWalkOrder([...specials].map(([path, node]) => [path, state(path, node)]));
  return walk(root, state, those);
}

function* walk(root: Node, state: StateOf, those: readonly Entry[]): Generator<Entry, void> {
  const pending: { readonly path: string; readonly node: Node }[] = [{
    path: ROOT_PATH,
    node: root,
  }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, path } = next;
    yield state(path, node);
    const children: Node[] = [], above = path === ROOT_PATH ? "" : path;
    appendChildren(node.children, children);
    // The last one pushed comes first.
    children.sort((a, b) => a.name < b.name ? 1 : -1);
    for (const child of children) pending.push({ path: `${above}/${child.name}`, node: child });
  }
  yield* those;
}
