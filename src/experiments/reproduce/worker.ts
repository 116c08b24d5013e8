import { serve } from '../thread.ts';
import { type ReproduceEvent, type ReproduceRequest, reproduce } from './reproduce.ts';

await serve<ReproduceRequest, ReproduceEvent>(reproduce);
