/**
 * The tests that need no daemon: `deno task test:unit [FILTER]`, in about 20 s on two processors. Of the
 * suites below it takes the files that start no process, themselves or by what they import. The other
 * suites drive daemons, or take longer: `deno task test` runs all.
 */
const ROOT = new URL("../", import.meta.url).pathname;

const SUITES = [
  "client",
  "cmd",
  "conformance",
  "engine",
  "ffi",
  "golden",
  "history",
  "journal",
  "migrate",
  "store",
  "tidy",
  "transport",
] as const;

/** What starts a process. */
const STARTS = /\bDeno\.Command\b|\/ffi\/spawn\.ts"/;

const starters = new Map<string, boolean>();

/** Whether a file under tests, or what it imports from there, starts processes. */
function startsProcesses(path: string): boolean {
  const known = starters.get(path);
  if (known !== undefined) return known;
  starters.set(path, false);
  const text = Deno.readTextFileSync(path);
  const imports = [...text.matchAll(/^(?:import|export|\} from) ?.*?"(\.[^"]+\.ts)";$/gm)]
    .map(([, specifier]) => new URL(specifier!, `file://${path}`).pathname)
    .filter((target) => target.startsWith(`${ROOT}tests/`));
  const starts = STARTS.test(text) || imports.some(startsProcesses);
  starters.set(path, starts);
  return starts;
}

const files = SUITES.flatMap((suite) =>
  [...Deno.readDirSync(`${ROOT}tests/${suite}`)]
    .filter(({ name }) => name.endsWith("_test.ts"))
    .map(({ name }) => `${ROOT}tests/${suite}/${name}`)
    .filter((path) => !startsProcesses(path))
    .sort()
);

const filter = Deno.args.flatMap((text) => ["--filter", text]);
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--no-check", "--quiet", "--parallel", ...filter, ...files],
  cwd: ROOT,
}).spawn().status;
Deno.exit(code);
