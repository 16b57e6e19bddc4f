/** What an image is made of, piece by piece: each is small, whatever guests have. */
import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { ByteWriter } from "../../lib/codec/journal/byte_writer.ts";
import { Image } from "../../lib/journal/image.ts";
import { NodeWriter } from "../../lib/codec/journal/node_writer.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";

/** Bytes of a piece, and of the longest thing that can come behind its end. */
const PIECE_BYTES_MAX = 32_768 + 8_192;

interface World {
  readonly engine: Engine;
  ask(type: number, payload: string): void;
}

function makeWorld(): World {
  const engine = new Engine({
    domains: { info: () => null, open: () => 8, reset: () => {}, close: () => {} },
  });
  const outbox = { reply: (): void => {}, event: (): void => {} };
  const spec = { kind: "socket", domid: 0, label: "socket", outbox, key: 70_000 } as const;
  const connection = engine.connect(spec);
  const ask = (type: number, payload: string): void => {
    const bytes = toBytes(payload);
    engine.handle(connection, { type, reqId: 0, txId: 0, len: bytes.length }, bytes, 0);
  };
  return { engine, ask };
}

/** The pieces of an image, each as bytes. */
function piecesOf(image: Image): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (const to = new ByteWriter(65_536); image.next(to); to.clear()) {
    pieces.push(to.written.slice());
  }
  return pieces;
}

Deno.test("image: to begin one looks into no watch, and writes them in small pieces", () => {
  const { ask, engine: { state } } = makeWorld();
  const path = `/${"w/".repeat(1_000)}w`;
  for (let i = 0; i < 500; i++) ask(T.WATCH, `${path}\0${i}\0`);
  const [connection] = state.connections;
  assertEquals(connection!.watches.size, 500);
  let looks = 0;
  for (const watch of connection!.watches.values()) {
    Object.defineProperty(watch, "path", { get: () => (looks++, path) });
  }
  const image = new Image(state, []);
  assertEquals(looks, 0);
  const pieces = piecesOf(image);
  assert(looks >= 500);
  const largest = Math.max(...pieces.map(({ length }) => length));
  assert(largest <= PIECE_BYTES_MAX, `a piece of ${largest} bytes`);
});

Deno.test("image: nodes are written as a writer of whole paths writes them", () => {
  const { ask, engine: { state } } = makeWorld();
  for (let i = 0; i < 300; i++) ask(T.WRITE, `/vm/${i % 7}/device-${i}/state\0${i}`);
  ask(T.MKDIR, `/vm${"/a".repeat(900)}\0`);
  const nodes = [...subtree(state.tree.root)];
  const pieces = piecesOf(new Image(state, []));
  const to = new ByteWriter(65_536);
  let at = 0;
  assert(pieces.length > 2);
  // All else is in the first.
  for (const piece of pieces.slice(1)) {
    to.clear();
    const writer = new NodeWriter(to);
    while (at < nodes.length && to.length < piece.length) writer.whole(...nodes[at++]!);
    assertEquals(piece, to.written.slice());
  }
  assertEquals(at, nodes.length);
});
