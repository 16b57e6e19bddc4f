/**
 * Makes a stand-in for `denort`, the runtime that `deno compile` builds on, out of the `deno`
 * executable itself. Deno downloads its own denort from dl.deno.land; a machine that reaches only
 * the npm registry has `deno` but no denort. docs/binary.md says what differs.
 *
 * The stand-in is deno plus one ELF segment: a few instructions that run before deno does, set a
 * variable, slip arguments in after argv[0] (`run <flags> <boot>`) and jump to the real entry point.
 * <boot> is boot.js as a data: URL; it finds what `deno compile` appended to the file and imports
 * it. `deno compile` must be given one module, a bundle, as boot.js takes no more.
 */
import { V8_FLAGS } from "../../lib/limits.ts";
import { ElfImage } from "./elf.ts";
import { blankUnusedParts } from "./unused_parts.ts";

/**
 * Writes the stand-in made of the running `deno` to `out`.
 * @throws {Error} on a machine that is not x86-64 Linux, as the instructions are for that one
 */
export function makeStandIn(out: string): void {
  const { arch, os } = Deno.build;
  if (arch !== "x86_64" || os !== "linux") {
    throw new Error(
      `the stand-in for denort is for x86-64 Linux, this is ${arch} ${os}: ` +
        "compile where dl.deno.land can be reached",
    );
  }
  const executable = Deno.readFileSync(Deno.execPath());
  blankUnusedParts(executable);
  const image = new ElfImage(executable);
  const address = image.freeAddress;
  const before = setVariable(VARIABLE, image.addressOf("setenv") - address);
  const start = assemble(bootArguments(), image.entry - address - before.length);
  Deno.writeFileSync(out, image.withEntry(new Uint8Array([...before, ...start])), { mode: 0o755 });
}

/** Else deno asks dl.deno.land at each start whether there is a newer one, which no flag prevents. */
const VARIABLE = ["DENO_NO_UPDATE_CHECK", "1"] as const;

/** An even number of arguments, so that the stack stays aligned to 16 bytes. */
function bootArguments(): readonly string[] {
  const [first, ...others] = V8_FLAGS;
  const boot = Deno.readTextFileSync(new URL("./boot.js", import.meta.url));
  return [
    "run",
    "--allow-all",
    "--no-config",
    "--no-lock",
    "--no-prompt",
    // What `deno compile` was told of them is read when V8 runs already.
    `--v8-flags=${first}`,
    `--v8-flags=${others.join(",")}`,
    "data:text/javascript;base64," + btoa(boot),
  ];
}

/**
 * Instructions that call setenv(name, value, 1), with the strings behind a jump.
 * @param setenv where its address is, relative to the first instruction
 */
function setVariable([name, value]: readonly [string, string], setenv: number): number[] {
  const strings = [...new TextEncoder().encode(`${name}\0${value}\0`)];
  const JUMP = 5;
  const code = [0xe9, ...int32(strings.length), ...strings]; // jmp over them
  // What is in rdx is the entry point's; twice, so that the stack stays aligned to 16 bytes.
  code.push(0x52, 0x52); // push rdx, push rdx
  code.push(0x48, 0x8d, 0x3d, ...int32(JUMP - (code.length + 7))); // lea rdi, name
  code.push(0x48, 0x8d, 0x35, ...int32(JUMP + name.length + 1 - (code.length + 7))); // lea rsi, value
  code.push(0xba, ...int32(1)); // mov edx, 1
  code.push(0xff, 0x15, ...int32(setenv - (code.length + 6))); // call [setenv]
  code.push(0x5a, 0x5a); // pop rdx, pop rdx
  return code;
}

/**
 * Instructions that slip in the arguments and go on at the entry point, followed by the strings.
 * @param entry the real entry point, relative to the first instruction
 */
function assemble(args: readonly string[], entry: number): Uint8Array<ArrayBuffer> {
  if (args.length % 2 !== 0) throw new Error("an odd number of arguments misaligns the stack");
  const strings = args.map((arg) => new TextEncoder().encode(arg + "\0"));
  // deno-fmt-ignore
  const code = [
    0x48, 0x89, 0xe6,                           // mov rsi, rsp
    0x48, 0x81, 0xec, ...int32(8 * args.length), // sub rsp, 8 * args
    0x48, 0x89, 0xe7,                           // mov rdi, rsp
    0x48, 0xad,                                 // lodsq: argc
    0x48, 0x05, ...int32(args.length),          // add rax, args
    0x48, 0xab,                                 // stosq
    0x48, 0xa5,                                 // movsq: argv[0]
  ];
  const EACH = 9, JUMP = 5;
  let text = code.length + EACH * args.length + JUMP;
  for (const string of strings) {
    code.push(0x48, 0x8d, 0x05, ...int32(text - (code.length + 7))); // lea rax, string
    code.push(0x48, 0xab); // stosq
    text += string.length;
  }
  code.push(0xe9, ...int32(entry - (code.length + JUMP))); // jmp entry
  return new Uint8Array([...code, ...strings.flatMap((string) => [...string])]);
}

function int32(n: number): number[] {
  return [n, n >> 8, n >> 16, n >> 24].map((byte) => byte & 0xff);
}
