import { AXES, chosenRows, SORTS, type View } from "./screen.ts";
import type { Rates } from "./totals.ts";

const ESCAPE = "\x1b";

/** Keys by what a terminal sends. */
const NAMES: Readonly<Record<string, string>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[5~": "page up",
  "\x1b[6~": "page down",
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\x7f": "backspace",
  "\b": "backspace",
  "\x03": "ctrl-c",
};

/** A control sequence, or one character. */
const KEY = new RegExp(`${ESCAPE}\\[[\\d;]*[A-Za-z~]|${ESCAPE}O[A-Z]|[^]`, "g");

/** Splits what came from the terminal at once into keys. */
export function keysIn(text: string): string[] {
  const keys = text.match(KEY) ?? [];
  return keys.map((key) => NAMES[key] ?? (key === ESCAPE ? "escape" : key));
}

/** Changes the view as a key says; false for the end. */
export function applyKey(view: View, key: string, rows: readonly Rates[]): boolean {
  if (key === "ctrl-c") return false;
  if (view.isTyping) {
    typeKey(view, key);
    return true;
  }
  if (key === "q") return false;
  if (view.isHelp || view.detail !== null) {
    if (key === "escape" || key === "enter" || key === "?" || key === "backspace") {
      view.isHelp = false;
      view.detail = null;
    } else if (key === "p") view.isPaused = !view.isPaused;
    return true;
  }
  commandKey(view, key, rows);
  return true;
}

function typeKey(view: View, key: string): void {
  if (key === "enter") view.isTyping = false;
  else if (key === "escape") {
    view.isTyping = false;
    view.filter = "";
  } else if (key === "backspace") view.filter = view.filter.slice(0, -1);
  else if (key.length === 1 && key >= " ") view.filter += key;
  view.selected = 0;
}

function commandKey(view: View, key: string, rows: readonly Rates[]): void {
  const chosen = chosenRows(rows, view);
  const move = (by: number): void => {
    view.selected = Math.max(0, Math.min(chosen.length - 1, view.selected + by));
  };
  switch (key) {
    case "a":
    case "tab":
      view.axis = AXES[(AXES.indexOf(view.axis) + 1) % AXES.length]!;
      view.selected = 0;
      break;
    case "s":
    case "S": {
      const step = key === "s" ? 1 : SORTS.length - 1;
      view.sort = SORTS[(SORTS.indexOf(view.sort) + step) % SORTS.length]!;
      view.selected = 0;
      break;
    }
    case "/":
      view.isTyping = true;
      break;
    case "escape":
      view.filter = "";
      break;
    case "enter":
      view.detail = chosen[view.selected]?.key ?? null;
      break;
    case "p":
      view.isPaused = !view.isPaused;
      break;
    case "?":
      view.isHelp = true;
      break;
    case "up":
    case "k":
      move(-1);
      break;
    case "down":
    case "j":
      move(1);
      break;
    case "page up":
      move(-10);
      break;
    case "page down":
      move(10);
      break;
  }
}
