/** What decides whether the unit starts the daemon: packaging/debian/host-ready, on made-up hosts. */
import { assertEquals } from "@std/assert";
import { makeScratch } from "../support/scratch.ts";
import { outcome } from "../support/debian_root.ts";

const SCRIPT = new URL("../../packaging/debian/host-ready", import.meta.url).pathname;

interface Host {
  readonly type?: string;
  readonly capabilities?: string | null;
  readonly settings?: string;
  /** The pid file, and where /proc says that process's program is. */
  readonly pid?: string;
  readonly program?: string;
}

async function ready(host: Host): Promise<readonly [number, string]> {
  await using scratch = await makeScratch();
  const root = scratch.path;
  const write = async (path: string, text: string | undefined): Promise<void> => {
    if (text === undefined) return;
    await Deno.mkdir(`${root}${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeTextFile(`${root}${path}`, text);
  };
  await write("/sys/hypervisor/type", host.type ?? "xen\n");
  const { capabilities = "control_d\n" } = host;
  await write("/proc/xen/capabilities", capabilities ?? undefined);
  await write("/etc/default/xen", host.settings);
  await write("/run/xenstore.pid", host.pid);
  if (host.program !== undefined) {
    const folder = `${root}/proc/${host.pid?.trim()}`;
    await Deno.mkdir(folder);
    await Deno.symlink(host.program, `${folder}/exe`);
  }
  const { code, text } = await outcome(SCRIPT, [], { XS_HOST_ROOT: root });
  return [code, text.trimEnd()];
}

Deno.test("the unit starts where xs is the host's choice and no daemon runs", async () => {
  const ours = "XENSTORED=/usr/libexec/xs/xenstored\n";
  assertEquals(await ready({}), [0, ""]);
  assertEquals(await ready({ settings: "#XENSTORED=/usr/sbin/oxenstored\nXENSTORED_ARGS=\n" }), [
    0,
    "",
  ]);
  assertEquals(await ready({ settings: ours }), [0, ""]);
  // A pid file that a dead daemon has left, and one whose pid another program has now.
  assertEquals(await ready({ pid: "4711\n" }), [0, ""]);
  assertEquals(await ready({ pid: "4711\n", program: "/usr/bin/bash" }), [0, ""]);
});

Deno.test("the unit is skipped in a guest, without Xen, and where another daemon is chosen", async () => {
  const not = "not started: ";
  assertEquals(await ready({ type: "kvm\n" }), [1, `${not}this is no Xen host`]);
  const guest = `${not}this domain does not control the host`;
  assertEquals(await ready({ capabilities: "" }), [1, guest]);
  const chosen = `${not}XENSTORED in /etc/default/xen names /usr/sbin/oxenstored`;
  assertEquals(await ready({ settings: "XENSTORED=/usr/sbin/oxenstored\n" }), [1, chosen]);
});

Deno.test("the unit fails, and says so, where xenfs is not mounted", async () => {
  const why = "xenfs is not mounted on /proc/xen (systemctl status xs-xenfs.service says why)";
  assertEquals(await ready({ capabilities: null }), [255, `cannot start: ${why}`]);
});

Deno.test("the unit is skipped while a daemon runs, whose program may be deleted", async () => {
  const programs = [
    "/usr/bin/xs",
    "/usr/bin/xs (deleted)",
    "/usr/lib/xen-4.17/bin/xenstored",
    "/usr/lib/xen-4.17/bin/oxenstored (deleted)",
  ];
  for (const program of programs) {
    const [code, text] = await ready({ pid: "4711\n", program });
    const why =
      "not started: pid 4711 is the host's daemon already (xs live-update puts xs in its place)";
    assertEquals([code, text], [1, why], program);
  }
});
