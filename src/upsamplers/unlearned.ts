/** What every linear map without parameters says of itself in the registry. */
export const unlearned = {
  licence: 'none needed',
  learned: false,
  linear: true,
  agnostic: true,
  ratio: 'any',
} as const;
