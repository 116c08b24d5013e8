import { testCases } from '../../../test/support/op-cases.ts';
import { reduceCases } from '../../../test/support/ops/reduce.ts';

testCases(reduceCases);
