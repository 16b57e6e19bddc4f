/** Blocks: records of a history, some hundred in a row of its file. */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { DamagedError } from "../codec/journal/byte_reader.ts";
import { checksum } from "../journal/checksum.ts";
import { toBytes } from "../wire/text.ts";
import { CodedCommit } from "./coded_commit.ts";
import { dropSpareFilter, filterOf, filterText, NO_FILTER } from "./filter.ts";
import { PathTable } from "./path_table.ts";
import { type Packed, type Packer, PLAIN, plain } from "./packing.ts";
import type { HistoryRecord } from "./record.ts";
import { dropSpareRecords, encodeRecords, RecordsEncoder } from "./record_bytes.ts";
import {
  decodeNumbered,
  decodeRecords,
  type RecordsVisitor,
  visitRecords,
  type WantsPath,
} from "./record_reader.ts";
import { type HolderBytes, holderBytes, holderOf, pairsOf } from "./shares.ts";

/** What is known of a block without reading its records. */
export interface BlockHead {
  readonly block: number;
  readonly era: number;
  /** The lowest number in it, also of what is folded; those of its first and its last record. */
  readonly first: number;
  readonly begin: number;
  readonly last: number;
  /** The earliest time, also of what is folded, and the latest, in microseconds since 1970. */
  readonly fromAt: number;
  readonly toAt: number;
  readonly count: number;
  readonly packing: number;
  /** Bytes of the records as they lie. */
  readonly bytes: number;
  readonly filter: string;
  readonly shares: HolderBytes;
}

/** A block whose records are not what was written. */
export class DamagedBlock extends DamagedError {
  constructor(readonly head: BlockHead, reason: string) {
    super(`records #${head.first} to #${head.last} are damaged: ${reason}`);
  }
}

const HEAD_COLUMNS =
  "block, era, first, begin, last, from_at, to_at, count, packing, filter, shares, " +
  "length(records) AS bytes";

/** A block that is not in the file yet. */
export interface NewBlock {
  readonly head: BlockHead;
  readonly packed: Packed;
}

/** The rows of blocks. */
export class Blocks {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #read: StatementSync;
  readonly #remove: StatementSync;
  packer: Packer;
  /** Bytes of records so far. */
  written = 0;
  #heads: BlockHead[];
  /** Only upkeep needs them. */
  #table: PathTable | null = null;
  #encoder: RecordsEncoder<number> | null = null;

  constructor(database: DatabaseSync, packer: Packer) {
    this.#database = database;
    this.packer = packer;
    const values = Array.from({ length: 14 }, () => "?").join(", ");
    this.#put = database.prepare(`INSERT OR REPLACE INTO blocks VALUES (${values})`);
    this.#read = database.prepare("SELECT size, sum, records FROM blocks WHERE block = ?");
    this.#remove = database.prepare("DELETE FROM blocks WHERE block = ?");
    this.#heads = headsIn(database);
  }

  /** The paths of the records that upkeep has under work. */
  get table(): PathTable {
    return this.#table ??= new PathTable();
  }

  /** No work of upkeep has numbers of paths any more. */
  forgetPaths(): void {
    this.#table?.clear();
  }

  /** All, the oldest first. */
  get heads(): readonly BlockHead[] {
    return this.#heads;
  }

  /** The first block behind a number of a block, or the last before it; null for none. */
  neighbour(block: number, backwards: boolean): BlockHead | null {
    const at = this.#position(block);
    const isThere = this.#heads[at]?.block === block;
    return this.#heads[backwards ? at - 1 : isThere ? at + 1 : at] ?? null;
  }

