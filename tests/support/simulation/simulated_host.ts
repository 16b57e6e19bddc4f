/**
 * A Xen host without Xen: the folder that the stand-in for Xen's libraries (xenhost.c) shares
 * with us, in which the tests direct the domains' lives and play their guests.
 */
import { errno, libc, SystemCallError } from "../../../ffi/libc.ts";
import { mapFile, viewMemory } from "../../../ffi/shared_memory.ts";
import { RING_PAGE_SIZE, RingPage } from "../../../lib/transport/ring_page.ts";
import { GuestRing } from "../../../lib/transport/ring.ts";
import { makeScratch, type Scratch } from "../scratch.ts";
import { buildLibrary, runCommand } from "../build_library.ts";

/** The offsets of xenhost.h's `struct host`, in bytes. */
const HEADER_BYTES = 4096;
const DOMAIN_BYTES = 64;
const PORT_BYTES = 16;
const DOMAINS = 32_768;
const PORTS = 65_536;
const PORTS_AT = HEADER_BYTES + DOMAINS * DOMAIN_BYTES;
const PRESENT_AT = PORTS_AT + PORTS * PORT_BYTES;
const CHANGED_AT = PRESENT_AT + DOMAINS / 8;
const HOST_BYTES = CHANGED_AT + DOMAINS / 8;

/** Words of a domain. */
const STATE = 0;
const CAPS = 1;
const UNIQUE_ID = 2;
const HANDLE = 4;
const MAP_ERRNO = 8;
const BIND_ERRNO = 9;
const MAPPED = 10;
const BOUND = 11;
const LOCAL = 12;

/** Words of a port. */
const MASKED = 2;
const PENDING = 3;

const O_RDWR = 2;
const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;

/** State bits of a domain (libxenmanage). */
export const EXISTS = 1;
export const SHUTDOWN = 2;
export const DYING = 4;
export const DEAD = 8;

/** What the stand-in has counted since the host was made. */
export interface Counters {
  /** Grants mapped, ports bound: now. */
  readonly mapped: number;
  readonly bound: number;
  /** Calls of xenevtchn_pending, _unmask and _notify, and looks at the list of domains. */
  readonly pendings: number;
  readonly unmasks: number;
  readonly notifies: number;
  readonly infos: number;
}

/** Which of the two libraries the daemon finds: that of Xen before 4.21, or the later one. */
export type ListLibrary = "libxenctrl" | "libxenmanage";

