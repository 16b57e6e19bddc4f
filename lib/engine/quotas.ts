/**
 * Quotas: what a domain may use. They bind unprivileged domains only; 0 switches one off; a
 * value equal to the quota is still allowed. Names and defaults are those of C xenstored.
 */
export const QUOTAS = [
  { name: "nodes", value: 1000, text: "Nodes per domain" },
  { name: "watches", value: 128, text: "Watches per domain" },
  { name: "outstanding", value: 20, text: "Outstanding requests per domain" },
  { name: "memory", value: 2621440, text: "Total Xenstore memory per domain" },
  { name: "soft-memory", value: 2097152, text: "Total Xenstore memory per domain" },
  { name: "transactions", value: 10, text: "Active transactions per domain" },
  {
    name: "transaction-nodes",
    value: 1024,
    text: "Max. number of accessed nodes per transaction",
  },
  { name: "node-permissions", value: 5, text: "Max. number of permissions per node" },
  { name: "path-max", value: 2048, text: "Max. length of a node path" },
  { name: "node-size", value: 2048, text: "Max. size of a node" },
] as const;

export type QuotaName = (typeof QUOTAS)[number]["name"];

/** Names under which the specification or older tools know a quota. */
const ALIASES: Record<string, QuotaName> = {
  "permissions": "node-permissions",
  "path-length": "path-max",
};

/** The quota a client means by `name`, or null. */
export function quotaName(name: string): QuotaName | null {
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name]!;
  return QUOTAS.find((quota) => quota.name === name)?.name ?? null;
}

/** A quota and the value it is to have; 0 switches it off. */
export interface QuotaSetting {
  readonly name: QuotaName;
  readonly value: number;
}

/** One set of limits: the global one, or that of a domain. */
export class Quotas {
  #values: Record<QuotaName, number>;

  constructor(from?: Quotas) {
    this.#values = from === undefined
      ? Object.fromEntries(QUOTAS.map(({ name, value }) => [name, value])) as Record<
        QuotaName,
        number
      >
      : { ...from.#values };
  }

  get(name: QuotaName): number {
    return this.#values[name];
  }

  set(name: QuotaName, value: number): void {
    this.#values[name] = value;
  }

  /** Whether `value` is more than the quota allows. */
  exceeded(name: QuotaName, value: number): boolean {
    const limit = this.#values[name];
    return limit !== 0 && value > limit;
  }
}
