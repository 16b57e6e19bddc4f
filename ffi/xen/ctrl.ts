import { errno, errorText } from "../libc.ts";
import {
  CAP_XENSTORE,
  type DomainList,
  type HypervisorDomain,
  STATE_DEAD,
  STATE_DYING,
  STATE_EXISTS,
  STATE_SHUTDOWN,
} from "./domain_list.ts";
import { openLibrary, overrideOf, XenError } from "./library.ts";

/** The control library, of the same version as the hypervisor: 4.17 to 4.20 are known. */
const symbols = {
  // xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
  //                                 unsigned open_flags)
  xc_interface_open: { parameters: ["pointer", "pointer", "u32"], result: "pointer" },
  // int xc_interface_close(xc_interface *xch)
  xc_interface_close: { parameters: ["pointer"], result: "i32" },
  // int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains,
  //                           xc_domaininfo_t *info)
  xc_domain_getinfolist: { parameters: ["pointer", "u32", "u32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Ctrl = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** Minor versions of Xen 4 whose `xc_domaininfo_t` is the one below. */
const VERSIONS = [20, 19, 18, 17] as const;

/**
 * `xc_domaininfo_t` of 4.17 to 4.20 (domctl.h): its size on x86-64, and the offsets of the domid
 * (u16), the flags (u32) and the handle (16 bytes), which are the same everywhere.
 */
const RECORD_BYTES = 112;
const FLAGS = 4;
const HANDLE = 76;
const HANDLE_BYTES = 16;

/** Flags of a record (domctl.h, `XEN_DOMINF_*`). "Dying" is only set when all is torn down. */
const FLAG_DYING = 1;
const FLAG_SHUTDOWN = 4;
const FLAG_XENSTORE = 128;

/** Records asked for at once; elsewhere than on x86-64 their size is not known for sure. */
const BATCH = Deno.build.arch === "x86_64" ? 256 : 1;

/** Room behind a lone record whose size may be another. */
const SLACK_BYTES = 256;

/** Odd, with its bits well mixed: folds a handle to 64 bits, whatever pattern it has. */
const HANDLE_FACTOR = 0x9e3779b97f4a7c15n;

/** A record as far as it is of interest. */
interface Record {
  readonly domid: number;
  readonly flags: number;
  readonly handle: string;
}

/**
 * The list of domains through libxenctrl. It knows no unique ids: ours are made of the handle,
 * the UUID that the toolstack gave the domain. That tells two domains of one domid apart unless
 * they have the same UUID: one that was destroyed and made again with its old domid, while
 * nobody looked, passes for the same. libxl gives a domain that crashed and is kept ("preserve")
 * a new UUID: a handle that changes after the shutdown was seen is no new domain.
 */
export class ControlledDomains implements DomainList {
  readonly source: string;
  readonly #library: Ctrl;
  readonly #handle: Deno.PointerValue;
  readonly #buffer = new Uint8Array(RECORD_BYTES * BATCH + SLACK_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #ids = new Map<number, { handle: string; id: bigint }>();
  #seen = new Map<number, Record>();

  private constructor(source: string, library: Ctrl, handle: Deno.PointerObject) {
    this.source = source;
    this.#library = library;
    this.#handle = handle;
  }

  /**
   * Finds the control library that this hypervisor answers.
   *
   * @throws {XenError} with what was tried.
   */
  static open(): ControlledDomains {
    const complaints: string[] = [];
    for (const soname of candidates()) {
      try {
        return ControlledDomains.#openOne(soname);
      } catch (error) {
        if (!(error instanceof XenError)) throw error;
        complaints.push(error.message);
      }
    }
    throw new XenError(complaints.join("; "));
  }

  static #openOne(soname: string): ControlledDomains {
    const library = openLibrary(soname, symbols);
    const handle = library.xc_interface_open(null, null, 0);
    if (handle === null) throw new XenError(`cannot open ${soname}: ${errorText(errno())}`);
    const list = new ControlledDomains(soname, library, handle);
    if (list.#read(0, 1) === 1 && list.#record(0).domid === 0) return list;
    const reason = errorText(errno());
    list.close();
    throw new XenError(`${soname} cannot tell of domain 0: ${reason}`);
  }

  /** Reads records of domains from `first` up. Returns how many, or -1. */
  #read(first: number, most: number): number {
    this.#buffer.fill(0);
    return this.#library.xc_domain_getinfolist(this.#handle, first, most, this.#buffer);
  }

  #record(index: number): Record {
    const at = index * RECORD_BYTES;
    let handle = "";
    for (let i = 0; i < HANDLE_BYTES; i++) {
      handle += this.#buffer[at + HANDLE + i]!.toString(16).padStart(2, "0");
    }
    return {
      domid: this.#view.getUint16(at, true),
      flags: this.#view.getUint32(at + FLAGS, true),
      handle,
    };
  }

  info(domid: number): HypervisorDomain | null {
    const record = this.#read(domid, 1) === 1 ? this.#record(0) : null;
    if (record?.domid !== domid) {
      this.#ids.delete(domid);
      return null;
    }
    return {
      domid,
      state: stateOf(record.flags),
      caps: (record.flags & FLAG_XENSTORE) === 0 ? 0 : CAP_XENSTORE,
      uniqueId: this.#uniqueId(record),
    };
  }

  #uniqueId({ domid, flags, handle }: Record): bigint {
    const known = this.#ids.get(domid);
    if (known !== undefined && (known.handle === handle || (flags & FLAG_SHUTDOWN) !== 0)) {
      known.handle = handle;
      return known.id;
    }
    const [high, low] = [BigInt(`0x${handle.slice(0, 16)}`), BigInt(`0x${handle.slice(16)}`)];
    // Domain 0's handle is all zero, and an id of 0 means no domain.
    const id = BigInt.asUintN(64, high * HANDLE_FACTOR + low) | 1n << 63n;
    this.#ids.set(domid, { handle, id });
    return id;
  }

  changed(): number[] {
    const now = new Map<number, Record>();
    for (let first = 0;;) {
      const count = this.#read(first, BATCH);
      if (count < 0) throw new XenError(`cannot list the domains: ${errorText(errno())}`);
      for (let i = 0; i < count; i++) {
        const record = this.#record(i);
        now.set(record.domid, record);
        first = record.domid + 1;
      }
      if (count < BATCH) break;
    }
    const before = this.#seen;
    this.#seen = now;
    const domids: number[] = [];
    for (const [domid, state] of now) {
      // One that is shut down may have run meanwhile, after a RESUME: it always counts.
      if ((state.flags & FLAG_SHUTDOWN) !== 0 || !isSame(before.get(domid), state)) {
        domids.push(domid);
      }
    }
    // Those asked for count too: one may come and go between two calls.
    for (const domid of this.#ids.keys()) {
      if (now.has(domid)) continue;
      this.#ids.delete(domid);
      domids.push(domid);
    }
    return domids;
  }

  close(): void {
    this.#library.xc_interface_close(this.#handle);
  }
}

