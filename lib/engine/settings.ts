import type { Setting } from "../state/records.ts";
import { DEFAULT_QUOTAS } from "./domains.ts";
import type { DaemonActions } from "./daemon_actions.ts";
import { QUOTAS, type Quotas } from "./quotas.ts";
import { type Dirty, Kind } from "./dirty.ts";

/** Whether the trace is written: `on` or `off`. */
export const TRACE = "trace";
/** The file it is written to, as CONTROL logfile named it. */
export const TRACE_FILE = "trace-file";

const SWITCH = "trace-switch ";

/** The setting of a trace switch: `on` or `off`. */
export function switchSetting(name: string): string {
  return `${SWITCH}${name}`;
}

/** The trace switch that a setting is of; null for another one. */
export function switchOf(setting: string): string | null {
  return setting.startsWith(SWITCH) ? setting.slice(SWITCH.length) : null;
}

/** What the command line said of a quota; how it is now the quotas themselves know. */
export function quotaSetting(name: string): string {
  return `quota ${name}`;
}

/** What an operator has set by CONTROL, by its name. */
export const SETTING: Kind<string> = new Kind();

/**
 * What CONTROL has set in the daemon around the engine, and outlives the process. The latest word is
 * right: a later start that says of a setting what the command line said before, or nothing, finds
 * it as CONTROL left it; one that says something else is obeyed.
 */
export class Settings {
  readonly #admin: DaemonActions;
  readonly #dirty: Dirty | null;
  readonly #all = new Map<string, Setting>();

  constructor(admin: DaemonActions, dirty: Dirty | null) {
    this.#admin = admin;
    this.#dirty = dirty;
  }

  /** CONTROL has set one. */
  set(name: string, value: string): void {
    const configured = this.#admin.configured(name);
    this.#all.set(name, { kind: "setting", name, value, configured });
    this.#dirty?.mark(SETTING, name);
  }

  /** The value of one; null if it was never set. */
  get(name: string): string | null {
    return this.#all.get(name)?.value ?? null;
  }

  /** What there is of one; null for nothing. */
  whole(name: string): Setting | null {
    return this.#all.get(name) ?? null;
  }

  /** One that counts no more. */
  drop(name: string): void {
    if (this.#all.delete(name)) this.#dirty?.mark(SETTING, name);
  }

  /** One that was set before this daemon began. */
  load(setting: Setting): void {
    this.#all.set(setting.name, setting);
  }

  [Symbol.iterator](): IterableIterator<Setting> {
    return this.#all.values();
  }

  /**
   * After a restart, with quotas as the store or a stream has them: those of which the command line
   * says something else than it did last are as it says. Where it is not known what it said last,
   * the command line is right, or not (`inDoubt`).
   */
  resumeQuotas(quotas: Quotas, inDoubt: boolean): void {
    let changed = false;
    for (const { name } of QUOTAS) {
      const setting = quotaSetting(name);
      const now = this.#admin.configured(setting);
      const before = this.#all.get(setting)?.configured ?? null;
      if (now === null || now === before) continue;
      if (before !== null || inDoubt) {
        quotas.set(name, Number(now));
        changed = true;
      }
      this.set(setting, now);
    }
    if (changed) this.#dirty?.mark(DEFAULT_QUOTAS, null);
  }

  /** Gives the daemon back what was loaded, but for that on which its command line is newer. */
  resume(): void {
    const standing = new Map<string, string>();
    for (const [name, { value, configured }] of this.#all) {
      const now = this.#admin.configured(name);
      if (now === null || now === configured) {
        standing.set(name, value);
      } else {
        this.#all.delete(name);
        this.#dirty?.mark(SETTING, name);
      }
    }
    if (standing.size > 0) this.#admin.resume(standing);
  }
}
