import { systemClock } from "../../lib/clock.ts";
import type { Surroundings } from "../../lib/client/socket_path.ts";
import type { Shell } from "../../cmd/shell.ts";

export interface FakeShell extends Shell {
  /** What was printed, one character a byte. */
  readonly printed: { out: string; err: string };
  /** The pages of the manual that were shown. */
  readonly pagesShown: readonly string[];
  /** What a pager was started with, and given. */
  readonly paged: { command: string; env: Readonly<Record<string, string>>; text: string }[];
  /** What Ctrl-C does. */
  interrupt(): void;
}

export interface FakeShellOptions {
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly exists?: (path: string) => boolean;
  /** Small files of the system. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly columns?: number;
  readonly terminals?: readonly ("stdout" | "stderr")[];
  /** The pages of the manual that are installed. */
  readonly pages?: readonly string[];
  readonly stdin?: Uint8Array;
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** After so many bytes the user ends a pager. */
  readonly pagerBytes?: number;
}

/** A process for a command to run in: its environment is only what the test says. */
export function fakeShell(args: readonly string[], options: FakeShellOptions = {}): FakeShell {
  const printed = { out: "", err: "" };
  const listeners = new Set<() => void>();
  const pagesShown: string[] = [];
  const paged: { command: string; env: Readonly<Record<string, string>>; text: string }[] = [];
  const around: Surroundings = {
    env: (name) => options.env?.[name],
    exists: options.exists ?? (() => false),
    hidden: () => false,
    owner: () => null,
    uid: () => 0,
    text: (path) => options.texts?.[path] ?? null,
  };
  return {
    program: options.program ?? "xs",
    args,
    stdout: { write: (text) => void (printed.out += text) },
    stderr: { write: (text) => void (printed.err += text) },
    stdin: () => Promise.resolve(options.stdin ?? new Uint8Array()),
    readFile: (path) => {
      const bytes = options.files?.[path];
      if (bytes !== undefined) return Promise.resolve(bytes);
      const text = `No such file or directory (os error 2): readfile '${path}'`;
      return Promise.reject(Object.assign(new Deno.errors.NotFound(text), { code: "ENOENT" }));
    },
    columns: () => options.columns ?? null,
    isTerminal: (output) => options.terminals?.includes(output) ?? false,
    showManual: (page) => {
      const isThere = options.pages?.includes(page) ?? false;
      if (isThere) pagesShown.push(page);
      return Promise.resolve(isThere);
    },
    pagesShown,
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    interrupt: () => {
      for (const listener of listeners) listener();
    },
    startPager: (command, env) => {
      const page = { command, env, text: "" };
      paged.push(page);
      return {
        write: (text) => {
          page.text += text;
          return Promise.resolve(page.text.length < (options.pagerBytes ?? Infinity));
        },
        end: () => Promise.resolve(),
      };
    },
    around,
    timeout: options.timeout ?? 60_000,
    clock: systemClock,
    printed,
    paged,
  };
}
