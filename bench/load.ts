/** Builds and runs load.c. */
import { buildProgram } from "./build_program.ts";
import { LOAD_CPU } from "./process.ts";

/** What load.c can do; each is one request, but mkdir+rm two and transaction three. */
export const OPERATIONS = ["read", "write", "directory", "mkdir+rm", "transaction"] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface LoadSpec {
  readonly socket: string;
  readonly operation: Operation;
  readonly connections: number;
  /** How many in all. */
  readonly operations: number;
}

export interface Figures {
  /** Operations in a second. */
  readonly rate: number;
  /** Time of an operation that half of them, and 99 of 100, did not exceed, in µs. */
  readonly p50: number;
  readonly p99: number;
}

/** The path of the compiled load. */
export function buildLoad(): Promise<string> {
  return buildProgram("load.c");
}

/** @throws {Error} when the load could not be run, or met a reply that it did not expect */
export async function runLoad(load: string, spec: LoadSpec): Promise<Figures> {
  const { socket, operation, connections, operations } = spec;
  const args = [socket, operation, `${connections}`, `${operations}`];
  const line = await output("taskset", ["-c", LOAD_CPU, load, ...args]);
  const [rate, p50, p99] = line.split(" ").map(Number);
  if (rate === undefined || p50 === undefined || p99 === undefined) {
    throw new Error(`${load} ${args.join(" ")}: printed '${line}', not four numbers`);
  }
  return { rate, p50, p99 };
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${command} ${args.join(" ")}:\n${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trim();
}
