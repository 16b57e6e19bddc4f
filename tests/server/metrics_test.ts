/** `xs metrics`: its text, its conventions, its server, its file, its export; and a daemon that does not answer. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { prometheusText } from "../../lib/metrics/prometheus.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until, within } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";

const decoder = new TextDecoder();

async function xsMetrics(...words: readonly string[]): Promise<[number, string, string]> {
  const [command, ...args] = xsCommand();
  const { code, stderr, stdout } = await new Deno.Command(command, {
    args: [...args, "metrics", ...words],
  }).output();
  return [code, decoder.decode(stdout), decoder.decode(stderr)];
}

/** A running `xs metrics`, and the first line that it printed. */
async function startMetrics(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ line: string; end: () => Promise<number> }> {
  const [command, ...args] = xsCommand();
  const child = new Deno.Command(command, {
    args: [...args, "metrics", ...words],
    env: { ...env },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const line = decoder.decode((await reader.read()).value);
  return {
    line,
    end: async () => {
      child.kill("SIGTERM");
      const { code } = await within(child.status, "the end of xs metrics");
      await reader.cancel();
      return code;
    },
  };
}

/** An embedded server with two guests, of which one was refused something. */
async function furnish(server: EmbeddedServer, client: RawClient): Promise<void> {
  for (const [domid, name] of [[5, "web1"], [6, 'a"b\\c\nxs_up 7']] as const) {
    server.domains.create(domid);
    await client.ask(T.INTRODUCE, `${domid}\x001\x005\0`);
    await client.ask(T.WRITE, `/local/domain/${domid}/name\0${name}`);
  }
  await client.ask(T.READ, "/no/such/secret-path\0");
}

/** All samples: by name and labels as they are printed. */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("# ")) continue;
    const [, key, value] = /^(\w+(?:\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$/.exec(line) ??
      [];
    assert(key !== undefined, line);
    assert(!samples.has(key), `twice: ${key}`);
    samples.set(key, Number(value));
  }
  return samples;
}

Deno.test("metrics: labels are escaped, and a family has help and type", () => {
  const family = {
    name: "xs_x",
    type: "gauge",
    help: "What it is.",
    samples: [{ labels: { a: '\\"\n', b: "" }, value: 0.5 }, { labels: {}, value: 1e21 }],
  } as const;
  assertEquals(
    prometheusText([family]),
    '# HELP xs_x What it is.\n# TYPE xs_x gauge\nxs_x{a="\\\\\\"\\n",b=""} 0.5\nxs_x 1e+21\n',
  );
});

Deno.test("metrics: what clients did is there, by domain; a domain's series end with it", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await RawClient.connect(server.socketPath);
  await furnish(server, client);
  const [code, text, err] = await xsMetrics("--socket", server.socketPath, "--timeout", "60");
  assertEquals([code, err], [0, ""]);
  const samples = samplesOf(text);
  assertEquals(samples.get("xs_up"), 1);
  assertEquals(samples.get("xs_rings"), 2);
  assertEquals(samples.get('xs_requests_total{domid="0",operation="READ",result="ENOENT"}'), 1);
  assertEquals(samples.get('xs_requests_total{domid="0",operation="INTRODUCE",result="OK"}'), 2);
  assertEquals(samples.get('xs_quota_limit{domid="5",quota="watches"}'), 128);
  assertEquals(samples.get('xs_domain_info{domid="5",name="web1"}'), 1);
  assertEquals(samples.get('xs_domain_info{domid="6",name="a\\"b\\\\c\\\\u000axs_up 7"}'), 1);
  assertMatch(text, /^xs_build_info\{version="embedded",commit="",persist="none"\} 1$/m);
  await client.ask(T.RELEASE, "5\0");
  const [, after] = await xsMetrics("--socket", server.socketPath, "--timeout", "60");
  assert(!after.includes('domid="5"') && after.includes('domid="6"'));
});

