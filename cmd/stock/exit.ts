/** The end of a stock tool: an exit status and, with it, a line for stderr behind its name. */
export class StockExit extends Error {
  override readonly name = "StockExit";

  constructor(readonly status: number, readonly text: string | null) {
    super(text ?? "");
  }
}
