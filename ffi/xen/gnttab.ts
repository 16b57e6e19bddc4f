import { errno, errorText } from "../libc.ts";
import { openLibrary, XenError } from "./library.ts";
import { PROT_READ_WRITE } from "../linux.ts";

/** The library of grant mappings; its interface is stable. */
const symbols = {
  // xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
  xengnttab_open: { parameters: ["pointer", "u32"], result: "pointer" },
  // int xengnttab_close(xengnttab_handle *xgt)
  xengnttab_close: { parameters: ["pointer"], result: "i32" },
  // int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
  xengnttab_set_max_grants: { parameters: ["pointer", "u32"], result: "i32" },
  // void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
  xengnttab_map_grant_ref: { parameters: ["pointer", "u32", "u32", "i32"], result: "pointer" },
  // int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
  xengnttab_unmap: { parameters: ["pointer", "pointer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Gnttab = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** Pages of other domains, mapped by grant reference. */
export class GrantTable {
  readonly #library: Gnttab;
  readonly #handle: Deno.PointerValue;

  /**
   * Opens /dev/xen/gntdev for up to `grantsMax` pages at a time.
   *
   * @throws {XenError} when the library or the device cannot be opened.
   */
  constructor(grantsMax: number) {
    this.#library = openLibrary("libxengnttab.so.1", symbols);
    this.#handle = this.#library.xengnttab_open(null, 0);
    if (this.#handle === null) {
      throw new XenError(`cannot open the grant table (/dev/xen/gntdev): ${errorText(errno())}`);
    }
    // Newer kernels have no such limit and say so; the mapping itself tells.
    this.#library.xengnttab_set_max_grants(this.#handle, grantsMax);
  }

  /** Maps one page, to read and to write. Returns its address, or the error number. */
  map(domid: number, reference: number): Deno.PointerObject | number {
    const page = this.#library.xengnttab_map_grant_ref(
      this.#handle,
      domid,
      reference,
      PROT_READ_WRITE,
    );
    return page === null ? errno() : page;
  }

  /** Unmaps a page. Its address, and all views of it, are dangling from then on. */
  unmap(page: Deno.PointerObject): void {
    this.#library.xengnttab_unmap(this.#handle, page, 1);
  }

  close(): void {
    this.#library.xengnttab_close(this.#handle);
  }
}
