import { EINTR, errno, libc, SystemCallError } from "./libc.ts";

/** Readiness bits (epoll_ctl(2)); error and hang-up are always reported. */
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;

/** Report when something comes, not while it is there. */
const EPOLLET = -0x80000000;

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

/** `struct epoll_event` is packed on x86-64 only: 12 bytes there, 16 elsewhere. */
const EVENT_WORDS = Deno.build.arch === "x86_64" ? 3 : 4;
const DATA_WORD = EVENT_WORDS - 2;

/** A level-triggered epoll instance; what it hands back for each event is the descriptor. */
export class Epoll {
  readonly #polling: ReturnType<typeof libc.polling>;
  readonly #fd: number;
  /** Another instance, which reports only what has come since the last {@link look}; -1 for none. */
  readonly #news: number;
  readonly #events: Int32Array<ArrayBuffer>;
  readonly #eventBytes: Uint8Array<ArrayBuffer>;
  readonly #eventsMax: number;
  readonly #parkedBytes: Uint8Array<ArrayBuffer> = new Uint8Array(EVENT_WORDS * 4);
  readonly #control: Int32Array<ArrayBuffer> = new Int32Array(EVENT_WORDS);
  readonly #controlBytes: Uint8Array<ArrayBuffer>;
  #closed = false;

  /**
   * `canLook` allows {@link look}.
   *
   * @throws {SystemCallError} when the kernel gives no instance.
   */
  constructor(eventsMax: number, canLook = false) {
    this.#polling = libc.polling();
    this.#events = new Int32Array(EVENT_WORDS * eventsMax);
    this.#eventBytes = new Uint8Array(this.#events.buffer);
    this.#controlBytes = new Uint8Array(this.#control.buffer);
    this.#eventsMax = eventsMax;
    this.#fd = this.#make();
    this.#news = canLook ? this.#make() : -1;
  }

  #make(): number {
    const fd = this.#polling.epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) throw new SystemCallError("epoll_create1", errno());
    return fd;
  }

  /** Starts to report `events` of a descriptor. */
  add(fd: number, events: number): void {
    this.#ctl(EPOLL_CTL_ADD, fd, events);
    if (this.#news >= 0) this.#ctlOf(this.#news, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET);
  }

  /** Changes what is reported of a descriptor. */
  modify(fd: number, events: number): void {
    this.#ctl(EPOLL_CTL_MOD, fd, events);
  }

  /** Stops reporting a descriptor; once the instance is closed it has stopped already. */
  remove(fd: number): void {
    if (this.#closed) return;
    if (this.#news >= 0) this.#ctlOf(this.#news, EPOLL_CTL_DEL, fd, 0);
    this.#ctl(EPOLL_CTL_DEL, fd, 0);
  }

  #ctl(operation: number, fd: number, events: number): void {
    if (this.#ctlOf(this.#fd, operation, fd, events) < 0) {
      throw new SystemCallError(`epoll_ctl of descriptor ${fd}`, errno());
    }
  }

  #ctlOf(instance: number, operation: number, fd: number, events: number): number {
    this.#control[0] = events;
    this.#control[DATA_WORD] = fd;
    return this.#polling.epoll_ctl(instance, operation, fd, this.#controlBytes);
  }

  /**
   * Waits up to `timeoutMs` for events, on this very thread; 0 only looks, -1 waits for ever.
   * Returns how many there are; a signal counts as none.
   */
  wait(timeoutMs: number): number {
    return this.#waitFor(this.#fd, timeoutMs);
  }

  /**
   * Returns on how many descriptors something has come since the last look. The next {@link wait} reports the same
   * again, but takes much longer where many descriptors are ready all the time.
   */
  look(): number {
    return this.#waitFor(this.#news, 0);
  }

  #waitFor(instance: number, timeoutMs: number): number {
    const count = this.#polling.epoll_wait(instance, this.#eventBytes, this.#eventsMax, timeoutMs);
    if (count >= 0) return count;
    const code = errno();
    if (code === EINTR) return 0;
    throw new SystemCallError("epoll_wait", code);
  }

  /**
   * Resolves when there is some event or `timeoutMs` are over, at no cost to the main thread.
   * It leaves the events to {@link wait}, which reports them again: they are level-triggered.
   */
  async park(timeoutMs: number): Promise<void> {
    await this.#polling.epoll_wait_parked(this.#fd, this.#parkedBytes, 1, timeoutMs);
  }

  /** The readiness bits of event `index` of the latest {@link wait} or {@link look}. */
  events(index: number): number {
    return this.#events[index * EVENT_WORDS]!;
  }

  /** The descriptor of event `index` of the latest {@link wait} or {@link look}. */
  fd(index: number): number {
    return this.#events[index * EVENT_WORDS + DATA_WORD]!;
  }

  /** Frees the instance. Nothing may be parked on it. */
  close(): void {
    this.#closed = true;
    libc.files().close(this.#fd);
    if (this.#news >= 0) libc.files().close(this.#news);
  }
}

const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;

/** A descriptor that becomes readable on demand: wakes a loop that is parked. */
export class Waker {
  readonly fd: number;
  readonly #one: Uint8Array<ArrayBuffer>;
  readonly #taken: Uint8Array<ArrayBuffer> = new Uint8Array(8);

  /** @throws {SystemCallError} when there is no descriptor left. */
  constructor() {
    this.#one = new Uint8Array(new BigUint64Array([1n]).buffer);
    this.fd = libc.polling().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (this.fd < 0) throw new SystemCallError("eventfd", errno());
  }

  /** Makes the descriptor readable. */
  wake(): void {
    libc.files().write(this.fd, this.#one, 8);
  }

  /** Makes it unreadable again. */
  clear(): void {
    libc.files().read(this.fd, this.#taken, 8);
  }

  close(): void {
    libc.files().close(this.fd);
  }
}
