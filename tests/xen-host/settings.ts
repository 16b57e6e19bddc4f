/** The options of `deno task test:xen`. */
import type { Store } from "./image.ts";
import { INSTALLED_BOOTS, type InstalledBoot } from "./installed/image.ts";

/** `rig` is a dom0 of busybox with all checks of dom0/checks; the others are a Debian with our packages. */
export type BootName = "rig" | InstalledBoot;

const BOOTS: readonly BootName[] = ["rig", ...INSTALLED_BOOTS];

export interface Settings {
  /** The boots to make, in order. */
  readonly boots: readonly BootName[];
  readonly store: Store;
  readonly only: readonly string[];
  readonly without: readonly string[];
  readonly cpus: number;
  readonly clock: "wall" | "work";
  readonly limit: number;
  readonly kills: number;
  readonly flood: number;
}

export function readArguments(args: readonly string[]): Settings {
  let store: Store = "xs";
  let cpus = 1;
  let clock: Settings["clock"] = "wall";
  let limit = 1500;
  let kills = 10;
  let flood = 60;
  const boots: BootName[] = [];
  const only: string[] = [], without: string[] = [];
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1] ?? "";
    const named = BOOTS.find((name) => name === value);
    if (args[i] === "--boot" && named !== undefined) boots.push(named);
    else if (args[i] === "--store" && ["xs", "c"].includes(value)) store = value as Store;
    else if (args[i] === "--only" && value !== "") only.push(value);
    else if (args[i] === "--without" && value !== "") without.push(value);
    else if (args[i] === "--cpus" && Number(value) > 0) cpus = Number(value);
    else if (args[i] === "--clock" && ["wall", "work"].includes(value)) {
      clock = value as Settings["clock"];
    } else if (args[i] === "--limit" && Number(value) > 0) limit = Number(value);
    else if (args[i] === "--kills" && /^([1-9]|10)$/.test(value)) kills = Number(value);
    else if (args[i] === "--flood" && Number(value) > 0) flood = Number(value);
    else throw new Error(`Unknown or incomplete option ${args[i]} ${value}`);
  }
  // The yardstick, and single checks, are of the rig.
  const isRig = store === "c" || only.length + without.length > 0;
  const usual = isRig ? ["rig"] as const : BOOTS;
  return {
    boots: boots.length > 0 ? boots : usual,
    store,
    only,
    without,
    cpus,
    clock,
    limit,
    kills,
    flood,
  };
}
