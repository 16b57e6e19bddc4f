/** What becomes of a socket whose end another process has a descriptor of, too. */
import { assertEquals } from "@std/assert";
import { Epoll } from "../../ffi/epoll.ts";
import { duplicateFrom } from "../../ffi/spawn.ts";
import { acceptUnix, closeFd, connectUnix, listenUnix } from "../../ffi/unix_socket.ts";
import { SocketTransport } from "../../lib/transport/socket.ts";
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
