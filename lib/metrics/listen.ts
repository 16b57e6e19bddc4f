import { CONTENT_TYPE, prometheusText } from "./prometheus.ts";
import type { Scraper } from "./scrape.ts";

/** Where metrics are served. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** A server of metrics over HTTP. */
export interface MetricsServer {
  /** Where it listens; the port is the one that was asked for, or one that was free. */
  readonly address: ListenAddress;
  /** Resolves when all that was under way is answered. */
  stop(): Promise<void>;
}

/**
 * Serves metrics at `/metrics`.
 *
 * @throws {Error} the operating system's, when it cannot listen there.
 */
export function listen({ hostname, port }: ListenAddress, scraper: Scraper): MetricsServer {
  const server = Deno.serve(
    { hostname, port, onListen: () => {} },
    (request) => answer(request, scraper),
  );
  return {
    address: { hostname, port: server.addr.port },
    stop: () => server.shutdown(),
  };
}

async function answer(request: Request, scraper: Scraper): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("GET only\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  if (pathname === "/") return new Response("xs metrics are at /metrics\n");
  if (pathname !== "/metrics") return new Response("not found\n", { status: 404 });
  const { families } = await scraper.scrape();
  return new Response(prometheusText(families), { headers: { "content-type": CONTENT_TYPE } });
}
