/** Looking back in a large store holds what is asked for only, and does no more than a slice's work in each step. */
import { assert, assertEquals } from "@std/assert";
import { type Answer, answer } from "../../lib/history/answers.ts";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { inWalkOrder } from "../../lib/history/walk_order.ts";
import type { Query } from "../../lib/history/query.ts";
import type { NodeState } from "../../lib/history/record.ts";
import type { Moment } from "../../lib/history/moment.ts";
import { momentAt } from "../../lib/history/reading.ts";
import { Scope } from "../../lib/history/scope.ts";
import { HISTORY_PIECE_NODES } from "../../lib/limits.ts";
import { finish, guest, packer, textNode, Writer } from "./support.ts";

const NODES = 20_000;

/** What is counted: what gets into maps and sets, and rows that are unpacked. */
interface Work {
  held: number;
  unpacked: number;
}

function largeHistory(work: Work): History {
  const counting = {
    ...packer,
    unpack: (packed: Parameters<typeof packer.unpack>[0]) => {
      work.unpacked++;
      return packer.unpack(packed);
    },
  };
  const history = new History({ path: IN_MEMORY, store: "a store", packer: counting });
  const nodes: [string, NodeState][] = [["/", textNode("")], ["/f", textNode("")]];
  for (let i = 0; i < NODES; i++) nodes.push([`/f/${i}`, textNode(`${i}`)]);
  nodes.push(["/f-1", textNode("beside")], ["/f/3/x", textNode("below")], ["/g", textNode("g")]);
  history.beginKeyframe(0, inWalkOrder(nodes.map((entry) => [entry[0], entry])));
  while (history.stepKeyframe());
  const writer = new Writer();
  for (const [path, node] of nodes) writer.nodes.set(path, node);
  history.add([
    writer.commit(1, guest(1), { "/f/3": "new", "/f/4": "other" }),
    writer.commit(2, guest(1), { "/g": "later" }),
  ]);
  return history;
}

/** The answers, all work, and the most of one step. */
function counted(history: History, work: Work, query: Query): [Answer[], all: Work, most: Work] {
  const answers: Answer[] = [], all = { held: 0, unpacked: 0 }, most = { held: 0, unpacked: 0 };
  const { set } = Map.prototype, { add } = Set.prototype;
  Map.prototype.set = function (key, value): Map<unknown, unknown> {
    work.held++;
    return set.call(this, key, value);
  };
  Set.prototype.add = function (value): Set<unknown> {
    work.held++;
    return add.call(this, value);
  };
  try {
    const steps = answer(history, query);
    for (;;) {
      work.held = work.unpacked = 0;
      const { done, value } = steps.next();
      for (const unit of ["held", "unpacked"] as const) {
        all[unit] += work[unit];
        most[unit] = Math.max(most[unit], work[unit]);
      }
      if (done === true) return [answers, all, most];
      if (value !== null) answers.push(value);
    }
  } finally {
    Map.prototype.set = set;
    Set.prototype.add = add;
  }
}

const NOW = { kind: "commit", number: 2, back: 0 } as const;

function blameOf(path: string, recursive: boolean): Query {
  return { kind: "blame", path, at: null, recursive, deleted: false };
}

function at(top: string, levels: number | null): Query {
  return { kind: "at", at: NOW, tops: [top], levels };
}

function pathsOf(answers: readonly Answer[]): string[] {
  return answers.flatMap((one) => one.type === "node" || one.type === "blame" ? one.path : []);
}

Deno.test("who wrote one path, and what it had, is found without the rest of the store", () => {
  const work = { held: 0, unpacked: 0 }, history = largeHistory(work);
  const cases: [Query, string[]][] = [
    [blameOf("/f/3", false), ["/f/3"]],
    [blameOf("/f/3", true), ["/f/3", "/f/3/x"]],
    [at("/f/3", 0), ["/f/3"]],
    [at("/f/3", null), ["/f/3", "/f/3/x"]],
    [at("/f-1", null), ["/f-1"]],
    [at("/g", null), ["/g"]],
    [at("/", 0), ["/"]],
    [at("/none", null), []],
  ];
  for (const [query, expected] of cases) {
    const [answers, all] = counted(history, work, query);
    assertEquals(pathsOf(answers).sort(), expected, JSON.stringify(query));
    assert(all.unpacked <= 3, `${all.unpacked} rows for ${JSON.stringify(query)}`);
    assert(all.held < 100, `${all.held} entries for ${JSON.stringify(query)}`);
  }
  history.close();
});

Deno.test("all of a large store is looked at in slices", () => {
  const work = { held: 0, unpacked: 0 }, history = largeHistory(work);
  for (const query of [blameOf("/", true), blameOf("/f", true), at("/", null), at("/", 1)]) {
    const [answers, , most] = counted(history, work, query);
    const isAll = query.kind === "blame" || query.kind === "at" && query.levels === null;
    assert(pathsOf(answers).length >= (isAll ? NODES : 3));
    assert(most.unpacked <= 1, `${most.unpacked} rows in one step of ${JSON.stringify(query)}`);
    assert(most.held <= 1_100, `${most.held} entries in one step of ${JSON.stringify(query)}`);
  }
  history.close();
});

Deno.test("a moment is rebuilt in slices, also when records change behind its back again and again", () => {
  const work = { held: 0, unpacked: 0 }, history = largeHistory(work), writer = new Writer();
  writer.number = 2;
  // Blocks behind the keyframe, and one that grows.
  for (let block = 0; block < 4; block++) {
    const size = block < 3 ? 512 : 100;
    history.add(
      Array.from(
        { length: size },
        (_, i) => writer.commit(3, guest(2), { [`/n/${i}`]: `${block}` }),
      ),
    );
  }
  history.save();
  const { last, keyframes } = history, scope = Scope.ALL;
  const expected = finish(momentAt(history, last, scope)).nodes;
  const rows = Math.ceil((NODES + 5) / HISTORY_PIECE_NODES);
  const steps = momentAt(history, last, scope);
  let moment: Moment | null = null, count = 0;
  for (; moment === null; count++) {
    work.unpacked = 0;
    const step = steps.next();
    assert(work.unpacked <= 1, `${work.unpacked} rows in step ${count}`);
    if (step.done === true) moment = step.value;
    // As thinning does: a row of the keyframe is another one, and the oldest block goes.
    else {
      history.rewrite(() => {
        const [head] = keyframes.heads, [oldest] = history.closed, { table } = history.blocks;
        const path = table.number("/f");
        keyframes.changePiece(head!, new Map([[path, textNode("changed")]]), [path], 0, table);
        if (oldest !== undefined && count > 10) history.blocks.remove(oldest);
      });
    }
  }
  assertEquals(moment.nodes.size, expected.size);
  assertEquals(moment.nodes.get("/n/511"), expected.get("/n/511"));
  assertEquals(moment.inexact(), null);
  assert(count < rows + 20, `${count} steps for ${rows} rows`);
  history.close();
});
