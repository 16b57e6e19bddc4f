/** CONTROL status tells lists page by page: each page is one message, and none is left out or twice. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "../../lib/engine/pages.ts";
import type { ClientStatus, DomainStatus, RequestStatus } from "../../lib/engine/status_pages.ts";
import { PAYLOAD_MAX } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Rig } from "./guest_rig.ts";

/** The rows of a list, as CONTROL tells them. */
function rowsOf<T>(rig: Rig, what: string): T[] {
  const rows: T[] = [];
  const seen = new Set<string>();
  for (let next: string | null = "0"; next !== null;) {
    assert(!seen.has(next), `${what} ${next} twice`);
    seen.add(next);
    const reply = rig.ask(0, T.CONTROL, "status", what, next);
    assert(reply.length <= PAYLOAD_MAX, `${reply.length} bytes`);
    const page: Page<T> = JSON.parse(reply.slice(0, -1));
    assert(page.rows.length > 0 || page.next === null, "a page that tells nothing");
    rows.push(...page.rows);
    next = page.next;
  }
  return rows;
}

Deno.test("a thousand domains, some with hostile names, are told in the order of their domids", () => {
  const rig = new Rig();
  const count = 1_000;
  for (let domid = count; domid > 0; domid--) {
    rig.guest(domid, {});
    const name = domid % 3 === 0 ? "\x1b\u202e\0".repeat(500) : `guest ${domid}`;
    const bytes = [...new TextEncoder().encode(name)].map((b) => String.fromCharCode(b)).join("");
    rig.ask(0, T.WRITE, `/local/domain/${domid}/name`, bytes.slice(0, 1_000));
  }
  const rows = rowsOf<DomainStatus>(rig, "domains");
  assertEquals(rows.map(({ domid }) => domid), Array.from({ length: count + 1 }, (_, i) => i));
  assertEquals(rows[1]!.name, "guest 1");
  assertEquals(rows[1]!.quotas.nodes, { used: 1, peak: 1, limit: 1000, refused: 0 });
  assertEquals(rows[0]!.quotas.nodes.limit, null);
  assertEquals(rows[1]!.quotas["node-size"], { used: null, peak: null, limit: 2048, refused: 0 });
});

Deno.test("a thousand clients are told in the order in which they came, with what each has", () => {
  const rig = new Rig();
  const count = 1_000;
  for (let domid = 1; domid <= count; domid++) rig.guest(domid, {});
  rig.ask(0, T.WRITE, "/local/domain/9/name", "\x1b".repeat(500));
  rig.ask(9, T.WATCH, "/local/domain/9/data", "t");
  rig.ask(9, T.TRANSACTION_START, "");
  rig.ask(9, T.TRANSACTION_START, "");
  const rows = rowsOf<ClientStatus>(rig, "clients");
  assertEquals(rows.map(({ domid }) => domid), Array.from({ length: count + 1 }, (_, i) => i));
  const [dom0, first] = rows, ninth = rows[9]!;
  assertEquals([dom0!.kind, dom0!.label, dom0!.name, dom0!.quota], ["socket", "dom0", null, null]);
  assertEquals([first!.kind, first!.watches, first!.transactions], ["ring", 0, 0]);
  assertEquals([ninth.watches, ninth.transactions, ninth.queuedBytes], [1, 2, 0]);
  assertEquals(ninth.quota, { name: "transactions", percent: 20 });
  assertEquals(JSON.stringify(ninth.name).length <= 1_000, true);
});

Deno.test("all that a domain can make the daemon count fits pages", () => {
  const rig = new Rig();
  for (let domid = 1; domid <= 20; domid++) {
    rig.guest(domid, {});
    for (let type = 0; type < 40; type++) {
      if (type !== T.RELEASE) {
        rig.ask(domid, type, "x");
        rig.ask(domid, type, "data", "t");
        rig.ask(domid, type, "/not/allowed");
      }
    }
  }
  const rows = rowsOf<RequestStatus>(rig, "requests");
  const ofOne = rows.filter(({ domid }) => domid === 1);
  assert(ofOne.length > 20, `${ofOne.length}`);
  assertEquals(ofOne.length, new Set(ofOne.map(({ operation }) => operation)).size);
  for (let domid = 2; domid <= 20; domid++) {
    assertEquals(
      rows.filter((row) => row.domid === domid),
      ofOne.map((row) => ({ ...row, domid })),
    );
  }
  const other = ofOne.find(({ operation }) => operation === "OTHER")!;
  assertEquals(Object.keys(other.results), ["ENOSYS"]);
});

Deno.test("what is no list, or no place in one, is invalid", () => {
  const rig = new Rig();
  for (
    const words of [
      ["nothing"],
      ["domains", "x"],
      ["domains", "-1"],
      ["domains", "100000"],
      [
        "histograms",
        "1",
      ],
      ["domains", "0", "0"],
      ["clients", "1.1"],
      ["clients", "12345678901"],
    ]
  ) {
    assertEquals(rig.ask(0, T.CONTROL, "status", ...words), "EINVAL\0", words.join(" "));
  }
  const { turns } = JSON.parse(rig.ask(0, T.CONTROL, "status", "histograms").slice(0, -1));
  assertEquals(turns.counts.length, turns.boundsMs.length + 1);
});
