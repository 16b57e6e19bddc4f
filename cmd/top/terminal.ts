import { toByteText } from "../../lib/client/operations.ts";
import { TOP_KEYS_BYTES } from "../../lib/limits.ts";
import { CommandError } from "../report.ts";
import { flush, type Shell } from "../shell.ts";

/** Another screen, which leaves the one that was there as it was; no cursor. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H", REST_OF_LINE = "\x1b[K", REST_OF_SCREEN = "\x1b[J";

/** The terminal, as a screen to draw on and keys that come. {@link close} leaves it as it was. */
export class Terminal {
  readonly #shell: Shell;
  #isOpen = true;
  readonly #onResize: () => void;

  private constructor(shell: Shell, onResize: () => void) {
    this.#shell = shell;
    this.#onResize = onResize;
    Deno.stdin.setRaw(true);
    Deno.addSignalListener("SIGWINCH", onResize);
    this.#write(ENTER);
  }

  /** @throws {CommandError} where there is none that can. */
  static open(shell: Shell, onKeys: (text: string) => void, onResize: () => void): Terminal {
    const kind = shell.around.env("TERM") ?? "dumb";
    if (!shell.isTerminal("stdout") || !Deno.stdin.isTerminal() || kind === "dumb") {
      throw new CommandError("no usable terminal (use --once or --json)");
    }
    const terminal = new Terminal(shell, onResize);
    void terminal.#read(onKeys);
    return terminal;
  }

  async #read(onKeys: (text: string) => void): Promise<void> {
    const buffer = new Uint8Array(TOP_KEYS_BYTES), decoder = new TextDecoder();
    while (this.#isOpen) {
      const count = await Deno.stdin.read(buffer).catch(() => null);
      // The terminal is gone: as Ctrl-C.
      onKeys(count === null ? "\x03" : decoder.decode(buffer.subarray(0, count)));
      if (count === null) return;
    }
  }

  get size(): { columns: number; rows: number } {
    return Deno.consoleSize();
  }

  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    this.#write(HOME + lines.map((line) => line + REST_OF_LINE).join("\r\n") + REST_OF_SCREEN);
  }

  #write(text: string): void {
    this.#shell.stdout.write(toByteText(text));
    flush(this.#shell.stdout);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    Deno.removeSignalListener("SIGWINCH", this.#onResize);
    this.#write(LEAVE);
    Deno.stdin.setRaw(false);
  }
}
