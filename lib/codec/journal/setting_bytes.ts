import { type ByteReader, DamagedError } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import type { Setting } from "../../state/records.ts";

/** Quotas as bytes: their names are kept, since another version may have others. */
export function putQuotaValues(to: ByteWriter, quotas: ReadonlyMap<string, number>): void {
  to.u8(quotas.size);
  for (const [name, value] of quotas) {
    to.text(name);
    to.u32(value);
  }
}

/** The last quotas read, and the bytes that they were read from. */
let last: { readonly bytes: Uint8Array; readonly values: ReadonlyMap<string, number> } | null =
  null;

/** Most domains have the same, and then share them. */
export function readQuotaValues(from: ByteReader): ReadonlyMap<string, number> {
  if (last !== null && from.skipSame(last.bytes)) return last.values;
  const start = from.at;
  const values = new Map<string, number>();
  for (let n = from.u8(); n > 0; n--) {
    const name = from.text();
    values.set(name, from.u32());
  }
  last = { bytes: from.all.slice(start, from.at), values };
  return values;
}

/** What there is of a setting. */
const NOTHING = 0;
const VALUE_ONLY = 1;
const VALUE_AND_CONFIGURED = 2;

/** Null for one that counts no more. */
export function putSettingValue(to: ByteWriter, setting: Setting | null): void {
  to.u8(
    setting === null ? NOTHING : setting.configured === null ? VALUE_ONLY : VALUE_AND_CONFIGURED,
  );
  if (setting === null) return;
  to.text(setting.value);
  if (setting.configured !== null) to.text(setting.configured);
}

/** @throws {DamagedError} when it is none. */
export function readSetting(from: ByteReader, name: string): Setting | null {
  const parts = from.u8();
  if (parts > VALUE_AND_CONFIGURED) throw new DamagedError(`no setting has ${parts} parts`);
  if (parts === NOTHING) return null;
  const value = from.text();
  return {
    kind: "setting",
    name,
    value,
    configured: parts === VALUE_AND_CONFIGURED ? from.text() : null,
  };
}
