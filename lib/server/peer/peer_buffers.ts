import type { RingLook } from "../../engine/connection_base.ts";
import type { RingState } from "../../state/ring_state.ts";
import type { RingPosition, Transport } from "../../transport/transport.ts";
import { joinBytes } from "../../wire/text.ts";
import type { OutstandingRequests } from "./outstanding_requests.ts";
import type { InFlight } from "./peer_host.ts";
import { PeerInput } from "./peer_input.ts";
import { PeerOutput } from "./peer_output.ts";
import { type News, owedOf, RingNews, ringState } from "./ring_news.ts";
import { WaitingRequests } from "./waiting_requests.ts";

function isIgnored({ position }: Transport): boolean {
  return position?.ignored === true;
}

/** What is buffered for one client either way, and its passage to another process. */
export class PeerBuffers {
  readonly input: PeerInput = new PeerInput();
  readonly output: PeerOutput = new PeerOutput();
  readonly waiting: WaitingRequests = new WaitingRequests();
  readonly news: RingNews = new RingNews();

  /** Forgets it all. */
  drop(): void {
    this.input.drop();
    this.input.more = false;
    this.output.clear();
    this.waiting.end();
  }

  /** A copy of what has been read and not handled. */
  #unhandled(): Uint8Array {
    return this.waiting.before(this.input.copy());
  }

  /** How far a ring, or a held socket, has been served; see {@link RingNews}. */
  ringState(key: number, position: RingPosition, news: News, open: boolean): RingState {
    return ringState(key, position, this.#unhandled(), this.output, news, open);
  }

  /** After a restart: goes on with what its last life had read and not sent. */
  resume(
    was: RingState,
    position: RingPosition,
    outstanding: OutstandingRequests | null,
    eventDue: number,
  ): void {
    // The guest has begun its page again meanwhile: nothing is owed any more.
    if (position.requestsTaken !== was.requestsTaken) return;
    const rest = owedOf(was, position);
    this.output.restore(rest, rest.length, outstanding, eventDue);
    this.news.take(this.output.added);
    // What came behind the last bytes taken was perhaps announced to the last life alone.
    this.input.more = true;
    this.input.replace(was.partial);
  }

  /** See {@link Peer.lookAtRing}. */
  lookAtRing(transport: Transport, stalled: boolean, open: boolean): RingLook | null {
    const page = transport.copyPage?.() ?? null;
    if (page === null) return null;
    const waits = this.waiting.any, unhandled = this.#unhandled();
    const unsent = this.output.length;
    return { page, unhandled, unsent, stalled, waits, ignored: !open || isIgnored(transport) };
  }

  /** What is buffered either way, for another process to go on with. */
  handOver(transport: Transport, open: boolean): InFlight {
    const { output } = this;
    return {
      input: joinBytes([this.#unhandled(), transport.unread?.() ?? new Uint8Array(0)]),
      output: output.last(output.length),
      partialResponse: output.partial,
      ignored: !open || isIgnored(transport),
    };
  }

  /** Goes on with what another process had buffered. */
  takeOver(
    { input, output, partialResponse }: InFlight,
    outstanding: OutstandingRequests | null,
    eventDue: number,
  ): void {
    this.output.restore(output, partialResponse, outstanding, eventDue);
    this.input.replace(input);
    // What came behind these bytes was perhaps announced to the other process alone.
    this.input.more = true;
  }
}
