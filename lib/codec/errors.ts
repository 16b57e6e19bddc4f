/**
 * What is wrong with a stream, and where. Decoding, encoding and checking throw no other class,
 * whatever the bytes or records.
 */
export class StreamError extends Error {
  override readonly name = "StreamError";

  /**
   * @param problem what is wrong and what would be right, without the place
   * @param offset the byte of the file at which the record (or what is wrong in it) begins
   * @param record the number of the record, from 1; 0 for what is before or behind the records
   * @param what how the record is called, such as NODE_DATA
   */
  constructor(
    readonly problem: string,
    readonly offset: number,
    readonly record = 0,
    readonly what = "",
    /** What is counted: the records of a text are its lines. */
    readonly unit: "record" | "line" = "record",
  ) {
    super(`${place(offset, record, what, unit)}: ${problem}`);
  }
}

function place(offset: number, record: number, what: string, unit: string): string {
  if (record === 0) return `at offset ${offset}`;
  return `${unit} ${record}${what === "" ? "" : ` (${what})`} at offset ${offset}`;
}
