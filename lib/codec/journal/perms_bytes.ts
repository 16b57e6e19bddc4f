import type { Perms } from "../../store/perms.ts";
import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";

/** Permissions: their number (16 bits), then each entry (32 bits). */
export function putPerms(to: ByteWriter, perms: Perms): void {
  to.u16(perms.length);
  for (const entry of perms) to.u32(entry);
}

let last: Perms = [];

/** Neighbours mostly have the same, and then share them. */
export function readPerms(from: ByteReader): Perms {
  const count = from.u16();
  let other: number[] | null = count === last.length ? null : [];
  for (let i = 0; i < count; i++) {
    const entry = from.u32();
    if (other === null && entry !== last[i]) other = last.slice(0, i);
    other?.push(entry);
  }
  return other === null ? last : last = other;
}
