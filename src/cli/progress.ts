// Progress on stderr: a bar in a terminal, a line every few seconds elsewhere, JSON lines on request.

import cliProgress from 'cli-progress';

export type ProgressStyle = 'auto' | 'json' | 'none';

const LINE_EVERY_MS = 5000;

export class Progress {
  readonly #started = performance.now();
  readonly #bar: cliProgress.SingleBar | undefined;
  #lastLine = 0;
  #done = 0;
  #units = 0;
  #phase = '';

  constructor(
    readonly totalUnits: number,
    readonly totalSteps: number,
    readonly style: ProgressStyle,
  ) {
    if (style !== 'auto' || !process.stderr.isTTY) return;
    const format =
      '{bar} {percentage}% | units {units}/{totalUnits} | {rate} steps/s | {remaining} left {phase}';
    this.#bar = new cliProgress.SingleBar(
      { format, hideCursor: true, stream: process.stderr },
      cliProgress.Presets.shades_classic,
    );
    this.#bar.start(totalSteps, 0, this.#facts());
  }

  /** Kernels of a place are being compiled, which takes seconds when the driver meets them for the first time. */
  compiling(place: string): void {
    this.#phase = `compiling kernels for ${place}`;
    if (this.#bar) this.#show(true);
    else if (this.style === 'json')
      console.error(JSON.stringify({ progress: { phase: 'compiling', place } }));
    else if (this.style === 'auto') console.error(this.#phase);
  }

  /** `done` of all steps, over all units. */
  steps(done: number): void {
    this.#done = done;
    this.#phase = '';
    this.#show(false);
  }

  unit(): void {
    this.#units++;
    this.#show(this.#units === this.totalUnits);
  }

  stop(): void {
    this.#bar?.stop();
  }

  #facts() {
    const seconds = (performance.now() - this.#started) / 1000;
    const stepsPerSecond = this.#done / Math.max(seconds, 1e-3);
    const secondsLeft = stepsPerSecond > 0 ? (this.totalSteps - this.#done) / stepsPerSecond : Number.NaN;
    return {
      units: this.#units,
      totalUnits: this.totalUnits,
      rate: stepsPerSecond.toFixed(1),
      remaining: formatDuration(secondsLeft),
      stepsPerSecond,
      secondsLeft,
      phase: this.#phase,
    };
  }

  #show(always: boolean): void {
    const facts = this.#facts();
    if (this.#bar) {
      this.#bar.update(this.#done, facts);
      return;
    }
    const now = performance.now();
    if (this.style === 'none' || (!always && now - this.#lastLine < LINE_EVERY_MS)) return;
    this.#lastLine = now;
    const { units, totalUnits, rate, remaining, stepsPerSecond, secondsLeft } = facts;
    const counts = { units, totalUnits, steps: this.#done, totalSteps: this.totalSteps };
    if (this.style === 'json')
      console.error(JSON.stringify({ progress: { ...counts, stepsPerSecond, secondsLeft } }));
    else
      console.error(
        `units ${units}/${totalUnits}, step ${this.#done}/${this.totalSteps}, ${rate} steps/s, ${remaining} left`,
      );
  }
}

/** "1 h 02 min", "3 min 20 s", "12 s" */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.round(seconds);
  if (whole >= 3600)
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
  if (whole >= 60) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${whole} s`;
}
