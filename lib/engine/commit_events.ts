import type { DueEvent, Events } from "./events.ts";
import type { Merged } from "./merge.ts";

/**
 * The events of a commit: for each path that a request named, or removed, one set, in the order in
 * which paths were first accessed. What they tell depends on the trees before and behind the commit
 * alone, and on which paths were named: a watcher whose node came, went or changed hears of it once,
 * whatever else the transaction did with it on the way.
 */
export function eventsOfCommit(events: Events, nodes: readonly Merged[]): DueEvent[] {
  const due: DueEvent[] = [];
  const isTold = tellsOnce(nodes);
  for (const { above, aboveBefore, before, node, touched } of inOrderOfAccess(nodes)) {
    const { again, named, path, removed } = touched;
    if (removed && before !== null) events.ofRemovedBelow(path, before, due, isTold);
    if (node !== null) {
      // One that was removed on the way and was there before was told of with what was removed.
      if (named || again && before === null) {
        events.ofNode(path, node.perms, before?.perms ?? null, above!.perms, due, !named);
      }
    } else if (removed && before !== null) {
      events.ofNode(path, before.perms, null, aboveBefore!.perms, due);
    }
  }
  return due;
}

function inOrderOfAccess(nodes: readonly Merged[]): readonly Merged[] {
  if (nodes.length < 2) return nodes;
  return [...nodes].sort((a, b) => a.touched.index - b.touched.index);
}

/**
 * Whether watchers of a node below a removed one hear of it otherwise: since it was removed itself,
 * or was named and is there again, or lay below another that was removed. Null where none was.
 */
function tellsOnce(nodes: readonly Merged[]): ((path: string) => boolean) | null {
  if (!nodes.some(({ touched }) => touched.removed)) return null;
  const told = new Set<string>();
  for (const { node, touched: { named, path, removed } } of nodes) {
    if (removed || named && node !== null) told.add(path);
  }
  return (path) => {
    if (told.has(path)) return true;
    told.add(path);
    return false;
  };
}
