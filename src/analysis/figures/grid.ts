// The grid of one channel, as in Figs. 1, 6, 7 and 8: columns I, B, O; rows: visualisations of the centre unit, of the
// whole channel, and the nine photographs that excite the centre unit most, three by three.
//
// Layout of the released code: cells of 224 pixels, 8 pixels between and around them; the photographs are 2 pixels
// apart, and their sheet is reduced to 224. A row without any picture is left out; a missing cell is hatched.

import { StreamscopeError } from '../../error.ts';
import { type Pixels, resizePixels } from '../../model/preprocess.ts';
import { ROLES, type Role } from '../measurements.ts';

export interface GridCells {
  center: Partial<Record<Role, Pixels>>;
  channel: Partial<Record<Role, Pixels>>;
  /** up to nine each, the strongest first */
  photographs: Partial<Record<Role, readonly Pixels[]>>;
}

export type GridRow = 'centre unit' | 'whole channel' | 'photographs';

const PADDING = 8;
const PHOTO_PADDING = 2;
const WHITE = 255;
const HATCH = { light: 236, dark: 214, period: 16 };

/** The picture and the rows it has. Throws (bug) when there is nothing to show. */
export function exemplarGrid(
  { center, channel, photographs }: GridCells,
  size = 224,
): { pixels: Pixels; rows: GridRow[] } {
  const montages = Object.fromEntries(
    ROLES.flatMap((role) => {
      const list = photographs[role] ?? [];
      return list.length === 0 ? [] : [[role, montage(list.slice(0, 9), 3, PHOTO_PADDING, 3)] as const];
    }),
  ) as Partial<Record<Role, Pixels>>;
  const candidates: [GridRow, Partial<Record<Role, Pixels>>][] = [
    ['centre unit', center],
    ['whole channel', channel],
    ['photographs', montages],
  ];
  const shown = candidates.filter(([, row]) => ROLES.some((role) => row[role]));
  if (shown.length === 0) throw new StreamscopeError('bug', 'exemplarGrid: no picture to show.');
  const cells = shown.flatMap(([, row]) =>
    ROLES.map((role) => {
      const picture = row[role];
      return picture ? resizePixels(picture, size, size) : hatched(size);
    }),
  );
  return { pixels: montage(cells, ROLES.length, PADDING), rows: shown.map(([name]) => name) };
}

/** Pictures of one size in rows of `columns`, `padding` white pixels between and around them. */
export function montage(
  pictures: readonly Pixels[],
  columns: number,
  padding: number,
  rows = Math.ceil(pictures.length / columns),
): Pixels {
  const [{ height, width }] = pictures;
  if (pictures.some((picture) => picture.height !== height || picture.width !== width))
    throw new StreamscopeError('bug', 'montage: the pictures differ in size.');
  const sheet = {
    height: padding + rows * (height + padding),
    width: padding + columns * (width + padding),
  };
  const data = new Uint8Array(sheet.height * sheet.width * 3).fill(WHITE);
  for (const [i, picture] of pictures.entries()) {
    const top = padding + Math.floor(i / columns) * (height + padding);
    const left = padding + (i % columns) * (width + padding);
    for (let y = 0; y < height; y++) {
      const line = picture.data.subarray(y * width * 3, (y + 1) * width * 3);
      data.set(line, ((top + y) * sheet.width + left) * 3);
    }
  }
  return { ...sheet, data };
}

/** Where a picture should be and none exists. */
function hatched(size: number): Pixels {
  const data = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const dark = (x + y) % HATCH.period < 2;
      data.fill(dark ? HATCH.dark : HATCH.light, (y * size + x) * 3, (y * size + x + 1) * 3);
    }
  return { height: size, width: size, data };
}