  /** Where a block of that number is, or would be. */
  #position(block: number): number {
    let low = 0, high = this.#heads.length;
    while (low < high) {
      const middle = low + high >>> 1;
      if (this.#heads[middle]!.block < block) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The number of the next block. */
  get next(): number {
    return (this.#heads.at(-1)?.block ?? 0) + 1;
  }

  /**
   * The records of a block.
   *
   * @throws {DamagedBlock} when they are not what was written.
   */
  read(head: BlockHead, wants: WantsPath | null = null): HistoryRecord[] {
    return this.hold(head)(wants);
  }

  /** Reads the bytes of a block. The returned function decodes them, also when the block is gone by then; it throws as {@link read}. */
  hold(head: BlockHead): (wants: WantsPath | null) => HistoryRecord[] {
    const row = this.#read.get(head.block);
    return (wants) => this.#decode(head, row, (bytes) => decodeRecords(bytes, wants));
  }

  /**
   * The records of a block, with paths as numbers in {@link table}.
   *
   * @throws {DamagedBlock} as {@link read}.
   */
  readNumbered(head: BlockHead): HistoryRecord<number>[] {
    const { table } = this, row = this.#read.get(head.block);
    return this.#decode(head, row, (bytes) => decodeNumbered(bytes, table));
  }

  /**
   * Visits the authors and paths of a block's records.
   *
   * @throws {DamagedBlock} as {@link read}.
   */
  visit(head: BlockHead, visitor: RecordsVisitor): void {
    this.#decode(head, this.#read.get(head.block), (bytes) => visitRecords(bytes, visitor));
  }

  #decode<T>(
    head: BlockHead,
    row: Record<string, SQLOutputValue> | undefined,
    decode: (bytes: Uint8Array) => T,
  ): T {
    try {
      const bytes = row?.["records"];
      if (!(bytes instanceof Uint8Array)) throw new DamagedError("they are missing");
      if (checksum(bytes, head.last) !== row!["sum"]) {
        throw new DamagedError("they are not what was written");
      }
      const packed: Packed = { packing: head.packing, size: Number(row!["size"]), bytes };
      return decode(this.packer.unpack(packed));
    } catch (error) {
      if (error instanceof DamagedError) throw new DamagedBlock(head, error.message);
      throw error;
    }
  }

  /** Writes a block; it replaces one of the same number. A final block needs no {@link pack}. */
  put(block: number, era: number, records: readonly HistoryRecord[], isFinal: boolean): void {
    const sizes: number[] = [];
    const bytes = encodeRecords(records, sizes);
    const packed = isFinal ? this.packer.pack(bytes) : plain(bytes);
    // The growing block is written again and again, and queries do not use its filter.
    const filter = isFinal ? filterOf(bytes) : NO_FILTER;
    this.#write(headFor(block, era, records, sizes, packed, filter), packed);
  }

  /** Makes a block for {@link write}, of records with paths as numbers. */
  make(block: number, era: number, records: readonly HistoryRecord<number>[]): NewBlock {
    const sizes: number[] = [], encoder = this.#encoder ??= new RecordsEncoder(this.table);
    const bytes = encoder.all(records, sizes), packed = this.packer.pack(bytes);
    const head = headFor(block, era, records, sizes, packed, filterOf(bytes));
    // Uncompressed bytes are the encoder's, which it reuses: copy them.
    return { head, packed: packed.bytes === bytes ? plain(bytes.slice()) : packed };
  }

  write({ head, packed }: NewBlock): void {
    this.#write(head, packed);
  }

  /** Compresses a block and adds its filter; false when there is nothing to do. */
  pack(head: BlockHead): boolean {
    if (head.packing !== PLAIN) return false;
    const row = this.#read.get(head.block), records = row?.["records"];
    if (!(records instanceof Uint8Array)) return false;
    // Of a damaged block the sum must stay wrong.
    if (checksum(records, head.last) !== row!["sum"]) return false;
    const packed = this.packer.pack(records);
    const hasFilter = head.filter.length > 0;
    if (packed.packing === PLAIN && hasFilter) return false;
    const filter = hasFilter ? head.filter : filterOf(records);
    const shrink = packed.bytes.length / records.length;
    const { packing } = packed, { holders } = head.shares;
    const shares = { holders, bytes: head.shares.bytes.map((its) => Math.ceil(its * shrink)) };
    this.#write({ ...head, packing, filter, shares, bytes: packed.bytes.length }, packed);
    return true;
  }

  #write(head: BlockHead, { bytes, packing, size }: Packed): void {
    this.written += bytes.length;
    this.#put.run(
      head.block,
      head.era,
      head.first,
      head.begin,
      head.last,
      head.fromAt,
      head.toAt,
      head.count,
      packing,
      size,
      toBytes(head.filter),
      JSON.stringify(pairsOf(head.shares)),
      checksum(bytes, head.last),
      bytes,
    );
    const at = this.#position(head.block);
    this.#heads.splice(at, this.#heads[at]?.block === head.block ? 1 : 0, head);
  }

