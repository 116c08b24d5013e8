import { testCases } from '../../../test/support/op-cases.ts';
import { convCases } from '../../../test/support/ops/conv.ts';

testCases(convCases);
