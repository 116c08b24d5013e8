import { lift } from '../../../src/upsamplers/lift.ts';
import type { Builder } from './check.ts';

export const liftCase: Builder = ({ input, weights }) => ({ y: lift(input('features'), input('image'), weights) });