Deno.test("metrics: by the conventions, and no path in a label", async () => {
  await using daemon = await startDaemon();
  await using client = await RawClient.connect(daemon.socketPath);
  for (let i = 0; i < 50; i++) await client.ask(T.WRITE, `/secret-path/${i}\0secret-value`);
  const scrape = async (): Promise<string> =>
    (await xsMetrics("--socket", daemon.socketPath, "--timeout", "60"))[1];
  const text = await scrape();
  assert(!/secret/.test(text), "neither paths nor values");
  const labels = new Set([...text.matchAll(/[{,](\w+)="/g)].map((match) => match[1]));
  const known = [
    "commit",
    "domid",
    "le",
    "name",
    "operation",
    "persist",
    "quota",
    "result",
    "version",
  ];
  assertEquals([...labels].filter((label) => !known.includes(label!)), []);
  for (const [, name, type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    assertEquals(name!.endsWith("_total"), type === "counter", name);
    assertMatch(text, new RegExp(`^# HELP ${name} [A-Z].*\\.$`, "m"));
  }
  const before = samplesOf(text), after = samplesOf(await scrape());
  for (const [key, value] of before) {
    if (/_(?:total|count|sum|bucket)\b/.test(key)) assert(after.get(key)! >= value, key);
  }
  const buckets = [...before].filter(([key]) => key.startsWith("xs_turn_duration_seconds_bucket"));
  assert(buckets.length > 10);
  assertEquals(buckets.map(([, value]) => value), buckets.map(([, v]) => v).sort((a, b) => a - b));
  assertStringIncludes(buckets.at(-1)![0], 'le="+Inf"');
  assertEquals(buckets.at(-1)![1], before.get("xs_turn_duration_seconds_count"));
});

/** Why promtool cannot be run here; undefined where it can. */
async function promtoolMissing(): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command("promtool", { args: ["--version"] }).output();
    if (success) return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return "no promtool: apt-get install prometheus";
}

testUnless(await promtoolMissing(), "metrics: promtool finds nothing wrong", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await RawClient.connect(server.socketPath);
  await furnish(server, client);
  const [, text] = await xsMetrics("--socket", server.socketPath, "--timeout", "60");
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stderr, stdout } = await child.output();
  assertEquals([code, decoder.decode(stdout), decoder.decode(stderr)], [0, "", ""]);
});

Deno.test("metrics: no daemon, and an older one", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`, file = `${scratch.path}/xs.prom`;
  const [code, out, err] = await xsMetrics("--socket", socket);
  assertEquals([code, out], [1, ""]);
  assertMatch(err, /^xs: metrics: cannot connect to .*there is no such socket.*\n$/);
  const [ofFile] = await xsMetrics("--socket", socket, "-o", file);
  assertEquals(ofFile, 1);
  assertEquals(samplesOf(await Deno.readTextFile(file)), new Map([["xs_up", 0]]));
});

Deno.test("metrics: a file is written whole, for all to read", async () => {
  await using server = await EmbeddedServer.start();
  await using scratch = await makeScratch();
  const file = `${scratch.path}/xs.prom`;
  await Deno.writeTextFile(file, "old");
  const [code, out, err] = await xsMetrics(
    "--socket",
    server.socketPath,
    "-o",
    file,
    "--timeout",
    "60",
  );
  assertEquals([code, out, err], [0, "", ""]);
  assertEquals(samplesOf(await Deno.readTextFile(file)).get("xs_up"), 1);
  assertEquals((await Deno.stat(file)).mode! & 0o777, 0o644);
  assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name), ["xs.prom"]);
  const [failed, , why] = await xsMetrics("--socket", server.socketPath, "-o", "/no/such/x.prom");
  assertEquals(failed, 1);
  assertMatch(
    why,
    /^xs: metrics \/no\/such\/x\.prom: no such file or directory \(make its directory/,
  );
});

Deno.test("metrics: --listen serves them, also of a daemon that is stopped, gone and back", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  let daemon = await startDaemon({ socket });
  const { end, line } = await startMetrics([
    "--socket",
    socket,
    "--listen",
    "127.0.0.1:0",
    "--timeout",
    "0.2",
  ]);
  const [, url] = /^metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)\n$/.exec(line) ?? [];
  const scrape = async (): Promise<number | undefined> => {
    const response = await fetch(url!);
    assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    return samplesOf(await response.text()).get("xs_up");
  };
  await until("a daemon that answers", async () => await scrape() === 1);
  // However many ask at once, each gets an answer.
  await Promise.all(Array.from({ length: 20 }, scrape));
  Deno.kill(daemon.pid, "SIGSTOP");
  assertEquals(await scrape(), 0);
  Deno.kill(daemon.pid, "SIGCONT");
  await until("the daemon after SIGCONT", async () => await scrape() === 1);
  await daemon.stop();
  assertEquals(await scrape(), 0);
  daemon = await startDaemon({ socket });
  await until("the next daemon", async () => await scrape() === 1);
  for (
    const [path, method, status] of [["/", "GET", 200], ["/x", "GET", 404], [
      "/metrics",
      "POST",
      405,
    ]] as const
  ) {
    const response = await fetch(new URL(path, url), { method });
    await response.body?.cancel();
    assertEquals(response.status, status, path);
  }
  const taken = await xsMetrics("--socket", socket, "--listen", new URL(url!).host);
  assertEquals([taken[0], taken[1]], [1, ""]);
  assertMatch(taken[2], /^xs: metrics --listen 127\.0\.0\.1:\d+: the address is in use \(/);
  assertEquals(await end(), 0);
  await daemon.stop();
});

Deno.test("metrics: --otlp exports them to a collector", async () => {
  await using server = await EmbeddedServer.start();
  const bodies: string[] = [];
  const collector = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const text = await request.text();
      if (new URL(request.url).pathname === "/v1/metrics") bodies.push(text);
      return Response.json({});
    },
  );
  const words = ["--socket", server.socketPath, "--otlp", "--interval", "50ms"];
  const { end, line } = await startMetrics(words, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_METRIC_EXPORT_INTERVAL: "100",
  });
  assertEquals(line, `metrics to http://127.0.0.1:${collector.addr.port}/ every 50ms\n`);
  const exported = (): string[] => bodies.filter((body) => body.includes('"xs_nodes"'));
  await until("metrics at the collector", () => exported().length > 1);
  const body = JSON.parse(exported().at(-1)!);
  const [{ resource, scopeMetrics }] = body.resourceMetrics;
  const service = resource.attributes.find(({ key }: { key: string }) => key === "service.name");
  assertEquals(service.value.stringValue, "xs");
  const scope = scopeMetrics.find(({ scope }: { scope: { name: string } }) => scope.name === "xs");
  const names = scope.metrics.map(({ name }: { name: string }) => name);
  for (const name of ["xs_up", "xs_requests_total", "xs_turn_duration_seconds_bucket"]) {
    assert(names.includes(name), name);
  }
  assertEquals(await end(), 0);
  await collector.shutdown();
});

Deno.test("metrics: --otlp --history exports what was done as log records", async () => {
  await using daemon = await startDaemon();
  await using client = await RawClient.connect(daemon.socketPath);
  const logs: string[] = [];
  const collector = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const text = await request.text();
      if (new URL(request.url).pathname === "/v1/logs") logs.push(text);
      return Response.json({});
    },
  );
  const words = ["--socket", daemon.socketPath, "--otlp", "--history", "--interval", "50ms"];
  const { end } = await startMetrics(words, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BLRP_SCHEDULE_DELAY: "100",
  });
  let writes = 0;
  await until("a record at the collector", async () => {
    await client.ask(T.WRITE, `/exported/node\0${writes++}`);
    return logs.some((text) => text.includes("/exported/node"));
  });
  const text = logs.find((text) => text.includes("/exported/node"))!;
  const [{ scopeLogs }] = JSON.parse(text).resourceLogs;
  const bodies = scopeLogs.flatMap((
    { logRecords }: { logRecords: { body: { stringValue: string } }[] },
  ) => logRecords.map(({ body }) => body.stringValue));
  const record = JSON.parse(bodies.find((body: string) => body.includes("/exported/node")));
  assertEquals([record.type, record.kind], ["commit", "write"]);
  assertEquals(await end(), 0);
  await collector.shutdown();
});

