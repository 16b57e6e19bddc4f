import { assertEquals } from "@std/assert";
import { Accounts } from "../../lib/engine/accounts.ts";
import { Versions } from "../../lib/store/versions.ts";
import { Draft } from "../../lib/store/draft.ts";
import { emptyWalk, subtree, walk } from "../../lib/store/lookup.ts";
import { newNode, type Node } from "../../lib/store/node.ts";
import type { Perms } from "../../lib/store/perms.ts";
import { type Random, withSeed } from "../support/random.ts";

const ORIGIN = { label: "a test" };

/** A draft, what its ledger adds up to, and what was last marked of each node. */
class Side {
  readonly accounts = new Accounts();
  readonly recorded = new Map<string, string>();
  /** Calls of ledger and marks. */
  calls = 0;
  readonly draft: Draft;

  constructor(root: Perms) {
    const versions = new Versions();
    const ledger = {
      charge: (domid: number, nodes: number, bytes: number): void => {
        this.calls++;
        this.accounts.charge(domid, nodes, bytes);
      },
      mention: (domid: number, count: number): void => {
        this.calls++;
        this.accounts.mention(domid, count);
      },
    };
    const marks = {
      changed: (path: string, node: Node): void => {
        this.calls++;
        this.recorded.set(path, show(path, node));
      },
      removed: (path: string): void => {
        this.calls++;
        this.#forget(path);
      },
    };
    this.draft = new Draft(newNode("", 0, versions.nextEpoch(), root), versions, ledger, marks);
  }

  #forget(path: string): void {
    for (const known of [...this.recorded.keys()]) {
      if (known === path || known.startsWith(`${path}/`)) this.recorded.delete(known);
    }
  }

  /** The length of the path of the nearest node there is. */
  nearest(path: string): number {
    return walk(this.draft.root, path, emptyWalk(this.draft.root)).aboveLength;
  }

  tree(): string[] {
    return [...subtree(this.draft.root)].map(([path, node]) => show(path, node));
  }

  sums(): unknown[] {
    return [0, 1, 2, 3].map((domid) => {
      const { now } = this.accounts.of(domid);
      const mentions = this.accounts.mentionsOf(domid);
      return [now.nodes, now.memory, mentions];
    });
  }
}

function show(path: string, node: Node): string {
  return `${path} ${node.perms} ${node.generation} ${node.ordinal} ${node.origin.label}`;
}

function randomPath(random: Random): string {
  let path = "";
  for (let depth = 1 + random.below(5); depth > 0; depth--) path += `/n${random.below(4)}`;
  return path;
}

/** Makes `path` with all that is missing above it, one after the other. */
function createEach({ draft }: Side, path: string, perms: Perms, from: number): void {
  for (let to = from; to < path.length;) {
    const slash = path.indexOf("/", to + 1);
    to = slash < 0 ? path.length : slash;
    draft.create(path.slice(0, to), perms, ORIGIN);
  }
}

Deno.test("draft: nodes made in one descent are those made one by one", () => {
  withSeed((random) => {
    const once = new Side([0]), each = new Side([0]);
    let kept = once.draft.root;
    each.draft.snapshot();
    for (let step = 0; step < 2_000; step++) {
      const path = randomPath(random), perms = [random.below(4), random.below(4), 3];
      const { node } = walk(once.draft.root, path, emptyWalk(once.draft.root));
      if (node === null) {
        const from = once.nearest(path);
        once.draft.create(path, perms, ORIGIN, from);
        createEach(each, path, perms, from);
      } else if (random.chance(0.4)) {
        for (const { draft } of [once, each]) draft.remove(path, ORIGIN);
      } else {
        for (const { draft } of [once, each]) draft.setPerms(path, perms, ORIGIN);
      }
      if (random.chance(0.05)) kept = once.draft.snapshot(), each.draft.snapshot();
      assertEquals(once.sums(), each.sums(), path);
    }
    assertEquals(once.tree(), each.tree());
    assertEquals([...once.recorded].sort(), [...each.recorded].sort());
    // What was handed out is still as it was: nothing of it is charged twice.
    const before = [...subtree(kept)].length;
    once.draft.create("/last/of/all", [1], ORIGIN, 0);
    assertEquals([...subtree(kept)].length, before);
  });
});

Deno.test("draft: a chain of a thousand nodes is charged and recorded in steps of its length", () => {
  const LEVELS = 1_000;
  const path = "/a".repeat(LEVELS);
  const side = new Side([0]);
  side.draft.create(path, [1, 2], ORIGIN, 0);
  // Each node once, the root, and a constant number of charges.
  assertEquals(side.calls, LEVELS + 1 + 3);
  assertEquals(side.accounts.of(1).now.nodes, LEVELS);
  side.calls = 0;
  side.draft.remove("/a", ORIGIN);
  assertEquals(side.calls, LEVELS + 4);
  assertEquals(side.sums().slice(1), [[0, 0, 0], [0, 0, 0], [0, 0, 0]]);
});
