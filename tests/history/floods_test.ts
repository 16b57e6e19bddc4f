/** However many flood, one after the other or at once, they push out none of those who do little. */
import { assert, assertEquals } from "@std/assert";
import type { History } from "../../lib/history/history.ts";
import { log } from "../../lib/history/queries.ts";
import { momentAt } from "../../lib/history/reading.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { beginHistory, finish, guest, walked, Writer } from "./support.ts";

const DAY = 86_400_000_000;
const BYTES = 1_000_000;

function listed(history: History): HistoryRecord[] {
  return [...log(history, {})].filter((one): one is HistoryRecord => one !== null && "type" in one);
}

/** Who writes next, and what, of the floods; a value that compresses badly. */
type Next = (
  i: number,
) => { readonly domid: number; readonly path: string; readonly value: string };

function noise(i: number): string {
  let text = "";
  for (let x = i * 2_654_435_761 >>> 0, n = 0; n < 40; n++) {
    x = Math.imul(x ^ x >>> 15, 0x2c1b3c6d) + n >>> 0;
    text += x.toString(36);
  }
  return text;
}

/** Lets them flood and looks whether what others did before, in between and last is there. */
function flood(count: number, next: Next): void {
  const history = beginHistory(), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, {
    bytes: BYTES,
    age: 7 * DAY,
  });
  const quiet: HistoryRecord[] = [];
  let at = 0, most = 0;
  const add = (record: HistoryRecord): void => {
    history.add([record]);
    do upkeep.step(at); while (upkeep.isBehind && upkeep.step(at));
    most = Math.max(most, history.bytes);
  };
  for (let i = 0; i < count; i++) {
    if (i % (count >> 4) === 0) {
      const record = writer.commit(at += 20, guest(1), { [`/quiet/${i}`]: `${i}` });
      quiet.push(record);
      add(record);
    }
    const { domid, path, value } = next(i);
    add(writer.commit(at += 20, guest(domid), { [path]: value }));
  }
  while (upkeep.step(at));
  const records = listed(history);
  const left = records.filter((one) =>
    one.type === "commit" && one.author.kind === "domain" && one.author.domid === 1
  );
  assertEquals(left.map(({ number }) => number), quiet.map(({ number }) => number));
  assert(history.bytes <= BYTES, `${history.bytes} bytes`);
  assert(most <= 1.5 * BYTES, `${most} bytes meanwhile`);
  assertEquals(records.at(-1)!.number, writer.number, "the newest is there");
  assertEquals(walked(finish(momentAt(history, writer.number)).nodes), walked(writer.nodes));
  history.close();
}

Deno.test("two floods at the bound leave what a quiet author did", () => {
  flood(20_000, (i) => {
    const domid = 2 + i % 2;
    return { domid, path: `/local/domain/${domid}/data/${(i >> 1) % 300}`, value: noise(i) };
  });
});

Deno.test("thirty floods at the bound leave what a quiet author did", () => {
  flood(20_000, (i) => {
    const domid = 2 + i % 30;
    const key = Math.floor(i / 30) % 30;
    return { domid, path: `/local/domain/${domid}/data/${key}`, value: noise(i) };
  });
});

Deno.test("floods that take turns leave what a quiet author did", () => {
  flood(20_000, (i) => {
    const domid = 2 + Math.floor(i / 4_000) % 10;
    return { domid, path: `/local/domain/${domid}/data/${i % 60}`, value: noise(i) };
  });
});
