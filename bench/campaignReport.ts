// What a campaign's process reports of itself, and the durations in it.
//
// compiling: from the device's arrival to the end of the first step, less what a step takes later

/** What a child prints; times in ms since 1970, so that they compare with the parent's. */
export interface CampaignReport {
  opened: number;
  device: number;
  /** after which step of all units' */
  progress: { at: number; steps: number }[];
  end: number;
  units: { name: string; status: string; sha256: string }[];
  liveBytes: number;
}

export interface Start {
  /** seconds from the start of the process */
  firstStep: number;
  /** of which */
  phases: { process: number; device: number; compiling: number; step: number };
  total: number;
  unitsPerHour: number;
  /** ms per image and step between the first and the last of a batch */
  msPerStep: number;
  liveBytes: number;
}

/** Turns marks into durations. `batchSteps`: steps of all units of each batch, in order. */
export function durations(started: number, report: CampaignReport, batchSteps: readonly number[]): Start {
  const { opened, device, progress, end, units, liveBytes } = report;
  const ends = new Set([0]);
  for (const steps of batchSteps) ends.add([...ends].at(-1)! + steps);
  let [ms, steps] = [0, 0];
  progress.forEach(({ at, steps: done }, i) => {
    const before = progress[i - 1];
    // the first report of a batch waits for its compilation
    if (!before || ends.has(before.steps)) return;
    ms += at - before.at;
    steps += done - before.steps;
  });
  const msPerStep = ms / steps;
  const seconds = (from: number, to: number) => (to - from) / 1000;
  const step = (msPerStep * progress[0].steps) / 1000;
  return {
    firstStep: seconds(started, progress[0].at),
    phases: {
      process: seconds(started, opened),
      device: seconds(opened, device),
      compiling: seconds(device, progress[0].at) - step,
      step,
    },
    total: seconds(started, end),
    unitsPerHour: (3600 * units.length) / seconds(started, end),
    msPerStep,
    liveBytes,
  };
}
