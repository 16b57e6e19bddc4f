import { PAYLOAD_MAX } from "../wire/header.ts";
import { jsonLine } from "../wire/json.ts";

/** A part of a list: `next` is what to ask for the rest with, null where there is none. */
export interface Page<T> {
  readonly rows: readonly T[];
  readonly next: string | null;
}

/** A row and how it is asked for; one without a row only says how far the look has come. */
export type Row = readonly [place: string, row: unknown];

/** Bytes of a page without its rows. */
const FRAME = '{"rows":[],"next":"4294967295.9007199254740991"}\0'.length;

const encoder = new TextEncoder();

/** As many rows as one message has room for, up to the first place without a row. */
export function fillPage(rows: Iterable<Row>): string {
  const lines: string[] = [];
  let left = PAYLOAD_MAX - FRAME, next: string | null = null;
  for (const [place, row] of rows) {
    const line = row === undefined ? null : jsonLine(row);
    left -= line === null ? Infinity : encoder.encode(line).length + 1;
    if (left < 0) {
      next = place;
      break;
    }
    lines.push(line!);
  }
  return `{"rows":[${lines.join(",")}],"next":${JSON.stringify(next)}}`;
}
