import { testCases } from '../../../test/support/op-cases.ts';
import { basicCases } from '../../../test/support/ops/basic.ts';

testCases(basicCases);
