import { QUOTA_VALUE_MAX } from "../../limits.ts";
import { EINVAL, ENOENT } from "../../wire/errors.ts";
import { splitStrings } from "../../wire/payload.ts";
import type { Call } from "../request.ts";
import { COUNTED, type Counted } from "../accounts.ts";
import { domainText } from "../author.ts";
import { DEFAULT_QUOTAS } from "../domains.ts";
import { quotaName, QUOTAS, type Quotas } from "../quotas.ts";
import { isPrivileged } from "../rights.ts";
import { domainOf, DONE, type Outcome, parseLoose, textReply } from "./outcome.ts";

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

/** SET_QUOTA: for new domains, or for one domain; 0 switches the check off. */
export function setQuota(call: Call): Outcome {
  const strings = splitStrings(call.payload);
  return strings.length < 2 || strings.length > 3 ? EINVAL : setQuotaOf(call, strings);
}

/** What SET_QUOTA and CONTROL `quota set` do with `[domid] name value`. */
function setQuotaOf(call: Call, strings: readonly string[]): Outcome {
  const { state: { domains } } = call;
  const domain = strings.length === 2 ? null : domainOf(call, strings[0]!);
  if (typeof domain === "number") return domain;
  const name = quotaName(strings.at(-2)!);
  if (name === null) return EINVAL;
  const value = parseLoose(strings.at(-1)!);
  if (value < 0 || value > QUOTA_VALUE_MAX) return EINVAL;
  const old = (domain ?? domains).quotas.get(name), domid = domain?.domid ?? null;
  call.state.commits?.note({ kind: "quota", domid, name, old, new: value });
  tellOfSetting(call, domid, name, old, value);
  if (domain === null) {
    domains.quotas.set(name, value);
    call.state.dirty?.mark(DEFAULT_QUOTAS, null);
  } else {
    domain.quotas.set(name, value);
    domains.changed(domain);
  }
  return DONE;
}

function tellOfSetting(
  { connection, now, state }: Call,
  domid: number | null,
  name: string,
  old: number,
  value: number,
): void {
  const whose = (): string => domid === null ? "new domains" : domainText(state.tree.root, domid);
  const line = (): string =>
    `${connection.label}: quota ${name} of ${whose()}: ${value}, was ${old}`;
  state.tell("info", connection.domid, now, line);
}

function quotasOf(call: Call, text: string): Quotas | number {
  const domain = domainOf(call, text);
  return typeof domain === "number" ? domain : domain.quotas;
}

/** CONTROL `quota`: all quotas, one set, what a domain uses, or the most that any has used. */
export function controlQuota(call: Call, args: readonly string[]): Outcome {
  const [what, ...more] = args;
  if (what === undefined) return quotaSettings(call, false);
  if (what === "set") return more.length === 3 ? setQuotaOf(call, more) : setGlobal(call, more, "");
  if (what === "max") return maxSeen(call, more);
  return more.length > 0 ? EINVAL : ofDomain(call, parseLoose(what));
}

/** CONTROL `quota-soft`: the quotas that only warn. */
export function controlQuotaSoft(call: Call, args: readonly string[]): Outcome {
  const [what, ...more] = args;
  if (what === undefined) return quotaSettings(call, true);
  return what === "set" ? setGlobal(call, more, "soft-") : EINVAL;
}

function isSoft(name: string): boolean {
  return name.startsWith("soft-");
}

function quotaSettings(call: Call, soft: boolean): Outcome {
  const { quotas } = call.state.domains;
  const lines = QUOTAS.filter(({ name }) => isSoft(name) === soft).map(({ name, text }) => {
    const shown = name.replace(/^soft-/, "");
    return `${shown.padEnd(17)}: ${`${quotas.get(name)}`.padStart(8)} ${text}\n`;
  });
  return textReply(`Quota settings:\n${lines.join("")}`);
}

/** Unlike SET_QUOTA it takes no 0, which would switch the check off. */
function setGlobal(call: Call, args: readonly string[], prefix: string): Outcome {
  const [text, valueText, ...more] = args;
  if (text === undefined || valueText === undefined || more.length > 0) return EINVAL;
  const name = prefix + text;
  if (isSoft(name) !== (prefix !== "") || parseLoose(valueText) < 1) return EINVAL;
  return setQuotaOf(call, [name, valueText]);
}

function ofDomain(call: Call, domid: number): Outcome {
  const { state } = call;
  const domain = state.domains.get(domid);
  if (domain === undefined) return ENOENT;
  const { now, peak } = state.accounts.of(domid);
  const quotas = domain.quotas;
  const lines = QUOTAS.map(({ name }) => {
    const isCounted = isCountedName(name);
    const used = isCounted ? `${now[name]}` : "-";
    const most = isCounted ? `${peak[name]}` : "-";
    const limit = isPrivileged(domid, state.privDomid) || quotas.get(name) === 0
      ? "none"
      : `${quotas.get(name)}`;
    const columns = [
      `${used.padStart(8)} used`,
      `${most.padStart(8)} peak`,
      `${limit.padStart(8)} limit`,
    ];
    return `${name.padEnd(17)}: ${columns.join(", ")}\n`;
  });
  return textReply(`Domain ${domid}:\n${lines.join("")}`);
}

function isCountedName(name: string): name is Counted {
  return COUNTED.some((counted) => counted === name);
}

function maxSeen(call: Call, args: readonly string[]): Outcome {
  const { accounts, privDomid } = call.state;
  if (args.length > 1 || args.length === 1 && args[0] !== "-r") return EINVAL;
  if (args.length === 1) accounts.resetPeaks();
  const lines = COUNTED.map((name) => {
    const peak = accounts.highest(name, privDomid);
    return `${name.padEnd(17)}: ${`${peak}`.padStart(8)}\n`;
  });
  return textReply(`Max. seen accounting values:\n${lines.join("")}`);
}
