/** Answers as bytes, for the way from a daemon to its tools: frames of a kind, a length and what they hold. */
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import { HISTORY_BATCH, HISTORY_FRAME_BYTES_MAX } from "../limits.ts";
import type { Answer, Blamed, NodeThen, RecordAnswer } from "./answers.ts";
import { NodesReader, NodesWriter, TextsOut } from "./node_bytes.ts";
import { encodeRecords } from "./record_bytes.ts";
import { decodeRecords } from "./record_reader.ts";
import { putVarint, readVarint } from "./varint.ts";
import { joinBytes } from "../wire/text.ts";

/** Kinds of frames. An empty one says that the daemon is still looking. */
const NOTHING = 0;
const JSON_TEXT = 1;
const RECORDS = 2;
const NODES = 3;
const BLAMES = 4;

const FRAME_HEADER_BYTES = 5;
const ROLES = ["asked", "later", "cause"] as const;
/** Added to a role: the newest record stands first. */
const BACKWARDS = 0x80;
const CAPACITY = 16_384;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Turns answers into bytes. */
export class AnswerEncoder {
  readonly #to = new ByteWriter(CAPACITY);
  readonly #part = new ByteWriter(CAPACITY);
  /** Consecutive answers of one kind, which are to be one frame. */
  #batch: (RecordAnswer | NodeThen | Blamed)[] = [];
  /** How many changes are in them. */
  #changes = 0;

  /** Bytes that {@link take} would return without what is still collected. */
  get length(): number {
    return this.#to.length;
  }

  /** Whether nothing was added since the last {@link take}. */
  get isEmpty(): boolean {
    return this.length === 0 && this.#batch.length === 0;
  }

  add(answer: Answer): void {
    const { type } = answer;
    if (type !== "record" && type !== "node" && type !== "blame") {
      this.#endBatch();
      return this.#frame(JSON_TEXT, encoder.encode(JSON.stringify(answer)));
    }
    if (!this.#continues(answer)) this.#endBatch();
    this.#batch.push(answer);
    const isCommit = answer.type === "record" && answer.record.type === "commit";
    if (isCommit) this.#changes += answer.record.changes.length;
  }

  /** Whether an answer can be in the same frame as those before it. */
  #continues(answer: RecordAnswer | NodeThen | Blamed): boolean {
    const [first] = this.#batch, last = this.#batch.at(-1);
    if (first === undefined || last === undefined) return true;
    if (last.type !== answer.type || this.#batch.length === HISTORY_BATCH) return false;
    if (first.type !== "record" || last.type !== "record" || answer.type !== "record") return true;
    const way = Math.sign(last.record.number - first.record.number);
    const step = Math.sign(answer.record.number - last.record.number);
    const isStraight = step === 0 || way === 0 || step === way;
    return last.role === answer.role && isStraight && this.#changes < HISTORY_BATCH;
  }

  /** There is nothing to tell yet. */
  wait(): void {
    this.#frame(NOTHING, new Uint8Array(0));
  }

  /** All that was added, as bytes of its own. */
  take(): Uint8Array<ArrayBuffer> {
    this.#endBatch();
    const bytes = this.#to.written.slice();
    this.#to.clear();
    return bytes;
  }

  #endBatch(): void {
    const batch = this.#batch, [first] = batch;
    if (first === undefined) return;
    this.#batch = [];
    this.#changes = 0;
    const part = this.#part;
    part.clear();
    if (first.type === "record") {
      const records = batch.map((one) => (one as RecordAnswer).record);
      const backwards = records[0]!.number > records.at(-1)!.number;
      part.u8(ROLES.indexOf(first.role) + (backwards ? BACKWARDS : 0));
      // Numbers are encoded by what they grow.
      part.raw(encodeRecords(backwards ? records.reverse() : records));
      return this.#frame(RECORDS, part.written);
    }
    const nodes = new NodesWriter(part, new TextsOut());
    putVarint(part, batch.length);
    if (first.type === "node") {
      for (const { node, path } of batch as NodeThen[]) {
        nodes.path(path);
        nodes.state(node);
      }
      return this.#frame(NODES, part.written);
    }
    const blames = (batch as Blamed[]).sort((a, b) => numberOf(a) - numberOf(b));
    for (const blamed of blames) putBlamed(part, nodes, blamed);
    part.raw(encodeRecords(blames.flatMap(({ commit }) => commit ?? [])));
    this.#frame(BLAMES, part.written);
  }

