/** The OpenAPI 3.1 document, from the schemas that validate. */
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import {
  BODY_ERRORS,
  COMMON_ERRORS,
  IDEMPOTENCY_HEADER,
  NAMESPACE_QUERY,
  PATH_SCHEMAS,
  type ApiOperations,
  type Operation,
} from '../../protocol/api.ts';
import { ERRORS, type ErrorCode } from '../../protocol/errors.ts';

type Json = Record<string, unknown>;

export function openApiDocument(operations: ApiOperations, version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [id, operation] of Object.entries<Operation>(operations)) {
    const path = (paths[operation.path] ??= { parameters: pathParameters(operation.path) });
    path[operation.method.toLowerCase()] = operationOf(id, operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'chat-server',
      version,
      summary: 'The API of a chat server, for programs.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api/v1' }],
    security: [{ key: [] }],
    tags: [
      { name: 'rooms', description: 'Rooms, their members and their messages.' },
      { name: 'users', description: 'Who is there, and the end of their connections.' },
    ],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key (--api-key).' } },
      schemas: { Error: errorSchema() },
    },
  };
}

function operationOf(id: string, operation: Operation): Json {
  const { path, scope, summary, query, body, replies, errors } = operation;
  const responses: Json = {};
  for (const [status, schema] of Object.entries(replies))
    responses[status] = {
      description: 'Done.',
      ...(schema === undefined ? {} : { content: jsonContent(schemaOf(schema)) }),
    };
  for (const [status, codes] of byStatus([
    ...COMMON_ERRORS,
    ...(body === undefined ? [] : BODY_ERRORS),
    ...errors,
  ]))
    responses[status] = {
      description: codes.map((code) => `\`${code}\`: ${ERRORS[code].meaning}.`).join(' '),
      content: jsonContent({ $ref: '#/components/schemas/Error' }),
    };
  responses['default'] = {
    description: `\`internal\`: ${ERRORS.internal.meaning}.`,
    content: jsonContent({ $ref: '#/components/schemas/Error' }),
  };
  return {
    operationId: id,
    summary,
    description: `Needs a key with the scope \`${scope}\`.`,
    tags: [path.startsWith('/users') ? 'users' : 'rooms'],
    parameters: [...headerParameters(operation), ...queryParameters(query)],
    ...(body === undefined
      ? {}
      : { requestBody: { required: !v.is(body, {}), content: jsonContent(schemaOf(body)) } }),
    responses,
  };
}

function byStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const found = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { http } = ERRORS[code];
    const known = found.get(http);
    if (known === undefined) found.set(http, [code]);
    else if (!known.includes(code)) known.push(code);
  }
  return found;
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(room|user)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: schemaOf(PATH_SCHEMAS[name as keyof typeof PATH_SCHEMAS]),
  }));
}

function headerParameters({ isIdempotent }: Operation): Json[] {
  if (isIdempotent !== true) return [];
  const { name, schema } = IDEMPOTENCY_HEADER;
  return [{ name, in: 'header', description: 'Serves as id.', schema: schemaOf(schema) }];
}

function queryParameters(query: Operation['query']): Json[] {
  const own = Object.entries(query?.entries ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    schema: schemaOf(schema as v.GenericSchema),
  }));
  return [
    ...own,
    {
      name: NAMESPACE_QUERY,
      in: 'query',
      description: 'Another namespace than /.',
      schema: { type: 'string' },
    },
  ];
}

function errorSchema(): Json {
  return {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message', 'retry'],
        properties: {
          code: { enum: Object.keys(ERRORS) },
          message: { type: 'string' },
          retry: { type: 'boolean', description: 'Whether the same again may succeed later.' },
          retryAfterMs: { type: 'integer' },
        },
      },
    },
  };
}

function jsonContent(schema: unknown): Json {
  return { 'application/json': { schema } };
}

/** What goes beyond JSON Schema (sizes in bytes, two patterns in one) is left out of it, not of the check. */
function schemaOf(schema: v.GenericSchema): Json {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    errorMode: 'ignore',
    target: 'draft-2020-12',
  }) as Json;
  return rest;
}
