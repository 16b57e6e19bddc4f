import type { Author, Gap } from "./record.ts";

/** What a gap that has not ended will say. */
export interface OpenGap {
  readonly first: number;
  readonly firstAt: number;
  readonly missing: { author: Author; count: number }[];
}

/** The record of a gap that ends at a number and a time. */
export function endOf({ first, firstAt, missing }: OpenGap, number: number, at: number): Gap {
  return { type: "gap", number, at, first, firstAt, missing };
}