  #frame(kind: number, bytes: Uint8Array): void {
    this.#to.u8(kind);
    this.#to.u32(bytes.length);
    this.#to.raw(bytes);
  }
}

function numberOf({ commit }: Blamed): number {
  return commit?.number ?? 0;
}

const HAS_COMMIT = 1;
const HAS_BETWEEN = 2;

function putBlamed(to: ByteWriter, nodes: NodesWriter, blamed: Blamed): void {
  const { between, commit, node, path } = blamed;
  nodes.path(path);
  nodes.state(node);
  to.u8((commit === null ? 0 : HAS_COMMIT) | (between === null ? 0 : HAS_BETWEEN));
  if (between === null) return;
  putVarint(to, between.from);
  // There may be no end to it.
  putVarint(to, Number.isFinite(between.to) ? between.to - between.from + 1 : 0);
}

/** Turns bytes, however they are cut, into answers. */
export class AnswerDecoder {
  #bytes = new Uint8Array(0);

  /**
   * The answers that are complete with these bytes.
   *
   * @throws {DamagedError} when they are none.
   */
  *feed(bytes: Uint8Array): Generator<Answer, void, void> {
    const all = joinBytes([this.#bytes, bytes]);
    const view = new DataView(all.buffer);
    let at = 0;
    while (all.length - at >= FRAME_HEADER_BYTES) {
      const length = view.getUint32(at + 1, true), end = at + FRAME_HEADER_BYTES + length;
      if (length > HISTORY_FRAME_BYTES_MAX) throw new DamagedError("an answer is too long");
      if (end > all.length) break;
      yield* decodeFrame(all[at]!, all.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    this.#bytes = all.slice(at);
  }
}

function* decodeFrame(kind: number, bytes: Uint8Array): Generator<Answer, void, void> {
  switch (kind) {
    case NOTHING:
      return;
    case JSON_TEXT:
      return yield decodeJson(bytes);
    case RECORDS: {
      const flags = bytes[0] ?? 0, role = ROLES[flags & ~BACKWARDS];
      if (role === undefined) throw new DamagedError("a record has no role");
      const records = decodeRecords(bytes.subarray(1));
      if ((flags & BACKWARDS) !== 0) records.reverse();
      for (const record of records) yield { type: "record", role, record };
      return;
    }
    case NODES: {
      const from = new ByteReader(bytes), nodes = new NodesReader(from);
      for (let left = readVarint(from); left > 0; left--) {
        const path = nodes.path(), node = nodes.state();
        if (node === null) throw new DamagedError(`there is no node at ${path}`);
        yield { type: "node", path, node };
      }
      return;
    }
    case BLAMES:
      return yield* decodeBlames(bytes);
    default:
      throw new DamagedError(`there is no answer of kind ${kind}`);
  }
}

/** The daemon is trusted as far as it says what it is to say. */
function decodeJson(bytes: Uint8Array): Answer {
  const answer = JSON.parse(decoder.decode(bytes));
  // JSON knows no number without an end.
  if (answer.type === "unknown" && answer.to === null) answer.to = Infinity;
  return answer;
}

function* decodeBlames(bytes: Uint8Array): Generator<Answer, void, void> {
  const from = new ByteReader(bytes), nodes = new NodesReader(from);
  const blamed: { flags: number; fields: Omit<Blamed, "commit"> }[] = [];
  for (let left = readVarint(from); left > 0; left--) {
    const path = nodes.path(), node = nodes.state(), flags = from.u8();
    const between = (flags & HAS_BETWEEN) === 0 ? null : readBetween(from);
    blamed.push({ flags, fields: { type: "blame", path, node, between } });
  }
  const commits = decodeRecords(bytes.subarray(from.at));
  for (const { flags, fields } of blamed) {
    const commit = (flags & HAS_COMMIT) === 0 ? null : commits.shift();
    if (commit !== null && commit?.type !== "commit") throw new DamagedError("a commit is missing");
    yield { ...fields, commit };
  }
}

function readBetween(from: ByteReader): { from: number; to: number } {
  const first = readVarint(from), length = readVarint(from);
  return { from: first, to: length === 0 ? Infinity : first + length - 1 };
}
