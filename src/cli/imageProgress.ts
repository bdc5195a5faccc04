// Progress over photographs on stderr: a line every few seconds, JSON lines on request.

import { formatDuration, type ProgressStyle } from './progress.ts';

const LINE_EVERY_MS = 5000;

export class ImageProgress {
  readonly #started = performance.now();
  readonly #first: number;
  #lastLine = this.#started;

  constructor(
    readonly what: string,
    readonly total: number,
    readonly style: ProgressStyle,
    /** done before this process began */
    done = 0,
  ) {
    this.#first = done;
  }

  /** `done` of all images, those from before included. */
  show(done: number): void {
    const now = performance.now();
    if (this.style === 'none' || (done < this.total && now - this.#lastLine < LINE_EVERY_MS)) return;
    this.#lastLine = now;
    const perSecond = ((done - this.#first) / (now - this.#started)) * 1000;
    const secondsLeft = (this.total - done) / perSecond;
    const { what, total } = this;
    if (this.style === 'json') {
      const left = Number.isFinite(secondsLeft) ? secondsLeft : null; // JSON has no NaN
      console.error(
        JSON.stringify({
          progress: { what, images: done, total, imagesPerSecond: perSecond, secondsLeft: left },
        }),
      );
    } else
      console.error(
        `${what}: images ${done}/${total}, ${perSecond.toFixed(1)} images/s, ${formatDuration(secondsLeft)} left`,
      );
  }
}
