/** To whom a daemon gives its clients' descriptors, by what its environment says. */
import { assert, assertEquals } from "@std/assert";
import { bindDatagram } from "../../ffi/datagram.ts";
import { receiveWithDescriptors } from "../../ffi/fd_passing.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { Holder, SUPERVISED } from "../../lib/server/supervision/holder_client.ts";

/** Whether a descriptor is given to who listens at the address, the supervisor being process `pid`. */
function isGiven(pid: number): { given: boolean; lines: string[] } {
  const address = `@xs-holder-${crypto.randomUUID()}`, lines: string[] = [];
  const socket = bindDatagram(address);
  try {
    const env = new Map([
      ["NOTIFY_SOCKET", address],
      ["FDSTORE", "10"],
      [SUPERVISED, `${pid}:1`],
    ]);
    Holder.find(env, (_level, text) => lines.push(text))?.store("1", 0);
    const message = receiveWithDescriptors(socket);
    for (const fd of message?.fds ?? []) closeFd(fd);
    return { given: message !== null, lines };
  } finally {
    closeFd(socket);
  }
}

Deno.test("holder: the supervisor that started us is given our descriptors", () => {
  assertEquals(isGiven(Deno.ppid), { given: true, lines: [] });
});

Deno.test("holder: whoever listens in the place of one that died is given nothing", () => {
  const { given, lines } = isGiven(Deno.pid);
  assert(!given);
  assertEquals(lines, ["our supervisor is gone: our clients' connections are not held any more"]);
});
