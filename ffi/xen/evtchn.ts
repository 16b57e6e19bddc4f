import { keepOnExec, setNonblocking } from "../exec.ts";
import { errno, errorText } from "../libc.ts";
import { openLibrary, XenError } from "./library.ts";

/** The library of event channels; its interface is stable. */
const symbols = {
  // xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
  xenevtchn_open: { parameters: ["pointer", "u32"], result: "pointer" },
  // xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd,
  //                                    unsigned open_flags)
  xenevtchn_fdopen: { parameters: ["pointer", "i32", "u32"], result: "pointer" },
  // int xenevtchn_close(xenevtchn_handle *xce)
  xenevtchn_close: { parameters: ["pointer"], result: "i32" },
  // int xenevtchn_fd(xenevtchn_handle *xce)
  xenevtchn_fd: { parameters: ["pointer"], result: "i32" },
  // int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
  xenevtchn_notify: { parameters: ["pointer", "u32"], result: "i32" },
  // int xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote)
  xenevtchn_bind_interdomain: { parameters: ["pointer", "u32", "u32"], result: "i32" },
  // int xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
  xenevtchn_bind_virq: { parameters: ["pointer", "u32"], result: "i32" },
  // int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
  xenevtchn_unbind: { parameters: ["pointer", "u32"], result: "i32" },
  // int xenevtchn_pending(xenevtchn_handle *xce)
  xenevtchn_pending: { parameters: ["pointer"], result: "i32" },
  // int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
  xenevtchn_unmask: { parameters: ["pointer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Evtchn = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** The virtual interrupt that tells of domains that shut down, died or vanished (xen.h). */
export const VIRQ_DOM_EXC = 3;

/** The event channels of this process. Ports of ours are numbers of this very handle. */
export class EventChannels {
  readonly #library: Evtchn;
  readonly #handle: Deno.PointerValue;
  /** Readable when an event is pending; never read otherwise than by {@link pending}. */
  readonly fd: number;

  /**
   * Opens /dev/xen/evtchn; or takes up `inherited`, its descriptor in the process that was here
   * before, with all ports that are bound.
   *
   * @throws {XenError} when the library or the device cannot be opened.
   */
  constructor(inherited = -1) {
    this.#library = openLibrary("libxenevtchn.so.1", symbols);
    this.#handle = inherited < 0
      ? this.#library.xenevtchn_open(null, 0)
      : this.#library.xenevtchn_fdopen(null, inherited, 0);
    if (this.#handle === null) {
      throw new XenError(`cannot open the event channels (/dev/xen/evtchn): ${errorText(errno())}`);
    }
    this.fd = this.#library.xenevtchn_fd(this.#handle);
    // `pending` would wait for an event that another look has taken.
    setNonblocking(this.fd, true);
    keepOnExec(this.fd, false);
  }

  /** Binds to port `remote` of domain `domid`. Returns our port, or minus the error number. */
  bindInterdomain(domid: number, remote: number): number {
    const port = this.#library.xenevtchn_bind_interdomain(this.#handle, domid, remote);
    return port < 0 ? -errno() : port;
  }

  /** Binds a virtual interrupt. Returns our port, or minus the error number. */
  bindVirq(virq: number): number {
    const port = this.#library.xenevtchn_bind_virq(this.#handle, virq);
    return port < 0 ? -errno() : port;
  }

  /** Frees one of our ports; events of it that are still queued are for nobody. */
  unbind(port: number): void {
    this.#library.xenevtchn_unbind(this.#handle, port);
  }

  /** Raises an event at the other end of one of our ports. */
  notify(port: number): void {
    this.#library.xenevtchn_notify(this.#handle, port);
  }

  /** The next port with an event, which is masked from then on; negative when there is none. */
  pending(): number {
    return this.#library.xenevtchn_pending(this.#handle);
  }

  /** Lets a port raise events again; one that came meanwhile is raised at once. */
  unmask(port: number): void {
    this.#library.xenevtchn_unmask(this.#handle, port);
  }

  /** Frees all ports. Nothing may be called afterwards. */
  close(): void {
    this.#library.xenevtchn_close(this.#handle);
  }
}
