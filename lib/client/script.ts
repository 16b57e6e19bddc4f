import { toBytes } from "../wire/text.ts";
import { type Expression, holds, parseExpression, pathsOf } from "./expression.ts";
import type { Operations } from "./operations.ts";
import { orNull } from "./error.ts";
import { splitPermissions } from "./perms.ts";
import { readAll } from "./wait.ts";
import { splitWords } from "./words.ts";

/** An operation of a transaction's script, and the line that it is in, from 1. */
export type Step = Operation & { readonly line: number };

/** What a line says. Paths and values have one character a byte. */
export type Operation =
  | { readonly kind: "read" | "mkdir" | "rm" | "list" | "exists"; readonly path: string }
  | { readonly kind: "write"; readonly path: string; readonly value: string }
  | { readonly kind: "chmod"; readonly path: string; readonly perms: readonly string[] }
  | { readonly kind: "check"; readonly text: string; readonly expression: Expression };

/** What a step found; steps that only change something find nothing. */
export type Finding =
  | { readonly kind: "read"; readonly path: string; readonly value: Uint8Array }
  | { readonly kind: "list"; readonly path: string; readonly names: readonly string[] }
  | { readonly kind: "exists"; readonly path: string; readonly exists: boolean };

/** A line of a script that cannot be read; the message has its number. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";

  constructor(readonly text: string, readonly line: number) {
    super(`line ${line}: ${text}`);
  }
}

/** A step that failed; the cause says why. */
export class StepError extends Error {
  override readonly name = "StepError";

  constructor(
    readonly line: number,
    /** The operation, as the script names it. */
    readonly kind: Step["kind"],
    override readonly cause: unknown,
  ) {
    super(`line ${line}: ${kind} failed`);
  }
}

/** A `check` that did not hold: the transaction was given up. */
export class CheckFailed extends Error {
  override readonly name = "CheckFailed";

  constructor(readonly text: string, readonly line: number) {
    super(`line ${line}: the condition does not hold: ${text}`);
  }
}

const synopses = {
  read: "read PATH",
  list: "list PATH",
  exists: "exists PATH",
  mkdir: "mkdir PATH",
  rm: "rm PATH",
  write: "write PATH VALUE",
  chmod: "chmod PATH PERM...",
  check: "check EXPR",
} as const;

/**
 * Reads a script: one operation a line, words quoted as {@link splitWords} says; empty lines and
 * lines that begin with `#` are passed over.
 *
 *     read PATH           its value is printed
 *     list PATH           its children's names are printed
 *     exists PATH         true or false is printed
 *     write PATH VALUE
 *     mkdir PATH
 *     rm PATH
 *     chmod PATH PERM...
 *     check EXPR          gives up unless it holds ({@link parseExpression})
 *
 * @throws {ScriptError} for a line that is none of these.
 */
export function parseScript(text: string): Step[] {
  const steps: Step[] = [];
  text.split("\n").forEach((line, i) => {
    if (/^[ \t\r]*(?:#|$)/.test(line)) return;
    try {
      steps.push({ ...parseStep(line), line: i + 1 });
    } catch (error) {
      throw new ScriptError(error instanceof Error ? error.message : String(error), i + 1);
    }
  });
  return steps;
}

function parseStep(line: string): Operation {
  const check = /^[ \t]*check[ \t]+(.*?)[ \t\r]*$/.exec(line);
  if (check !== null) {
    return { kind: "check", text: check[1]!, expression: parseExpression(check[1]!) };
  }
  const [verb, ...words] = splitWords(line);
  const kind = verb!.text;
  if (!Object.hasOwn(synopses, kind)) {
    const known = Object.keys(synopses).join(", ");
    throw new Error(`unknown operation '${kind}' (it is one of ${known})`);
  }
  const name = kind as keyof typeof synopses;
  const [path, ...rest] = words.map((word) => word.text);
  const wrong = new Error(`wrong arguments (it is written ${synopses[name]})`);
  if (path === undefined || name === "check") throw wrong;
  if (name === "chmod") {
    const perms = splitPermissions(rest);
    if (perms === null || perms.length === 0) throw wrong;
    return { kind: name, path, perms };
  }
  if (rest.length !== (name === "write" ? 1 : 0)) throw wrong;
  return name === "write" ? { kind: name, path, value: rest[0]! } : { kind: name, path };
}

/**
 * Takes the steps, in order, in the transaction that `nodes` belongs to.
 *
 * @throws {StepError} for the first that fails.
 * @throws {CheckFailed} for a check that does not hold.
 */
export async function runScript(nodes: Operations, steps: readonly Step[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const step of steps) {
    try {
      const finding = await runStep(nodes, step);
      if (finding !== null) findings.push(finding);
    } catch (error) {
      throw error instanceof CheckFailed ? error : new StepError(step.line, step.kind, error);
    }
  }
  return findings;
}

async function runStep(nodes: Operations, step: Step): Promise<Finding | null> {
  switch (step.kind) {
    case "read":
      return { kind: "read", path: step.path, value: await nodes.read(step.path) };
    case "list":
      return { kind: "list", path: step.path, names: await nodes.directory(step.path) };
    case "exists":
      return { kind: "exists", path: step.path, exists: await exists(nodes, step.path) };
    case "write":
      await nodes.write(step.path, toBytes(step.value));
      return null;
    case "mkdir":
      await nodes.mkdir(step.path);
      return null;
    case "rm":
      await nodes.rm(step.path);
      return null;
    case "chmod":
      await nodes.setPerms(step.path, step.perms);
      return null;
    case "check": {
      const values = await readAll(nodes, [...pathsOf(step.expression)]);
      if (!holds(step.expression, values)) throw new CheckFailed(step.text, step.line);
      return null;
    }
  }
}

async function exists(nodes: Operations, path: string): Promise<boolean> {
  return await orNull(nodes.read(path)) !== null;
}
