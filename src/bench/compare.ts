/**
 * `chat-server compare`: which mode is how fast here, against the set-up that the Socket.IO
 * documentation shows.
 *
 * Every mode gets a fresh server in every run, modes take turns (A B C D A B …), so that what
 * changes on the machine meanwhile meets all of them.
 */
import { availableParallelism } from 'node:os';
import {
  type CompareOptions,
  type Scenario,
  scenariosOfRun,
  type Settings,
  settingsOf,
  workersOf,
} from './compare-options.ts';
import { conditionsOf } from './conditions.ts';
import { prepareBuild } from './other-build.ts';
import type { CompareReport } from './report.ts';
import { resultsSaved, saveReport } from './saved-report.ts';
import { runScenario, warmUp } from './scenario.ts';
import type { Place, ScenarioResult } from './scenario-result.ts';
import { openTarget, type Target } from './target.ts';

/** Measures and returns everything; `reportText` makes it readable. */
export async function runCompare(options: CompareOptions = {}): Promise<CompareReport> {
  const { onProgress = () => {}, signal, jsonFile } = options;
  const settings = settingsOf(options, availableParallelism());
  if (settings.against !== undefined) {
    onProgress(`preparing ${settings.against}`);
    await prepareBuild(settings.against);
  }
  const conditions = await conditionsOf(settings);
  const results = jsonFile === undefined ? [] : [...(await resultsSaved(jsonFile, settings))];
  if (results.length > 0) onProgress(`going on with what is in ${jsonFile}: ${results.length} results`);
  const report = (): CompareReport => ({
    conditions,
    settings,
    results,
    isComplete: results.length === settings.modes.length * scenariosInAll(settings),
  });
  for (let run = 1; run <= settings.runs; run += 1) {
    for (const mode of settings.modes) {
      signal?.throwIfAborted();
      const scenarios = scenariosOfRun(run, settings).filter(
        (scenario) => !results.some((r) => r.run === run && r.mode === mode && r.scenario === scenario),
      );
      for (const group of byWorkers(scenarios, settings)) {
        results.push(...(await runMode({ mode, run }, group, onProgress, signal)));
        if (jsonFile !== undefined) await saveReport(jsonFile, report());
      }
    }
  }
  return report();
}

function scenariosInAll(settings: Settings): number {
  let count = 0;
  for (let run = 1; run <= settings.runs; run += 1) count += scenariosOfRun(run, settings).length;
  return count;
}

/** What can be measured on one server after the other: all that need as many workers. */
function byWorkers(scenarios: readonly Scenario[], settings: Settings): Settings[] {
  const groups = new Map<number, Scenario[]>();
  for (const scenario of scenarios) {
    const workers = workersOf(scenario) ?? settings.workers;
    const group = groups.get(workers);
    if (group === undefined) groups.set(workers, [scenario]);
    else group.push(scenario);
  }
  return [...groups].map(([workers, some]) => ({ ...settings, workers, scenarios: some }));
}

/** A scenario that fails is a result too, a void one; the next has a fresh server. */
async function runMode(
  { mode, run }: Omit<Place, 'scenario'>,
  settings: Settings,
  onProgress: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<ScenarioResult[]> {
  const say = (text: string): void => onProgress(`run ${run} of ${settings.runs} · ${mode} · ${text}`);
  const results: ScenarioResult[] = [];
  let left = settings.scenarios;
  while (left.length > 0) {
    say('starting');
    await using target = await openTarget(mode, settings);
    const abort = (): void => void target[Symbol.asyncDispose]();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const done = await runOn(target, { mode, run }, { ...settings, scenarios: left }, say, signal);
      results.push(...done);
      left = left.slice(done.length);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
  return results;
}

/** On one server, up to the first scenario that fails. */
async function runOn(
  target: Target,
  turn: Omit<Place, 'scenario'>,
  settings: Settings,
  say: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  let isWarm = false;
  for (const scenario of settings.scenarios) {
    signal?.throwIfAborted();
    const place = { ...turn, scenario };
    try {
      // What a fresh process keeps in memory counts among what connections cost.
      if (!isWarm && scenario !== 'idle') {
        say('warming up');
        await warmUp(target, settings, signal);
        isWarm = true;
      }
      say(`${scenario}: connecting`);
      const watching = { onProgress: (text: string) => say(`${scenario}: ${text}`), signal };
      results.push(await runScenario(place, target, settings, watching));
    } catch (error) {
      signal?.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      say(`${scenario}: failed: ${why}\n${target.output}`);
      results.push({ ...place, kind: 'failed', void: [why] });
      break;
    }
  }
  return results;
}
