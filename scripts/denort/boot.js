// The stand-in's first module (see denort.ts): finds the section that `deno compile` 2.9 appended
// to this executable, and imports the program in it.
const NOTE = 4; // PT_NOTE of elf(5)
const HEADER_BYTES = 56; // sizeof(Elf64_Phdr)
const MAGIC = "d3n0l4nd"; // what the section begins with, after its ELF note's name
const MAGIC_WITHIN = 96;

function fail(why) {
  console.error(`${Deno.execPath()}: ${why}`);
  Deno.exit(70);
}

/** The section and where it starts in its note. */
function findSection() {
  using file = Deno.openSync(Deno.execPath());
  const read = (at, size) => {
    const bytes = new Uint8Array(size);
    file.seekSync(at, Deno.SeekMode.Start);
    for (let n = 0; n < size;) n += file.readSync(bytes.subarray(n)) ?? fail("cut short");
    return new DataView(bytes.buffer);
  };
  const elf = read(0, 64);
  const headers = read(Number(elf.getBigUint64(32, true)), elf.getUint16(56, true) * HEADER_BYTES);
  for (let at = 0; at < headers.byteLength; at += HEADER_BYTES) {
    if (headers.getUint32(at, true) !== NOTE) continue;
    const place = Number(headers.getBigUint64(at + 8, true));
    const note = read(place, Number(headers.getBigUint64(at + 32, true)));
    const start = new Uint8Array(note.buffer, 0, Math.min(MAGIC_WITHIN, note.byteLength));
    const found = String.fromCharCode(...start).lastIndexOf(MAGIC);
    if (found >= 0) return { data: note, start: found + MAGIC.length };
  }
  return fail("nothing compiled in");
}

/** The bytes of the entry point, and the permissions that were compiled in. */
function readSection({ data, start }) {
  let at = start;
  const u32 = () => data.getUint32((at += 4) - 4, true);
  const blob = () => {
    const size = Number(data.getBigUint64(at, true));
    return new Uint8Array(data.buffer, (at += 8 + size) - size, size);
  };
  const json = () => JSON.parse(new TextDecoder().decode(blob()));
  const { entrypoint_key: key, permissions } = json();
  blob(); // the npm snapshot
  for (let n = u32(); n > 0; n--) at += u32() + 4; // specifiers
  for (let n = u32(); n > 0; n--) at += 8; // redirects
  if (u32() > 0) fail("remote modules: compile with --bundle");
  let entries = json();
  const files = blob();
  const folders = key.split("/");
  const name = folders.pop();
  for (const folder of folders) {
    entries = entries.find((entry) => entry.Dir?.n === folder)?.Dir.e ?? [];
  }
  const file = entries.find((entry) => entry.File?.n === name)?.File ?? fail(`no ${key}`);
  const [from, size] = file.m ?? file.o;
  return { program: files.subarray(from, from + size), permissions };
}

/**
 * Runs the program as a script, not as a module: Deno would parse a module of 350 KB several times
 * for its own purposes before it runs, which takes ten times as long as all the rest of a start.
 */
function run(program) {
  const source = `(async()=>{"use strict";${new TextDecoder().decode(program)}\n})()`;
  // Deno's own way to run a script keeps its compiled code for the next start; eval does not.
  const run = Deno[Deno.internal]?.core?.evalContext;
  if (run === undefined) return (0, eval)(`${source}\n//# sourceURL=xs.js`);
  const [result, error] = run(source, `file://${Deno.execPath()}.js`);
  if (error !== null) throw error.thrown;
  return result;
}

const { program, permissions } = readSection(findSection());
for (const name of ["env", "net", "run", "sys", "write", "ffi"]) {
  if (!permissions[`allow_${name}`]) Deno.permissions.revokeSync({ name });
}
await run(program);
