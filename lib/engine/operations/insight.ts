/** CONTROL commands that look at clients: `who`, `ring`, `errors`. */
import { canonicalPath } from "../../store/path.ts";
import { EINVAL, ENOENT } from "../../wire/errors.ts";
import { homePath } from "../../wire/home_path.ts";
import { jsonLine, textJson } from "../../wire/json.ts";
import { joinBytes } from "../../wire/text.ts";
import { nameIn } from "../author.ts";
import type { RingLook } from "../connection_base.ts";
import { isAlive } from "../domain_control.ts";
import { HOST_DOMAINS_PER_REQUEST } from "../../limits.ts";
import type { Call } from "../request.ts";
import { whoPage } from "../who.ts";
import type { Outcome } from "./outcome.ts";

const DOMID = /^\d{1,5}$/;
const encoder = new TextEncoder();

/** `who <path> [<from>]`: a page of who owns a node, may use it, and watches it. */
export function who({ connection, state }: Call, args: readonly string[]): Outcome {
  const [text, from = "", ...more] = args;
  if (text === undefined || more.length > 0) return EINVAL;
  const path = canonicalPath(text, connection.home, true);
  const page = path === null ? null : whoPage(state, path, from);
  return page === null ? EINVAL : encoder.encode(`${page}\0`);
}

/** What of a ring the daemon knows beside its page. */
export interface RingFacts extends Omit<RingLook, "page" | "unhandled"> {
  readonly domid: number;
  readonly name: ReturnType<typeof textJson> | null;
  /** Bytes of requests that were taken and not handled. */
  readonly unhandled: number;
  /** The first of those, as far as they are a header, in decimal numbers. */
  readonly unhandledHead: readonly number[];
}

/**
 * `ring <domid>`: what can be seen of a domain's ring, as one JSON object and its NUL; behind that, a copy of
 * the page's first 2,080 bytes. ENOENT for a domain that is not introduced.
 */
export function ring({ state }: Call, args: readonly string[]): Outcome {
  const [text = "", ...more] = args;
  if (!DOMID.test(text) || more.length > 0) return EINVAL;
  const domid = Number(text);
  const connection = state.domains.get(domid)?.connection ?? null;
  const look = connection?.outbox.lookAtRing?.() ?? null;
  if (look === null) return ENOENT;
  const { ignored, page, stalled, unhandled, unsent, waits } = look;
  const name = nameIn(state.tree.root, homePath(domid));
  const facts: RingFacts = {
    domid,
    name: name === null ? null : textJson(name),
    unhandled: unhandled.length,
    unhandledHead: [...unhandled.subarray(0, 16)],
    unsent,
    stalled,
    waits,
    ignored,
  };
  return joinBytes([encoder.encode(`${jsonLine(facts)}\0`), page]);
}

/** `errors [data] [<from>]`: a page of the last malformed messages; with `data` also their bytes. */
export function errors({ now, state }: Call, args: readonly string[]): Outcome {
  const withBytes = args[0] === "data";
  const [from = "", ...more] = withBytes ? args.slice(1) : args;
  if (!/^\d{0,4}$/.test(from) || more.length > 0) return EINVAL;
  return encoder.encode(`${state.malformed.page(Number(from), withBytes, now)}\0`);
}

/** What the hypervisor says of a domid. */
export interface HostDomain {
  readonly domid: number;
  /** Whether there is such a domain, and it has not died. */
  readonly alive: boolean;
  /** Its unique id, in decimal digits; null where there is none. */
  readonly uniqueId: string | null;
}

/** `domains <domid>...`: the hypervisor's list, as far as it is asked for: one JSON array. */
export function hostDomains({ state }: Call, args: readonly string[]): Outcome {
  if (args.length > HOST_DOMAINS_PER_REQUEST || args.some((text) => !DOMID.test(text))) {
    return EINVAL;
  }
  const found = args.map((text): HostDomain => {
    const domid = Number(text), info = state.control.info(domid);
    return { domid, alive: isAlive(info), uniqueId: info === null ? null : `${info.uniqueId}` };
  });
  return encoder.encode(`${jsonLine(found)}\0`);
}
