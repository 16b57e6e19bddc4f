import { lsLine, type LsOptions } from "../client/tools/ls.ts";
import { escapeValue } from "../client/escape.ts";
import { escapeText } from "../wire/escape.ts";
import type * as records from "../codec/records.ts";
import { isSpecial, ROOT_PATH } from "../store/path.ts";
import { formatPerm, formatPerms, isStale, permDomid, type Perms } from "../store/perms.ts";

const OPTIONS: LsOptions = { flat: true, perms: true, columns: null };

/**
 * A dump for people: a line a node, exactly as `xenstore-ls -f -p` prints it, and all else in lines
 * that begin with `#`. Without line breaks.
 */
export function* toTextLines(all: Iterable<records.MigrationRecord>): Generator<string> {
  // Names in a file from elsewhere are not sure to be plain, as paths in a store are.
  for (const line of linesOf(all)) yield escapeText(line);
}

function* linesOf(all: Iterable<records.MigrationRecord>): Generator<string> {
  const labels = new Map<number, string>();
  const later: string[] = [];
  for (const record of all) {
    if (record.kind === "connection") labels.set(record.id, connectionLabel(record));
    if (record.kind === "node" && record.connection === 0 && !isSpecial(record.path)) {
      if (record.path !== ROOT_PATH) yield nodeLine(record);
      else later.push(`# / = ${quote(record.value)} ${permsText(record.perms)}`);
      const stale = record.perms.filter(isStale);
      if (stale.length > 0) {
        const domids = stale.map(permDomid).join(", ");
        later.push(`# of ${record.path}, stale permissions of domains: ${domids}`);
      }
      continue;
    }
    const line = otherLine(record, labels);
    if (line !== null) later.push(line);
  }
  yield* later;
}

function nodeLine({ path, perms, value }: records.NodeRecord): string {
  const node = { path, name: "", depth: 0, value, perms: perms.map(formatPerm) };
  return lsLine(node, OPTIONS);
}

/** How a connection is called where its number says nothing. */
export function connectionLabel({ end, id }: records.ConnectionRecord): string {
  if (end.kind === "ring") return `domain ${end.domid}`;
  return end.fd < 0 ? `socket ${id}` : `socket ${id} (descriptor ${end.fd})`;
}

/** Values of quotas, as `nodes=1000 watches=128`. */
export function quotasText(values: ReadonlyMap<string, number>): string {
  return [...values].map(([name, value]) => `${name}=${value}`).join(" ");
}

function permsText(perms: Perms): string {
  return `(${formatPerms(perms)})`;
}

function quote(value: Uint8Array): string {
  return `"${escapeValue(String.fromCharCode(...value))}"`;
}

/** The line of anything but a committed node; null for what only machines need. */
function otherLine(
  record: records.MigrationRecord,
  labels: ReadonlyMap<number, string>,
): string | null {
  const of = "connection" in record ? labels.get(record.connection) ?? "?" : "";
  switch (record.kind) {
    case "node":
      if (record.connection === 0) return `# special ${record.path} ${permsText(record.perms)}`;
      return `# transaction ${record.transaction} of ${of}: ${pendingText(record)}`;
    case "quota":
      return `# quotas: ${quotasText(new Map([...record.domain, ...record.global]))}`;
    case "connection":
      return `# connection ${record.id}: ${connectionText(record)}`;
    case "watch": {
      const depth = Number.isFinite(record.depth) ? ` to depth ${record.depth}` : "";
      return `# watch of ${of}: ${record.path} "${escapeValue(record.token)}"${depth}`;
    }
    case "transaction":
      return `# transaction ${record.id} of ${of} is open`;
    case "domain":
      return `# domain ${record.domid}: features ${record.features}, ${quotasText(record.quotas)}`;
    case "domain-detail": {
      const words = [record.introduced ? "introduced" : "never introduced"];
      if (record.shutdownSeen) words.push("shut down");
      if (record.target !== null) words.push(`target ${record.target}`);
      return `# domain ${record.domid}: ${words.join(", ")}, unique id ${record.uniqueId}`;
    }
    case "setting-detail":
      return `# setting ${record.name}: "${escapeValue(record.value)}"`;
    default:
      return null;
  }
}

function connectionText(record: records.ConnectionRecord): string {
  const { input, output } = record;
  const target = record.end.kind === "ring" && record.end.target !== null
    ? `, target ${record.end.target}`
    : "";
  const pending = input.length + output.length === 0
    ? ""
    : `, ${input.length} bytes of requests and ${output.length} bytes of replies in flight`;
  return `${connectionLabel(record)}${target}${pending}`;
}

function pendingText({ access, path, perms, value }: records.NodeRecord): string {
  if (perms.length === 0) return access === 0 ? `removed ${path}` : `found no ${path}`;
  return access === 1 ? `read ${path}` : `wrote ${path} = ${quote(value)} ${permsText(perms)}`;
}
