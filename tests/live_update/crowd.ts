/** Clients of the socket that never rest, and notice everything that goes wrong. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Message } from "../support/message.ts";
import { RawClient } from "../support/raw_client.ts";
import type { Random } from "../support/random.ts";

/** Each event's node lies below this. */
const NEWS = "/news";

/** One client: reads what it wrote, watches what all announce, holds a transaction now and then. */
class Busy {
  /** The news it has heard of, each with how often. */
  readonly heard = new Map<string, number>();
  longestMs = 0;
  requests = 0;
  lost = 0;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(
    readonly name: string,
    readonly client: RawClient,
    private readonly random: Random,
    private readonly announced: string[],
  ) {}

  start(): void {
    this.#running = this.#run();
    // It is waited for later.
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async ask(type: number, payload: string, txId = 0): Promise<Message> {
    const started = performance.now();
    const messages = await this.client.exchange({ type, txId, payload: toBytes(payload) });
    this.longestMs = Math.max(this.longestMs, performance.now() - started);
    this.requests++;
    for (const event of messages.slice(0, -1)) this.#hear(event);
    const reply = messages.at(-1)!;
    assertEquals(reply.txId, txId);
    return reply;
  }

  async #done(type: number, payload: string, txId = 0): Promise<string> {
    const { text, type: got } = await this.ask(type, payload, txId);
    assertEquals(got, type, `${this.name}: ${messageTypeName(type)} ${payload}: ${text}`);
    return text;
  }

  #hear({ text }: Message): void {
    const [path, token] = text.split("\0");
    assertEquals(token, "news");
    this.heard.set(path!, (this.heard.get(path!) ?? 0) + 1);
  }

  async #run(): Promise<void> {
    for (let round = 1; !this.#stopped; round++) {
      const path = `/busy/${this.name}/${this.random.below(5)}`;
      await this.#done(T.WRITE, `${path}\0${round}`);
      assertEquals(await this.#done(T.READ, `${path}\0`), `${round}`, this.name);
      if (round === 1 || this.random.chance(0.02)) await this.#announce(round);
      if (this.random.chance(0.3)) await this.#transact(path, round);
    }
  }

  async #announce(round: number): Promise<void> {
    const path = `${NEWS}/${this.name}-${round}`;
    await this.#done(T.WRITE, `${path}\0`);
    this.announced.push(path);
  }

  async #transact(path: string, round: number): Promise<void> {
    const txId = Number.parseInt(await this.#done(T.TRANSACTION_START, "\0"));
    assertEquals(await this.#done(T.READ, `${path}\0`, txId), `${round}`, this.name);
    await this.#done(T.WRITE, `${path}\0in ${round}`, txId);
    await this.#done(T.TRANSACTION_END, "T\0", txId);
    assertEquals(await this.#done(T.READ, `${path}\0`), `in ${round}`, this.name);
  }
}

/** Many of them. */
export class Crowd {
  readonly announced: string[] = [];
  readonly #members: Busy[] = [];

  static async gather(path: string, count: number, random: Random): Promise<Crowd> {
    const crowd = new Crowd();
    for (let i = 0; i < count; i++) {
      const client = await RawClient.connect(path);
      const member = new Busy(`c${i}`, client, random, crowd.announced);
      if (i === 0) await member.ask(T.MKDIR, `${NEWS}\0`);
      await member.ask(T.WATCH, `${NEWS}\0news\0`);
      // The event of the registration itself.
      await member.ask(T.GET_DOMAIN_PATH, "0\0");
      member.heard.clear();
      crowd.#members.push(member);
    }
    for (const member of crowd.#members) member.start();
    return crowd;
  }

  /** The longest that anybody waited for a reply, in ms. */
  get longestMs(): number {
    return Math.max(...this.#members.map((member) => member.longestMs));
  }

  get requests(): number {
    return this.#members.reduce((sum, { requests }) => sum + requests, 0);
  }

  /** Lets all end their rounds; then everybody must have heard of everything, once. */
  async disperse(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
    const all = this.announced.toSorted();
    assert(all.length > 0);
    for (const member of this.#members) {
      await member.ask(T.GET_DOMAIN_PATH, "0\0");
      assertEquals([...member.heard.keys()].toSorted(), all, member.name);
      assert([...member.heard.values()].every((count) => count === 1), member.name);
      member.client.close();
    }
  }
}
