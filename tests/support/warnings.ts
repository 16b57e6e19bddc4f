/**
 * The warnings in a daemon's log, but for those that say how long a turn took: that depends on how busy the
 * machine of the tests is.
 */
export function warningsIn(output: string): string[] {
  return output.split("\n")
    .filter((line) => line.includes("warning") && !line.includes("warning: turn: it took"));
}
