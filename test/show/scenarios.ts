/** All scenarios, in the order of the issues. */
import { core1 } from './core-1.ts';
import { core2 } from './core-2.ts';
import { core3 } from './core-3.ts';
import { core4 } from './core-4.ts';
import { core5 } from './core-5.ts';
import { core6 } from './core-6.ts';
import { core7 } from './core-7.ts';
import { core8 } from './core-8.ts';
import { core9 } from './core-9.ts';
import { core10 } from './core-10.ts';
import { core11 } from './core-11.ts';
import { core12 } from './core-12.ts';
import { core13 } from './core-13.ts';
import { core14 } from './core-14.ts';
import { core15 } from './core-15.ts';
import { core16 } from './core-16.ts';
import { core17 } from './core-17.ts';
import { speed1 } from './speed-1.ts';
import { speed2 } from './speed-2.ts';
import { speed3 } from './speed-3.ts';
import { speed4 } from './speed-4.ts';
import { speed5 } from './speed-5.ts';
import { speed6 } from './speed-6.ts';
import { speed7 } from './speed-7.ts';
import { speed8 } from './speed-8.ts';
import { speed9 } from './speed-9.ts';
import { people1 } from './people-1.ts';
import { people2 } from './people-2.ts';
import { people3 } from './people-3.ts';
import { people4 } from './people-4.ts';
import { people5 } from './people-5.ts';
import { people6 } from './people-6.ts';
import { people7 } from './people-7.ts';
import { people8 } from './people-8.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [
  core1,
  core2,
  core3,
  core4,
  core5,
  core6,
  core7,
  core8,
  core9,
  core10,
  core11,
  core12,
  core13,
  core14,
  core15,
  core16,
  core17,
  speed1,
  speed2,
  speed3,
  speed4,
  speed5,
  speed6,
  speed7,
  speed8,
  speed9,
  people1,
  people2,
  people3,
  people4,
  people5,
  people6,
  people7,
  people8,
];