Deno.test("metrics: --otlp says that there is no collector, and what is no address", async () => {
  await using server = await EmbeddedServer.start();
  const [command, ...args] = xsCommand();
  const start = (endpoint: string): Deno.ChildProcess =>
    new Deno.Command(command, {
      args: [...args, "--socket", server.socketPath, "metrics", "--otlp"],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
      stdout: "null",
      stderr: "piped",
    }).spawn();
  // Nothing listens on a port that was just given back.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr;
  listener.close();
  const child = start(`http://127.0.0.1:${port}`);
  const reader = child.stderr.getReader();
  assertMatch(
    decoder.decode((await reader.read()).value),
    new RegExp(
      `^xs: metrics --otlp: no collector at http://127\\.0\\.0\\.1:${port}/: connection refused ` +
        "\\(start it, or name another in OTEL_EXPORTER_OTLP_ENDPOINT; xs goes on trying\\)\n$",
    ),
  );
  child.kill("SIGTERM");
  await reader.cancel();
  await within(child.status, "the end of xs metrics");
  const wrong = await start("collector").output();
  assertEquals(wrong.code, 2);
  assertMatch(
    decoder.decode(wrong.stderr),
    /^xs: metrics OTEL_EXPORTER_OTLP_ENDPOINT: invalid address 'collector' \(such as http:/,
  );
});

Deno.test("metrics: wrong usage", async () => {
  for (
    const [words, text] of [
      [["--listen", "nowhere"], /--listen: invalid address|--listen nowhere: invalid address/],
      [["--listen", "127.0.0.1:70000"], /invalid address/],
      [["--listen", "9465", "--otlp"], /^xs: metrics --otlp: it contradicts --listen/],
      [["--json"], /^.*metrics have no JSON form/],
      [["--history"], /^xs: metrics --history: it needs --otlp/],
    ] as const
  ) {
    const [code, out, err] = await xsMetrics(...words);
    assertEquals([code, out], [2, ""], words.join(" "));
    assertMatch(err, text);
  }
});
