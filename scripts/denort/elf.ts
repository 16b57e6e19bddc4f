/** The little of elf(5) that the stand-in needs: one more segment, and an entry point in it. */

const MAGIC = 0x7f454c46;
const PT_LOAD = 1;
const PT_NOTE = 4;
const READ_EXECUTE = 5;
const PAGE = 4096;
const HEADER_BYTES = 56;

/** Offsets in the file's header, Elf64_Ehdr. */
const FILE = { entry: 24, headers: 32, count: 56 } as const;
/** Offsets in a segment's header, Elf64_Phdr. */
const SEGMENT = { type: 0, flags: 4, offset: 8, address: 16, bytesInMemory: 40 } as const;

export class ElfImage {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the header is that the new segment takes: a note's, which nothing needs at run time. */
  readonly #spare: number;
  /** The first page beyond all segments. */
  readonly freeAddress: number;

  /** @throws {Error} when the bytes are no ELF executable with a note */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#view.getUint32(0) !== MAGIC) throw new Error("no ELF executable");
    let spare = 0;
    let top = 0;
    const headers = this.#u64(FILE.headers);
    const count = this.#view.getUint16(FILE.count, true);
    for (let at = headers; at < headers + count * HEADER_BYTES; at += HEADER_BYTES) {
      const type = this.#view.getUint32(at + SEGMENT.type, true);
      if (type === PT_NOTE) spare = at;
      if (type !== PT_LOAD) continue;
      top = Math.max(top, this.#u64(at + SEGMENT.address) + this.#u64(at + SEGMENT.bytesInMemory));
    }
    if (spare === 0) throw new Error("no PT_NOTE header whose place the segment could take");
    this.#spare = spare;
    this.freeAddress = nextPage(top);
  }

  /** The entry point's address. */
  get entry(): number {
    return this.#u64(FILE.entry);
  }

  /** The image with `code` at `freeAddress`, and started there. */
  withEntry(code: Uint8Array): Uint8Array<ArrayBuffer> {
    const offset = nextPage(this.#bytes.length);
    const result = new Uint8Array(offset + code.length);
    result.set(this.#bytes);
    result.set(code, offset);
    const view = new DataView(result.buffer);
    const put = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
    put(FILE.entry, this.freeAddress);
    view.setUint32(this.#spare + SEGMENT.type, PT_LOAD, true);
    view.setUint32(this.#spare + SEGMENT.flags, READ_EXECUTE, true);
    // Offset, virtual and physical address, bytes in the file and in memory, alignment.
    [offset, this.freeAddress, this.freeAddress, code.length, code.length, PAGE]
      .forEach((value, i) => put(this.#spare + SEGMENT.offset + 8 * i, value));
    return result;
  }

  #u64(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }
}

function nextPage(at: number): number {
  return Math.ceil(at / PAGE) * PAGE;
}
