import { testCases } from '../../../test/support/op-cases.ts';
import { elementwiseCases } from '../../../test/support/ops/elementwise.ts';

testCases(elementwiseCases);
