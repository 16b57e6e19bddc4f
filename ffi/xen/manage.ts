import { ENOENT, errno, errorText } from "../libc.ts";
import type { DomainList, HypervisorDomain } from "./domain_list.ts";
import { openLibrary, XenError } from "./library.ts";

/** The library of domain management: Xen 4.21 and later. Its interface is stable. */
const symbols = {
  // xenmanage_handle *xenmanage_open(xentoollog_logger *logger, unsigned int open_flags)
  xenmanage_open: { parameters: ["pointer", "u32"], result: "pointer" },
  // int xenmanage_close(xenmanage_handle *hdl)
  xenmanage_close: { parameters: ["pointer"], result: "i32" },
  // int xenmanage_get_domain_info(xenmanage_handle *hdl, unsigned int domid,
  //     unsigned int *state, unsigned int *caps, uint64_t *unique_id)
  xenmanage_get_domain_info: {
    parameters: ["pointer", "u32", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  // int xenmanage_poll_changed_domain(xenmanage_handle *hdl, unsigned int *domid,
  //     unsigned int *state, unsigned int *caps, uint64_t *unique_id)
  xenmanage_poll_changed_domain: {
    parameters: ["pointer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

type Manage = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** No more domains can have changed than there are: a poll that never ends is a defect. */
const CHANGED_MAX = 65_536;

/** The list of domains through libxenmanage, with the hypervisor's own unique ids. */
export class ManagedDomains implements DomainList {
  readonly source = "libxenmanage";
  readonly #library: Manage;
  readonly #handle: Deno.PointerValue;
  readonly #domid = new Uint32Array(1);
  readonly #state = new Uint32Array(1);
  readonly #caps = new Uint32Array(1);
  readonly #uniqueId = new BigUint64Array(1);

  /**
   * Opens the library and looks domain 0 up.
   *
   * @throws {XenError} when there is no such library, or the hypervisor is too old for it.
   */
  constructor() {
    this.#library = openLibrary("libxenmanage.so.1", symbols);
    this.#handle = this.#library.xenmanage_open(null, 0);
    if (this.#handle === null) {
      throw new XenError(`cannot open libxenmanage: ${errorText(errno())}`);
    }
    if (this.#look(0) !== 0) {
      const reason = errorText(errno());
      this.close();
      throw new XenError(`libxenmanage cannot tell of domain 0: ${reason}`);
    }
  }

  #look(domid: number): number {
    return this.#library.xenmanage_get_domain_info(
      this.#handle,
      domid,
      this.#state,
      this.#caps,
      this.#uniqueId,
    );
  }

  info(domid: number): HypervisorDomain | null {
    if (this.#look(domid) !== 0) return null;
    const [state, caps, uniqueId] = [this.#state[0]!, this.#caps[0]!, this.#uniqueId[0]!];
    return uniqueId === 0n ? null : { domid, state, caps, uniqueId };
  }

  /** The hypervisor answers only the process that has VIRQ_DOM_EXC bound. */
  changed(): number[] {
    const domids: number[] = [];
    while (domids.length < CHANGED_MAX) {
      const status = this.#library.xenmanage_poll_changed_domain(
        this.#handle,
        this.#domid,
        this.#state,
        this.#caps,
        this.#uniqueId,
      );
      if (status === 0) {
        domids.push(this.#domid[0]!);
      } else if (errno() === ENOENT) {
        break;
      } else {
        throw new XenError(`cannot ask which domains changed: ${errorText(errno())}`);
      }
    }
    return domids;
  }

  close(): void {
    this.#library.xenmanage_close(this.#handle);
  }
}
