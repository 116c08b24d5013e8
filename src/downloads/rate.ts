/** How fast something is done (bytes, images), from the last seconds. */
export class Rate {
  private readonly samples: { at: number; done: number }[] = [];

  /** @param seconds how far back it looks */
  constructor(private readonly seconds = 15) {}

  /** Notes how much is done now. A smaller number than before means that it began anew. */
  note(done: number, at = performance.now() / 1000): void {
    if (done < (this.samples.at(-1)?.done ?? 0)) this.samples.length = 0;
    // ten samples a second are enough
    if (at - (this.samples.at(-2)?.at ?? -Infinity) < 0.1) this.samples.pop();
    this.samples.push({ at, done });
    while (this.samples.length > 2 && this.samples[0].at < at - this.seconds) this.samples.shift();
  }

  /** Undefined before two notes. */
  perSecond(): number | undefined {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first === undefined || last === undefined || last.at <= first.at) return undefined;
    return (last.done - first.done) / (last.at - first.at);
  }
}
