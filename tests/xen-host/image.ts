/** The first roots of dom0 and of its guests: busybox, Xen's tools, and the scripts beside this file. */

import { run, which } from "./command.ts";
import { CpioArchive } from "./cpio.ts";
import { type Packages, Unavailable } from "./packages.ts";

/** Which daemon the host runs: ours, or Xen's in C as the yardstick. */
export type Store = "xs" | "c";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const XEN_TOOLS = "/usr/lib/xen-4.17/bin";
const DOM0_TOOLS = [
  "xl",
  "xen-init-dom0",
  "xenconsoled",
  "xenconsole",
  "test-xenstore",
  "xenstore-control",
];
const STORE_LOOP = "/usr/bin/store_loop";
const STORE_FLOOD = "/usr/bin/store_flood";
const STOCK_CLIENTS = ["read", "write", "ls", "list", "rm", "exists", "chmod", "watch"];
/** What a daemon may load by name, so that no list of needed libraries tells of them. */
const DOM0_LIBRARIES = [
  "libxenevtchn.so.1",
  "libxengnttab.so.1",
  "libxenforeignmemory.so.1",
  "libxentoolcore.so.1",
  "libxencall.so.1",
  "libxenctrl.so.4.17",
];
/** The same, of this machine: pthread_cancel wants the first, older programs the others. */
const SYSTEM_LIBRARIES = ["libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"];
const SYSTEM_FOLDER = "/lib/x86_64-linux-gnu";
/** In the order in which they load. */
const DOM0_MODULES = ["xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs"];
const GUEST_MODULES = ["xen-privcmd", "xen-evtchn", "xenfs"];

/** A root under construction, with the packages that it is filled from. */
class Root {
  readonly archive = new CpioArchive();
  readonly #packages: Packages;

  constructor(packages: Packages) {
    this.#packages = packages;
  }

  /** Busybox with a link for each of its commands, and the folders for the kernel's file systems. */
  async base(): Promise<void> {
    for (const folder of ["/proc", "/sys", "/dev", "/run", "/tmp"]) this.archive.folder(folder);
    const busybox = `${this.#packages.root}/bin/busybox`;
    this.archive.file("/bin/busybox", await Deno.readFile(busybox), 0o755);
    for (const applet of (await run(busybox, ["--list"])).trim().split("\n")) {
      if (applet !== "busybox") this.archive.link(`/bin/${applet}`, "busybox");
    }
  }

  /** A program of the packages, at its own path. */
  async packaged(path: string): Promise<void> {
    await this.program(`${this.#packages.root}${path}`, path);
  }

  /** A program or library, with the libraries that it needs. */
  async program(source: string, path: string): Promise<void> {
    this.archive.file(path, await Deno.readFile(source), 0o755);
    for (const library of await this.#needed(source)) {
      const inside = this.#insidePath(library);
      if (!this.archive.has(inside)) {
        this.archive.file(inside, await Deno.readFile(library), 0o755);
      }
    }
  }

  /** A script or other text of this folder. */
  async script(name: string, path: string): Promise<void> {
    const text = await Deno.readTextFile(new URL(name, import.meta.url));
    this.archive.file(path, text, 0o755);
  }

  /** Kernel modules, named so that the shell's order is the order in which they load. */
  async modules(names: readonly string[]): Promise<void> {
    const under = `${this.#packages.root}/lib/modules`;
    for (const [index, name] of names.entries()) {
      const source = (await run("find", [under, "-name", `${name}.ko`])).trim();
      this.archive.file(`/lib/modules/${index}-${name}.ko`, await Deno.readFile(source));
    }
  }

  /** The libraries' real places: in the packages, else on this machine. */
  async #needed(source: string): Promise<string[]> {
    const env = { LD_LIBRARY_PATH: `${this.#packages.root}${LIBRARIES}` };
    // A static program has no list: ldd fails on it.
    const list = await run("ldd", [source], { env }).catch(() => "");
    const missing = /(\S+) => not found/.exec(list);
    if (missing !== null) throw new Unavailable(`${source} needs ${missing[1]}, which is missing`);
    return [...new Set(list.match(/\/\S+/g) ?? [])].filter((path) => !path.endsWith(":"));
  }

  #insidePath(library: string): string {
    const { root } = this.#packages;
    return library.startsWith(`${root}/`) ? library.slice(root.length) : library;
  }
}

/** What the two roots are made of, besides the packages. */
export interface ImageOptions {
  readonly store: Store;
  /** The compiled `xs`; needed when it is the store. */
  readonly xs: string;
  /** The kernel module with which a guest breaks its own ring. */
  readonly ringVandal: string;
  /** The client of guest/store_loop.c. */
  readonly storeLoop: string;
  /** The client of guest/store_flood.c. */
  readonly storeFlood: string;
  /** How often the daemon is killed. */
  readonly kills: number;
  /** How long a guest floods its ring, in s of the host's clock. */
  readonly flood: number;
  /** Names of the checks to run, in dom0/checks, without their number; empty for all. */
  readonly only: readonly string[];
  /** Names of those to leave out. */
  readonly without: readonly string[];
}

