import { clientText } from "../../lib/client/trace/entry_text.ts";
import type { ClientStatus } from "../../lib/engine/status_pages.ts";
import { type BytesJson, bytesOfJson } from "../../lib/wire/json.ts";
import { toText } from "../../lib/wire/text.ts";
import { keyOf, rowOf } from "./stream_totals.ts";
import type { Totals } from "./totals.ts";

/** Adds the watches, transactions and queued bytes of each client to its row; idle clients get a row, too. */
export function addClients(rows: Map<string, Totals>, clients: readonly ClientStatus[]): void {
  for (const client of clients) {
    const { connection: id, domid, kind, pid, queuedBytes, quota, transactions, watches } = client;
    const label = textOf(client.label) ?? "", name = textOf(client.name);
    const traced = { id, domid, kind, label, name, pid, command: textOf(client.command) };
    const row = rowOf(rows, keyOf(traced), () => clientText(traced));
    row.watches = (row.watches ?? 0) + watches;
    row.open = (row.open ?? 0) + transactions;
    row.queued = (row.queued ?? 0) + queuedBytes;
    row.quota ??= quota;
  }
}

function textOf(text: BytesJson | null): string | null {
  const bytes = text === null ? null : bytesOfJson(text);
  return bytes === null ? null : toText(bytes);
}
