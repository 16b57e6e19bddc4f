/** What could not be had of Xen: which part, why, and what would help. */
export class XenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "XenError";
  }
}

/**
 * Opens a shared library by its soname, or the file that the environment variable
 * `XS_<NAME OF THE LIBRARY>` names instead (for tests), such as `XS_LIBXENEVTCHN`.
 *
 * @throws {XenError} when it cannot be loaded or lacks a function.
 */
export function openLibrary<T extends Deno.ForeignLibraryInterface>(
  soname: string,
  symbols: T,
): Deno.DynamicLibrary<T>["symbols"] {
  const file = overrideOf(soname) ?? soname;
  try {
    return Deno.dlopen(file, symbols).symbols;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new XenError(`cannot load ${file}: ${reason}`);
  }
}

/** The file that stands in for a library, or undefined. */
export function overrideOf(soname: string): string | undefined {
  const name = soname.slice(0, soname.indexOf(".")).toUpperCase();
  return Deno.env.get(`XS_${name}`);
}
