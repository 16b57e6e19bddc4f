/** The Debian packages that the emulated host is made of: downloaded once, unpacked, not installed. */

import { run, which } from "./command.ts";
import { unpackKernel } from "./kernel.ts";

/** Raise when what {@link prepare} leaves in the cache changes, so that old caches are not used. */
const RECIPE = 1;

const PACKAGES = [
  "xen-hypervisor-4.17-amd64",
  "xen-utils-4.17",
  "xen-utils-common",
  "xenstore-utils",
  "libxenmisc4.17",
  "libxencall1",
  "libxendevicemodel1",
  "libxenevtchn1",
  "libxenforeignmemory1",
  "libxengnttab1",
  "libxenhypfs1",
  "libxenstore4",
  "libxentoolcore1",
  "libxentoollog1",
  "libyajl2",
  "libfdt1",
  "libnl-3-200",
  "libnl-route-3-200",
  "libbz2-1.0",
  "liblzma5",
  "liblzo2-2",
  "libuuid1",
  "libzstd1",
  "zlib1g",
  "busybox-static",
] as const;

/** What a host is booted from; all paths are absolute. */
export interface Packages {
  /** The packages' files, as they would be under `/`. */
  readonly root: string;
  /** The hypervisor. */
  readonly xen: string;
  /** Linux as Debian ships it, for dom0. */
  readonly vmlinuz: string;
  /** The same Linux unpacked: `xl create` then need not do it each time. */
  readonly vmlinux: string;
  /** That Linux's version, such as `6.1.0-56-amd64`. */
  readonly kernel: string;
}

/** Something that the host needs can't be had on this machine. */
export class Unavailable extends Error {}

/** Where the packages are kept between runs: `XS_XEN_CACHE`, else in the user's cache folder. */
export function cacheFolder(build: string): string {
  const told = Deno.env.get("XS_XEN_CACHE");
  if (told !== undefined && told !== "") return absolute(told);
  const home = Deno.env.get("HOME");
  const caches = Deno.env.get("XDG_CACHE_HOME") ?? (home === undefined ? build : `${home}/.cache`);
  return `${absolute(caches)}/xs-xen-host`;
}

/**
 * Downloads and unpacks what is not in the cache yet, and installs QEMU when root and missing.
 *
 * @throws {Unavailable} when this machine can't provide it
 */
export async function prepare(cache: string, say: (text: string) => void): Promise<Packages> {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new Unavailable("the emulated host is for Linux on x86-64");
  }
  await need(await which("qemu-system-x86_64"), "qemu-system-x86", say);
  await need(await which("gcc"), "gcc", say);
  await need(await exists("/usr/include/stdio.h"), "libc6-dev", say);
  await need(await which("make"), "make", say);
  await need(await which("xz"), "xz-utils", say);
  const folder = `${cache}/${RECIPE}`;
  if (!(await exists(folder))) {
    say(`fetching Debian packages (about 105 MB) into ${folder}`);
    // Renamed only when complete: a run that was cut short leaves no half a cache behind.
    const draft = `${folder}.${Deno.pid}`;
    await fillCache(draft).catch((error) => {
      Deno.removeSync(draft, { recursive: true });
      throw error;
    });
    await Deno.rename(draft, folder);
  }
  return at(folder, (await Deno.readTextFile(`${folder}/kernel`)).trim());
}

function at(folder: string, kernel: string): Packages {
  const root = `${folder}/root`;
  const vmlinuz = `${root}/boot/vmlinuz-${kernel}`;
  return { root, xen: `${folder}/xen`, vmlinuz, vmlinux: `${folder}/vmlinux`, kernel };
}

/** Installs a package unless what is needed of it was `found`. */
async function need(
  found: string | boolean | null,
  name: string,
  say: (text: string) => void,
): Promise<void> {
  if (found !== null && found !== false) return;
  if (Deno.uid() !== 0) throw new Unavailable(`Debian's ${name} is missing: install it`);
  say(`installing ${name}`);
  const args = ["install", "-y", "--no-install-recommends", name];
  await run("apt-get", args, { env: { DEBIAN_FRONTEND: "noninteractive" } }).catch((error) => {
    throw new Unavailable(`${name} is missing and can't be installed: ${error.message}`);
  });
}

async function fillCache(folder: string): Promise<void> {
  for (const tool of ["apt-get", "dpkg-deb"]) {
    if (await which(tool) === null) throw new Unavailable(`${tool} is missing`);
  }
  const debs = `${folder}/debs`;
  await Deno.mkdir(debs, { recursive: true });
  const kernel = await newestKernel();
  await run("apt-get", ["download", ...PACKAGES, ...kernelPackages(kernel)], { cwd: debs })
    .catch((error) => {
      throw new Unavailable(`Debian 12's packages can't be downloaded: ${error.message}`);
    });
  const files = at(folder, kernel);
  for await (const { name } of Deno.readDir(debs)) {
    await run("dpkg-deb", ["-x", `${debs}/${name}`, files.root]);
  }
  await Deno.remove(debs, { recursive: true });
  const xen = await Deno.open(`${files.root}/boot/xen-4.17-amd64.gz`);
  await Deno.writeFile(files.xen, xen.readable.pipeThrough(new DecompressionStream("gzip")));
  await unpackKernel(files.vmlinuz, files.vmlinux);
  await Deno.writeTextFile(`${folder}/kernel`, kernel);
}

/** Such as `6.1.0-56-amd64`. */
async function newestKernel(): Promise<string> {
  const depends = await run("apt-cache", ["depends", "linux-image-amd64"]).catch(() => "");
  const version = /Depends: linux-image-([0-9]\S+)/.exec(depends)?.[1];
  if (version !== undefined) return version;
  throw new Unavailable("apt knows no linux-image-amd64: run apt-get update, on Debian 12");
}

function kernelPackages(kernel: string): string[] {
  const [, release, flavour] = /^(\d+\.\d+\.\S*?)-([a-z]\w*)$/.exec(kernel) ?? [];
  const series = /^\d+\.\d+/.exec(kernel)?.[0];
  return [
    `linux-image-${kernel}`,
    `linux-headers-${release}-${flavour}`,
    `linux-headers-${release}-common`,
    `linux-kbuild-${series}`,
  ];
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
