import {
  contextConvHead,
  convHead,
  dilatedConvHead,
  linearHead,
  multiDilationConvHead,
  simpleConvHead,
} from './conv.ts';
import { segFormerHeads } from './segformer.ts';
import type { Head } from './types.ts';

/**
 * Every head: the three of the paper's ablation (supplementary, table of heads), those of matched receptive field, and
 * those of the multi-scale architecture.
 */
export const heads: readonly Head[] = [
  linearHead,
  simpleConvHead,
  convHead,
  dilatedConvHead,
  multiDilationConvHead,
  contextConvHead,
  ...segFormerHeads,
];
