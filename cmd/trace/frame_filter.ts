import {
  type TracedCall,
  type TracedClient,
  TraceDecoder,
  type TracedEvent,
} from "../../lib/client/trace/entries.ts";
import { ClientTable } from "../../lib/client/trace/client_table.ts";
import type { MessageFilter } from "../../lib/server/stream/message_filter.ts";
import { homePath } from "../../lib/wire/home_path.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { splitStrings } from "../../lib/wire/payload.ts";
import { type Frame, FrameKind } from "../../lib/wire/stream_frame.ts";
import { CommandError } from "../report.ts";
import { parseFilter } from "./filter.ts";
import { domidIn, type FilterFlags } from "./parameters.ts";

/** The daemon's filter, for the frames of a recording. */
export class FrameFilter {
  readonly #filter: MessageFilter;
  /** A domain's name, where the flags have that and not its number. */
  readonly #name: string | null;
  readonly #decoder = new TraceDecoder();
  /** As of the daemon, of a client's end only who has seen something of it hears. */
  readonly #shown = new ClientTable<true>();
  #isAnySeen = false;

  /** @throws {UsageError} */
  constructor(flags: FilterFlags) {
    const domid = flags.domain === undefined ? null : domidIn(flags.domain);
    this.#name = flags.domain === undefined || domid !== null ? null : flags.domain;
    this.#filter = parseFilter(flags, domid);
  }

  /** Those that are wanted of the next frames, and all that say who is who. */
  of(frames: readonly Frame[]): Frame[] {
    const wanted = frames.filter((frame) => this.#keeps(frame));
    this.#isAnySeen ||= wanted.some(({ kind }) =>
      kind === FrameKind.CALL || kind === FrameKind.EVENT
    );
    return wanted;
  }

  /** There are no more. @throws {CommandError} when none had the domain that the flags name. */
  end(): void {
    if (this.#name === null || this.#isAnySeen) return;
    throw new CommandError("no domain has this name in the recording", this.#name);
  }

  #keeps(frame: Frame): boolean {
    const entries = [...this.#decoder.add([frame]), ...this.#decoder.rest()];
    return entries.every((entry) => {
      if (entry.kind === "lost") return true;
      const { client } = entry;
      if (entry.kind === "closed") return this.#shown.delete(client.id);
      const isWanted = this.#wantsClient(client) && this.#wants(entry);
      if (isWanted) this.#shown.set(client.id, true);
      return isWanted;
    });
  }

  #wants(entry: TracedCall | TracedEvent): boolean {
    const home = homePath(entry.client.domid);
    if (entry.kind === "event") {
      const [path = ""] = splitStrings(entry.message.payload);
      return this.#filter.wantsEvent(home, path);
    }
    const { reply, request, tookUs, waitedUs } = entry;
    const isError = reply.type === MessageType.ERROR;
    const us = tookUs + waitedUs;
    return this.#filter.wantsCall(home, request.type, request.payload, isError, us);
  }

  #wantsClient({ command, domid, kind, name, pid }: TracedClient): boolean {
    if (this.#name !== null && (kind !== "ring" || name !== this.#name)) return false;
    return this.#filter.wantsClient({ kind, domid, process: { author: { pid, command } } });
  }
}
