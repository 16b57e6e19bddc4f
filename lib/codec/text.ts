import { escapeValue } from "../wire/stock_escape.ts";
import { escapeText } from "../wire/escape.ts";
import type * as records from "../state/records.ts";
import { ROOT_PATH } from "../store/path.ts";
import { formatPerms, isStale, permDomid, type Perms } from "../store/perms.ts";

/**
 * A dump for people: a line a node, exactly as `xenstore-ls -f -p` prints it, and all else in lines
 * that begin with `#`. Without line breaks.
 */
export function* toTextLines(all: Iterable<records.StateRecord>): Generator<string> {
  // A file from elsewhere may have names that no store allows, with control characters.
  for (const line of linesOf(all)) yield escapeText(line);
}

function* linesOf(all: Iterable<records.StateRecord>): Generator<string> {
  const labels = new Map<number, string>();
  const domains = new Map<number, records.Domain>();
  const later: string[] = [];
  for (const record of all) {
    if (record.kind === "domain") domains.set(record.domid, record);
    else if (record.kind === "node") {
      if (record.path !== ROOT_PATH) yield nodeLine(record);
      else later.push(`# / = ${quote(record.value)} ${permsText(record.perms)}`);
      const stale = record.perms.filter(isStale);
      if (stale.length === 0) continue;
      const domids = stale.map(permDomid).join(", ");
      later.push(`# of ${record.path}, stale permissions of domains: ${domids}`);
    } else {
      if (record.kind === "connection") labels.set(record.id, connectionLabel(record));
      const line = otherLine(record, labels, domains);
      if (line !== null) later.push(line);
    }
  }
  yield* later;
  for (const domain of domains.values()) yield* domainLines(domain);
}

/** The same line as xenstore-ls on a wide terminal, with its three blanks before the permissions. */
function nodeLine({ path, perms, value }: records.Node): string {
  return `${path} = ${quote(value)}   ${permsText(perms)}`;
}

/** The name of a connection outside of its daemon, where its number alone means nothing. */
export function connectionLabel({ end, id }: records.Connection): string {
  if (end.kind === "ring") return `domain ${end.domid}`;
  return end.fd < 0 ? `socket ${id}` : `socket ${id} (descriptor ${end.fd})`;
}

/** The values of quotas: `nodes=1000 watches=128`. */
export function quotasText(values: ReadonlyMap<string, number>): string {
  return [...values].map(([name, value]) => `${name}=${value}`).join(" ");
}

function permsText(perms: Perms): string {
  return `(${formatPerms(perms)})`;
}

function quote(value: Uint8Array): string {
  return `"${escapeValue(String.fromCharCode(...value))}"`;
}

/** The line of a record other than a node or a domain; null for one that only programs need. */
function otherLine(
  record: Exclude<records.StateRecord, records.Node | records.Domain>,
  labels: ReadonlyMap<number, string>,
  domains: ReadonlyMap<number, records.Domain>,
): string | null {
  const of = "connection" in record ? labels.get(record.connection) ?? "?" : "";
  switch (record.kind) {
    case "special":
      return `# special ${record.path} ${permsText(record.perms)}`;
    case "transaction-node":
      return `# transaction ${record.transaction} of ${of}: ${pendingText(record)}`;
    case "quota":
      return `# quotas: ${quotasText(new Map([...record.domain, ...record.global]))}`;
    case "connection": {
      const domain = record.end.kind === "ring" ? domains.get(record.end.domid) : undefined;
      return `# connection ${record.id}: ${connectionText(record, domain?.target ?? null)}`;
    }
    case "watch": {
      const depth = Number.isFinite(record.depth) ? ` to depth ${record.depth}` : "";
      return `# watch of ${of}: ${record.path} "${escapeValue(record.token)}"${depth}`;
    }
    case "transaction":
      return `# transaction ${record.id} of ${of} is open`;
    case "setting":
      return `# setting ${record.name}: "${escapeValue(record.value)}"`;
    default:
      return null;
  }
}

function* domainLines(domain: records.Domain): Generator<string> {
  const { domid, features, introduced, quotas, shutdownSeen, target, uniqueId } = domain;
  if (quotas !== null) yield `# domain ${domid}: features ${features}, ${quotasText(quotas)}`;
  if (introduced === null) return;
  const words = [introduced ? "introduced" : "never introduced"];
  if (shutdownSeen) words.push("shut down");
  if (target !== null) words.push(`target ${target}`);
  yield `# domain ${domid}: ${words.join(", ")}, unique id ${uniqueId}`;
}

function connectionText(record: records.Connection, targetDomid: number | null): string {
  const { input, output } = record;
  const target = targetDomid === null ? "" : `, target ${targetDomid}`;
  const pending = input.length + output.length === 0
    ? ""
    : `, ${input.length} bytes of requests and ${output.length} bytes of replies in flight`;
  return `${connectionLabel(record)}${target}${pending}`;
}

function pendingText({ access, path, perms, value }: records.TransactionNode): string {
  if (perms.length === 0) return access === 0 ? `removed ${path}` : `found no ${path}`;
  return access === 1 ? `read ${path}` : `wrote ${path} = ${quote(value)} ${permsText(perms)}`;
}
