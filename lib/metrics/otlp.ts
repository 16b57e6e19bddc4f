/** Metrics to an OpenTelemetry collector, by the telemetry that the runtime has built in. */
import { systemReason } from "../wire/system_error.ts";
import type { Family, Labels } from "./families.ts";

/** The variable that has the runtime export telemetry, if it is set when the process starts. */
export const OTEL_SWITCH = "OTEL_DENO";

/** The variable that names the collector, and which one the runtime takes where it names none. */
export const OTEL_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", OTEL_DEFAULT = "http://localhost:4318";

/** The collector that the variable's text names; null where that is no address. */
export function otlpEndpoint(text: string | undefined): URL | null {
  const url = URL.parse(text === undefined || text === "" ? OTEL_DEFAULT : text);
  return url !== null && /^https?:$/.test(url.protocol) ? url : null;
}

/** Why nothing answers at an address; null where something does. */
export async function unreachable({ hostname, port, protocol }: URL): Promise<string | null> {
  const usual = protocol === "https:" ? 443 : 80;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  try {
    (await Deno.connect({ hostname: host, port: port === "" ? usual : Number(port) })).close();
    return null;
  } catch (error) {
    return systemReason(error);
  }
}

/** What the runtime's meters are here: the API of OpenTelemetry, of which this is what we use. */
interface Observer {
  observe(instrument: Instrument, value: number, labels: Labels): void;
}
type Instrument = object;
interface Meter {
  createObservableCounter(name: string, options: { description: string }): Instrument;
  createObservableGauge(name: string, options: { description: string }): Instrument;
  addBatchObservableCallback(
    callback: (observer: Observer) => void,
    instruments: readonly Instrument[],
  ): void;
  removeBatchObservableCallback(
    callback: (observer: Observer) => void,
    instruments: readonly Instrument[],
  ): void;
}
interface Telemetry {
  readonly meterProvider: { getMeter(name: string, version: string): Meter };
}

/**
 * Gives the runtime's exporter the latest metrics whenever it asks. A histogram goes as the counters of its
 * buckets, as Prometheus names them: the runtime takes single durations only, and the daemon has counted them.
 */
export class OtlpExport {
  readonly #meter: Meter;
  readonly #instruments = new Map<string, Instrument>();
  #latest: readonly Family[] = [];
  #observed: readonly Instrument[] = [];

  constructor(version: string, telemetry: Telemetry = Deno.telemetry as Telemetry) {
    this.#meter = telemetry.meterProvider.getMeter("xs", version);
  }

  /** These are the metrics from now on. */
  update(families: readonly Family[]): void {
    this.#latest = families;
    const before = this.#instruments.size;
    for (const family of families) {
      for (const { suffix = "" } of family.samples) this.#instrumentOf(family, suffix);
    }
    if (this.#instruments.size === before) return;
    this.#meter.removeBatchObservableCallback(this.#observe, this.#observed);
    this.#observed = [...this.#instruments.values()];
    this.#meter.addBatchObservableCallback(this.#observe, this.#observed);
  }

  #instrumentOf({ help, name, type }: Family, suffix: string): Instrument {
    const full = name + suffix;
    let instrument = this.#instruments.get(full);
    if (instrument !== undefined) return instrument;
    const options = { description: help };
    instrument = type === "gauge"
      ? this.#meter.createObservableGauge(full, options)
      : this.#meter.createObservableCounter(full, options);
    this.#instruments.set(full, instrument);
    return instrument;
  }

  readonly #observe = (observer: Observer): void => {
    for (const family of this.#latest) {
      for (const { labels, suffix = "", value } of family.samples) {
        observer.observe(this.#instrumentOf(family, suffix), value, labels);
      }
    }
  };
}
