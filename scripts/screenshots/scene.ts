/** A host with guests, backends and toolstacks, for something to be seen in `xs top`. */
import { Client } from "../../lib/client/client.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";

/** Names of domains, from domid 1 on. */
const GUESTS = ["mail", "web1", "web2", "db", "build", "cache", "proxy", "desktop", "win11", "dns"];

const BACKEND = "/local/domain/0/backend/vif";

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What the programs of the host do, by their names. */
const PROGRAMS: Readonly<Record<string, (socket: string) => Promise<void>>> = {
  "qemu-system-i386": async (socket) => {
    for (let i = 0; i < 8; i++) {
      const watch = await (await Client.connect({ socket })).watch("/local/domain/0/backend");
      void (async () => {
        for await (const _ of watch);
      })();
    }
    await sleep(1e9);
  },
  xl: async (socket) => {
    const client = await Client.connect({ socket });
    for (;; await sleep(15)) {
      await client.transaction(async (inside) => {
        await inside.read("/tool/lock");
        await sleep(4);
        await inside.write("/vm/1/name", "mail");
      }).catch(() => {});
    }
  },
  libvirtd: async (socket) => {
    const client = await Client.connect({ socket });
    for (let i = 0;; i++) {
      await client.write("/tool/lock", `${i}`);
      await client.directory("/local/domain");
      await sleep(5);
    }
  },
};

/** Plays the program `name` until it is killed. */
export async function play(name: string, socket: string): Promise<void> {
  await PROGRAMS[name]!(socket);
}

/** Starts the host; its guests use it until it is disposed of. */
export async function startHost(): Promise<{ readonly socket: string } & AsyncDisposable> {
  const server = await EmbeddedServer.start(), socket = server.socketPath;
  const toolstack = await Client.connect({ socket });
  await toolstack.write("/tool/lock", "0");
  let isOver = false;
  const guests: Promise<void>[] = [];
  for (const [i, name] of GUESTS.entries()) {
    const domid = i + 1, back = `${BACKEND}/${domid}/0/state`;
    const guest = await server.guest(domid);
    await guest.write("name", name);
    for (let watches = 0; watches < 4 * domid; watches++) {
      await guest.watch(`device/vif/${watches}`);
    }
    guests.push((async () => {
      while (!isOver) {
        await guest.write("device/vif/0/state", "4");
        for (let reads = 0; reads < 1 + i % 4; reads++) await guest.read("name");
        await toolstack.write(back, "4");
        await sleep(10 + 9 * i);
      }
    })());
  }
  const script = new URL("main.ts", import.meta.url).pathname;
  const programs = Object.keys(PROGRAMS).map((name) =>
    new Deno.Command("bash", {
      args: [
        "-c",
        `exec -a ${name} "$0" "$@"`,
        Deno.execPath(),
        "run",
        "-A",
        "--no-check",
        script,
        name,
        socket,
      ],
    }).spawn()
  );
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await Promise.allSettled(guests);
      for (const program of programs) {
        program.kill();
        await program.status;
      }
      toolstack.close();
      await server.stop();
    },
  };
}
