import type { QuotaSetting } from "../../engine/quotas.ts";
import { quotaSetting, switchSetting, TRACE, TRACE_FILE } from "../../engine/settings.ts";
import { toText } from "../../wire/text.ts";
import type { TraceOptions } from "../logging/trace_options.ts";

/** The options that set what CONTROL can set, too. */
export interface SettingOptions extends TraceOptions {
  readonly quotas?: readonly QuotaSetting[];
}

/** What the command line says of each setting that CONTROL can set, too (see Settings). */
export function configuredSettings(options: SettingOptions): ReadonlyMap<string, string> {
  const { quotas, traceControl, traceFile } = options;
  const configured = new Map<string, string>();
  for (const { name, value } of quotas ?? []) configured.set(quotaSetting(name), `${value}`);
  for (const control of traceControl ?? []) {
    configured.set(switchSetting(control.slice(1)), control[0] === "+" ? "on" : "off");
  }
  if (traceFile === undefined) return configured;
  const path = toText(new TextEncoder().encode(traceFile));
  // Who names a file wants it written.
  return configured.set(TRACE_FILE, path).set(TRACE, path);
}
