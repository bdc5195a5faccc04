// A kernel that does not end cannot be stopped: the queue never gets past it, and destroying the device would wait for
// it, too. So whoever waits for the GPU waits so long and no longer.

/** Time is counted in slices: a process that was suspended for an hour has not waited for an hour. */
const SLICES = 10;

/** The promise, or what `late` makes of it after `seconds`: an error to throw. */
export function within<T>(promise: Promise<T>, seconds: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    let slices = 0;
    const timer = setInterval(
      () => {
        if (++slices < SLICES) return;
        clearInterval(timer);
        reject(late());
      },
      (1000 * seconds) / SLICES,
    );
    promise.then(resolve, reject).finally(() => clearInterval(timer));
  });
}
