import { parseDomid } from "../parameters.ts";

/** What the commands that read sources tell of them. */
export const SOURCES = [
  "A source is `live` (the daemon), the name of a dump in any format, - (a dump on standard input), or",
  "the name of a store file, also of a daemon that runs or died. After `live` and a store file, @ names a point in its history:",
  "live@-5m, @14:03, '@yesterday 14:03', FILE@2026-01-31T12:00:00, FILE@turn:1234, live@start.",
].join("\n");

/** Where a store is read from. */
export const sourceParameter = {
  brief: "live, a dump, a store file, or one of these with @ and a point in its history",
  placeholder: "source",
  parse: String,
  proposeCompletions: (partial: string): string[] => "live".startsWith(partial) ? ["live"] : [],
} as const;

/** One domain's part of a source. */
export const domidFlag = {
  kind: "parsed",
  parse: parseDomid,
  optional: true,
  placeholder: "domid",
  brief: "Only what belongs to this domain: its nodes, watches and connection",
} as const;
