import { assertEquals } from "@std/assert";
import type { Recorder } from "../../lib/engine/recorder.ts";
import type { Node } from "../../lib/store/node.ts";
import { formatPerms } from "../../lib/store/perms.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { Client, newEngine, randomRequest, treeOf } from "./clients.ts";
import { type Random, withSeed } from "../support/random.ts";

/** A journal in memory: the tree as far as the recorder was told of it. */
class Recorded implements Recorder {
  readonly nodes = new Map<string, string>();

  node(path: string, node: Node | null): void {
    if (node !== null) {
      this.nodes.set(path, `${toText(node.value)} ${formatPerms(node.perms)}`);
      return;
    }
    for (const known of this.nodes.keys()) {
      if (known === path || known.startsWith(`${path}/`)) this.nodes.delete(known);
    }
  }

  domain(): void {}
  domainGone(): void {}
  watch(): void {}
  transaction(): void {}
  quotas(): void {}
  setting(): void {}
  held(): void {}

  tree(): string {
    return [...this.nodes].map(([path, text]) => `${path} ${text}`).sort().join("\n");
  }
}

function run(random: Random): void {
  const recorded = new Recorded();
  const engine = newEngine(recorded);
  const clients = [0, 1, 2].map((domid) => new Client(engine, domid));
  const open = new Map<Client, number>();
  for (let step = 0; step < 300; step++) {
    const client = random.pick(clients);
    const [type, payload] = randomRequest(random);
    client.ask(type, payload, open.get(client) ?? 0);
    if (!random.chance(0.2)) continue;
    const id = open.get(client);
    if (id === undefined) {
      const reply = client.ask(MessageType.TRANSACTION_START, "\0");
      open.set(client, parseInt(reply.split(" ")[1]!));
    } else {
      client.ask(MessageType.TRANSACTION_END, random.chance(0.8) ? "T\0" : "F\0", id);
      open.delete(client);
    }
  }
  assertEquals(recorded.tree(), treeOf(engine));
}

Deno.test("recorder: what the journal is told rebuilds the tree", () => {
  withSeed((random) => {
    for (let round = 0; round < 100; round++) run(random);
  });
});
