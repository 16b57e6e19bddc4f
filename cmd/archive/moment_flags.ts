import { kebab } from "../help/command_page.ts";
import { UsageError } from "../report.ts";
import type { ServeAtFlags } from "./serve_at.ts";

/** What goes with `--at`: options, or those of their values that are asked for or usual. */
const WITH_AT: Readonly<Record<string, readonly unknown[] | true>> = {
  at: true,
  socket: true,
  store: true,
  timeout: true,
  logLevel: true,
  logFile: true,
  logFormat: true,
  xen: ["auto", "no"],
  persist: ["crash", "none"],
  onDamage: ["refuse"],
};

/** What `xs serve` is given with `--at`, among all its options. */
type GivenFlags = Omit<ServeAtFlags, "socket"> & Partial<Pick<ServeAtFlags, "socket">>;

/** @throws {UsageError} for what `--at` needs or contradicts. */
export function momentFlags(flags: GivenFlags): ServeAtFlags {
  for (const [name, value] of Object.entries(flags)) {
    const may = WITH_AT[name] ?? [];
    if (value === undefined || may === true || may.includes(value)) continue;
    throw new UsageError("it contradicts --at (leave one of them out)", `--${kebab(name)}`);
  }
  const { socket } = flags;
  if (socket !== undefined) return { ...flags, socket };
  throw new UsageError(
    "it needs a --socket of its own (name a path that does not exist yet)",
    "--at",
  );
}
