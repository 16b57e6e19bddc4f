import { DOMID_SELF } from "../../store/perms.ts";
import { EINVAL, ENOENT } from "../../wire/errors.ts";
import { homePath } from "../../wire/home_path.ts";
import { oneArgument, splitStrings } from "../../wire/payload.ts";
import type { Call } from "../request.ts";
import { roomFor } from "../quota_refusal.ts";
import type { Domain } from "../domains.ts";
import { CONNECTION_BYTES } from "../memory_model.ts";
import { INTRODUCE_DOMAIN } from "../state.ts";
import { DONE, type Outcome, parseDomid, parseLoose, textReply } from "./outcome.ts";

/**
 * INTRODUCE `domid gfn evtchn`: connects a domain's ring; again, resets it. The frame number
 * is ignored, as in C: the page is that of grant 1.
 */
export function introduce(call: Call): Outcome {
  const { state } = call;
  const [domidText, gfn, portText] = splitStrings(call.payload);
  if (domidText === undefined || gfn === undefined || portText === undefined) return EINVAL;
  const domid = parseDomid(domidText);
  const port = parseLoose(portText);
  if (domid === null || port <= 0) return EINVAL;
  const known = state.domains.get(domid);
  if (known !== undefined && known.connection !== null) {
    state.resetConnection(known.connection);
    state.liveUpdate.forget(known.connection);
    state.control.reset(known.connection, port);
    known.port = port;
    state.domains.changed(known);
    state.commits?.note({ kind: "introduced", domid, port });
    state.tellOfDomain(domid, `introduced again by ${call.connection.label}, port ${port}`);
    return DONE;
  }
  const error = roomFor(call, CONNECTION_BYTES) || state.openDomain(domid, port);
  if (error !== 0) return error;
  state.commits?.note({ kind: "introduced", domid, port });
  state.tellOfDomain(domid, `introduced by ${call.connection.label}, port ${port}`);
  if (domid !== state.privDomid) state.announce(INTRODUCE_DOMAIN, domid);
  return DONE;
}

/** The introduced domain that RELEASE and RESUME are about, or why not. */
function introducedOf(call: Call): Domain | number {
  const { state } = call;
  const argument = oneArgument(call.payload);
  const domid = argument === null ? null : parseDomid(argument);
  if (domid === null || domid === state.storeDomid || domid === state.privDomid) return EINVAL;
  const domain = state.domains.get(domid);
  if (domain === undefined || !domain.introduced) return ENOENT;
  return domain.connection === null ? EINVAL : domain;
}

/** RELEASE `domid`: the domain is taken for dead. */
export function release(call: Call): Outcome {
  const domain = introducedOf(call);
  if (typeof domain === "number") return domain;
  const { domid } = domain, { commits } = call.state;
  commits?.note({ kind: "released", domid });
  call.state.releaseDomain(domain, `released by ${call.connection.label}`);
  return DONE;
}

/** RESUME `domid`: its next shutdown will be announced again. */
export function resume(call: Call): Outcome {
  const domain = introducedOf(call);
  if (typeof domain === "number") return domain;
  domain.shutdownSeen = false;
  call.state.domains.changed(domain);
  call.state.commits?.note({ kind: "resumed", domid: domain.domid });
  return DONE;
}

/** SET_TARGET `domid target`: the domain gets the rights of its target besides its own. */
export function setTarget(call: Call): Outcome {
  const { domains } = call.state;
  const [domidText, targetText] = splitStrings(call.payload);
  if (domidText === undefined || targetText === undefined) return EINVAL;
  const domid = parseDomid(domidText);
  const targetDomid = parseDomid(targetText);
  if (domid === null || targetDomid === null) return EINVAL;
  const domain = domains.get(domid);
  const target = domains.get(targetDomid);
  if (!domain?.introduced || !target?.introduced) return ENOENT;
  if (domain.connection === null) return EINVAL;
  domain.target = targetDomid;
  domains.changed(domain);
  call.state.commits?.note({ kind: "target", domid, target: targetDomid });
  return DONE;
}

/** IS_DOMAIN_INTRODUCED `domid`: `T` or `F`. */
export function isIntroduced(call: Call): Outcome {
  const argument = oneArgument(call.payload);
  const domid = argument === null ? null : parseDomid(argument);
  if (domid === null) return EINVAL;
  const known = domid === DOMID_SELF || call.state.domains.get(domid)?.introduced === true;
  return textReply(known ? "T" : "F");
}

/** GET_DOMAIN_PATH `domid`: where the domain's nodes are; it need not exist. */
export function getDomainPath(call: Call): Outcome {
  const argument = oneArgument(call.payload);
  const domid = argument === null ? null : parseDomid(argument);
  return domid === null ? EINVAL : textReply(homePath(domid));
}
