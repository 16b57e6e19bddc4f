/** Runs the emulated host, from power-on to power-off. */

import type { Packages } from "./packages.ts";

/** What QEMU is given; dom0 holds its whole root in memory, hence its size. */
const MACHINE_MIB = 4096;
const DOM0_MIB = 2500;
/** How often the console's file is read, ms. */
const POLL = 200;

export interface BootOptions {
  /** dom0's first root. */
  readonly dom0: string;
  /** Processors of the host. */
  readonly cpus: number;
  /** What its clock goes by: this machine's, or what its own processor has done. */
  readonly clock: "wall" | "work";
  /** Where the console goes; what is there is replaced. */
  readonly consoleLog: string;
  /** After this long the host is switched off, ms. */
  readonly limit: number;
  /** Takes each line of the console as it comes. */
  readonly line: (text: string) => void;
}

/**
 * Boots the host and waits until it powers off.
 *
 * @returns what ended it otherwise, or null
 */
export async function boot(packages: Packages, options: BootOptions): Promise<string | null> {
  await Deno.writeTextFile(options.consoleLog, "");
  const qemu = new Deno.Command("qemu-system-x86_64", {
    args: qemuArguments(packages, options),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const complaints = new Response(qemu.stderr).text();
  let ended = false;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    qemu.kill("SIGKILL");
  }, options.limit);
  const reading = followFile(options.consoleLog, () => ended, options.line);
  const status = await qemu.status;
  clearTimeout(timer);
  ended = true;
  await reading;
  if (timedOut) return `the host did not power off within ${options.limit / 1000} s`;
  return status.success ? null : `QEMU ended with ${status.code}: ${await complaints}`;
}

/** By work: 2 ns for each instruction; the time in which there is nothing to do is passed over. */
const CLOCKS: Readonly<Record<BootOptions["clock"], readonly string[]>> = {
  wall: ["-accel", "tcg,thread=multi"],
  work: ["-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off"],
};

function qemuArguments(packages: Packages, options: BootOptions): string[] {
  const xen = `console=com1 com1=115200 dom0_mem=${DOM0_MIB}M loglvl=warning guest_loglvl=warning`;
  return [
    ...CLOCKS[options.clock],
    // QEMU 7.2 emulates the return from ring 3 wrongly with smap, smep or pku: a PV dom0 dies at once.
    // Where a processor has erms, programs copy by an instruction that QEMU emulates byte by byte.
    "-cpu",
    "max,-smap,-smep,-pku,-fsgsbase,-xsave,-erms",
    "-smp",
    String(options.cpus),
    "-m",
    String(MACHINE_MIB),
    "-display",
    "none",
    "-monitor",
    "none",
    "-no-reboot",
    "-serial",
    `file:${options.consoleLog}`,
    "-kernel",
    packages.xen,
    "-append",
    `${xen} noreboot`,
    "-initrd",
    // QEMU finds what it has translated by its address: with random ones, it would translate
    // programs anew at each start, until it has no more room and throws all of it away.
    `${packages.vmlinuz} console=hvc0 rdinit=/init quiet norandmaps,${options.dom0}`,
  ];
}

/** Hands over the lines of a file that grows, until `ended` and nothing is left. */
async function followFile(
  path: string,
  ended: () => boolean,
  take: (line: string) => void,
): Promise<void> {
  using file = await Deno.open(path);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let rest = "";
  while (true) {
    const wasEnded = ended();
    const count = await file.read(buffer);
    if (count === null) {
      if (wasEnded) break;
      await new Promise((resolve) => setTimeout(resolve, POLL));
      continue;
    }
    const lines = (rest + decoder.decode(buffer.subarray(0, count), { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line.replace(/\r+$/, ""));
  }
  if (rest !== "") take(rest);
}