/** Writes the guests' root, then dom0's with the guests' in it. */
export async function buildImages(
  packages: Packages,
  options: ImageOptions,
  folder: string,
): Promise<{ dom0: string; guest: string }> {
  const guest = `${folder}/guest.cpio`;
  const dom0 = `${folder}/dom0.cpio`;
  await (await guestRoot(packages, options)).write(guest);
  await (await dom0Root(packages, options, guest)).write(dom0);
  return { dom0, guest };
}

async function guestRoot(packages: Packages, options: ImageOptions): Promise<CpioArchive> {
  const root = new Root(packages);
  await root.base();
  await root.modules(GUEST_MODULES);
  for (const name of STOCK_CLIENTS) await root.packaged(`/usr/bin/xenstore-${name}`);
  await root.packaged(`${XEN_TOOLS}/test-xenstore`);
  await root.program(options.storeLoop, STORE_LOOP);
  await root.program(options.storeFlood, STORE_FLOOD);
  root.archive.file("/rig/ring_vandal.ko", await Deno.readFile(options.ringVandal));
  await root.script("lib.sh", "/rig/lib.sh");
  await root.script("guest/init", "/init");
  await root.script("guest/main.sh", "/rig/main.sh");
  // Linux runs this one when dom0 asks it to shut down.
  root.archive.file("/sbin/poweroff", "#!/bin/sh\nexec /bin/busybox poweroff -f\n", 0o755);
  return root.archive;
}

async function dom0Root(
  packages: Packages,
  options: ImageOptions,
  guest: string,
): Promise<CpioArchive> {
  const root = new Root(packages);
  await root.base();
  await root.modules(DOM0_MODULES);
  for (const name of STOCK_CLIENTS) await root.packaged(`/usr/bin/xenstore-${name}`);
  for (const name of DOM0_TOOLS) await root.packaged(`${XEN_TOOLS}/${name}`);
  for (const name of DOM0_LIBRARIES) {
    const path = `${LIBRARIES}/${name}`;
    if (!root.archive.has(path)) await root.packaged(path);
  }
  await addStore(root, packages, options);
  await root.program(options.storeLoop, STORE_LOOP);
  for (const name of SYSTEM_LIBRARIES) {
    const path = `${SYSTEM_FOLDER}/${name}`;
    if (!root.archive.has(path)) await root.program(path, path);
  }
  root.archive.file("/boot/vmlinux", await Deno.readFile(packages.vmlinux));
  root.archive.file("/boot/guest.cpio", await Deno.readFile(guest));
  root.archive.file("/etc/xen/xl.conf", 'autoballoon="off"\n');
  root.archive.file("/etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n");
  root.archive.file("/etc/group", "root:x:0:\nnobody:x:65534:\n");
  root.archive.link("/var/run", "/run");
  root.archive.link("/var/lock", "/run/lock");
  for (const folder of ["/var/lib/xenstored", "/var/lib/xen", "/var/log/xen", "/mnt"]) {
    root.archive.folder(folder);
  }
  const setpriv = await which("setpriv");
  if (setpriv === null) throw new Unavailable("setpriv is missing: install util-linux");
  await root.program(setpriv, "/usr/bin/setpriv");
  await root.script("lib.sh", "/rig/lib.sh");
  await root.script("dom0/init", "/init");
  await root.script("dom0/main.sh", "/rig/main.sh");
  await root.script("dom0/guests.sh", "/rig/guests.sh");
  await root.script("dom0/store.sh", "/rig/store.sh");
  await root.script("dom0/loops.sh", "/rig/loops.sh");
  await addChecks(root, options);
  return root.archive;
}

/** The daemon, under the name that hosts call. */
async function addStore(root: Root, packages: Packages, options: ImageOptions): Promise<void> {
  root.archive.file("/rig/store", `${options.store}\n`);
  root.archive.file("/rig/kills", `${options.kills}\n`);
  root.archive.file("/rig/flood", `${options.flood}\n`);
  const path = "/usr/sbin/xenstored";
  if (options.store === "xs") {
    await root.program(options.xs, "/usr/bin/xs");
    root.archive.link(path, "../bin/xs");
    // The two that xs is exchanged for, or has to read the state of.
    for (const name of ["xenstored", "oxenstored"]) await root.packaged(`${XEN_TOOLS}/${name}`);
    await root.packaged("/etc/xen/oxenstored.conf");
  } else {
    await root.program(`${packages.root}${XEN_TOOLS}/xenstored`, path);
  }
}

async function addChecks(root: Root, options: ImageOptions): Promise<void> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(new URL("dom0/checks", import.meta.url))) {
    const plain = name.replace(/^\d+-|\.sh$/g, "");
    const isWanted = options.only.length === 0 || options.only.includes(plain);
    if (isWanted && !options.without.includes(plain)) found.push(name);
  }
  for (const name of found) await root.script(`dom0/checks/${name}`, `/rig/checks/${name}`);
}
