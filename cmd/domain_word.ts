/** A domain as a user names it: by its number or by its name. */
import { fromByteText } from "../lib/client/operations.ts";
import { type BytesJson, jsonText } from "../lib/wire/json.ts";
import { CommandError, UsageError } from "./report.ts";

/** What is known of a domain. */
interface Named {
  readonly domid: number;
  readonly name: BytesJson | null;
}

/**
 * The domain among `domains` that a word means.
 *
 * @throws {UsageError} for a number that is no domid; {CommandError} when there is none, or several have that name.
 */
export function findDomain<T extends Named>(domains: readonly T[], word: string): T {
  const isNumber = /^\d+$/.test(word);
  if (isNumber && Number(word) > 65_535) {
    throw new UsageError("invalid domid (a number up to 65535)", word);
  }
  const name = fromByteText(word);
  const found = domains.filter((domain) =>
    isNumber ? domain.domid === Number(word) : domain.name === name
  );
  const [domain, ...others] = found;
  if (domain === undefined) {
    const hint = isNumber ? "" : "; `xs status` lists the names";
    throw new CommandError(`no such domain (ENOENT${hint})`, word);
  }
  if (others.length === 0) return domain;
  const domids = found.map(({ domid }) => domid).join(", ");
  throw new CommandError(`several domains have this name (use the domid: ${domids})`, word);
}

/** A domain for people: with its name, which is escaped, since a guest chose it. */
export function domainTitle(domid: number, name: BytesJson | null): string {
  return `domain ${domid}${name === null ? "" : ` (${jsonText(name)})`}`;
}
