/** What a keyframe is written from: the store at one moment, although it is written later. */
import { assertEquals } from "@std/assert";
import { keyframeNodes } from "../../lib/history/keyframe_nodes.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

Deno.test("a keyframe has the store as it was when it was begun, special nodes, too", () => {
  const engine = newEngine(), { specials, tree } = engine.state, dom0 = new Client(engine, 0);
  const begin = (): Iterable<readonly [string, unknown]> =>
    keyframeNodes(tree.snapshot(), specials, new Redaction());
  const was = structuredClone([...begin()]), late = begin();
  for (const special of specials.keys()) dom0.ask(T.SET_PERMS, `${special}\0n0\0r1\0`);
  for (const path of ["/a", "/new"]) dom0.ask(T.WRITE, `${path}\0new`);
  dom0.ask(T.RM, "/b\0");
  assertEquals([...late], was);
});
