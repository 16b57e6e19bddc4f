import { sleep } from "../../lib/clock.ts";
import { type Operations, toByteText } from "../../lib/client/operations.ts";
import { TOP_INTERVAL_MS, TOP_ROWS_PRINTED_MAX } from "../../lib/limits.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { printJson } from "../json.ts";
import { flush, type Shell } from "../shell.ts";
import { openMessages } from "../trace/live.ts";
import { applyKey, keysIn } from "./keys.ts";
import { Sampler } from "./sampler.ts";
import { type Axis, chosenRows, firstView, type Scene, screenLines } from "./screen.ts";
import { Terminal } from "./terminal.ts";
import type { Rates } from "./totals.ts";

/** The options of `xs top`. */
export interface TopFlags extends CommonFlags {
  readonly axis?: Axis;
  readonly once?: boolean;
  /** In ms. */
  readonly interval?: number;
}

/** Columns of a printed table without a terminal and without COLUMNS. */
const PRINTED_COLUMNS = 200;

/** The width of a printed table: the terminal's, that of COLUMNS, or {@link PRINTED_COLUMNS}. */
function printedColumns(shell: Shell): number {
  const said = shell.around.env("COLUMNS") ?? "";
  return shell.columns() ?? (/^[1-9]\d{0,3}$/.test(said) ? Number(said) : PRINTED_COLUMNS);
}

/** Shows what the daemon does, until the user has enough. */
export async function top({ shell }: XsContext, nodes: Operations, flags: TopFlags): Promise<void> {
  const { json: _json, once: _once, interval, axis = "domains", ...rest } = flags;
  const sampler = new Sampler(nodes, () => openMessages(shell, rest));
  const ms = interval ?? TOP_INTERVAL_MS;
  try {
    if (flags.once === true || flags.json === true) await print(shell, sampler, flags, axis, ms);
    else await draw(shell, sampler, axis, ms);
  } finally {
    sampler.close();
  }
}

async function print(
  shell: Shell,
  sampler: Sampler,
  flags: TopFlags,
  axis: Axis,
  ms: number,
): Promise<void> {
  let isOver = flags.once === true;
  const pause = new Pause(shell);
  const unlisten = shell.onInterrupt(() => {
    isOver = true;
    pause.end();
  });
  await sampler.look(axis);
  do {
    await pause.wait(ms);
    const scene = await sampler.look(axis);
    if (flags.json === true) printScene(shell, scene, axis);
    else {
      const lines = screenLines(
        scene,
        { ...firstView(axis), selected: -1, isPrinted: true },
        printedColumns(shell),
        TOP_ROWS_PRINTED_MAX,
      );
      const text = lines.map((line) => `${line.trimEnd()}\n`).join("");
      shell.stdout.write(toByteText(text.replace(/\n+$/, "\n")));
    }
    flush(shell.stdout);
  } while (!isOver);
  unlisten();
}

function printScene(shell: Shell, scene: Scene, axis: Axis): void {
  const { commitMs, conflicts, lost, rows, status, turnsPerSecond } = scene;
  const { counts, memory, work } = status;
  const daemon = { ...work, turnsPerSecond, commitMs, memory, counts };
  const chosen = chosenRows(rows, firstView(axis));
  printJson(shell.stdout, {
    axis,
    daemon,
    conflicts,
    lost,
    rows: chosen.slice(0, TOP_ROWS_PRINTED_MAX).map(rowJson),
    more: Math.max(0, chosen.length - TOP_ROWS_PRINTED_MAX),
  });
}

function rowJson({ requests, ...row }: Rates): object {
  return { ...row, requests: Object.fromEntries(requests) };
}

async function draw(shell: Shell, sampler: Sampler, axis: Axis, ms: number): Promise<void> {
  const view = firstView(axis);
  const pause = new Pause(shell);
  let scene: Scene | null = null;
  let isOver = false;
  const show = (): void => {
    const { columns, rows } = terminal.size;
    if (scene !== null) terminal.draw(screenLines(scene, view, columns, rows));
  };
  const onKeys = (text: string): void => {
    for (const key of keysIn(text)) {
      const before = view.axis;
      if (!applyKey(view, key, scene?.rows ?? [])) isOver = true;
      if (isOver || view.axis !== before) pause.end();
    }
    if (!isOver) show();
  };
  const terminal = Terminal.open(shell, onKeys, show);
  const unlisten = shell.onInterrupt(() => {
    isOver = true;
    pause.end();
  });
  try {
    while (!isOver) {
      if (!view.isPaused || scene === null) scene = await sampler.look(view.axis);
      if (isOver) break;
      show();
      await pause.wait(ms);
    }
  } finally {
    unlisten();
    terminal.close();
  }
}

/** A wait that can be cut short. */
class Pause {
  readonly #shell: Shell;
  #end: (() => void) | null = null;

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  async wait(ms: number): Promise<void> {
    await Promise.race([
      sleep(this.#shell.clock, ms),
      new Promise<void>((resolve) => this.#end = resolve),
    ]);
    this.#end = null;
  }

  end(): void {
    this.#end?.();
  }
}
