import { METRICS_INTERVAL_MS, METRICS_TIMEOUT_MS } from "../../lib/limits.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, withContext, type XsContext } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import type { MetricsFlags } from "../metrics.ts";
import { parseDurationOption } from "../parameters.ts";
import { UsageError } from "../report.ts";

/** An address and a port: `127.0.0.1:9465`, `[::1]:9465`, or a port of this host alone, `9465`. */
function parseAddress(input: string): NonNullable<MetricsFlags["listen"]> {
  const [, v6, name = "127.0.0.1", digits] = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):)?(\d{1,5})$/
    .exec(input) ?? [];
  const port = Number(digits ?? NaN);
  if (!(port <= 65_535)) {
    throw new UsageError("invalid address (ADDRESS:PORT, such as 127.0.0.1:9465 or [::1]:9465)");
  }
  return { hostname: v6 ?? name, port };
}

/** @throws {UsageError} for options of which only one can be meant. */
function checkTogether({ history, json, listen, otlp, output }: MetricsFlags): void {
  if (history && !otlp) throw new UsageError("it needs --otlp", "--history");
  const ways = [listen && "--listen", output && "--output", otlp && "--otlp"].filter(Boolean);
  if (ways.length > 1) {
    throw new UsageError(`it contradicts ${ways[0]} (leave one of them out)`, `${ways[1]}`);
  }
  if (json) throw new UsageError("metrics have no JSON form (use `xs --json status`)", "--json");
}

async function run(context: XsContext, flags: MetricsFlags): Promise<number> {
  checkTogether(flags);
  // Other commands need none of this.
  const { runMetrics } = await import("../metrics.ts");
  return await runMetrics(context, flags);
}

/** `xs metrics`. */
export const metricsCommand: XsCommand = buildCommand<MetricsFlags, []>({
  func: withContext(run),
  parameters: {
    flags: {
      ...commonFlags,
      timeout: {
        ...commonFlags.timeout,
        brief: `Give up when the daemon does not answer within DURATION (default ${
          formatDuration(METRICS_TIMEOUT_MS)
        })`,
      },
      listen: valueFlag(
        "ADDRESS:PORT",
        "Serve metrics at http://ADDRESS:PORT/metrics until SIGTERM",
        parseAddress,
      ),
      output: valueFlag("FILE", "Write metrics to FILE, whole or not at all"),
      otlp: switchFlag("Export metrics to an OpenTelemetry collector until SIGTERM"),
      history: switchFlag("With --otlp, export the history, too, as log records; they hold values"),
      interval: {
        kind: "parsed",
        parse: parseDurationOption,
        default: formatDuration(METRICS_INTERVAL_MS),
        placeholder: "DURATION",
        brief: "With --otlp, ask the daemon every DURATION",
      },
    },
    aliases: { o: "output" },
  },
  docs: {
    name: "metrics",
    group: "debug",
    brief: "print or serve metrics",
    description: [
      "Prints what the daemon counts in Prometheus' text format. With --listen it serves it over HTTP, with --output it writes it to a file for the node exporter, with --otlp it exports it to an OpenTelemetry collector, which OTEL_EXPORTER_OTLP_ENDPOINT names (default http://localhost:4318).",
      "It is a client of the daemon, in a process of its own. Exits with status 1 when no daemon answers; --listen and --otlp go on, and the metric xs_up is 0.",
    ],
    examples: [
      ["xs metrics", "print all metrics once"],
      ["xs metrics --listen 127.0.0.1:9465", "serve them to Prometheus"],
      ["xs metrics --otlp --history", "export metrics and history to a collector"],
      [
        "xs metrics -o /var/lib/prometheus/node-exporter/xs.prom",
        "write them for the node exporter",
      ],
    ],
  },
});
