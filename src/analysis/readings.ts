// How to read the study where its text and its released code differ. 'text' is the default everywhere; 'code' is what
// the released scripts compute. docs/paper-map.md lists every case.

export interface Reading {
  /** the rules of mix ratio, groups and criteria */
  rules: 'text' | 'code';
  /** mix ratios above this are drawn and correlated as this (the study: 5) */
  clamp: number;
  /** a channel mixes when 1/tolerance < M < tolerance (the study: 3/2; its code's first commit: 100) */
  tolerance: number;
  /** 'both': B must prefer the magnified X_I, and I the shrunken X_B; 'block': the first suffices (arXiv 2504.16290) */
  criteria: 'both' | 'block';
}

export const STUDY: Reading = { rules: 'text', clamp: 5, tolerance: 1.5, criteria: 'both' };
