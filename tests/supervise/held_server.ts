import { systemClock } from "../../lib/clock.ts";
import { duplicateFrom } from "../../ffi/spawn.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import { Daemon } from "../../lib/server/start/daemon.ts";
import { type DescriptorHolder, HeldSockets } from "../../lib/server/supervision/held_sockets.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { EMBEDDED_POLICY } from "../../lib/server/loop.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { createListeningSocket } from "../../lib/server/process/create_listening_socket.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import type { ServerHere } from "../support/worlds/socket_world.ts";
import { makeScratch } from "../support/scratch.ts";

/** Keeps descriptors as a supervisor does, for daemons in this process. */
export class Keeper implements DescriptorHolder {
  readonly capacity = 100;
  readonly gone = false;
  names: string[] = [];
  readonly kept = new Map<string, number>();

  /** Another daemon comes: it may take what is kept. */
  nextLife(): void {
    this.names = [...this.kept.keys()];
  }

  take(name: string): number | null {
    if (!this.names.includes(name)) return null;
    this.names = this.names.filter((other) => other !== name);
    return duplicateFrom(this.kept.get(name)!, 3);
  }

  store(name: string, fd: number): boolean {
    this.kept.set(name, duplicateFrom(fd, 3));
    return true;
  }

  rename(): boolean {
    throw new Error("it passes nothing");
  }

  prepare(name: string): (fd: number) => boolean {
    return (fd) => this.store(name, fd);
  }

  remove(name: string): void {
    const fd = this.kept.get(name);
    if (fd !== undefined) closeFd(fd);
    this.kept.delete(name);
  }
}

/** A daemon in this process all of whose clients' sockets are held. */
export async function startHeldServer(): Promise<ServerHere> {
  const scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const domains = new MemoryDomains();
  const keeper = new Keeper();
  const daemon = Daemon.start({
    listening: await createListeningSocket({ path, isFallback: false }, systemClock),
    domains,
    journal: openStore(`${path}.store`, { durability: "crash", log: SILENT }).journal,
    policy: EMBEDDED_POLICY,
    trace: new Trace(),
    clock: systemClock,
    log: SILENT,
    held: HeldSockets.open(keeper, SILENT),
  });
  return {
    domains,
    socketPath: path,
    async stop(): Promise<void> {
      await daemon.stop();
      if (keeper.kept.size > 0) throw new Error(`still held: ${[...keeper.kept.keys()]}`);
      await scratch[Symbol.asyncDispose]();
    },
  };
}
