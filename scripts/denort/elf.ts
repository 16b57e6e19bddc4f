/**
 * The little of elf(5) that the stand-in needs: one more segment, an entry point in it, and where
 * the addresses of the C library's functions are.
 */

const MAGIC = 0x7f454c46;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_NOTE = 4;
const READ_EXECUTE = 5;
const PAGE = 4096;
const HEADER_BYTES = 56;

/** Offsets in the file's header, Elf64_Ehdr. */
const FILE = { entry: 24, headers: 32, count: 56 } as const;
/** Offsets in a segment's header, Elf64_Phdr. */
const SEGMENT = {
  type: 0,
  flags: 4,
  offset: 8,
  address: 16,
  bytesInFile: 32,
  bytesInMemory: 40,
} as const;
/** Tags of what PT_DYNAMIC lists, Elf64_Dyn. */
const TAG = { end: 0, strings: 5, symbols: 6, relocations: 7, relocationBytes: 8 } as const;
const TAG_BYTES = 16, RELOCATION_BYTES = 24, SYMBOL_BYTES = 24;
/** "This word is the address of a symbol", of the relocations of x86-64. */
const R_X86_64_GLOB_DAT = 6;

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
    const spare = [...this.#segments(PT_NOTE)].at(-1);
    if (spare === undefined) {
      throw new Error("no PT_NOTE header whose place the segment could take");
    }
    let top = 0;
    for (const at of this.#segments(PT_LOAD)) {
      top = Math.max(top, this.#u64(at + SEGMENT.address) + this.#u64(at + SEGMENT.bytesInMemory));
    }
    this.#spare = spare;
    this.freeAddress = nextPage(top);
  }

  /** The entry point's address. */
  get entry(): number {
    return this.#u64(FILE.entry);
  }

  /**
   * Where the address of a library's function is by the time the program starts.
   * @throws {Error} when the program does not call it
   */
  addressOf(name: string): number {
    const tags = this.#tags();
    const tag = (which: number): number => tags.get(which) ?? 0;
    const first = this.#offset(tag(TAG.relocations));
    for (let at = first; at < first + tag(TAG.relocationBytes); at += RELOCATION_BYTES) {
      if (this.#view.getUint32(at + 8, true) !== R_X86_64_GLOB_DAT) continue;
      const symbol = this.#view.getUint32(at + 12, true) * SYMBOL_BYTES + tag(TAG.symbols);
      const string = this.#view.getUint32(this.#offset(symbol), true) + tag(TAG.strings);
      if (this.#text(this.#offset(string)) === name) return this.#u64(at);
    }
    throw new Error(`no use of ${name}`);
  }

  #tags(): Map<number, number> {
    const tags = new Map<number, number>();
    for (const at of this.#segments(PT_DYNAMIC)) {
      const first = this.#u64(at + SEGMENT.offset);
      for (let at = first; this.#u64(at) !== TAG.end; at += TAG_BYTES) {
        tags.set(this.#u64(at), this.#u64(at + 8));
      }
    }
    return tags;
  }

  /** Where in the file is what will be at an address. */
  #offset(address: number): number {
    for (const at of this.#segments(PT_LOAD)) {
      const within = address - this.#u64(at + SEGMENT.address);
      if (within >= 0 && within < this.#u64(at + SEGMENT.bytesInFile)) {
        return this.#u64(at + SEGMENT.offset) + within;
      }
    }
    throw new Error(`nothing in the file is for address ${address}`);
  }

  #text(at: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(at, this.#bytes.indexOf(0, at)));
  }

  /** Where the headers of the segments of one type are. */
  *#segments(type: number): Generator<number> {
    const headers = this.#u64(FILE.headers);
    const count = this.#view.getUint16(FILE.count, true);
    for (let at = headers; at < headers + count * HEADER_BYTES; at += HEADER_BYTES) {
      if (this.#view.getUint32(at + SEGMENT.type, true) === type) yield at;
    }
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
