import { type GranularSetEvent, type GranularSetRequest, makeGranularSet } from './granular-set.ts';
import { serve } from './thread.ts';

await serve<GranularSetRequest, GranularSetEvent>(makeGranularSet);
