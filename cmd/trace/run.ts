import { toByteText } from "../../lib/client/operations.ts";
import { TraceDecoder, type TraceEntry } from "../../lib/client/trace/entries.ts";
import { entryJson, entryText } from "../../lib/client/trace/entry_text.ts";
import { PcapngEncoder, pcapngHead } from "../../lib/client/trace/pcapng.ts";
import { TraceSummary } from "../../lib/client/trace/summary.ts";
import type { Frame } from "../../lib/wire/stream_frame.ts";
import { printJson } from "../json.ts";
import { CommandError, UsageError } from "../report.ts";
import type { XsContext } from "../context.ts";
import { flush, type Shell } from "../shell.ts";
import { RecordingFile } from "./files.ts";
import { FrameFilter } from "./frame_filter.ts";
import { openMessages } from "./live.ts";
import type { TraceFlags } from "./parameters.ts";
import { RecordingReader } from "./recording_reader.ts";

/** Shows entries, or counts them, until there are as many as are wanted. */
class TracePrinter {
  readonly #shell: Shell;
  readonly #flags: TraceFlags;
  readonly #summary = new TraceSummary();
  #left: number;

  constructor(shell: Shell, flags: TraceFlags) {
    this.#shell = shell;
    this.#flags = flags;
    this.#left = flags.number ?? Infinity;
  }

  /** Whether no more is wanted. */
  get full(): boolean {
    return this.#left <= 0;
  }

  /** Whether the flags choose messages: then ends of clients, which are no messages, are left out. */
  get #wantsOnlyMessages(): boolean {
    const { errors, op, path, slowerThan } = this.#flags;
    return errors === true || [op, path, slowerThan].some((flag) => flag !== undefined);
  }

  show(entries: readonly TraceEntry[]): void {
    const { stdout } = this.#shell;
    const { count, json, times = false } = this.#flags;
    for (const entry of entries) {
      if (this.full) return;
      if (entry.kind === "closed" && this.#wantsOnlyMessages) continue;
      if (entry.kind === "call" || entry.kind === "event") this.#left--;
      if (count === true) this.#summary.add(entry);
      else if (json === true) printJson(stdout, entryJson(entry));
      else stdout.write(`${toByteText(entryText(entry, { times }))}\n`);
    }
    if (entries.length > 0) flush(stdout);
  }

  end(): void {
    const { stdout } = this.#shell;
    if (this.#flags.count !== true) return;
    if (this.#flags.json !== true) return stdout.write(toByteText(this.#summary.text()));
    for (const kind of this.#summary.kinds) printJson(stdout, kind);
  }
}

/** Shows what passes, or the recording `file`. */
export async function trace({ shell }: XsContext, flags: TraceFlags, file?: string): Promise<void> {
  if (file === undefined) return await traceLive(shell, flags);
  if (flags.write !== undefined) {
    throw new UsageError("it contradicts a recording (leave one of them out)", "--write");
  }
  const filter = new FrameFilter(flags);
  using recording = new RecordingReader(file);
  if (flags.pcapng !== undefined) convert(recording, filter, flags.pcapng);
  else show(recording, filter, new TracePrinter(shell, flags));
  const { damage } = recording;
  if (damage !== null) throw new CommandError(`${damage}; the recording is read up to there`, file);
}

function show(recording: RecordingReader, filter: FrameFilter, printer: TracePrinter): void {
  const decoder = new TraceDecoder();
  let frames: readonly Frame[] | null = null;
  while (!printer.full && (frames = recording.next()) !== null) {
    printer.show(decoder.add(filter.of(frames)));
  }
  printer.show(decoder.rest());
  if (!printer.full) filter.end();
  printer.end();
}

/** The file is made when it is clear that it gets something, or that all was read. */
function convert(recording: RecordingReader, filter: FrameFilter, name: string): void {
  const encoder = new PcapngEncoder();
  let output: RecordingFile | null = null;
  try {
    for (let frames = recording.next(); frames !== null; frames = recording.next()) {
      const packets = encoder.add(filter.of(frames));
      if (packets.length === 0) continue;
      output ??= RecordingFile.begin(name, pcapngHead());
      output.write(packets);
    }
    filter.end();
    output ??= RecordingFile.begin(name, pcapngHead());
  } finally {
    output?.close();
  }
}

async function traceLive(shell: Shell, flags: TraceFlags): Promise<void> {
  if (flags.pcapng !== undefined) {
    throw new UsageError("a recording is needed (xs trace FILE --pcapng OUTPUT)", "--pcapng");
  }
  const stream = await openMessages(shell, flags);
  const unlisten = shell.onInterrupt(() => stream.close());
  const timer = flags.for === undefined ? null : shell.clock.after(flags.for, () => stream.close());
  const printer = new TracePrinter(shell, flags);
  let recording: RecordingFile | null = null;
  try {
    if (flags.write !== undefined) recording = RecordingFile.create(flags.write);
    const decoder = new TraceDecoder();
    let frames: Frame[] | null;
    while (!printer.full && (frames = await stream.next()) !== null) {
      recording?.add(frames);
      if (recording === null || flags.count === true) printer.show(decoder.add(frames));
    }
    printer.show(decoder.rest());
  } finally {
    stream.close();
    timer?.cancel();
    unlisten();
    recording?.close();
    printer.end();
  }
}