  /** Takes the bytes of a damaged block away, which stays one. */
  blank(head: BlockHead): void {
    const bytes = new Uint8Array(0), sum = checksum(bytes, head.last) ^ 1;
    this.#database.prepare("UPDATE blocks SET sum = ?, records = ? WHERE block = ?")
      .run(sum, bytes, head.block);
    this.reload();
  }

  remove(head: BlockHead): void {
    this.#remove.run(head.block);
    const at = this.#position(head.block);
    if (this.#heads[at]?.block === head.block) this.#heads.splice(at, 1);
  }

  /** Gives up memory that is only kept for reuse. */
  dropSpare(): void {
    this.#encoder?.dropSpare();
    dropSpareRecords();
    dropSpareFilter();
  }

  /** Reads the heads again, after a transaction was rolled back. */
  reload(): void {
    this.#heads = headsIn(this.#database);
  }
}

function headsIn(database: DatabaseSync): BlockHead[] {
  const holders = new Map<string, string>();
  return database.prepare(`SELECT ${HEAD_COLUMNS} FROM blocks ORDER BY block`)
    .all().map((row) => headOf(row, holders));
}

function headFor<P>(
  block: number,
  era: number,
  records: readonly HistoryRecord<P>[],
  sizes: readonly number[],
  { bytes, packing, size }: Packed,
  filter: string,
): BlockHead {
  let first = Infinity, fromAt = Infinity, toAt = -Infinity;
  const shares = new Map<string, number>();
  for (const [i, record] of records.entries()) {
    for (const since of sinceWhen(record)) {
      first = Math.min(first, since.first);
      fromAt = Math.min(fromAt, since.firstAt);
    }
    toAt = Math.max(toAt, record.at);
    const holder = record.type === "gap" ? "pruned" : holderOf(record.author);
    const share = Math.ceil(sizes[i]! * bytes.length / Math.max(size, 1));
    shares.set(holder, (shares.get(holder) ?? 0) + share);
  }
  const { number: begin } = records[0]!, { number: last } = records.at(-1)!;
  const count = records.length;
  const common = { block, era, first, begin, last, fromAt, toAt, count, packing, filter };
  return { ...common, bytes: bytes.length, shares: holderBytes(shares) };
}

/** What a record is of: itself, and what is counted in it. */
function sinceWhen<P>(
  record: HistoryRecord<P>,
): { readonly first: number; readonly firstAt: number }[] {
  const own = { first: record.number, firstAt: record.at };
  if (record instanceof CodedCommit) return [own];
  return record.type === "commit" ? [own, ...record.changes] : [own, record];
}

function headOf(row: Record<string, SQLOutputValue>, holders: Map<string, string>): BlockHead {
  const number = (name: string): number => Number(row[name]);
  return {
    block: number("block"),
    era: number("era"),
    first: number("first"),
    begin: number("begin"),
    last: number("last"),
    fromAt: number("from_at"),
    toAt: number("to_at"),
    count: number("count"),
    packing: number("packing"),
    bytes: number("bytes"),
    filter: filterText(row["filter"] as Uint8Array),
    shares: holderBytes(JSON.parse(String(row["shares"])), holders),
  };
}