function isSame(before: Record | undefined, now: Record): boolean {
  const mask = FLAG_DYING | FLAG_SHUTDOWN;
  return before?.handle === now.handle && (before.flags & mask) === (now.flags & mask);
}

/** The flag "dying" comes when all is torn down but what others hold, us among them: dead. */
function stateOf(flags: number): number {
  const isShutdown = (flags & FLAG_SHUTDOWN) !== 0;
  const isDying = (flags & FLAG_DYING) !== 0;
  return STATE_EXISTS | (isShutdown ? STATE_SHUTDOWN : 0) |
    (isDying ? STATE_DYING | STATE_DEAD : 0);
}

/** The sonames to try: the running hypervisor's version if it is told, else all known ones. */
function candidates(): string[] {
  if (overrideOf("libxenctrl.so") !== undefined) return ["libxenctrl.so"];
  const running = runningVersion();
  if (running === null) return VERSIONS.map((minor) => `libxenctrl.so.4.${minor}`);
  const [major, minor] = running;
  if (major === 4 && (VERSIONS as readonly number[]).includes(minor)) {
    return [`libxenctrl.so.4.${minor}`];
  }
  throw new XenError(
    `this is Xen ${major}.${minor}: libxenctrl is only known of 4.${VERSIONS.at(-1)} to ` +
      `4.${VERSIONS[0]}; later ones have libxenmanage`,
  );
}

function runningVersion(): [major: number, minor: number] | null {
  const directory = "/sys/hypervisor/version";
  try {
    const [major, minor] = ["major", "minor"].map((name) =>
      Number(Deno.readTextFileSync(`${directory}/${name}`))
    );
    return [major!, minor!];
  } catch {
    return null;
  }
}
