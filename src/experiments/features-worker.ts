import { type FeaturesEvent, type FeaturesRequest, writeFeatures } from './features.ts';
import { serve } from './thread.ts';

await serve<FeaturesRequest, FeaturesEvent>(writeFeatures);
