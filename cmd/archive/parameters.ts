import { valueFlag } from "../flags.ts";
import { parseDomid } from "../parameters.ts";

/** What the commands that read sources tell of them. */
export const SOURCES: readonly string[] = [
  "SOURCE is `live` (the running daemon), a dump in any format, - (a dump on standard input), or a " +
  "store file, also one that a daemon uses. After `live` and a store file, @ names a point of its " +
  "history:",
  "  live@-5m  live@14:03  '@yesterday 14:03'  live@start  '#1234' (a commit)\n" +
  "  FILE@2026-01-31T12:00:00  FILE@turn:1234",
];

/** Where a store is read from. */
export const sourceParameter = {
  brief: "live, a dump, a store file, or one of these with @ and a point in its history",
  placeholder: "SOURCE",
  parse: String,
  proposeCompletions: (partial: string): string[] => "live".startsWith(partial) ? ["live"] : [],
} as const;

/** One domain's part of a source. */
export const domidFlag = valueFlag(
  "DOMID",
  "Only what belongs to domain DOMID: its nodes, watches and connection",
  parseDomid,
);
