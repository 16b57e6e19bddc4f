import type { ByteStream } from "../client/stream.ts";
import type { RingEnd } from "./domains.ts";

/** A guest's ring as a stream of bytes: what a guest's kernel makes of it. */
export class RingStream implements ByteStream {
  readonly #ring: RingEnd;
  readonly #onClose: () => void;
  #open = true;
  /** What waits for the daemon to move bytes. */
  #waiting: (() => void)[] = [];

  /** @param connect gives the ring's end; its argument is the handler of the event channel. */
  constructor(connect: (onNotify: () => void) => RingEnd, onClose: () => void) {
    this.#ring = connect(() => this.#wake());
    this.#onClose = onClose;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  async read(into: Uint8Array): Promise<number | null> {
    return await this.#moved(() => this.#ring.read(into, 0, into.length));
  }

  async write(bytes: Uint8Array): Promise<number> {
    return await this.#moved(() => this.#ring.write(bytes, 0, bytes.length)) ?? 0;
  }

  /** How many bytes `move` moved, as soon as it moves some; null when the stream is closed. */
  async #moved(move: () => number): Promise<number | null> {
    for (;;) {
      if (!this.#open) return null;
      const count = move();
      if (count < 0) throw new Error("the indices of the ring are broken");
      if (count > 0) return count;
      await this.#news();
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#wake();
    this.#onClose();
  }
}
