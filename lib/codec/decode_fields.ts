import { asStale, permEntry } from "../store/perms.ts";
import type { FieldReader } from "./field_reader.ts";
import * as types from "./record_types.ts";

/** The masks of the letters n, r, w, b by their code. */
const MASKS: ReadonlyMap<number, number> = new Map(
  [...types.PERM_LETTERS].map((letter, mask) => [letter.charCodeAt(0), mask]),
);

/** A list of permissions: letter, flags, domid each. */
export function readPerms(fields: FieldReader, count: number): number[] {
  if (count * 4 > fields.left) {
    fields.fail(`${count} permissions need ${4 * count} bytes, the record has ${fields.left} left`);
  }
  const perms: number[] = [];
  for (let i = 0; i < count; i++) {
    const letter = fields.u8(), flags = fields.u8(), domid = fields.u16();
    const mask = MASKS.get(letter);
    if (mask === undefined) {
      const shown = letter > 32 && letter < 127 ? `"${String.fromCharCode(letter)}"` : letter;
      fields.fail(`permission ${i + 1} has the letter ${shown}: n, r, w or b`);
    }
    const entry = permEntry(domid, mask);
    perms.push((flags & types.PERM_STALE) === 0 ? entry : asStale(entry));
  }
  return perms;
}

/** Values, then names in the same order, for two lists. */
export function readQuotas(
  fields: FieldReader,
  first: number,
  second: number,
): [Map<string, number>, Map<string, number>] {
  const count = first + second;
  if (count * 4 > fields.left) {
    fields.fail(`${count} quotas need ${4 * count} bytes, the record has ${fields.left} left`);
  }
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(fields.u32());
  const maps: [Map<string, number>, Map<string, number>] = [new Map(), new Map()];
  for (let i = 0; i < count; i++) {
    const map = i < first ? maps[0] : maps[1];
    const name = fields.textToNul(`the name of quota ${i + 1}`);
    if (map.has(name)) fields.fail(`the quota ${JSON.stringify(name)} is there twice`);
    map.set(name, values[i]!);
  }
  return maps;
}
