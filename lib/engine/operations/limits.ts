import { EACCES, EBUSY, EINVAL, ENOENT } from "../../wire/errors.ts";
import { splitStrings } from "../../wire/payload.ts";
import type { Call } from "../request.ts";
import { DEFAULT_QUOTAS, type Domain, FEATURES } from "../domains.ts";
import { quotaName, QUOTAS, type Quotas } from "../quotas.ts";
import { DONE, type Outcome, parseDomid, parseLoose, textReply } from "./outcome.ts";

/** The domain a `domid` argument means, or why there is none. */
function domainOf(call: Call, text: string): Domain | number {
  const domid = parseDomid(text);
  if (domid === null) return EINVAL;
  return call.state.domains.know(domid) ?? ENOENT;
}

/** GET_FEATURE: the caller's server features, or, for the privileged, those of `domid`. */
export function getFeature(call: Call): Outcome {
  const { connection, payload, state } = call;
  const [text, ...more] = splitStrings(payload);
  // libxenstore sends a lone NUL for "no argument".
  if (text === undefined || text === "" && more.length === 0) {
    return textReply(`${state.domains.get(connection.domid)?.features ?? FEATURES}`);
  }
  if (!connection.privileged) return EACCES;
  if (more.length > 0) return EINVAL;
  const domain = domainOf(call, text);
  return typeof domain === "number" ? domain : textReply(`${domain.features}`);
}

/** SET_FEATURE `domid value`: what will be offered to a domain not yet introduced. */
export function setFeature(call: Call): Outcome {
  const strings = splitStrings(call.payload);
  if (strings.length !== 2) return EINVAL;
  const domain = domainOf(call, strings[0]!);
  if (typeof domain === "number") return domain;
  if (domain.introduced) return EBUSY;
  const value = parseLoose(strings[1]!);
  if ((value & ~FEATURES) !== 0 || value < 0) return EINVAL;
  domain.features = value;
  call.state.commits?.note({ kind: "features", domid: domain.domid, features: value });
  call.state.domains.changed(domain);
  return DONE;
}

/** GET_QUOTA: the names of all quotas, or the value of one, the global one or a domain's. */
export function getQuota(call: Call): Outcome {
  const { payload, state: { domains } } = call;
  if (payload.length === 0) return textReply(QUOTAS.map(({ name }) => name).join(" "));
  const strings = splitStrings(payload);
  if (strings.length < 1 || strings.length > 2) return EINVAL;
  const quotas = strings.length === 1 ? domains.quotas : quotasOf(call, strings[0]!);
  if (typeof quotas === "number") return quotas;
  const name = quotaName(strings.at(-1)!);
  return name === null ? EINVAL : textReply(`${quotas.get(name)}`);
}

/** SET_QUOTA: for domains yet to come, or for one domain; 0 switches the check off. */
export function setQuota(call: Call): Outcome {
  const strings = splitStrings(call.payload);
  return strings.length < 2 || strings.length > 3 ? EINVAL : setQuotaOf(call, strings);
}

/** What SET_QUOTA and CONTROL `quota set` do with `[domid] name value`. */
export function setQuotaOf(call: Call, strings: readonly string[]): Outcome {
  const { state: { domains } } = call;
  const domain = strings.length === 2 ? null : domainOf(call, strings[0]!);
  if (typeof domain === "number") return domain;
  const name = quotaName(strings.at(-2)!);
  if (name === null) return EINVAL;
  const value = parseLoose(strings.at(-1)!);
  if (value < 0 || value > 0x7fffffff) return EINVAL;
  const old = (domain ?? domains).quotas.get(name), domid = domain?.domid ?? null;
  call.state.commits?.note({ kind: "quota", domid, name, old, new: value });
  if (domain === null) {
    domains.quotas.set(name, value);
    call.state.dirty?.mark(DEFAULT_QUOTAS, null);
  } else {
    domain.quotas.set(name, value);
    domains.changed(domain);
  }
  return DONE;
}

function quotasOf(call: Call, text: string): Quotas | number {
  const domain = domainOf(call, text);
  return typeof domain === "number" ? domain : domain.quotas;
}
