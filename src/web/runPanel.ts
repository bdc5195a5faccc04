// The channel's pictures in the run folder: centre unit, whole channel and the nine photographs, for I, B and O.

import { ROLES, type Role } from '../analysis/measurements.ts';
import { byId, make } from './elements.ts';
import type { Place } from './link.ts';
import { addressOf } from './pictures.ts';
import type { Run } from './run.ts';

const OBJECTIVES = [
  ['center', 'centre unit'],
  ['channel', 'whole channel'],
] as const;

export class RunPanel {
  #addresses: string[] = [];
  #wanted = 0;

  /** Draws what there is; a later call wins over an earlier one that is still reading. */
  async update(run: Run | undefined, { block, channel }: Place): Promise<void> {
    const wanted = ++this.#wanted;
    if (!run) return;
    const cell = async (png: Promise<Uint8Array | undefined>, what: string) => picture(await png, what);
    const rows = await Promise.all([
      ...OBJECTIVES.map(async ([objective, name]) => ({
        name,
        cells: await Promise.all(
          ROLES.map((role) => cell(run.picture(block, role, channel, objective), `${name} of ${role}`)),
        ),
      })),
      (async () => ({
        name: 'photographs',
        cells: await Promise.all(ROLES.map((role) => photographs(run, block, role, channel))),
      }))(),
    ]);
    if (wanted !== this.#wanted) return;
    for (const address of this.#addresses.splice(0)) URL.revokeObjectURL(address);
    const shown = rows.filter(({ cells }) => cells.some((images) => images.length > 0));
    const head = make('tr', {}, make('td'), ...ROLES.map((role) => make('th', {}, role)));
    byId('grid').replaceChildren(
      ...(shown.length > 0 ? [head] : []),
      ...shown.map(({ name, cells }) =>
        make('tr', {}, make('th', {}, name), ...cells.map((images) => this.#cell(images))),
      ),
    );
    byId('grid-note').textContent =
      shown.length > 0
        ? `Channel ${channel} of block ${block} in ${run.files.name}.`
        : `${run.files.name} holds no picture of channel ${channel} of block ${block}.`;
  }

  #cell(images: readonly HTMLImageElement[]): HTMLTableCellElement {
    this.#addresses.push(...images.map(({ src }) => src));
    return make(
      'td',
      {},
      images.length > 1 ? make('div', { className: 'nine' }, ...images) : (images[0] ?? ''),
    );
  }
}

const picture = (png: Uint8Array | undefined, alt: string): HTMLImageElement[] =>
  png ? [make('img', { src: addressOf(png), alt })] : [];

async function photographs(
  run: Run,
  block: string,
  role: Role,
  channel: number,
): Promise<HTMLImageElement[]> {
  const crops = await run.photographs(block, role, channel);
  return crops.flatMap((png, i) => picture(png, `photograph ${i + 1} of ${role}`));
}
