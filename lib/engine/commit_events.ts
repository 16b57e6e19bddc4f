import type { DueEvent, EventReaders } from "./event_readers.ts";
import type { Merged } from "./merge.ts";

/**
 * The events of a commit: for each path that a request named, or removed, one set, in the order in
 * which paths were first accessed. What they tell depends on the trees before and behind the commit
 * alone, and on which paths were named: a watcher whose node came, went or changed hears of it once,
 * whatever else the transaction did with it on the way.
 */
export function eventsOfCommit(events: EventReaders, nodes: readonly Merged[]): DueEvent[] {
  const due: DueEvent[] = [];
  let isReported: ((path: string) => boolean) | null = null;
  for (const merged of inOrderOfAccess(nodes)) {
    const { node, touched: { again, named, path, removed } } = merged;
    if (removed && merged.before !== null) {
      events.ofRemovedBelow(path, merged.before, due, isReported ??= tellsOnce(nodes));
    }
    if (!named && !again || !events.isWatched(path)) continue;
    const { before } = merged;
    if (node === null) {
      if (!removed || before === null) continue;
      events.ofNode(path, before.perms, null, merged.aboveBefore!.perms, due);
    } else if (named || before === null) {
      // One that was removed on the way and was there before was told of with what was removed.
      const { perms } = merged.above!;
      events.ofNode(path, node.perms, before?.perms ?? null, perms, due, !named);
    }
  }
  return due;
}

function inOrderOfAccess(nodes: readonly Merged[]): readonly Merged[] {
  for (let i = 1; i < nodes.length; i++) {
    if (nodes[i]!.touched.index > nodes[i - 1]!.touched.index) continue;
    return [...nodes].sort((a, b) => a.touched.index - b.touched.index);
  }
  return nodes;
}

/**
 * Whether watchers of a node below a removed one hear of it otherwise: since it was removed itself,
 * or was named and is there again, or lay below another that was removed.
 */
function tellsOnce(nodes: readonly Merged[]): (path: string) => boolean {
  const reported = new Set<string>();
  for (const { node, touched: { named, path, removed } } of nodes) {
    if (removed || named && node !== null) reported.add(path);
  }
  return (path) => {
    if (reported.has(path)) return true;
    reported.add(path);
    return false;
  };
}
