import { MessageFilter } from "../../lib/server/stream/message_filter.ts";
import { UsageError } from "../report.ts";
import { type FilterFlags, filterWords } from "./parameters.ts";

/** What the flags ask for, as the daemon understands it. @throws {UsageError} */
export function parseFilter(flags: FilterFlags, domid: number | null): MessageFilter {
  const filter = new MessageFilter();
  const problem = filter.parse(filterWords(flags, domid));
  if (problem !== null) throw new UsageError(problem);
  return filter;
}
