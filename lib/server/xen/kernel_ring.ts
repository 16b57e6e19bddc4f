import { SystemCallError } from "../../../ffi/libc.ts";
import { mapFile } from "../../../ffi/shared_memory.ts";
import { XenError } from "../../../ffi/xen/library.ts";
import { RING_PAGE_SIZE } from "../../transport/ring_page.ts";

/** Where the kernel of our own domain shows its ring; tests put files in their place. */
const PAGE_PATH = "/proc/xen/xsd_kva";
const PORT_PATH = "/proc/xen/xsd_port";

/** The file that maps as the ring page of the domain we run in. */
export function kernelPagePath(): string {
  return Deno.env.get("XS_XSD_KVA") ?? PAGE_PATH;
}

/**
 * Maps the ring page of the domain we run in, which its kernel offers instead of a grant.
 *
 * @throws {XenError} when there is none.
 */
export function mapKernelPage(): Deno.PointerObject {
  try {
    return mapFile(kernelPagePath(), RING_PAGE_SIZE);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    throw new XenError(`cannot get this domain's own ring: ${error.message}`);
  }
}

/**
 * The event channel port that the kernel of our own domain listens to.
 *
 * @throws {XenError} when it cannot be read or is no number.
 */
export function readKernelPort(): number {
  const path = Deno.env.get("XS_XSD_PORT") ?? PORT_PATH;
  let text: string;
  try {
    text = Deno.readTextFileSync(path).trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new XenError(`cannot get the port of this domain's own ring: ${reason}`);
  }
  if (/^[1-9][0-9]*$/.test(text)) return Number(text);
  throw new XenError(`'${path}' holds '${text}': a port number was expected`);
}
