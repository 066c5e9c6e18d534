import { showShort } from './short-form.ts';

showShort((id) => id.startsWith('people-'));
