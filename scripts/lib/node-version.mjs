/** Says so, in words, where Node is too old for the rest. Must itself run on any Node with modules. */
const LEAST = [20, 19];

export function checkNode() {
  const parts = process.versions.node.split('.').map(Number);
  if (parts[0] > LEAST[0] || (parts[0] === LEAST[0] && parts[1] >= LEAST[1])) return;
  process.stderr.write(
    `chat-server needs Node ${LEAST.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      "Install a newer one, from https://nodejs.org or with your system's package manager.\n",
  );
  process.exit(78);
}
