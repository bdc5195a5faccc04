// The images that excite a unit most and least. Images are ordered by activation, and where two are equal by their
// number in the folder, the larger before the smaller: the order in which the study sorts pairs (activation, number)
// downwards. `top` are the first of this order; `bottom` the last, the very last first.

/** As many as the study keeps. */
export const TOP_COUNT = 9;

interface Entry {
  activation: number;
  image: number;
}

/** Whether `a` comes before `b` in the study's order. */
const isBefore = (a: Entry, b: Entry): boolean =>
  a.activation > b.activation || (a.activation === b.activation && a.image > b.image);

/** Keeps `list` the first `count` of an order. */
function insert(list: Entry[], entry: Entry, count: number, before: typeof isBefore): void {
  if (list.length === count && !before(entry, list[count - 1])) return;
  let at = list.length;
  while (at > 0 && before(entry, list[at - 1])) at--;
  list.splice(at, 0, entry);
  if (list.length > count) list.pop();
}

/** The extremes of every channel, found while rows of activations pass by; memory does not grow with the images. */
export class TopImages {
  readonly #top: Entry[][];
  readonly #bottom: Entry[][];

  constructor(
    readonly channels: number,
    readonly count = TOP_COUNT,
  ) {
    this.#top = Array.from({ length: channels }, () => []);
    this.#bottom = Array.from({ length: channels }, () => []);
  }

  /** The activations of all channels for one image. */
  add(image: number, activations: ArrayLike<number>): void {
    for (let c = 0; c < this.channels; c++) {
      const entry = { activation: activations[c], image };
      insert(this.#top[c], entry, this.count, isBefore);
      insert(this.#bottom[c], entry, this.count, (a, b) => isBefore(b, a));
    }
  }

  /** By channel, numbers of images, the strongest first. */
  get top(): number[][] {
    return this.#top.map((list) => list.map(({ image }) => image));
  }

  /** By channel, numbers of images, the weakest first. */
  get bottom(): number[][] {
    return this.#bottom.map((list) => list.map(({ image }) => image));
  }
}
