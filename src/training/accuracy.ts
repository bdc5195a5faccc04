// How often a network was right, by class and by the scale of what was drawn: bands of half an octave.

import { CLASSES, SCALES } from './shapes.ts';

export interface Answer {
  label: number;
  scale: number;
  right: boolean;
}

export interface Share {
  images: number;
  /** of these, how many were classified rightly; null without images */
  accuracy: number | null;
}

export interface Accuracy extends Share {
  byClass: Record<string, Share>;
  /** scales from `from` to below `to`, in parts of the image's side */
  byScale: (Share & { from: number; to: number })[];
}

const BANDS = 4;

const shareOf = (answers: readonly Answer[]): Share => ({
  images: answers.length,
  accuracy: answers.length > 0 ? answers.filter(({ right }) => right).length / answers.length : null,
});

export function accuracyOf(answers: readonly Answer[]): Accuracy {
  const ratio = SCALES.largest / SCALES.smallest;
  const edge = (band: number) => SCALES.smallest * ratio ** (band / BANDS);
  const bandOf = (scale: number) => Math.floor((BANDS * Math.log(scale / SCALES.smallest)) / Math.log(ratio));
  return {
    ...shareOf(answers),
    byClass: Object.fromEntries(
      CLASSES.map((name, label) => [name, shareOf(answers.filter((answer) => answer.label === label))]),
    ),
    byScale: Array.from({ length: BANDS }, (_, band) => ({
      from: edge(band),
      to: edge(band + 1),
      ...shareOf(answers.filter(({ scale }) => bandOf(scale) === band)),
    })),
  };
}
