import { testCases } from '../../../test/support/op-cases.ts';
import { windowsCases } from '../../../test/support/ops/windows.ts';

testCases(windowsCases);
