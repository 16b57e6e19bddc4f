import { ChunkWriter } from "./chunk_writer.ts";
import { StreamError } from "./errors.ts";
import * as types from "./record_types.ts";

/** Writes a file's preamble and records, and checks that their fields can hold the values. */
export class RecordWriter {
  readonly to: ChunkWriter;
  /** How many records were begun. */
  records = 0;
  readonly #countsPadding: boolean;

  /** @param countsPadding whether a record's length counts its padding, as Xen's daemon wants it */
  constructor(version: number, endian: "little" | "big", countsPadding = true) {
    this.#countsPadding = countsPadding;
    this.to = new ChunkWriter(endian);
    this.to.reserve(types.PREAMBLE_BYTES);
    this.to.text(types.IDENT);
    this.to.u32Big(version);
    this.to.u32Big(endian === "big" ? types.FLAG_BIG_ENDIAN : 0);
  }

  /** Writes the header of a record. */
  begin(type: number, length: number): void {
    const padded = types.aligned(length);
    if (padded > 0xffff_ffff) this.fail(types.typeName(type), `${length} bytes: 4 GiB at most`);
    this.to.reserve(types.RECORD_HEADER_BYTES + padded);
    this.to.u32(type);
    this.to.u32(this.#countsPadding ? padded : length);
    this.records++;
  }

  pad(): void {
    this.to.skip(types.aligned(this.to.length) - this.to.length);
  }

  /** The length of a text whose characters are bytes other than NUL. */
  text(what: string, field: string, text: string): number {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0 || code > 0xff) this.#wrongText(what, field, text, i);
    }
    return text.length;
  }

  #wrongText(what: string, field: string, text: string, at: number): never {
    const shown = JSON.stringify(text.slice(0, 80));
    this.fail(what, `character ${at + 1} of the ${field} ${shown} must be a byte other than NUL`);
  }

  u16(what: string, ...values: number[]): void {
    for (const value of values) {
      if (!isU16(value)) this.fail(what, `${value} is not from 0 to 65535`);
    }
  }

  /** Three numbers, not a list of them, for the sake of the many nodes. */
  u32(what: string, a: number, b = 0, c = 0): void {
    if (isU32(a) && isU32(b) && isU32(c)) return;
    this.fail(what, `${[a, b, c].find((n) => !isU32(n))} is not from 0 to 4294967295`);
  }

  u64(what: string, value: bigint): void {
    if (value >= 0n && value <= 0xffff_ffff_ffff_ffffn) return;
    this.fail(what, `${value} is not from 0 to 18446744073709551615`);
  }

  descriptors(what: string, ...fds: number[]): void {
    for (const fd of fds) {
      if (!(Number.isInteger(fd) && fd >= -1 && fd <= 0x7fffffff)) {
        this.fail(what, `invalid file descriptor ${fd} (a number from 0 up, or -1)`);
      }
    }
  }

  fail(what: string, problem: string): never {
    throw new StreamError(problem, this.to.length, this.records + 1, what);
  }
}

export function isU16(value: number): boolean {
  return value >= 0 && value <= 0xffff && Number.isInteger(value);
}

function isU32(value: number): boolean {
  return value >>> 0 === value;
}
