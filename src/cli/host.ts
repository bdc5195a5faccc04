// Where the GPU work of a command runs: in this process, or in headless Chrome. Options of the program itself, because
// they come before the command: `streamscope --host chrome verify`.

import { type Command, Option } from 'commander';
import { float16Asked } from '#gpu';
import { StreamscopeError } from '../error.ts';

export interface HostOptions {
  host?: 'node' | 'chrome';
  /** the browser's program; the first on PATH when absent */
  chrome?: string;
}

/** Commands whose GPU work Chrome can do; `analyze` has none and does the same on either host. */
const IN_CHROME = ['verify', 'visualize', 'collect', 'reproduce', 'analyze'];

/** Adds the options, and refuses `--host chrome` with commands that only run in Node. */
export function addHost(program: Command, inChrome: readonly string[] = IN_CHROME): Command {
  return program
    .addOption(
      new Option('--host <host>', 'where the GPU work runs').choices(['node', 'chrome']).default('node'),
    )
    .option('--chrome <program>', 'the browser for --host chrome (default: the first on PATH)')
    .hook('preAction', (_, command) => {
      const { host } = command.optsWithGlobals<HostOptions>();
      if (host !== 'chrome') return;
      if (float16Asked())
        throw new StreamscopeError(
          'usage',
          'STREAMSCOPE_FLOAT16 is 1, but pages store float32 weights.',
          'Unset it, or leave --host out.',
        );
      if (inChrome.includes(command.name())) return;
      throw new StreamscopeError(
        'usage',
        `${command.name()} does not run in Chrome.`,
        `These do: ${inChrome.join(', ')}. Leave --host out.`,
      );
    });
}
