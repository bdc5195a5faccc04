// Progress of training on stderr: a line every few seconds, JSON lines on request. The first step of a process is left
// out of the time per step: drivers compile kernels when they first run, for longer than many steps take.

import { formatDuration, type ProgressStyle } from './progress.ts';

const LINE_EVERY_MS = 5000;

export class TrainingProgress {
  /** when the first step of this process was done */
  #started: number | undefined;
  #lastLine = performance.now();

  constructor(
    readonly steps: number,
    readonly style: ProgressStyle,
    /** steps done before this process began */
    readonly first: number,
  ) {}

  /** `loss` of the last of `done` steps; called after every step. */
  show(done: number, loss: number): void {
    const now = performance.now();
    this.#started ??= now;
    if (this.style === 'none' || (done < this.steps && now - this.#lastLine < LINE_EVERY_MS)) return;
    this.#lastLine = now;
    const secondsPerStep = (now - this.#started) / 1000 / (done - this.first - 1);
    const secondsLeft = (this.steps - done) * secondsPerStep;
    const known = Number.isFinite(secondsPerStep);
    if (this.style === 'json') {
      const times = {
        secondsPerStep: known ? secondsPerStep : null,
        secondsLeft: known ? secondsLeft : null,
      };
      console.error(JSON.stringify({ progress: { steps: done, totalSteps: this.steps, loss, ...times } }));
    } else {
      const pace = known ? `${secondsPerStep.toFixed(2)} s per step, ` : '';
      console.error(
        `step ${done}/${this.steps}, loss ${loss.toFixed(4)}, ${pace}${formatDuration(secondsLeft)} left`,
      );
    }
  }
}
