/** What `xs metrics` does: loaded when it is called. */
import { sleep } from "../lib/clock.ts";
import { removeQuietly } from "../lib/files.ts";
import { listen, type ListenAddress } from "../lib/metrics/listen.ts";
import {
  OTEL_DEFAULT,
  OTEL_ENDPOINT,
  OTEL_SWITCH,
  otlpEndpoint,
  OtlpExport,
  unreachable,
} from "../lib/metrics/otlp.ts";
import { prometheusText } from "../lib/metrics/prometheus.ts";
import { Scraper } from "../lib/metrics/scrape.ts";
import { UnknownStatus } from "../lib/metrics/read_status.ts";
import { METRICS_TIMEOUT_MS } from "../lib/limits.ts";
import { partPathOf } from "../lib/part_file.ts";
import { fromByteText, toByteText } from "../lib/client/operations.ts";
import { systemAdvice, systemReason } from "../lib/wire/system_error.ts";
import { type CommonFlags, openSession, type XsContext } from "./context.ts";
import { formatDuration } from "../lib/wire/duration.ts";
import { CommandError, UsageError } from "./report.ts";
import { runtimeArguments } from "./runtime_arguments.ts";
import { exportHistory } from "./history_records.ts";
import { flush, type Shell } from "./shell.ts";
import { version } from "./version.ts";

/** The options of `xs metrics`. */
export interface MetricsFlags extends CommonFlags {
  readonly listen?: ListenAddress;
  readonly output?: string;
  readonly otlp?: boolean;
  readonly history?: boolean;
  /** Between two exports, in ms. */
  readonly interval: number;
}

/** Prints, writes, serves or exports metrics; returns the exit status. */
export async function runMetrics({ shell }: XsContext, flags: MetricsFlags): Promise<number> {
  const scraper = new Scraper(() => openSession(shell, flags, METRICS_TIMEOUT_MS));
  if (flags.listen !== undefined) return await serve(shell, flags.listen, scraper);
  if (flags.otlp) return await exportOtlp(shell, flags, scraper);
  const { error, families } = await scraper.scrape();
  // Who reads the file is to see that there is no daemon, not what was there before.
  if (flags.output !== undefined) write(flags.output, prometheusText(families));
  else if (error === null) shell.stdout.write(toByteText(prometheusText(families)));
  if (error !== null) throw explained(error);
  return 0;
}

function explained(error: unknown): unknown {
  if (!(error instanceof UnknownStatus)) return error;
  return new CommandError("the daemon has no metrics (it is an older xs, or not xs)");
}

/** For the node exporter's collector of text files: whole or not at all, and for all to read. */
function write(output: string, text: string): void {
  const path = fromByteText(output), part = partPathOf(path);
  try {
    Deno.writeTextFileSync(part, text, { createNew: true, mode: 0o644 });
    Deno.renameSync(part, path);
  } catch (error) {
    removeQuietly(part);
    throw new CommandError(systemAdvice(error, "write"), output);
  }
}

/** Until the process is asked to end. */
function interrupted(shell: Shell): Promise<void> {
  return new Promise((resolve) => void shell.onInterrupt(resolve));
}

async function serve(shell: Shell, address: ListenAddress, scraper: Scraper): Promise<number> {
  const { hostname, port } = address;
  const ended = interrupted(shell);
  let server: ReturnType<typeof listen>;
  try {
    server = listen(address, scraper);
  } catch (error) {
    const text = `${systemReason(error)} (name another address or port)`;
    throw new CommandError(text, `--listen ${hostname}:${port}`);
  }
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  shell.stdout.write(`metrics at http://${host}:${server.address.port}/metrics\n`);
  flush(shell.stdout);
  await ended;
  await server.stop();
  return 0;
}

async function exportOtlp(
  shell: Shell,
  { history, interval, socket }: MetricsFlags,
  scraper: Scraper,
): Promise<number> {
  const url = collector();
  if (Deno.env.get(OTEL_SWITCH) !== "true") return await runWithTelemetry(shell);
  const telemetry = new OtlpExport(version());
  tellCollector(shell, url, interval);
  const ending = { isOver: false, ended: interrupted(shell) };
  void ending.ended.then(() => ending.isOver = true);
  const records = history ? exportHistory(shell, socket, interval, ending) : Promise.resolve();
  while (!ending.isOver) {
    const { families } = await scraper.scrape();
    telemetry.update(families);
    await Promise.race([ending.ended, sleep(shell.clock, interval)]);
  }
  await records;
  return 0;
}

/** The collector's address. @throws {UsageError} when the variable has an invalid one. */
function collector(): URL {
  const given = Deno.env.get(OTEL_ENDPOINT), url = otlpEndpoint(given);
  if (url !== null) return url;
  throw new UsageError(`invalid address '${given}' (such as ${OTEL_DEFAULT})`, OTEL_ENDPOINT);
}

/** Prints where metrics go, and later if nothing answers there, since the runtime's exporter is silent. */
function tellCollector({ stderr, stdout }: Shell, { href }: URL, interval: number): void {
  stdout.write(toByteText(`metrics to ${href} every ${formatDuration(interval)}\n`));
  flush(stdout);
  void unreachable(new URL(href)).then((why) => {
    if (why === null) return;
    const hint = `start it, or name another in ${OTEL_ENDPOINT}; xs goes on trying`;
    stderr.write(toByteText(`xs: metrics --otlp: no collector at ${href}: ${why} (${hint})\n`));
    flush(stderr);
  });
}

/** The runtime looks at its variables when it starts: so this program is started once more. */
async function runWithTelemetry(shell: Shell): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...runtimeArguments(), ...shell.args.map(fromByteText)],
    env: {
      OTEL_SERVICE_NAME: "xs",
      // What the console is given is exported, and not printed as well.
      OTEL_DENO_CONSOLE: "replace",
      ...Deno.env.toObject(),
      [OTEL_SWITCH]: "true",
    },
    stdin: "null",
  }).spawn();
  const stop = shell.onInterrupt(() => child.kill("SIGTERM"));
  const { code } = await child.status;
  stop();
  return code;
}
