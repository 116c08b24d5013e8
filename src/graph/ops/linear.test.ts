import { testCases } from '../../../test/support/op-cases.ts';
import { linearCases } from '../../../test/support/ops/linear.ts';

testCases(linearCases);
