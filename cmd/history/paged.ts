import { SHELL_OUTPUT_BYTES } from "../../lib/limits.ts";
import { flush, type Pager, type Shell } from "../shell.ts";

/** Where long output goes: a pager on a terminal, else standard output. */
export interface Paged {
  /** Takes text of one character a byte; false when no more is wanted. */
  write(text: string): Promise<boolean>;
  end(): Promise<void>;
}

/** What git tells `less`: quit if all fits, show colours, leave the text there. */
const LESS = "FRX";

/** The pager to be started; null for none. */
function pagerCommand({ around }: Shell, atEnd: boolean): string | null {
  const chosen = around.env("XS_PAGER") ?? around.env("PAGER");
  if (chosen !== undefined) return chosen === "" || chosen === "cat" ? null : chosen;
  const folders = (around.env("PATH") ?? "").split(":");
  if (!folders.some((folder) => around.exists(`${folder}/less`))) return null;
  return atEnd ? "less +G" : "less";
}

/** Opens the output; with `atEnd` the last line is to be seen first. */
export function openPaged(shell: Shell, atEnd: boolean): Paged {
  const { stdout } = shell;
  const command = shell.isTerminal("stdout") ? pagerCommand(shell, atEnd) : null;
  if (command !== null) return new PagerOutput(shell, command);
  return {
    write: (text) => {
      stdout.write(text);
      return Promise.resolve(true);
    },
    end: () => {
      flush(stdout);
      return Promise.resolve();
    },
  };
}

/** Text goes to a pager, some at a time; the terminal's Ctrl-C is the pager's. */
class PagerOutput implements Paged {
  readonly #shell: Shell;
  readonly #command: string;
  #pager: Pager | null = null;
  #heeds: () => void = () => {};
  #text = "";

  constructor(shell: Shell, command: string) {
    this.#shell = shell;
    this.#command = command;
  }

  async write(text: string): Promise<boolean> {
    this.#text += text;
    return this.#text.length < SHELL_OUTPUT_BYTES || await this.#flush();
  }

  async #flush(): Promise<boolean> {
    const text = this.#text;
    this.#text = "";
    if (this.#pager === null) {
      const { around } = this.#shell;
      this.#heeds = this.#shell.onInterrupt(() => {});
      this.#pager = this.#shell.startPager(this.#command, { LESS: around.env("LESS") ?? LESS });
    }
    return await this.#pager.write(text);
  }

  /** Where there was nothing to show no pager is started. */
  async end(): Promise<void> {
    if (this.#text !== "") await this.#flush();
    await this.#pager?.end();
    this.#heeds();
  }
}
