import { EACCES, EBUSY, EINVAL } from "../../wire/errors.ts";
import { FEATURES } from "../../wire/features.ts";
import { splitStrings } from "../../wire/payload.ts";
import type { Call } from "../request.ts";
import { domainOf, DONE, type Outcome, parseLoose, textReply } from "./outcome.ts";

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
