/** When a socket wakes the loop, and that it does no longer once it is closed. */
import { assertEquals } from "@std/assert";
import { Epoll } from "../../ffi/epoll.ts";
import { libc } from "../../ffi/libc.ts";
import { acceptUnix, closeFd, listenUnix, shutDown } from "../../ffi/unix_socket.ts";
import { duplicateFrom } from "../../ffi/spawn.ts";
import { connectUnix } from "../support/unix_socket.ts";
import { HeldSlots } from "../../lib/transport/held_slots.ts";
import { HeldSocketTransport } from "../../lib/transport/held_socket.ts";
import { SocketTransport } from "../../lib/transport/socket.ts";
import type { Transport } from "../../lib/transport/transport.ts";
import { makeScratch } from "../support/scratch.ts";

Deno.test("A closed socket wakes nobody any more, whoever else has it open", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const listener = listenUnix(path, 1);
  const client = connectUnix(path);
  const epoll = new Epoll(4);
  const fd = acceptUnix(listener);
  const transport = new SocketTransport(fd, epoll);
  const elsewhere = duplicateFrom(fd, 3);
  closeFd(client);
  assertEquals(epoll.wait(0), 1);
  transport.close();
  assertEquals(epoll.wait(0), 0);
  for (const open of [elsewhere, listener]) closeFd(open);
  epoll.close();
});

const KINDS: readonly [name: string, make: (fd: number, epoll: Epoll) => Transport][] = [
  ["socket", (fd, epoll) => new SocketTransport(fd, epoll)],
  ["held socket", (fd, epoll) => {
    const slot = HeldSlots.make().take(0);
    return new HeldSocketTransport(fd, slot, epoll, { release: () => {} });
  }],
];

for (const [name, make] of KINDS) {
  Deno.test(`A ${name} that waits for neither input nor room wakes nobody by its hang-up`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/socket`;
    const listener = listenUnix(path, 1);
    for (const interests of [[true], [false, true], [false, true, false], [false, false]]) {
      const client = connectUnix(path);
      const epoll = new Epoll(4);
      const transport = make(acceptUnix(listener), epoll);
      transport.want(false, false);
      shutDown(client);
      closeFd(client);
      assertEquals(epoll.wait(0), 0);
      for (const input of interests) {
        transport.want(input, false);
        assertEquals(epoll.wait(0), input ? 1 : 0);
        transport.want(input, true);
        assertEquals(epoll.wait(0), 1);
        transport.want(input, false);
      }
      transport.close();
      assertEquals(epoll.wait(0), 0);
      epoll.close();
    }
    closeFd(listener);
  });
}

Deno.test("A look finds what has come since the last one, a wait all that is there", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const listener = listenUnix(path, 2), epoll = new Epoll(4, true);
  const clients = [connectUnix(path), connectUnix(path)];
  const transports = clients.map(() => new SocketTransport(acceptUnix(listener), epoll));
  const [busy, quiet] = transports.map(({ fd }) => fd);
  const found = (count: number): number[] => Array.from({ length: count }, (_, i) => epoll.fd(i));
  const send = (client: number): void => {
    libc.sockets().send(client, new Uint8Array(1), 1, 0);
  };
  assertEquals(epoll.look(), 0);
  send(clients[0]!);
  assertEquals(found(epoll.look()), [busy]);
  assertEquals(epoll.look(), 0);
  send(clients[1]!);
  assertEquals(found(epoll.look()), [quiet]);
  assertEquals(found(epoll.wait(0)), [busy, quiet]);
  transports[0]!.want(false, false);
  send(clients[0]!);
  assertEquals(epoll.look(), 0);
  for (const transport of transports) transport.close();
  for (const open of [...clients, listener]) closeFd(open);
  assertEquals(epoll.look(), 0);
  epoll.close();
});
