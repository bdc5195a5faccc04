// The benchmarks' headless page, driven as the product's own (src/web/driven.ts): what `--host chrome` times.

import { give, offer, withWeights } from '../src/web/driven.ts';
import { adapterOf } from './adapter.ts';
import { benchSteps, type StepOptions } from './stepBench.ts';

/** First the adapter and the browser, then a row per case. */
const step = (options: StepOptions) =>
  withWeights(async (opened) => {
    await give({ adapter: adapterOf(opened.gpu), browser: navigator.userAgent });
    for await (const row of benchSteps(opened, undefined, options)) await give({ row });
  });

offer({ step });
