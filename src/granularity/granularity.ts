import type { Lora } from '../nn/lora.ts';
import type { TableStart } from './table.ts';

/** Where the rows of the granularity table are added: inside the backbone or to its low-res features. */
export const granularityPlaces = ['early', 'late'] as const;

/**
 * The multi-granular architecture (arXiv 2505.02075, supplementary A.2, after GraCo): what a trained probe gets beside
 * its own parameters, which stay as they are.
 */
export interface Granularity {
  place: (typeof granularityPlaces)[number];
  /** How the rows of the table start. */
  tableStart: TableStart;
  /** Of every attention block of the backbone. */
  lora: Lora;
  /** The upsampler learns too, from the weights it has. */
  trainUpsampler: boolean;
}
