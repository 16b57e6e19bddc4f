/** Nodes of a keyframe as bytes: one row of its file. */
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import { NodesReader, NodesWriter, type PathsIn, type PathsOut, TEXTS_IN } from "./node_bytes.ts";
import type { PathTable } from "./path_table.ts";
import type { NodeState } from "./record.ts";
import type { Scope } from "./scope.ts";
import { putVarint, readVarint } from "./varint.ts";

/** A node and its path. */
export type Entry<P = string> = readonly [path: P, node: NodeState];

const FIRST_CAPACITY = 16_384;

/** Used again for each row: a keyframe of a large store has a thousand, one behind the other. */
const writer = new ByteWriter(FIRST_CAPACITY);

/** Encodes the nodes of a row. The result is valid until the next call. */
export function encodeNodes<P>(
  entries: readonly Entry<P>[],
  paths: PathsOut<P>,
): Uint8Array<ArrayBuffer> {
  writer.clear();
  const nodes = new NodesWriter(writer, paths);
  nodes.restart();
  putVarint(writer, entries.length);
  for (const [path, node] of entries) {
    nodes.path(path);
    nodes.state(node);
  }
  return writer.written;
}

/** Gives up the memory by which the encoder has grown. */
export function dropSpareNodes(): void {
  writer.clear();
  writer.dropSpare();
}

/**
 * The nodes of a row that are within `scope`.
 *
 * @throws {DamagedError} when the bytes are not those of {@link encodeNodes}.
 */
export function decodeNodes(bytes: Uint8Array, scope: Scope): Entry[] {
  return decode(bytes, TEXTS_IN, scope);
}

/** All nodes of a row, with paths as numbers in a table. It throws as {@link decodeNodes}. */
export function decodeNumberedNodes(bytes: Uint8Array, table: PathTable): Entry<number>[] {
  table.begin();
  return decode(bytes, table, null);
}

function decode<P>(
  bytes: Uint8Array,
  paths: PathsIn<P>,
  scope: Pick<Set<P>, "has"> | null,
): Entry<P>[] {
  const from = new ByteReader(bytes), nodes = new NodesReader(from);
  const entries: Entry<P>[] = [];
  for (let left = readVarint(from); left > 0; left--) {
    const path = paths.next(nodes);
    if (scope !== null && !scope.has(path)) {
      nodes.skipState();
      continue;
    }
    const node = nodes.state();
    if (node === null) throw new DamagedError(`a keyframe has no node at ${paths.text(path)}`);
    entries.push([path, node]);
  }
  return entries;
}
