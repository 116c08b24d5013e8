import { testCases } from '../../../test/support/op-cases.ts';
import { layoutCases } from '../../../test/support/ops/layout.ts';

testCases(layoutCases);
