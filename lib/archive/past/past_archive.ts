/** A moment of a history as an archive: its nodes, and nothing else. */
import type { Point } from "../../history/points.ts";
import type { Archive } from "../archive.ts";
import type { HistorySource } from "./history_source.ts";
import { momentRecords } from "./moment_records.ts";
import { PastNodes, unknownLines } from "./past_nodes.ts";

/** All nodes and specials at a point. */
export async function readPastArchive(
  source: HistorySource,
  point: Point,
  name: string,
): Promise<Archive> {
  const past = await PastNodes.read(source, point, ["/", ...SPECIALS]);
  const { number, unknowns } = past;
  const hidden = past.hiddenPaths;
  const records = momentRecords(past.nodes);
  const notes = [
    `${name}: as after #${number} of the history, which has nodes and permissions only`,
  ];
  const hides = hidden.size === 1 ? "one value is hidden" : `${hidden.size} values are hidden`;
  if (hidden.size > 0) notes.push(`${name}: ${hides}`);
  for (const line of unknownLines(unknowns)) notes.push(`${name}: ${line}`);
  const lack = hidden.size > 0
    ? `${hides} in the history`
    : unknowns.length > 0
    ? "not all of that moment is known"
    : null;
  return { name, records, nodesOnly: true, notes, hidden, ...(lack === null ? {} : { lack }) };
}

/** Nodes outside of the tree. */
const SPECIALS = ["@introduceDomain", "@releaseDomain"];
