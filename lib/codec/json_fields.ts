import { DOMID_MAX } from "../store/perms.ts";
import { bytesOfJson } from "../wire/json.ts";
import { toText } from "../wire/text.ts";

/** Something in a dump in JSON is not as it must be; the message names the line. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

/** Highest number that a field of a stream holds. */
const UINT32_MAX = 0xffffffff;

/** The fields of one object of a dump in JSON, each checked when it is asked for. */
export class Fields {
  private constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    private readonly line: number,
  ) {}

  /** @throws {JsonError} when the line is no JSON object. */
  static parse(line: string, number: number): Fields {
    let values: unknown;
    try {
      values = JSON.parse(line);
    } catch {
      throw new JsonError(`line ${number}: it is no JSON`);
    }
    return Fields.#of(values, number, "it");
  }

  static #of(values: unknown, line: number, what: string): Fields {
    if (typeof values === "object" && values !== null && !Array.isArray(values)) {
      return new Fields(values as Record<string, unknown>, line);
    }
    throw new JsonError(`line ${line}: ${what} must be an object`);
  }

  error(problem: string): JsonError {
    return new JsonError(`line ${this.line}: ${problem}`);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.values, name);
  }

  #get(name: string): unknown {
    if (this.has(name)) return this.values[name];
    throw this.error(`'${name}' is missing`);
  }

  string(name: string): string {
    const value = this.#get(name);
    if (typeof value === "string") return value;
    throw this.error(`'${name}' must be a string`);
  }

  integer(name: string): number {
    const value = this.#get(name);
    if (Number.isInteger(value) && Math.abs(value as number) <= UINT32_MAX) return value as number;
    throw this.error(`'${name}' must be a whole number of 32 bits`);
  }

  /** A whole number from 0 up. */
  count(name: string): number {
    const value = this.integer(name);
    if (value >= 0) return value;
    throw this.error(`'${name}' is less than 0`);
  }

  domid(name: string): number {
    const value = this.count(name);
    if (value <= DOMID_MAX) return value;
    throw this.error(`'${name}' must be a domid (0 to ${DOMID_MAX})`);
  }

  domidOrNull(name: string): number | null {
    return this.#get(name) === null ? null : this.domid(name);
  }

  flag(name: string): boolean {
    const value = this.#get(name);
    if (typeof value === "boolean") return value;
    throw this.error(`'${name}' is neither true nor false`);
  }

  /** A number of 64 bits, as a string of digits. */
  big(name: string): bigint {
    const text = this.string(name);
    const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : -1n;
    if (value >= 0n && value < 1n << 64n) return value;
    throw this.error(`'${name}' must be a number of 64 bits`);
  }

  bytes(name: string): Uint8Array {
    const bytes = bytesOfJson(this.#get(name));
    if (bytes !== null) return bytes;
    throw this.error(`'${name}' is neither a string nor {"base64":"..."}`);
  }

  /** As {@link bytes}, one character a byte. */
  text(name: string): string {
    return toText(this.bytes(name));
  }

  list(name: string): readonly unknown[] {
    const value = this.#get(name);
    if (Array.isArray(value)) return value;
    throw this.error(`'${name}' must be a list`);
  }

  object(name: string): Fields {
    return Fields.#of(this.#get(name), this.line, `'${name}'`);
  }

  /** Names with numbers. */
  numbers(name: string): Map<string, number> {
    const fields = this.object(name);
    return new Map(Object.keys(fields.values).map((key) => [key, fields.count(key)]));
  }
}
