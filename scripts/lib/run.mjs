/** Runs programs for the scripts: quietly with one line of progress, or in full view. */
import { spawn } from 'node:child_process';

export class ScriptError extends Error {
  constructor(message, exitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** `what … 3.2 s`; what it printed is shown only if it failed. */
export async function runQuietly(what, command, args, { env = {}, exitCode = 70 } = {}) {
  const began = performance.now();
  process.stderr.write(`${what} … `);
  const { code, output } = await run(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  if (code !== 0) {
    say('failed');
    say(output.trimEnd());
    throw new ScriptError(`${what} failed: ${command} ${args.join(' ')} ended with ${code}`, exitCode);
  }
  say(`${((performance.now() - began) / 1_000).toFixed(1)} s`);
}

/** Everything it prints is seen; resolves with its exit code. */
export async function runOpenly(command, args, { env = {} } = {}) {
  const { code } = await run(command, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  return code;
}

const MAX_OUTPUT = 200_000;

function run(command, args, { env, stdio }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio, env: { ...process.env, ...env } });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-MAX_OUTPUT);
    };
    child.stdout?.setEncoding('utf8').on('data', keep);
    child.stderr?.setEncoding('utf8').on('data', keep);
    // A signal that only we got ends the child as well.
    const pass = (signal) => {
      child.kill(signal);
      child.once('close', () => process.exit(signal === 'SIGINT' ? 130 : 143));
    };
    process.on('SIGINT', pass);
    process.on('SIGTERM', pass);
    const settle = (finish, value) => {
      process.off('SIGINT', pass);
      process.off('SIGTERM', pass);
      finish(value);
    };
    child.once('error', (error) => settle(reject, new ScriptError(`${command}: ${error.message}`, 69)));
    child.once('close', (code, signal) => settle(resolve, { code: code ?? signal, output }));
  });
}