/** The folder, its domains and its event channels. */
export class SimulatedHost implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #standIn: string;
  readonly #words: Int32Array;
  readonly #events: number;
  readonly #notices: number;
  readonly #noticeBuffer = new Uint8Array(8 * 512);
  readonly #pages = new Map<number, RingPage>();
  readonly #noticed = new Map<number, number>();
  #uniqueIdLast = 0;

  private constructor(scratch: Scratch, library: string) {
    this.#scratch = scratch;
    this.#standIn = library;
    const memory = mapFile(`${scratch.path}/host`, HOST_BYTES);
    this.#words = new Int32Array(viewMemory(memory, HOST_BYTES));
    this.#events = openFifo(`${scratch.path}/events`);
    this.#notices = openFifo(`${scratch.path}/notices`);
    this.create(0, 1);
  }

  /** A host with domain 0 only; its files go away with it. */
  static async make(): Promise<SimulatedHost> {
    const library = await buildLibrary(SOURCE, HEADER);
    const scratch = await makeScratch("xs-host-");
    for (const [name, size] of [["host", HOST_BYTES], ["pages", DOMAINS * 4096]] as const) {
      await Deno.writeFile(`${scratch.path}/${name}`, new Uint8Array(0));
      await Deno.truncate(`${scratch.path}/${name}`, size);
    }
    await runCommand("mkfifo", [`${scratch.path}/events`, `${scratch.path}/notices`]);
    await Deno.writeTextFile(`${scratch.path}/xsd_port`, "1");
    return new SimulatedHost(scratch, library);
  }

  get path(): string {
    return this.#scratch.path;
  }

  /** Where daemons are to listen. */
  get socketPath(): string {
    return `${this.path}/socket`;
  }

  /** The shared library that stands in for all of Xen's. */
  get standIn(): string {
    return this.#standIn;
  }

  /** The surroundings in which `xs serve` takes this for a Xen host. */
  env(list: ListLibrary = "libxenctrl"): Record<string, string> {
    return {
      XENHOST_DIR: this.path,
      XS_LIBXENEVTCHN: this.#standIn,
      XS_LIBXENGNTTAB: this.#standIn,
      XS_LIBXENCTRL: list === "libxenctrl" ? this.#standIn : "/nonexistent",
      XS_LIBXENMANAGE: list === "libxenmanage" ? this.#standIn : "/nonexistent",
      XS_XSD_KVA: `${this.path}/pages`,
      XS_XSD_PORT: `${this.path}/xsd_port`,
    };
  }

  #domain(domid: number): number {
    return (HEADER_BYTES + domid * DOMAIN_BYTES) / 4;
  }

  #change(domid: number, state: number): void {
    Atomics.store(this.#words, this.#domain(domid) + STATE, state);
    const bit = 1 << domid % 32, word = domid >>> 5;
    if (state === 0) Atomics.and(this.#words, PRESENT_AT / 4 + word, ~bit);
    else Atomics.or(this.#words, PRESENT_AT / 4 + word, bit);
    Atomics.or(this.#words, CHANGED_AT / 4 + word, bit);
  }

  /** A new domain, with an empty page and another unique id and UUID than any before it. */
  create(domid: number, caps = 0): void {
    const at = this.#domain(domid);
    const id = ++this.#uniqueIdLast;
    this.page(domid).bytes.fill(0);
    this.#words.fill(0, at, at + DOMAIN_BYTES / 4);
    this.#words[at + CAPS] = caps;
    this.#words[at + UNIQUE_ID] = id;
    // Domain 0 has no UUID.
    if (domid !== 0) this.#words.fill(0x01010101 * (id % 256) + id, at + HANDLE, at + HANDLE + 4);
    this.#change(domid, EXISTS);
  }

  /** Sets the state bits of a domain; 0 removes it. The daemon hears of it by {@link raise}. */
  setState(domid: number, state: number): void {
    this.#change(domid, state);
  }

  /** Lets mapping the domain's page fail with an error number; 0 lets it succeed again. */
  failMapping(domid: number, code: number): void {
    this.#words[this.#domain(domid) + MAP_ERRNO] = code;
  }

  /** Lets binding the domain's event channel fail with an error number; 0 as above. */
  failBinding(domid: number, code: number): void {
    this.#words[this.#domain(domid) + BIND_ERRNO] = code;
  }

  /** The port of the domain that the daemon has bound, or 0. */
  boundPort(domid: number): number {
    return Atomics.load(this.#words, this.#domain(domid) + BOUND);
  }

  get counters(): Counters {
    const [, mapped, bound, pendings, unmasks, notifies, infos] = this.#words.subarray(0, 7);
    return {
      mapped: mapped!,
      bound: bound!,
      pendings: pendings!,
      unmasks: unmasks!,
      notifies: notifies!,
      infos: infos!,
    };
  }

  /** Undoes, as the kernel does, what a daemon had that was killed: ports, mappings, events. */
  daemonDied(): void {
    const words = this.#words;
    for (let domid = 0; domid < DOMAINS; domid++) {
      const at = this.#domain(domid);
      if (words[at + STATE] !== 0) words.fill(0, at + MAPPED, at + LOCAL + 1);
    }
    words.fill(0, 0, 3);
    words.fill(0, PORTS_AT / 4, PRESENT_AT / 4);
    const events = new Uint8Array(4096);
    while (libc.files().read(this.#events, events, events.length) > 0);
  }

  /** Raises VIRQ_DOM_EXC. */
  raise(): void {
    const port = Atomics.load(this.#words, 0);
    if (port !== 0) this.#raisePort(port);
  }

  /** Whether the daemon has taken the latest VIRQ_DOM_EXC. */
  get virqTaken(): boolean {
    const port = Atomics.load(this.#words, 0);
    if (port === 0) return true;
    const at = (PORTS_AT + port * PORT_BYTES) / 4;
    return Atomics.load(this.#words, at + MASKED) === 0 &&
      Atomics.load(this.#words, at + PENDING) === 0;
  }

  /** Raises an event of the domain's Xenstore channel, if the daemon has bound it. */
  kick(domid: number): void {
    if (this.boundPort(domid) === 0) return;
    this.#raisePort(Atomics.load(this.#words, this.#domain(domid) + LOCAL));
  }

  /** As Xen does it: an event that comes while the port is masked waits. See xenhost.c. */
  #raisePort(port: number): void {
    const at = (PORTS_AT + port * PORT_BYTES) / 4;
    Atomics.store(this.#words, at + PENDING, 1);
    if (Atomics.compareExchange(this.#words, at + MASKED, 0, 1) !== 0) return;
    Atomics.store(this.#words, at + PENDING, 0);
    const bytes = new Uint8Array(new Uint32Array([port]).buffer);
    if (libc.files().write(this.#events, bytes, 4) !== 4) {
      throw new SystemCallError("write", errno());
    }
  }

  /** A domain's Xenstore page. */
  page(domid: number): RingPage {
    const known = this.#pages.get(domid);
    if (known !== undefined) return known;
    const address = mapFile(`${this.path}/pages`, RING_PAGE_SIZE, domid * RING_PAGE_SIZE);
    const page = new RingPage(viewMemory(address, RING_PAGE_SIZE));
    this.#pages.set(domid, page);
    return page;
  }

  /** The guest's end of a domain's ring. */
  guest(domid: number): GuestRing {
    return new GuestRing(this.page(domid), () => this.kick(domid));
  }

  /** How many events have come from the daemon to a domain. */
  noticed(domid: number): number {
    this.#takeNotices();
    return this.#noticed.get(domid) ?? 0;
  }

  #takeNotices(): void {
    for (;;) {
      const count = libc.files().read(this.#notices, this.#noticeBuffer, this.#noticeBuffer.length);
      if (count <= 0) return;
      const words = new Uint32Array(this.#noticeBuffer.buffer, 0, count / 4);
      for (let i = 0; i < words.length; i += 2) {
        this.#noticed.set(words[i]!, (this.#noticed.get(words[i]!) ?? 0) + 1);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Memory stays mapped: a guest of a test that has failed may look at its ring once more, which
    // would end the process, and with it all that would say why.
    this.#pages.clear();
    libc.files().close(this.#events);
    libc.files().close(this.#notices);
    await this.#scratch[Symbol.asyncDispose]();
  }
}

function openFifo(path: string): number {
  const name = new TextEncoder().encode(`${path}\0`);
  const fd = libc.files().open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw new SystemCallError(`open '${path}'`, errno());
  return fd;
}

const SOURCE = new URL("xenhost.c", import.meta.url).pathname;
const HEADER = new URL("xenhost.h", import.meta.url).pathname;

/** Why there can be no simulated host here, in words that say what to install; else undefined. */
export function simulationMissing(): string | undefined {
  const needs = [["/usr/include/xenctrl.h", "libxen-dev"], ["/usr/bin/gcc", "gcc"]] as const;
  for (const [path, debianPackage] of needs) {
    try {
      Deno.statSync(path);
    } catch {
      return `no ${path}: apt-get install ${debianPackage}`;
    }
  }
  return undefined;
}
