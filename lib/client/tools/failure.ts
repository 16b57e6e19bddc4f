/** A tool's failure, in the stock tools' words. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";

  /**
   * @param text what the stock tool prints behind its name; null when it says nothing.
   * @param cause the request that failed, for those who want to say it better.
   * @param keepOutput whether what was printed so far still comes out.
   */
  constructor(
    readonly text: string | null,
    override readonly cause?: unknown,
    readonly keepOutput: boolean = false,
  ) {
    super(text ?? "");
  }
}
