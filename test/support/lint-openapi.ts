/** What a public linter says of an OpenAPI document, with its recommended rules. */
import { createConfig, lintFromString } from '@redocly/openapi-core';

/** `rule: message at pointer`; empty: nothing. */
export async function lintOpenApi(document: object): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({
    source: JSON.stringify(document),
    absoluteRef: 'openapi.json',
    config,
  });
  return problems.map(
    ({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer ?? 'the top'}`,
  );
}
