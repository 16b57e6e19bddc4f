/** A daemon's dump that goes into a file as it comes. */
import { StreamError } from "../codec/stream.ts";
import { dumpLive } from "./daemon_archive.ts";
import { type ByteSink, writeFile } from "./file.ts";
import { type Format, isSame } from "./format.ts";
import type { SourceContext } from "./source.ts";

/** The daemon does not write what is wanted by itself. */
class OtherFormError extends Error {}

/**
 * Writes what the daemon dumps of itself into a file, as a whole, and keeps nothing of it in memory. Returns whether a file
 * was replaced; null, and nothing is written, when the daemon writes no stream of that form by itself.
 *
 * @throws {ArchiveError} when it cannot; {@link XenstoreError} from the daemon.
 */
export async function dumpToFile(
  path: string,
  how: Format,
  { connect, interrupt, progress }: Pick<SourceContext, "connect" | "interrupt" | "progress">,
): Promise<boolean | null> {
  if (how.format !== "stream") return null;
  const nodes = await connect();
  const fill = async (file: ByteSink): Promise<void> => {
    const sink = new SameForm(file, how);
    if (!await dumpLive(nodes, null, sink, progress, interrupt)) throw new OtherFormError();
  };
  try {
    return await writeFile(path, fill, interrupt);
  } catch (error) {
    if (error instanceof OtherFormError) return null;
    throw error;
  }
}

/** Takes a stream of the form that is wanted, and no other. */
class SameForm implements ByteSink {
  readonly #to: ByteSink;
  readonly #how: Format;
  #isKnown = false;

  constructor(to: ByteSink, how: Format) {
    this.#to = to;
    this.#how = how;
  }

  async put(bytes: Uint8Array): Promise<void> {
    if (!this.#isKnown && bytes.length > 0) {
      if (!this.#fits(bytes)) throw new OtherFormError();
      this.#isKnown = true;
    }
    await this.#to.put(bytes);
  }

  restart(): boolean {
    return this.#to.restart();
  }

  #fits(beginning: Uint8Array): boolean {
    try {
      return isSame(beginning, this.#how);
    } catch (error) {
      if (error instanceof StreamError) return false;
      throw error;
    }
  }
}
